/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuse-gelu: x / 2 * (1 + erf(x / sqrt 2)) becomes Gelu, and
 * x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) the Gelu of mode tanh.
 */
#include "passes/gated.h"

/* f = 1 + op(u) and k = 1/2: u. */
static const CaValue *inner(const CaValue *f, const char *op_name, double k)
{
    CaValue *v = NULL;
    double one;
    if (k != 0.5 || !ca_rewrite_with_number(f, "Add", false, &v, &one) || one != 1)
        return NULL;
    return ca_under(v, op_name);
}

static bool is_by_erf(const CaValue *f, const CaValue *x, double k, double *parameter)
{
    const CaValue *u = inner(f, "Erf", k);
    (void)parameter;
    return u && ca_is_affine(u, x, 0, 0.70710678118654752440);
}

static bool is_by_tanh(const CaValue *f, const CaValue *x, double k, double *parameter)
{
    static const double factor = 0.79788456080286535588;
    const CaValue *u = inner(f, "Tanh", k);
    double c[4];
    (void)parameter;
    return u && ca_polynomial(u, x, c) && c[0] == 0 && c[2] == 0 &&
           ca_rewrite_near(x->type, c[1], factor) &&
           ca_rewrite_near(x->type, c[3], 0.044715 * factor);
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
