/* SPDX-License-Identifier: Apache-2.0 */
/* fuse-mish: x * tanh(softplus(x)) becomes Mish; softplus may be spelt log(exp(x) + 1). */
#include "passes/gated.h"

static bool is_softplus(const CaValue *v, const CaValue *x)
{
    CaValue *const sum = ca_under(v, "Log");
    CaValue *e = NULL;
    double one;
    if (ca_under(v, "SoftPlus") == x)
        return true;
    return sum && ca_rewrite_with_number(sum, "Add", false, &e, &one) && one == 1 &&
           ca_under(e, "Exp") == x;
}

static bool is_gate(const CaValue *f, const CaValue *x, double k, double *parameter)
{
    const CaValue *u = ca_under(f, "Tanh");
    (void)parameter;
    return u && k == 1 && is_softplus(u, x);
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    static const CaGated what = {.op_name = "Mish", .is_gate = is_gate};
    return ca_gated_fuse(g, &what, n_changes, err);
}

const CaPass ca_pass_fuse_mish = {
    .name = "fuse-mish",
    .summary = "sees Mish in x tanh(softplus(x))",
    .run = run,
};
