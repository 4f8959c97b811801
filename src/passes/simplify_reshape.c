/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simplify-reshape: of several Reshape, Squeeze and Unsqueeze in a row one Reshape is left, or none where the shape
 * comes back; one that puts back the axes that a reduction dropped is gone when the reduction keeps them. At most one
 * dimension may be unknown: the others then say it.
 */
#include "passes/rewrite.h"

#include <string.h>

static bool is_reshape(const CaNode *n)
{
    return ca_node_is(n, "Reshape") || ca_node_is(n, "Squeeze") ||
           ca_node_is(n, "Unsqueeze");
}

/* How many dimensions are unknown; -1 where the rank is, or where a 0 would hide one. */
static int n_unknown(const CarinaShape *s)
{
    int n = 0;
    bool has_zero = false;
    for (int d = 0; d < s->rank; d++) {
        n += s->dims[d] < 0;
        has_zero = has_zero || s->dims[d] == 0;
    }
    return s->rank < 0 || (n && has_zero) ? -1 : n;
}

/* The first dimension, where it is kept, is copied (0): the node then serves any batch. */
static CarinaStatus put(CaGraph *g, CaNode *n, CaValue *x, CarinaError *err)
{
    const CarinaShape *s = &n->outputs[0].shape;
    int64_t dims[CARINA_MAX_RANK];
    CaValue *in[2] = {x, NULL};
    CaNode *fresh = NULL;
    const bool keeps = s->rank > 0 && x->shape.rank > 0 && s->dims[0] > 0 &&
                       s->dims[0] == x->shape.dims[0];
    for (int d = 0; d < s->rank; d++)
        dims[d] = d == 0 && keeps ? 0 : s->dims[d];
    CA_TRY(ca_graph_ints(&in[1], g, n, NULL, NULL, dims, s->rank, err));
    CA_TRY(ca_graph_add(&fresh, g, n, "Reshape", 1, n->name, in, 2, 1, err));
    CA_TRY(ca_node_set_text(g, fresh, "special_zero", keeps ? "true" : "false", err));
    CA_TRY(ca_node_infer(g, fresh, err));
    fresh->info = n->info;
    CA_TRY(ca_rewrite_same(g, &n->outputs[0], &fresh->outputs[0], err));
    ca_rewrite_drop(g, n);
    return CARINA_OK;
}

static CarinaStatus merge(CaGraph *g, CaNode *n, int *n_changes, CarinaError *err)
{
    CaValue *x = ca_node_input(n, 0), *y = &n->outputs[0];
    const CaNode *first = x ? x->node : NULL;
    const int unknown = n_unknown(&y->shape);
    while (x && is_reshape(x->node))
        x = ca_node_input(x->node, 0);
    if (!x || x->node == first || unknown < 0 || unknown > 1)
        return CARINA_OK;
    if (ca_shape_equal(&x->shape, &y->shape)) {
        if (ca_rewrite_is_bridge(y, x))
            return CARINA_OK;
        CA_TRY(ca_rewrite_same(g, y, x, err));
        ca_rewrite_drop(g, n);
    } else {
        CA_TRY(put(g, n, x, err));
    }
    ++*n_changes;
    return CARINA_OK;
}

/* The shape of x with one element along the reduced axes; false if the node is no reduction that drops them. */
static bool kept_shape(CarinaShape *s, const CaNode *reduce)
{
    const CaValue *x = ca_node_input(reduce, 0);
    const CarinaTensor *axes = ca_pass_constant(reduce, 1);
    if (strncmp(reduce->op_name, "Reduce", 6) != 0 || !x || !axes || x->shape.rank < 0 ||
        carina_node_bool(reduce, "keep_dims", true))
        return false;
    *s = x->shape;
    for (int64_t i = 0; i < ca_tensor_count(axes); i++) {
        int axis;
        if (!ca_axis(ca_get_int(axes->type, axes->data, i), s->rank, &axis))
            return false;
        s->dims[axis] = 1;
    }
    return true;
}

/* n puts back what the reduction before it dropped. */
static CarinaStatus keep_axes(CaGraph *g, CaNode *n, int *n_changes, CarinaError *err)
{
    CaNode *reduce = ca_node_input_node(n, 0);
    CarinaShape s;
    const int unknown = n_unknown(&n->outputs[0].shape);
    if (!reduce || ca_pass_only_reader(reduce) != n || unknown < 0 || unknown > 1 ||
        !kept_shape(&s, reduce) || !ca_shape_equal(&s, &n->outputs[0].shape))
        return CARINA_OK;
    CA_TRY(ca_node_set_text(g, reduce, "keep_dims", "true", err));
    CA_TRY(ca_node_infer(g, reduce, err));
    ca_rewrite_overtake(&n->outputs[0], &reduce->outputs[0]);
    ca_rewrite_drop(g, n);
    ++*n_changes;
    return CARINA_OK;
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    CA_EACH_NODE_SAFE(n, g)
    if (is_reshape(n) && n->outputs[0].uses && !n->outputs[0].constant)
        CA_TRY(merge(g, n, n_changes, err));
    CA_EACH_NODE_SAFE(n, g)
    if (is_reshape(n) && n->outputs[0].uses)
        CA_TRY(keep_axes(g, n, n_changes, err));
    return CARINA_OK;
}

const CaPass ca_pass_simplify_reshape = {
    .name = "simplify-reshape",
    .summary = "makes one Reshape of several changes of shape in a row",
    .run = run,
};
