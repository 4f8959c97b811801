/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: lists and arrays of tensors, which loops fill and read. The places that they read and write must be known
 * while the graph is read; a list is then no tensor but a note of which value stands where. It never changes: what
 * writes makes another. A TensorArray's handle and its flow are both its list.
 */
#include "formats/tensorflow/tf.h"

#include <string.h>

enum { MAX_ITEMS = 1 << 14, MAX_ITEMS_IN_ALL = 1 << 24 };

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
    if (list->whole && i < ca_build_shape(c->b, list->whole).dims[0])
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

/* Items one above the other; which NULL: all, in order. */
static CaValue *stacked(CaTfCall *c, const CaTfList *list, const int64_t *which, int n)
{
    CaBuild *b = c->b;
    const int64_t front = 0;
    CarinaShape like = ca_shape_unknown();
    bool any = false;
    CaValue **rows = ca_arena_array(b->work, (size_t)n + 1, sizeof *rows);
    for (int32_t i = 0; i < list->n; i++)
        if (list->items[i]) {
            any = true;
            like = ca_build_shape(b, list->items[i]);
        }
    if (!rows || n < 1 || (!any && !list->whole)) {
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "stacks a list that nothing has set");
        return NULL;
    }
    if (!any && !which)
        return list->whole;
    for (int32_t i = 0; i < n; i++)
        rows[i] = ca_build_2(b, "Unsqueeze", item(c, list, which ? which[i] : i, &like),
                             ca_build_vector(b, &front, 1));
    if (n == 1)
        return rows[0];
    CaValue *v = ca_build_make(b, "Concat", rows, n, 1);
    ca_build_set_int(b, v, "axis", 0);
    return v;
}

static void list_stack(CaTfCall *c)
{
    const CaTfList *list = list_in(c, 0);
    if (list)
        ca_tf_out(c, 0, stacked(c, list, NULL, list->n));
}

/* Places in a list, all within it: how many; -1 where they are not known. */
static int places(CaTfCall *c, int input, const CaTfList *list, int64_t **out)
{
    const CarinaShape s = ca_build_shape(c->b, ca_tf_in(c, input));
    const int64_t room = s.rank == 1 && s.dims[0] <= MAX_ITEMS ? s.dims[0] : -1;
    int64_t *v =
        room < 0 ? NULL : ca_arena_array(c->b->work, (size_t)room + 1, sizeof *v);
    const int n = v ? ca_build_known_ints(c->b, c->in[input], v, (int)room) : -1;
    if (n < 0)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "places in a list of tensors that are not known before the run; "
                      "give the model's input shape");
    for (int i = 0; i < n; i++)
        if (v[i] < 0 || v[i] >= (list ? list->n : MAX_ITEMS)) {
            ca_build_fail(c->b, CARINA_ERR_SHAPE, "place %lld of a list of %d",
                          (long long)v[i], list ? list->n : MAX_ITEMS);
            return -1;
        }
    *out = v;
    return n;
}

static bool is_whole(const int64_t *v, int n, int32_t all)
{
    for (int i = 0; i < n; i++)
        if (v[i] != i)
            return false;
    return n == all;
}

static void gather(CaTfCall *c, const CaTfList *list)
{
    int64_t *which = NULL;
    const int n = list ? places(c, 1, list, &which) : -1;
    if (n >= 0)
        ca_tf_out(c, 0, stacked(c, list, is_whole(which, n, list->n) ? NULL : which, n));
}

static void list_length(CaTfCall *c)
{
    const CaTfList *list = list_in(c, 0);
    if (list)
        ca_tf_out(c, 0,
                  ca_build_convert(c->b, ca_build_scalar(c->b, list->n), CARINA_I32));
}

/* One more at the end. */
static void list_push(CaTfCall *c)
{
    const CaTfList *from = list_in(c, 0);
    CaTfList *list = from ? copied(c, from, (int64_t)from->n + 1) : NULL;
    if (!list)
        return;
    list->items[from->n] = ca_tf_in(c, 1);
    ca_tf_out(c, 0, &list->stands);
}

static void list_pop(CaTfCall *c)
{
    const CaTfList *from = list_in(c, 0);
    if (from && from->n == 0)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "takes from an empty list");
    CaTfList *list = from && from->n > 0 ? copied(c, from, (int64_t)from->n - 1) : NULL;
    if (!list)
        return;
    ca_tf_out(c, 0, &list->stands);
    ca_tf_out(c, 1, item(c, from, from->n - 1, NULL));
}

static void list_empty(CaTfCall *c)
{
    CaTfList *list = new_list(c, 0);
    if (!list)
        return;
    list->element = element_shape(c, 0);
    list->type = ca_tf_type(ca_tf_attr_type(c->r, c->node, "element_dtype"));
    ca_tf_out(c, 0, &list->stands);
}

static void list_resize(CaTfCall *c)
{
    const CaTfList *from = list_in(c, 0);
    const int64_t n = from ? number(c, 1) : -1;
    CaTfList *list = n >= 0 ? copied(c, from, n) : NULL;
    if (list)
        ca_tf_out(c, 0, &list->stands);
}

static void list_gather(CaTfCall *c) { gather(c, list_in(c, 0)); }

/* All items along their first axis, and how long each is. */
static void joined(CaTfCall *c, const CaTfList *list)
{
    CaBuild *b = c->b;
    const int32_t n = list ? list->n : 0;
    CaValue **rows = ca_arena_array(b->work, (size_t)n + 1, sizeof *rows);
    int64_t *lengths = ca_arena_array(b->work, (size_t)n + 1, sizeof *lengths);
    if (!rows || !lengths || n == 0) {
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "joins a list that nothing has set");
        return;
    }
    for (int32_t i = 0; i < n; i++) {
        rows[i] = item(c, list, i, NULL);
        const CarinaShape s = ca_build_shape(b, rows[i]);
        lengths[i] = s.rank > 0 ? s.dims[0] : -1;
        if (lengths[i] < 0 && ca_tf_out_used(c, 1))
            ca_build_fail(b, CARINA_ERR_SHAPE, "item %d has no known length", i);
    }
    CaValue *v = n == 1 ? rows[0] : ca_build_make(b, "Concat", rows, n, 1);
    if (n > 1)
        ca_build_set_int(b, v, "axis", 0);
    ca_tf_out(c, 0, v);
    if (ca_tf_out_used(c, 1))
        ca_tf_out(c, 1, ca_build_vector(b, lengths, n));
}
static void list_join(CaTfCall *c) { joined(c, list_in(c, 0)); }

/* --- Arrays. */

static void array(CaTfCall *c)
{
    const int64_t n = number(c, 0);
    CaTfList *list = n >= 0 ? new_list(c, n) : NULL;
    if (!list)
        return;
    list->element = ca_tf_attr_shape(c->r, c->node, "element_shape");
    list->type = ca_tf_type(ca_tf_attr_type(c->r, c->node, "dtype"));
    ca_tf_out(c, 0, &list->stands);
    ca_tf_out(c, 1, &list->stands);
}

static void array_read(CaTfCall *c)
{
    const CaTfList *list = list_in(c, 2);
    const int64_t i = list ? number(c, 1) : -1;
    if (i >= 0 && i >= list->n)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "reads place %lld of an array of %d",
                      (long long)i, list->n);
    else if (i >= 0)
        ca_tf_out(c, 0, item(c, list, i, NULL));
}

static void array_write(CaTfCall *c)
{
    const CaTfList *from = list_in(c, 3);
    const int64_t i = from ? number(c, 1) : -1;
    CaTfList *list = i >= 0 ? copied(c, from, i >= from->n ? i + 1 : from->n) : NULL;
    if (!list)
        return;
    list->items[i] = ca_tf_in(c, 2);
    ca_tf_out(c, 0, &list->stands);
}

static void array_gather(CaTfCall *c) { gather(c, list_in(c, 2)); }
static void array_join(CaTfCall *c) { joined(c, list_in(c, 1)); }

/* Rows of a tensor to places of the array. */
static void array_scatter(CaTfCall *c)
{
    const CaTfList *from = list_in(c, 3);
    int64_t *which = NULL;
    const int n = from ? places(c, 1, NULL, &which) : -1;
    CaValue *x = ca_tf_in(c, 2);
    int64_t most = from ? from->n : 0;
    for (int i = 0; i < n; i++)
        most = which[i] >= most ? which[i] + 1 : most;
    CaTfList *list = n >= 0 ? copied(c, from, most) : NULL;
    if (!list)
        return;
    if (is_whole(which, n, list->n)) {
        memset(list->items, 0, (size_t)n * sizeof *list->items);
        list->whole = x;
    }
    for (int i = 0; i < n && list->whole != x; i++)
        list->items[which[i]] = ca_build_3(c->b, "Gather", x, ca_build_scalar(c->b, i),
                                           ca_build_scalar(c->b, 0));
    ca_tf_out(c, 0, &list->stands);
}

/* A tensor cut along its first axis: item i is as long as the lengths say. */
static void cut(CaTfCall *c, CaTfList *list, CaValue *x, const int64_t *lengths, int n)
{
    const int64_t one = 1, axis = 0;
    int64_t at = 0;
    for (int i = 0; list && i < n; i++) {
        const int64_t end = at + lengths[i];
        CaValue *const in[] = {
            x, ca_build_vector(c->b, &at, 1), ca_build_vector(c->b, &end, 1),
            ca_build_vector(c->b, &one, 1), ca_build_vector(c->b, &axis, 1)};
        list->items[i] = ca_build_make(c->b, "Slice", in, 5, 1);
        at = end;
    }
    if (list)
        ca_tf_out(c, 0, &list->stands);
}

static void array_split(CaTfCall *c)
{
    const CaTfList *from = list_in(c, 3);
    int64_t *lengths = NULL;
    const int n = from ? places(c, 2, NULL, &lengths) : -1;
    if (n >= 0)
        cut(c, copied(c, from, n > from->n ? n : from->n), ca_tf_in(c, 1), lengths, n);
}

static void list_split(CaTfCall *c)
{
    int64_t *lengths = NULL;
    const int n = places(c, 2, NULL, &lengths);
    CaTfList *list = n >= 0 ? new_list(c, n) : NULL;
    if (!list)
        return;
    list->type = ca_build_type(c->b, ca_tf_in(c, 0));
    cut(c, list, ca_tf_in(c, 0), lengths, n);
}

static void array_size(CaTfCall *c)
{
    const CaTfList *list = list_in(c, 1);
    if (list)
        ca_tf_out(c, 0,
                  ca_build_convert(c->b, ca_build_scalar(c->b, list->n), CARINA_I32));
}

const CaTfOp ca_tf_lists[] = {
    {"EmptyTensorList", list_empty, NULL, 0},
    {"TensorArrayConcatV3", array_join, NULL, CA_TF_TAKES_LISTS},
    {"TensorArrayGatherV3", array_gather, NULL, CA_TF_TAKES_LISTS},
    {"TensorArrayReadV3", array_read, NULL, CA_TF_TAKES_LISTS},
    {"TensorArrayScatterV3", array_scatter, NULL, CA_TF_TAKES_LISTS},
    {"TensorArraySizeV3", array_size, NULL, CA_TF_TAKES_LISTS},
    {"TensorArraySplitV3", array_split, NULL, CA_TF_TAKES_LISTS},
    {"TensorArrayV3", array, NULL, 0},
    {"TensorArrayWriteV3", array_write, NULL, CA_TF_TAKES_LISTS},
    {"TensorListConcatV2", list_join, NULL, CA_TF_TAKES_LISTS},
    {"TensorListFromTensor", list_from_tensor, NULL, 0},
    {"TensorListGather", list_gather, NULL, CA_TF_TAKES_LISTS},
    {"TensorListGetItem", list_get, NULL, CA_TF_TAKES_LISTS},
    {"TensorListLength", list_length, NULL, CA_TF_TAKES_LISTS},
    {"TensorListPopBack", list_pop, NULL, CA_TF_TAKES_LISTS},
    {"TensorListPushBack", list_push, NULL, CA_TF_TAKES_LISTS},
    {"TensorListReserve", list_reserve, NULL, 0},
    {"TensorListResize", list_resize, NULL, CA_TF_TAKES_LISTS},
    {"TensorListSetItem", list_set, NULL, CA_TF_TAKES_LISTS},
    {"TensorListSplit", list_split, NULL, 0},
    {"TensorListStack", list_stack, NULL, CA_TF_TAKES_LISTS},
    {NULL, NULL, NULL, 0},
};
