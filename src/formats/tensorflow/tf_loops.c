/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: functional loops, unrolled as long as each round's condition can be computed from constants. From the
 * first that cannot, the loop becomes ours, whose body is the function.
 */
#include "formats/tensorflow/tf_loops.h"
#include "formats/tensorflow/tf_by_data.h"

#include <string.h>

enum { MAX_ROUNDS = 4096, MAX_ROUNDS_IN_ALL = 1 << 14, MAX_NESTED = 8 };

/* --- Calling a function. */

/* A node for each value that is handed to it; the values come later. */
static CaTfEdge *arguments(CaTfCall *c, int n)
{
    CaTfEdge *edges = ca_arena_array(c->b->work, (size_t)n + 1, sizeof *edges);
    for (int i = 0; edges && i < n; i++) {
        CaTfNode *node;
        if (ca_tf_add_node(&node, c->r, c->node->name, "Identity", 0) != CARINA_OK)
            return NULL;
        node->is_inner = true;
        edges[i] = (CaTfEdge){node->name, node, 0};
    }
    if (!edges)
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
    return edges;
}

static bool give(CaTfCall *c, const CaTfEdge *args, CaValue *const *state, int n)
{
    for (int i = 0; i < n && c->b->status == CARINA_OK; i++)
        (void)ca_tf_set_value(c->r, args[i].node, 0, state[i]);
    return c->b->status == CARINA_OK;
}

/* The function's body as nodes that read args; its results, at least n. NULL where it failed. */
static CaTfEdge *expand(CaTfCall *c, const char *attr, const CaTfEdge *args, int n_args,
                        int n)
{
    CaTf *r = c->r;
    CaTfEdge *edges = NULL;
    int32_t n_edges = 0;
    const int32_t first = r->n_nodes;
    const char *function = args ? ca_tf_attr_function(r, c->node, attr) : NULL;
    if (!function) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "it has no function '%s'", attr);
        return NULL;
    }
    r->b.status = ca_tf_instantiate(&edges, &n_edges, r, function, args, n_args, c->node);
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
    return r->b.status == CARINA_OK ? edges : NULL;
}

/* Result i, which an edge of expand() says; nodes from first on are the call's. */
static CaValue *result_of(CaTfCall *c, CaTfEdge *edge, int i, int32_t first)
{
    edge->node->used |= (uint64_t)1 << (edge->port < 63 ? edge->port : 63);
    (void)ca_tf_translate_edge(c->r, edge, first);
    CaValue *v = ca_tf_value(edge);
    c->b->name = c->node->name;
    c->b->type = c->node->op;
    if (!v)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "result %d of its function is not computed", i);
    return v;
}

/* One call of a function with these values: n results of it. */
static bool call(CaTfCall *c, const char *attr, CaValue *const *state, int n_state,
                 CaValue **results, int n)
{
    const int32_t first = c->r->n_nodes;
    const CaTfEdge *args = arguments(c, n_state);
    if (!args || !give(c, args, state, n_state))
        return false;
    CaTfEdge *edges = expand(c, attr, args, n_state, n);
    for (int i = 0; edges && i < n && c->b->status == CARINA_OK; i++)
        results[i] = result_of(c, &edges[i], i, first);
    return ca_build_settle(c->b);
}

/* --- A loop whose rounds the data counts. */

/* Does result i of the body hand on argument i? */
static bool is_handed_on(const CaTfEdge *result, const CaTfEdge *arg)
{
    return ca_tf_behind_identities(result)->node == arg->node;
}

/* One round: whether there is another, and what changes. */
static void make_body(CaTfCall *c, CaTfByData *d, CaValue *const *state)
{
    CaBuild *b = c->b;
    CaValue *answer = NULL;
    const int n = c->n_in;
    const int32_t first = c->r->n_nodes;
    CaValue **inner = ca_arena_array(b->work, 2 * (size_t)n + 1, sizeof *inner);
    CaTfEdge *args = inner ? arguments(c, n) : NULL;
    CaTfEdge *edges = args ? expand(c, "body", args, n, n) : NULL;
    CaValue **next = inner ? inner + n : NULL;
    for (int i = 0; edges && i < n; i++)
        d->stays[i] = is_handed_on(&edges[i], &args[i]);
    if (!edges || !ca_tf_by_data_enter(d, state, inner) || !give(c, args, inner, n))
        return;
    for (int i = 0; i < n && b->status == CARINA_OK; i++)
        next[i] = d->stays[i] ? inner[i] : result_of(c, &edges[i], i, first);
    if (b->status == CARINA_OK && call(c, "cond", next, n, &answer, 1))
        ca_tf_by_data_leave(d, answer, next);
}

/* state: what the first round begins with, and then what the last one ends with. condition: of the first round. */
static void loop_by_data(CaTfCall *c, CaValue *condition, CaValue **state)
{
    CaTfByData d;
    if (ca_tf_by_data_begin(&d, c, condition, c->n_in)) {
        make_body(c, &d, state);
        ca_tf_by_data_end(&d, state);
    }
}

/* --- A loop that is unrolled, as long as its condition is known. */

/* *answer is NULL where the condition is known. */
static bool goes_on(CaTfCall *c, CaValue *const *state, CaValue **answer)
{
    CaValue *v = NULL;
    int64_t yes = 0;
    *answer = NULL;
    if (!call(c, "cond", state, c->n_in, &v, 1))
        return false;
    if (v != &ca_tf_dead && ca_build_known_ints(c->b, v, &yes, 1) == 1)
        return c->b->status == CARINA_OK && yes != 0;
    bool is_plain = v->node != NULL;
    for (int i = 0; i < c->n_in; i++)
        is_plain = is_plain && state[i]->node;
    if (is_plain && c->b->status == CARINA_OK)
        *answer = v;
    else
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "how often it runs is not known before the run, and it hands on "
                      "lists; give the model's input shape, or cut the model with "
                      "--input and --output");
    return false;
}

static void loop(CaTfCall *c)
{
    CaValue **state = ca_arena_array(c->b->work, (size_t)c->n_in + 1, sizeof *state),
            *answer = NULL;
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
    for (int round = 0; goes_on(c, state, &answer); round++) {
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
    if (answer && c->b->status == CARINA_OK)
        loop_by_data(c, answer, state);
    for (int i = 0; i < c->n_in; i++)
        ca_tf_out(c, i, state[i]);
}

const CaTfOp ca_tf_loops[] = {
    {"StatelessWhile", loop, NULL, CA_TF_TAKES_LISTS},
    {"While", loop, NULL, CA_TF_TAKES_LISTS},
    {NULL, NULL, NULL, 0},
};
