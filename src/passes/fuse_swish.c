/* SPDX-License-Identifier: Apache-2.0 */
/* fuse-swish: x * sigmoid(beta x) becomes Swish. */
#include "passes/gated.h"

static bool is_gate(const CaValue *f, const CaValue *x, double k, double *parameter)
{
    const CaValue *u = ca_under(f, "Sigmoid");
    double c[4];
    if (!u || k != 1 || !ca_polynomial(u, x, c) || c[0] != 0 || c[2] != 0 || c[3] != 0)
        return false;
    *parameter = c[1];
    return ca_rewrite_fits(x->type, c, 4);
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    static const CaGated what = {
        .op_name = "Swish", .has_parameter = true, .is_gate = is_gate};
    return ca_gated_fuse(g, &what, n_changes, err);
}

const CaPass ca_pass_fuse_swish = {
    .name = "fuse-swish",
    .summary = "sees Swish in x sigmoid(beta x)",
    .run = run,
};
