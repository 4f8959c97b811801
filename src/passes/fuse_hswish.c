/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuse-hswish: x * relu6(x + 3) / 6 becomes HSwish; relu6 is a Clamp or a Minimum of a Maximum or ReLU. Also x times
 * HSigmoid, HardSigmoid of slope 1/6, or clamp(x / 6 + 1/2, 0, 1).
 */
#include "passes/gated.h"

static bool is_gate(const CaValue *f, const CaValue *x, double k, double *parameter)
{
    const CaValue *six = ca_clamped(f, 6), *one = ca_clamped(f, 1);
    double a, b;
    (void)parameter;
    if (six)
        return ca_rewrite_near(x->type, k, 1.0 / 6) && ca_is_affine(six, x, 3, 1);
    if (!ca_rewrite_near(x->type, k, 1))
        return false;
    if (one)
        return ca_is_affine(one, x, 0.5, 1.0 / 6);
    if (ca_under(f, "HSigmoid") == x)
        return true;
    return ca_under(f, "HardSigmoid") == x &&
           ca_rewrite_number(ca_node_input(f->node, 1), &a) &&
           ca_rewrite_number(ca_node_input(f->node, 2), &b) &&
           ca_rewrite_near(x->type, a, 1.0 / 6) && ca_rewrite_near(x->type, b, 0.5);
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    static const CaGated what = {.op_name = "HSwish", .is_gate = is_gate};
    return ca_gated_fuse(g, &what, n_changes, err);
}

const CaPass ca_pass_fuse_hswish = {
    .name = "fuse-hswish",
    .summary = "sees HSwish in x relu6(x + 3) / 6",
    .run = run,
};
