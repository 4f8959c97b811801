/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuse-layer-norm: d / sqrt(mean(d^2) + epsilon) with d = x - mean(x), over the last axes, becomes MVN. The quotient
 * may be d * (v ^ -1/2) or d * (1 / sqrt v); the square d^2, d * d or SquaredDifference(x, mean(x)).
 */
#include "passes/gated.h"

#include <math.h>

/* The axes of a mean over the last axes that keeps dimensions: how many, or 0. */
static int n_last_axes(const CaNode *n)
{
    const CarinaTensor *axes = ca_pass_constant(n, 1);
    const CaValue *x = ca_node_input(n, 0);
    const int64_t count = axes ? ca_tensor_count(axes) : 0;
    uint32_t seen = 0;
    if (!ca_node_is(n, "ReduceMean") || !carina_node_bool(n, "keep_dims", false) || !x ||
        x->shape.rank < 1 || count < 1 || count > x->shape.rank)
        return 0;
    for (int64_t i = 0; i < count; i++) {
        int axis;
        if (!ca_axis(ca_get_int(axes->type, axes->data, i), x->shape.rank, &axis) ||
            axis < x->shape.rank - count)
            return 0;
        seen |= 1u << (x->shape.rank - 1 - axis);
    }
    return seen + 1 == 1u << count ? (int)count : 0;
}

/* v = x - mean(x) over the last n axes: x. */
static CaValue *centred(const CaValue *v, const char *op_name, int *n)
{
    CaValue *x = ca_under(v, op_name);
    const CaValue *mean = x ? ca_node_input(v->node, 1) : NULL;
    *n = mean ? n_last_axes(mean->node) : 0;
    return *n && ca_node_input(mean->node, 0) == x && ca_rewrite_is_numpy(v->node) ? x
                                                                                   : NULL;
}

/* v = (x - mean(x))^2: x. */
static CaValue *squared(const CaValue *v, int *n)
{
    CaValue *d = NULL;
    double two;
    if (ca_node_is(v->node, "SquaredDifference"))
        return centred(v, "SquaredDifference", n);
    if (ca_node_is(v->node, "Multiply") && ca_node_input(v->node, 0) &&
        ca_node_input(v->node, 0) == ca_node_input(v->node, 1))
        return centred(ca_node_input(v->node, 0), "Subtract", n);
    if (ca_rewrite_with_number(v, "Power", true, &d, &two) && two == 2)
        return centred(d, "Subtract", n);
    return NULL;
}

/* The node is d / sqrt(v): d and v. */
static bool quotient(const CaNode *n, CaValue **d, CaValue **v)
{
    CaValue *power = NULL;
    double x;
    if (ca_node_is(n, "Divide")) {
        *d = ca_node_input(n, 0);
        *v = ca_under(ca_node_input(n, 1), "Sqrt");
        return *v != NULL;
    }
    for (int i = 0; ca_node_is(n, "Multiply") && i < 2; i++) {
        CaValue *f = ca_node_input(n, i);
        *d = ca_node_input(n, 1 - i);
        if (ca_rewrite_with_number(f, "Power", true, v, &x) && x == -0.5)
            return true;
        power = ca_node_is(f->node, "Divide") ? ca_node_input(f->node, 1) : NULL;
        if (power && ca_rewrite_number(ca_node_input(f->node, 0), &x) && x == 1 &&
            (*v = ca_under(power, "Sqrt")) != NULL)
            return true;
    }
    return false;
}

static CarinaStatus put(CaGraph *g, CaNode *old, CaValue *x, int n_axes, double epsilon,
                        CarinaError *err)
{
    int64_t axes[CARINA_MAX_RANK];
    CaValue *in[2] = {x, NULL};
    CaNode *n = NULL;
    for (int i = 0; i < n_axes; i++)
        axes[i] = x->shape.rank - n_axes + i;
    CA_TRY(ca_graph_ints(&in[1], g, old, NULL, NULL, axes, n_axes, err));
    CA_TRY(ca_graph_add(&n, g, old, "MVN", 6, old->name, in, 2, 1, err));
    CA_TRY(ca_node_set_float(g, n, "eps", epsilon, err));
    CA_TRY(ca_node_set_text(g, n, "normalize_variance", "true", err));
    CA_TRY(ca_node_set_text(g, n, "eps_mode", "inside_sqrt", err));
    CA_TRY(ca_node_infer(g, n, err));
    CA_TRY(ca_rewrite_same(g, &old->outputs[0], &n->outputs[0], err));
    ca_rewrite_drop(g, old);
    return CARINA_OK;
}

static CarinaStatus fuse(CaGraph *g, CaNode *n, int *n_changes, CarinaError *err)
{
    CaValue *d = NULL, *v = NULL, *mean = NULL;
    double epsilon = 0;
    int n_outer = 0, n_square = 0;
    if (!quotient(n, &d, &v) || !ca_rewrite_is_numpy(n) ||
        !ca_rewrite_with_number(v, "Add", false, &mean, &epsilon) || !(epsilon >= 0) ||
        !ca_rewrite_fits(CARINA_F32, &epsilon, 1))
        return CARINA_OK;
    CaValue *x = centred(d, "Subtract", &n_outer);
    const int n_mean = n_last_axes(mean->node);
    if (!x || !n_mean || squared(ca_node_input(mean->node, 0), &n_square) != x ||
        n_outer != n_mean || n_square != n_mean || !ca_type_is_real(x->type) ||
        !ca_shape_equal(&x->shape, &n->outputs[0].shape))
        return CARINA_OK;
    ++*n_changes;
    return put(g, n, x, n_mean, epsilon, err);
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    CA_EACH_NODE_SAFE(n, g)
    if (n->n_inputs == 2 && n->n_outputs == 1 && n->inputs[0].value &&
        n->inputs[1].value && n->outputs[0].uses)
        CA_TRY(fuse(g, n, n_changes, err));
    return CARINA_OK;
}

const CaPass ca_pass_fuse_layer_norm = {
    .name = "fuse-layer-norm",
    .summary = "sees MVN in the formula of layer normalisation",
    .run = run,
};
