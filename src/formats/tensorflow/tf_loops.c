/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: functional loops, unrolled. How often a loop runs must be known while it is read: each round's condition
 * is computed from constants. So must the places in the lists that a recurrent network's steps read and write; a list
 * is then no tensor but a note of which value stands where.
 */
#include "formats/tensorflow/tf_loops.h"

#include <string.h>

enum {
    MAX_ROUNDS = 4096,
    MAX_ROUNDS_IN_ALL = 1 << 14,
    MAX_NESTED = 8,
    MAX_ITEMS = 1 << 14,
    MAX_ITEMS_IN_ALL = 1 << 24
};

/* Lists have values that stand for them, which no node makes and only the rows below may read. */
struct CaTfList {
    CaValue stands;
    CaTfList *next;
    CaValue *
        whole; /* a tensor whose rows are the items that are not set; NULL: those are zeros */
    CaValue **items; /* NULL where not set */
    int32_t n;
    CarinaShape element; /* where it is known */
    CarinaType type;
};

static CaTfList *list_in(CaTfCall *c, int i)
{
    CaValue *v = ca_tf_in(c, i);
    for (CaTfList *list = c->r->lists; list; list = list->next)
        if (&list->stands == v)
            return list;
    ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                  "its list of tensors is not made in the same graph");
    return NULL;
}

static CaTfList *new_list(CaTfCall *c, int64_t n)
{
    CaTfList *list = ca_arena_alloc(c->b->work, sizeof *list);
    if (n < 0 || n > MAX_ITEMS || (c->r->n_items += n) > MAX_ITEMS_IN_ALL) {
        ca_build_fail(c->b, CARINA_ERR_LIMIT,
                      "lists of too many tensors: %lld here; Carina unrolls no such loop",
                      (long long)n);
        return NULL;
    }
    if (list)
        list->items = ca_arena_array(c->b->work, (size_t)n + 1, sizeof *list->items);
    if (!list || !list->items) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    list->n = (int32_t)n;
    list->element = ca_shape_unknown();
    list->next = c->r->lists;
    c->r->lists = list;
    return list;
}

/* The shape of an element as an input says it; an unknown one is no error. */
static CarinaShape element_shape(CaTfCall *c, int input)
{
    int64_t dims[CARINA_MAX_RANK];
    const CarinaShape s = ca_build_shape(c->b, ca_tf_in(c, input));
    const int n =
        s.rank == 1 ? ca_build_known_ints(c->b, c->in[input], dims, CARINA_MAX_RANK) : -1;
    return n >= 0 ? ca_shape(n, dims) : ca_shape_unknown();
}

/* How long, or which: -1 where that is not known. */
static int64_t number(CaTfCall *c, int input)
{
    int64_t v = -1;
    if (ca_build_known_ints(c->b, ca_tf_in(c, input), &v, 1) != 1 || v < 0) {
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "a length or place in a list of tensors that is not known before "
                      "the run; give the model's input shape");
        return -1;
    }
    return v;
}

/* --- Lists. */

static void list_reserve(CaTfCall *c)
{
    const int64_t n = number(c, 1);
    CaTfList *list = n >= 0 ? new_list(c, n) : NULL;
    if (!list)
        return;
    list->element = element_shape(c, 0);
    list->type = ca_tf_type(ca_tf_attr_type(c->r, c->node, "element_dtype"));
    ca_tf_out(c, 0, &list->stands);
}

static void list_from_tensor(CaTfCall *c)
{
    CaValue *x = ca_tf_in(c, 0);
    const CarinaShape s = ca_build_shape(c->b, x);
    if (s.rank < 1 || s.dims[0] < 0) {
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "how many steps its input has is not known; give the model's input "
                      "shape");
        return;
    }
    CaTfList *list = new_list(c, s.dims[0]);
    if (!list)
        return;
    list->whole = x;
    list->element = ca_shape(s.rank - 1, s.dims + 1);
    list->type = ca_build_type(c->b, x);
    ca_tf_out(c, 0, &list->stands);
}

static CaValue *zeros(CaTfCall *c, const CaTfList *list, const CarinaShape *like)
{
    CaBuild *b = c->b;
    const CarinaShape *s = like ? like : &list->element;
    if (list->type == CARINA_UNKNOWN || s->rank < 0 || !ca_shape_is_static(s)) {
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "reads a place of a list of tensors that nothing has set");
        return NULL;
    }
    CaValue *zero = ca_build_convert(b, ca_build_number(b, NULL, 0), list->type);
    return ca_build_2(b, "Broadcast", zero, ca_build_vector(b, s->dims, s->rank));
}

static CaValue *item(CaTfCall *c, const CaTfList *list, int64_t i,
                     const CarinaShape *like)
{
    if (list->items[i])
        return list->items[i];
    if (list->whole)
        return ca_build_3(c->b, "Gather", list->whole, ca_build_scalar(c->b, i),
                          ca_build_scalar(c->b, 0));
    return zeros(c, list, like);
}

static void list_get(CaTfCall *c)
{
    const CaTfList *list = list_in(c, 0);
    const int64_t i = list ? number(c, 1) : -1;
    if (i < 0)
        return;
    if (i >= list->n)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "reads place %lld of a list of %d",
                      (long long)i, list->n);
    else
        ca_tf_out(c, 0, item(c, list, i, NULL));
}

static CaTfList *copied(CaTfCall *c, const CaTfList *from, int64_t n)
{
    CaTfList *list = new_list(c, n);
    if (!list)
        return NULL;
    memcpy(list->items, from->items,
           (size_t)(n < from->n ? n : from->n) * sizeof *list->items);
    list->whole = from->whole;
    list->element = from->element;
    list->type = from->type;
    return list;
}

static void list_set(CaTfCall *c)
{
    const CaTfList *from = list_in(c, 0);
    const int64_t i = from ? number(c, 1) : -1;
    CaValue *v = ca_tf_in(c, 2);
    if (i < 0)
        return;
    if (i >= from->n &&
        !ca_tf_attr_bool(c->r, c->node, "resize_if_index_out_of_bounds", false)) {
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "sets place %lld of a list of %d",
                      (long long)i, from->n);
        return;
    }
    CaTfList *list = copied(c, from, i >= from->n ? i + 1 : from->n);
    if (!list)
        return;
    list->items[i] = v;
    ca_tf_out(c, 0, &list->stands);
}

static void list_stack(CaTfCall *c)
{
    CaBuild *b = c->b;
    const CaTfList *list = list_in(c, 0);
    const int64_t front = 0;
    CarinaShape like = ca_shape_unknown();
    bool any = false;
    if (!list)
        return;
    CaValue **rows = ca_arena_array(b->work, (size_t)list->n + 1, sizeof *rows);
    for (int32_t i = 0; i < list->n; i++)
        if (list->items[i]) {
            any = true;
            like = ca_build_shape(b, list->items[i]);
        }
    if (!rows || list->n == 0 || (!any && !list->whole)) {
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "stacks a list that nothing has set");
        return;
    }
    if (!any) {
        ca_tf_out(c, 0, list->whole);
        return;
    }
    for (int32_t i = 0; i < list->n; i++)
        rows[i] = ca_build_2(b, "Unsqueeze", item(c, list, i, &like),
                             ca_build_vector(b, &front, 1));
    CaValue *v = list->n == 1 ? rows[0] : ca_build_make(b, "Concat", rows, list->n, 1);
    if (list->n > 1)
        ca_build_set_int(b, v, "axis", 0);
    ca_tf_out(c, 0, v);
}

static void list_length(CaTfCall *c)
{
    const CaTfList *list = list_in(c, 0);
    if (list)
        ca_tf_out(c, 0,
                  ca_build_convert(c->b, ca_build_scalar(c->b, list->n), CARINA_I32));
}

/* --- Loops. */

/* A node for each value that a round begins with. */
static CaTfEdge *as_edges(CaTfCall *c, CaValue *const *state, int n)
{
    CaTfEdge *edges = ca_arena_array(c->b->work, (size_t)n + 1, sizeof *edges);
    for (int i = 0; edges && i < n; i++) {
        CaTfNode *node;
        if (ca_tf_add_node(&node, c->r, c->node->name, "Identity", 0) != CARINA_OK)
            return NULL;
        node->is_inner = true;
        if (ca_tf_set_value(c->r, node, 0, state[i]) != CARINA_OK)
            return NULL;
        edges[i] = (CaTfEdge){node->name, node, 0};
    }
    return edges;
}

/* One call of a function with these values: n results of it. */
static bool call(CaTfCall *c, const char *attr, CaValue *const *state, int n_state,
                 CaValue **results, int n)
{
    CaTf *r = c->r;
    CaTfEdge *edges = NULL;
    int32_t n_edges = 0;
    const int32_t first = r->n_nodes;
    const char *function = ca_tf_attr_function(r, c->node, attr);
    const CaTfEdge *args = function ? as_edges(c, state, n_state) : NULL;
    if (!args) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "it has no function '%s'", attr);
        return false;
    }
    r->b.status =
        ca_tf_instantiate(&edges, &n_edges, r, function, args, n_state, c->node);
    if (r->b.status == CARINA_OK && n_edges < n)
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "its function gives %d results, needs %d; the file is damaged",
                      n_edges, n);
    for (int32_t i = first; i < r->n_nodes; i++)
        for (int32_t k = 0; k < r->nodes[i]->n_in; k++) {
            const CaTfEdge *e = &r->nodes[i]->in[k];
            if (e->node)
                e->node->used |= (uint64_t)1 << (e->port < 63 ? e->port : 63);
        }
    for (int i = 0; i < n && r->b.status == CARINA_OK; i++) {
        edges[i].node->used |= (uint64_t)1 << (edges[i].port < 63 ? edges[i].port : 63);
        (void)ca_tf_translate_edge(r, &edges[i], first);
        results[i] = ca_tf_value(&edges[i]);
        c->b->name = c->node->name;
        c->b->type = c->node->op;
        if (!results[i])
            ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                          "result %d of its function is not computed", i);
    }
    return ca_build_settle(c->b);
}

static bool goes_on(CaTfCall *c, CaValue *const *state)
{
    CaValue *answer = NULL;
    int64_t yes = 0;
    if (!call(c, "cond", state, c->n_in, &answer, 1))
        return false;
    if (answer == &ca_tf_dead || ca_build_known_ints(c->b, answer, &yes, 1) != 1)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "how often it runs is not known before the run; give the model's "
                      "input shape, or cut the model with --input and --output");
    return c->b->status == CARINA_OK && yes != 0;
}

static void loop(CaTfCall *c)
{
    CaValue **state = ca_arena_array(c->b->work, (size_t)c->n_in + 1, sizeof *state);
    if (!state) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    if (c->r->loop_depth == MAX_NESTED) {
        ca_build_fail(c->b, CARINA_ERR_LIMIT, "loops inside each other more than %d deep",
                      MAX_NESTED);
        return;
    }
    memcpy(state, c->in, (size_t)c->n_in * sizeof *state);
    c->r->loop_depth++;
    for (int round = 0; goes_on(c, state); round++) {
        CaValue **next = ca_arena_array(c->b->work, (size_t)c->n_in + 1, sizeof *next);
        if (!next || round == MAX_ROUNDS || ++c->r->n_rounds > MAX_ROUNDS_IN_ALL)
            ca_build_fail(
                c->b, CARINA_ERR_LIMIT,
                "more than %d rounds, or %d of all loops; Carina unrolls no such "
                "loop",
                MAX_ROUNDS, MAX_ROUNDS_IN_ALL);
        if (c->b->status != CARINA_OK || !call(c, "body", state, c->n_in, next, c->n_in))
            break;
        state = next;
    }
    c->r->loop_depth--;
    for (int i = 0; i < c->n_in; i++)
        ca_tf_out(c, i, state[i]);
}

const CaTfOp ca_tf_loops[] = {
    {"StatelessWhile", loop, NULL, CA_TF_TAKES_LISTS},
    {"TensorListFromTensor", list_from_tensor, NULL, 0},
    {"TensorListGetItem", list_get, NULL, CA_TF_TAKES_LISTS},
    {"TensorListLength", list_length, NULL, CA_TF_TAKES_LISTS},
    {"TensorListReserve", list_reserve, NULL, 0},
    {"TensorListSetItem", list_set, NULL, CA_TF_TAKES_LISTS},
    {"TensorListStack", list_stack, NULL, CA_TF_TAKES_LISTS},
    {"While", loop, NULL, CA_TF_TAKES_LISTS},
    {NULL, NULL, NULL, 0},
};
