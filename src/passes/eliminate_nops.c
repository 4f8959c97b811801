/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eliminate-nops: removes nodes that hand their input on: Identity, Convert to the same type, Reshape to the same
 * shape, Transpose to the same order, Pad by nothing, Add of 0, Multiply by 1, Concat and Split of one; and makes
 * one Transpose of two.
 */
#include "passes/rewrite.h"

#include <string.h>

static bool is_any(const CaNode *n, const char *const *names)
{
    for (; *names; names++)
        if (ca_node_is(n, *names))
            return true;
    return false;
}

static bool is_same_static(const CaNode *n)
{
    const CaValue *x = ca_node_input(n, 0), *y = &n->outputs[0];
    return x && x->type == y->type && ca_shape_is_static(&x->shape) &&
           ca_shape_equal(&x->shape, &y->shape);
}

/* Is input i absent, or a constant of only v? */
static bool is_or_absent(const CaNode *n, int i, double v)
{
    return !ca_node_input(n, i) || ca_pass_is_number(n, i, v);
}

/* A number beside x that changes neither x nor its shape: which input is x, or -1. */
static int neutral(const CaNode *n)
{
    const bool sum = ca_node_is(n, "Add"), product = ca_node_is(n, "Multiply");
    const double number = sum || ca_node_is(n, "Subtract") ? 0 : 1;
    if (!sum && !product && !ca_node_is(n, "Subtract") && !ca_node_is(n, "Divide") &&
        !ca_node_is(n, "Power"))
        return -1;
    for (int c = 1; c >= (sum || product ? 0 : 1); c--) {
        const CaValue *x = ca_node_input(n, 1 - c), *k = ca_node_input(n, c);
        const CaValue *y = &n->outputs[0];
        if (!x || !k || !ca_pass_is_number(n, c, number) || x->type != y->type)
            continue;
        const bool is_one = ca_tensor_count(ca_pass_constant(n, c)) == 1;
        if ((ca_shape_is_static(&x->shape) && ca_shape_equal(&x->shape, &y->shape)) ||
            (is_one && x->shape.rank >= k->shape.rank))
            return 1 - c;
    }
    return -1;
}

static bool is_identity_order(const CaNode *n)
{
    const CarinaTensor *order = ca_pass_constant(n, 1);
    const CaValue *x = ca_node_input(n, 0);
    const int64_t rank = order ? ca_tensor_count(order) : 0;
    if (!order || (rank == 0 && x->shape.rank != 0 && x->shape.rank != 1))
        return false;
    for (int64_t i = 0; i < rank; i++)
        if (ca_get_int(order->type, order->data, i) != i)
            return false;
    return true;
}

/* The input that output 0 equals, or NULL. */
static CaValue *source(const CaNode *n)
{
    static const char *const movers[] = {"Reshape", "Squeeze",   "Unsqueeze",
                                         "Tile",    "Broadcast", NULL};
    CaValue *x = ca_node_input(n, 0);
    if (!x || n->n_outputs != 1)
        return NULL;
    if (ca_node_is(n, "Identity") || ((ca_node_is(n, "Concat")) && n->n_inputs == 1) ||
        ca_node_is(n, "Split") || ca_node_is(n, "VariadicSplit"))
        return x;
    if (ca_node_is(n, "Convert") || ca_node_is(n, "ConvertLike"))
        return x->type == n->outputs[0].type && x->type != CARINA_UNKNOWN ? x : NULL;
    if (is_any(n, movers))
        return is_same_static(n) ? x : NULL;
    if (ca_node_is(n, "StridedSlice"))
        return is_same_static(n) && is_or_absent(n, 3, 1) ? x : NULL;
    if (ca_node_is(n, "Slice"))
        return is_same_static(n) && ca_pass_is_number(n, 3, 1) ? x : NULL;
    if (ca_node_is(n, "Transpose"))
        return is_identity_order(n) ? x : NULL;
    if (ca_node_is(n, "Pad"))
        return ca_pass_is_number(n, 1, 0) && ca_pass_is_number(n, 2, 0) ? x : NULL;
    const int i = neutral(n);
    return i < 0 ? NULL : ca_node_input(n, i);
}

/* Transpose(Transpose(x, p), q) is Transpose(x, r) with r[i] = p[q[i]]. */
static CarinaStatus merge_transposes(CaGraph *g, CaNode *n, int *n_changes,
                                     CarinaError *err)
{
    CaNode *first = ca_node_input_node(n, 0);
    if (!ca_node_is(n, "Transpose") || !ca_node_is(first, "Transpose"))
        return CARINA_OK;
    const CarinaTensor *p = ca_pass_constant(first, 1), *q = ca_pass_constant(n, 1);
    const int64_t rank = p && q ? ca_tensor_count(p) : 0;
    int64_t r[CARINA_MAX_RANK];
    CaValue *order = NULL;
    if (rank < 1 || rank > CARINA_MAX_RANK || ca_tensor_count(q) != rank)
        return CARINA_OK;
    for (int64_t i = 0; i < rank; i++) {
        const int64_t at = ca_get_int(q->type, q->data, i);
        if (at < 0 || at >= rank)
            return CARINA_OK;
        r[i] = ca_get_int(p->type, p->data, at);
    }
    CA_TRY(ca_graph_ints(&order, g, n, NULL, NULL, r, rank, err));
    ca_node_set_input(n, 1, order);
    ca_node_set_input(n, 0, first->inputs[0].value);
    ca_rewrite_drop(g, first);
    ++*n_changes;
    return ca_node_infer(g, n, err);
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    CA_EACH_NODE_SAFE(n, g)
    {
        CA_TRY(merge_transposes(g, n, n_changes, err));
        CaValue *x = source(n);
        if (!x || !n->outputs[0].uses || ca_rewrite_is_bridge(&n->outputs[0], x))
            continue;
        CA_TRY(ca_rewrite_same(g, &n->outputs[0], x, err));
        ca_rewrite_drop(g, n);
        ++*n_changes;
    }
    return CARINA_OK;
}

const CaPass ca_pass_eliminate_nops = {
    .name = "eliminate-nops",
    .summary = "removes nodes that hand their input on unchanged",
    .run = run,
};
