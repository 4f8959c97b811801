/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuse-gelu: x / 2 * (1 + erf(x / sqrt 2)), or (1 - erf(-x / sqrt 2)), becomes Gelu, and
 * x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) the Gelu of mode tanh.
 */
#include "passes/gated.h"

/* f = 1 + op(u), or 1 - op(u) with *sign -1, and k = 1/2: u. op is an odd function. */
static const CaValue *inner(const CaValue *f, const char *op_name, double k, double *sign)
{
    CaValue *v = NULL;
    double one;
    *sign = 1;
    if (k != 0.5)
        return NULL;
    if (ca_rewrite_with_number(f, "Add", false, &v, &one) && one == 1)
        return ca_under(v, op_name);
    *sign = -1;
    const CaNode *n = f->node;
    if (!ca_node_is(n, "Subtract") || !ca_rewrite_is_numpy(n) ||
        !ca_rewrite_number(ca_node_input(n, 0), &one) || one != 1)
        return NULL;
    return ca_under(ca_node_input(n, 1), op_name);
}

static bool is_by_erf(const CaValue *f, const CaValue *x, double k, double *parameter)
{
    double sign;
    const CaValue *u = inner(f, "Erf", k, &sign);
    (void)parameter;
    return u && ca_is_affine(u, x, 0, sign * 0.70710678118654752440);
}

static bool is_by_tanh(const CaValue *f, const CaValue *x, double k, double *parameter)
{
    static const double factor = 0.79788456080286535588;
    double c[4], sign;
    const CaValue *u = inner(f, "Tanh", k, &sign);
    (void)parameter;
    return u && ca_polynomial(u, x, c) && c[0] == 0 && c[2] == 0 &&
           ca_rewrite_near(x->type, sign * c[1], factor) &&
           ca_rewrite_near(x->type, sign * c[3], 0.044715 * factor);
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    static const CaGated exact = {.op_name = "Gelu", .is_gate = is_by_erf};
    static const CaGated near = {.op_name = "Gelu",
                                 .attr = "approximation_mode",
                                 .attr_text = "tanh",
                                 .is_gate = is_by_tanh};
    CA_TRY(ca_gated_fuse(g, &exact, n_changes, err));
    return ca_gated_fuse(g, &near, n_changes, err);
}

const CaPass ca_pass_fuse_gelu = {
    .name = "fuse-gelu",
    .summary = "sees Gelu in its formulas by erf and by tanh",
    .run = run,
};
