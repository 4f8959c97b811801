/* SPDX-License-Identifier: Apache-2.0 */
/* ReduceSum: the sum over axes; integers wrap. OpenVINO opset1. */
#include "ops/reduction.h"

static double step(double sum, double x) { return sum + x; }

static int64_t start(CarinaType type)
{
    (void)type;
    return 0;
}

static int64_t whole_step(CarinaType type, int64_t sum, int64_t x)
{
    (void)type;
    return ca_wrap_add(sum, x);
}

static void ref(CaRefArgs *r)
{
    const CaReduction k = {0, step, NULL, start, whole_step, NULL};
    ca_ref_reduce(r, &k);
}

const CaOp ca_op_reduce_sum = {
    .name = "ReduceSum",
    .opset = 1,
    .summary = "sum over axes",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(CaReduceAttrs),
    .attrs = ca_reduce_attrs,
    .infer = ca_infer_reduce,
    .ref = ref,
};
