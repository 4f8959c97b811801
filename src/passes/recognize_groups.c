/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recognize-groups: channels split evenly, convolved branch by branch with filters of one shape, and joined again are
 * one GroupConvolution. What the branches do alike behind their convolutions, biases and activations, is done once.
 */
#include "passes/rewrite.h"

#include <string.h>

enum { MAX_LEVELS = 4, MAX_CHANNEL_GROUPS = 1 << 14 };

typedef struct Branches {
    CaNode *join;
    int n;
    int n_levels;
    CaNode **at
        [MAX_LEVELS +
         1]; /* node i of each level, the Concat's side first; the last are the convolutions */
} Branches;

static bool same_bytes(const CaNode *a, const CaNode *b)
{
    return a->op == b->op &&
           (a->op->attrs_size == 0 || memcmp(a->attrs, b->attrs, a->op->attrs_size) == 0);
}

static bool same_ints(const CaNode *a, const CaNode *b, const char *attr)
{
    const CarinaInts x = carina_node_ints(a, attr), y = carina_node_ints(b, attr);
    return x.n == y.n && (x.n == 0 || memcmp(x.v, y.v, (size_t)x.n * sizeof *x.v) == 0);
}

static bool same_convolution(const CaNode *a, const CaNode *b)
{
    return same_ints(a, b, "strides") && same_ints(a, b, "pads_begin") &&
           same_ints(a, b, "pads_end") && same_ints(a, b, "dilations") &&
           strcmp(carina_node_enum(a, "auto_pad"), carina_node_enum(b, "auto_pad")) == 0;
}

/* The stored filters: a Const, or the Const behind a Convert. */
static const CarinaTensor *filters(const CaNode *convolution)
{
    const CaNode *n = ca_node_input_node(convolution, 1);
    n = ca_node_is(n, "Convert") ? ca_node_input_node(n, 0) : n;
    const CarinaTensor *t = ca_node_is(n, "Const") ? n->outputs[0].constant : NULL;
    return t && carina_type_bits(t->type) % 8 == 0 ? t : NULL;
}

/* Which input of an Add is a bias by channel, in full rank; -1: none. */
static int bias_input(const CaNode *n)
{
    for (int i = 1; i >= 0 && n->n_inputs == 2; i--) {
        const CaValue *c = ca_node_input(n, i), *y = &n->outputs[0];
        int64_t count = 0;
        if (c && ca_rewrite_constant(c) && c->shape.rank == y->shape.rank &&
            c->shape.rank > 1 && ca_shape_count(&c->shape, &count) &&
            count == c->shape.dims[1] && count == y->shape.dims[1])
            return i;
    }
    return -1;
}

static bool is_like(const CaNode *a, const CaNode *b)
{
    if (a->op != b->op || !ca_pass_only_reader(b))
        return false;
    if (ca_node_is(a, "Convolution")) {
        const CarinaTensor *v = filters(a), *w = filters(b);
        return v && w && v->type == w->type && ca_shape_equal(&v->shape, &w->shape) &&
               ca_node_is(ca_node_input_node(a, 1), "Convert") ==
                   ca_node_is(ca_node_input_node(b, 1), "Convert") &&
               same_convolution(a, b);
    }
    if (ca_node_is(a, "Add"))
        return bias_input(a) >= 0 && bias_input(b) >= 0 && ca_rewrite_is_numpy(a) &&
               ca_rewrite_is_numpy(b);
    return (a->op->flags & CA_OP_ELEMENTWISE) && a->n_inputs == 1 && same_bytes(a, b);
}

static CaNode *above(CaNode *n)
{
    const int bias = ca_node_is(n, "Add") ? bias_input(n) : 1;
    return ca_node_input_node(n, bias == 0 ? 1 : 0);
}

/* Fills the levels from the Concat up to the convolutions. */
static bool climb(Branches *b)
{
    for (int level = 0; level <= MAX_LEVELS; level++) {
        for (int i = 0; i < b->n; i++) {
            CaNode *n =
                level ? above(b->at[level - 1][i]) : ca_node_input_node(b->join, i);
            b->at[level][i] = n;
            if (!n || n->n_outputs != 1 || !is_like(b->at[level][0], n))
                return false;
        }
        b->n_levels = level;
        if (ca_node_is(b->at[level][0], "Convolution"))
            return true;
    }
    return false;
}

/* Do the branches read the equal parts of one value's channels, in order? That value. */
static CaValue *whole(const Branches *b)
{
    CaNode *const *c = b->at[b->n_levels];
    const CaNode *split = ca_node_input_node(c[0], 0);
    const CarinaTensor *axis =
        ca_node_is(split, "Split") || ca_node_is(split, "VariadicSplit")
            ? ca_pass_constant(split, 1)
            : NULL;
    const CaValue *x = axis ? ca_node_input(split, 0) : NULL;
    int at;
    if (!x || split->n_outputs != b->n || ca_tensor_count(axis) != 1 ||
        !ca_axis(ca_get_int(axis->type, axis->data, 0), x->shape.rank, &at) || at != 1)
        return NULL;
    for (int i = 0; i < b->n; i++)
        if (ca_node_input(c[i], 0) != &split->outputs[i] ||
            split->outputs[i].shape.dims[1] != split->outputs[0].shape.dims[1] ||
            split->outputs[i].shape.dims[1] < 1)
            return NULL;
    return ca_node_input(split, 0);
}

/* Constants of one shape and type, one behind the other, with the given shape. */
static CarinaStatus stack(CaValue **out, CaGraph *g, CaNode *before, const char *name,
                          const CarinaTensor *const *parts, int n, const CarinaShape *s,
                          CarinaError *err)
{
    CarinaTensor *t = NULL;
    size_t size = 0;
    if (!name)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the graph");
    if (!ca_type_size(parts[0]->type, ca_tensor_count(parts[0]), &size))
        return ca_err(err, CARINA_ERR_LIMIT, "the filters of '%s' are too large", name);
    CA_TRY(carina_tensor_create(&t, parts[0]->type, s, err));
    for (int i = 0; i < n; i++)
        memcpy((char *)t->data + (size_t)i * size, parts[i]->data, size);
    return ca_graph_constant(out, g, before, name, t, err);
}

static CarinaStatus put_filters(CaValue **out, CaGraph *g, const Branches *b,
                                const CarinaTensor **parts, CarinaError *err)
{
    CaNode *const *c = b->at[b->n_levels];
    const CaNode *convert = ca_node_input_node(c[0], 1);
    CarinaShape s = {.rank = c[0]->inputs[1].value->shape.rank + 1, .dims = {b->n}};
    CaNode *n = NULL;
    for (int d = 1; d < s.rank; d++)
        s.dims[d] = c[0]->inputs[1].value->shape.dims[d - 1];
    for (int i = 0; i < b->n; i++)
        parts[i] = filters(c[i]);
    CA_TRY(stack(out, g, b->join,
                 ca_arena_printf(ca_graph_arena(g), "%s/filters", b->join->name), parts,
                 b->n, &s, err));
    if (!ca_node_is(convert, "Convert"))
        return CARINA_OK;
    CA_TRY(ca_graph_add(&n, g, b->join, "Convert", convert->opset, NULL, out, 1, 1, err));
    CA_TRY(ca_attrs_copy(g, n, convert, err));
    n->info = convert->info;
    *out = &n->outputs[0];
    return ca_node_infer(g, n, err);
}

static CarinaStatus put_bias(CaValue **out, CaGraph *g, const Branches *b, int level,
                             CarinaError *err)
{
    CaNode *const *adds = b->at[level];
    const CaValue *first = ca_node_input(adds[0], bias_input(adds[0]));
    CarinaShape s = first->shape;
    size_t size = 0;
    double *v = NULL;
    int64_t at = 0;
    s.dims[1] *= b->n;
    if (ca_mul_size(&size, (size_t)s.dims[1], sizeof *v))
        v = ca_alloc(size);
    for (int i = 0; v && i < b->n; i++) {
        const CarinaTensor *t =
            ca_rewrite_constant(ca_node_input(adds[i], bias_input(adds[i])));
        for (int64_t k = 0; k < ca_tensor_count(t) && at < s.dims[1]; k++)
            v[at++] = ca_get_real(t->type, t->data, k);
    }
    if (!v)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the bias of '%s'",
                      b->join->name);
    const CarinaStatus status =
        ca_graph_reals(out, g, b->join, NULL, first->type, &s, v, s.dims[1], err);
    ca_free(v);
    return status;
}

static CarinaStatus put(CaGraph *g, const Branches *b, CaValue *x,
                        const CarinaTensor **parts, CarinaError *err)
{
    static const char *const lists[] = {"strides", "pads_begin", "pads_end", "dilations"};
    CaNode *n = NULL, *first = b->at[b->n_levels][0];
    CaValue *w = NULL, *y;
    CA_TRY(put_filters(&w, g, b, parts, err));
    CA_TRY(ca_graph_add(&n, g, b->join, "GroupConvolution", 1,
                        b->n_levels ? first->name : b->join->name, (CaValue *[]){x, w}, 2,
                        1, err));
    for (int i = 0; i < 4; i++) {
        const CarinaInts v = carina_node_ints(first, lists[i]);
        CA_TRY(ca_node_set_ints(g, n, lists[i], v.v, v.n, err));
    }
    CA_TRY(ca_node_set_text(g, n, "auto_pad", carina_node_enum(first, "auto_pad"), err));
    CA_TRY(ca_node_infer(g, n, err));
    y = &n->outputs[0];
    for (int level = b->n_levels - 1; level >= 0; level--) {
        const CaNode *like = b->at[level][0];
        const bool is_add = ca_node_is(like, "Add");
        CaValue *in[2] = {y, NULL};
        if (is_add)
            CA_TRY(put_bias(&in[1], g, b, level, err));
        CA_TRY(ca_graph_add(&n, g, b->join, like->op_name, like->opset,
                            level ? like->name : b->join->name, in, is_add ? 2 : 1, 1,
                            err));
        CA_TRY(ca_attrs_copy(g, n, like, err));
        CA_TRY(ca_node_infer(g, n, err));
        y = &n->outputs[0];
    }
    CA_TRY(ca_rewrite_same(g, &b->join->outputs[0], y, err));
    ca_rewrite_drop(g, b->join);
    return CARINA_OK;
}

static CarinaStatus fuse(CaGraph *g, CaNode *join, int *n_changes, CarinaError *err)
{
    Branches b = {.join = join, .n = join->n_inputs};
    int axis;
    if (b.n < 2 || b.n > MAX_CHANNEL_GROUPS || join->outputs[0].shape.rank < 3 ||
        !ca_axis(carina_node_int(join, "axis", 0), join->outputs[0].shape.rank, &axis) ||
        axis != 1)
        return CARINA_OK;
    const size_t n = (size_t)b.n;
    CaNode **nodes = ca_alloc(n * (MAX_LEVELS + 1) * sizeof *nodes);
    const CarinaTensor **parts = ca_alloc(n * sizeof *parts);
    CarinaStatus status = nodes && parts ? CARINA_OK
                                         : ca_err(err, CARINA_ERR_MEMORY,
                                                  "out of memory for '%s'", join->name);
    for (int i = 0; nodes && i <= MAX_LEVELS; i++)
        b.at[i] = nodes + n * (size_t)i;
    CaValue *x = status == CARINA_OK && climb(&b) ? whole(&b) : NULL;
    if (x) {
        status = put(g, &b, x, parts, err);
        ++*n_changes;
    }
    ca_free(nodes);
    ca_free(parts);
    return status;
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    CA_EACH_NODE_SAFE(n, g)
    if (ca_node_is(n, "Concat") && n->outputs[0].uses)
        CA_TRY(fuse(g, n, n_changes, err));
    return CARINA_OK;
}

const CaPass ca_pass_recognize_groups = {
    .name = "recognize-groups",
    .summary = "makes one GroupConvolution of split, convolutions and concatenation",
    .run = run,
};
