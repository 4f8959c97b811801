/* SPDX-License-Identifier: Apache-2.0 */
/* ReduceL1: the sum of absolute values over axes. OpenVINO opset4. */
#include "ops/reduction.h"

static double step(double sum, double x) { return sum + fabs(x); }

static int64_t start(CarinaType type)
{
    (void)type;
    return 0;
}

static int64_t whole_step(CarinaType type, int64_t sum, int64_t x)
{
    return x < 0 && type != CARINA_U64 ? ca_wrap_sub(sum, x) : ca_wrap_add(sum, x);
}

static void ref(CaRefArgs *r)
{
    const CaReduction k = {0, step, NULL, start, whole_step, NULL};
    ca_ref_reduce(r, &k);
}

const CaOp ca_op_reduce_l1 = {
    .name = "ReduceL1",
    .opset = 4,
    .summary = "sum of absolute values over axes",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(CaReduceAttrs),
    .attrs = ca_reduce_attrs,
    .infer = ca_infer_reduce,
    .ref = ref,
};
