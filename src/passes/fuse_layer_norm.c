/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuse-layer-norm: d / sqrt(mean(d^2) + epsilon) with d = x - mean(x), over the last axes, becomes MVN. The quotient
 * may be d * (v ^ -1/2) or d * (1 / sqrt v); the square d^2, d * d or SquaredDifference(x, mean(x)). Also as TensorFlow
 * writes it: x f + (beta - mean(x) f) with f = gamma / sqrt(...).
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

/* What a formula is made of: (x - mean(x)) / sqrt(variance + epsilon), times gamma, plus beta where there are any. */
typedef struct Norm {
    CaValue *x, *gamma, *beta;
    int n_axes;
    double epsilon;
} Norm;

static CarinaStatus put(CaGraph *g, CaNode *old, const Norm *m, CarinaError *err)
{
    const char *const ops[2] = {"Multiply", "Add"};
    CaValue *const operands[2] = {m->gamma, m->beta};
    int64_t axes[CARINA_MAX_RANK];
    CaValue *in[2] = {m->x, NULL};
    CaNode *n = NULL;
    const bool is_whole = !m->gamma && !m->beta;
    for (int i = 0; i < m->n_axes; i++)
        axes[i] = m->x->shape.rank - m->n_axes + i;
    CA_TRY(ca_graph_ints(&in[1], g, old, NULL, NULL, axes, m->n_axes, err));
    CA_TRY(ca_graph_add(
        &n, g, old, "MVN", 6,
        is_whole ? old->name : ca_arena_printf(ca_graph_arena(g), "%s/mvn", old->name),
        in, 2, 1, err));
    CA_TRY(ca_node_set_float(g, n, "eps", m->epsilon, err));
    CA_TRY(ca_node_set_text(g, n, "normalize_variance", "true", err));
    CA_TRY(ca_node_set_text(g, n, "eps_mode", "inside_sqrt", err));
    CA_TRY(ca_node_infer(g, n, err));
    for (int i = 0; i < 2; i++)
        if (operands[i])
            CA_TRY(ca_rewrite_add(&n, g, old, ops[i],
                                  i == 1 || !m->beta ? old->name : NULL,
                                  (CaValue *[]){&n->outputs[0], operands[i]}, 2, err));
    CA_TRY(ca_rewrite_same(g, &old->outputs[0], &n->outputs[0], err));
    ca_rewrite_drop(g, old);
    return CARINA_OK;
}

/* v = variance of x + epsilon. */
static bool is_variance(const CaValue *v, Norm *m)
{
    CaValue *mean = NULL;
    int n_square = 0;
    if (!v || !ca_rewrite_with_number(v, "Add", false, &mean, &m->epsilon) ||
        !(m->epsilon >= 0) || !ca_rewrite_fits(CARINA_F32, &m->epsilon, 1))
        return false;
    m->n_axes = n_last_axes(mean->node);
    return m->n_axes && squared(ca_node_input(mean->node, 0), &n_square) == m->x &&
           n_square == m->n_axes;
}

static bool is_good(const Norm *m, const CaNode *n)
{
    return ca_type_is_real(m->x->type) &&
           ca_shape_equal(&m->x->shape, &n->outputs[0].shape);
}

/* (x - mean(x)) / sqrt(variance + epsilon) */
static bool match_quotient(const CaNode *n, Norm *m)
{
    CaValue *d = NULL, *v = NULL;
    int n_outer = 0;
    if (!quotient(n, &d, &v) || !ca_rewrite_is_numpy(n))
        return false;
    m->x = centred(d, "Subtract", &n_outer);
    return m->x && is_variance(v, m) && n_outer == m->n_axes && is_good(m, n);
}

/* 1 / sqrt(v): v. */
static CaValue *under_root(const CaValue *f)
{
    CaValue *v = NULL;
    double x;
    if (ca_rewrite_with_number(f, "Power", true, &v, &x) && x == -0.5)
        return v;
    if (!ca_node_is(f->node, "Divide") || !ca_rewrite_is_numpy(f->node) ||
        !ca_rewrite_number(ca_node_input(f->node, 0), &x) || x != 1)
        return NULL;
    return ca_under(ca_node_input(f->node, 1), "Sqrt");
}

/* v = other * f: other. */
static CaValue *cofactor(const CaValue *v, const CaValue *f)
{
    const CaNode *n = v->node;
    if (!ca_node_is(n, "Multiply") || !ca_rewrite_is_numpy(n))
        return NULL;
    return ca_node_input(n, 0) == f   ? ca_node_input(n, 1)
           : ca_node_input(n, 1) == f ? ca_node_input(n, 0)
                                      : NULL;
}

/* v = [beta] - mean * f: mean. */
static CaValue *shift(const CaValue *v, const CaValue *f, CaValue **beta)
{
    CaValue *u = ca_under(v, "Negative");
    *beta = NULL;
    if (u)
        return cofactor(u, f);
    if (ca_node_is(v->node, "Subtract") && ca_rewrite_is_numpy(v->node)) {
        *beta = ca_node_input(v->node, 0);
        return ca_rewrite_constant(*beta) ? cofactor(ca_node_input(v->node, 1), f) : NULL;
    }
    u = cofactor(v, f);
    return u ? ca_under(u, "Negative") : NULL;
}

/* x f + (beta - mean f), f = gamma / sqrt(variance + epsilon), as TensorFlow writes it. */
static bool match_sum(const CaNode *n, const CaValue *product, const CaValue *rest,
                      CaValue *f, Norm *m)
{
    m->x = cofactor(product, f);
    const CaValue *mean = m->x ? shift(rest, f, &m->beta) : NULL;
    CaValue *root = f;
    if (!mean || !n_last_axes(mean->node) || ca_node_input(mean->node, 0) != m->x)
        return false;
    for (int i = 0; i < 2 && ca_node_is(f->node, "Multiply"); i++) {
        CaValue *c = ca_node_input(f->node, i);
        if (ca_rewrite_constant(c) && ca_rewrite_is_numpy(f->node)) {
            m->gamma = c;
            root = ca_node_input(f->node, 1 - i);
        }
    }
    return is_variance(under_root(root), m) && m->n_axes == n_last_axes(mean->node) &&
           is_good(m, n);
}

static bool match(const CaNode *n, Norm *m)
{
    *m = (Norm){0};
    if (match_quotient(n, m))
        return true;
    for (int i = 0; i < 4 && ca_node_is(n, "Add") && ca_rewrite_is_numpy(n); i++) {
        const CaValue *product = ca_node_input(n, i / 2);
        *m = (Norm){0};
        if (ca_node_is(product->node, "Multiply") &&
            match_sum(n, product, ca_node_input(n, 1 - i / 2),
                      ca_node_input(product->node, i % 2), m))
            return true;
    }
    return false;
}

static CarinaStatus fuse(CaGraph *g, CaNode *n, int *n_changes, CarinaError *err)
{
    Norm m;
    if (!match(n, &m))
        return CARINA_OK;
    ++*n_changes;
    return put(g, n, &m, err);
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
