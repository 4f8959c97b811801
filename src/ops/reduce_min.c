/* SPDX-License-Identifier: Apache-2.0 */
/* ReduceMin: the smallest over axes; NaN where there is one. Of nothing: the end of the range. OpenVINO opset1. */
#include "ops/reduction.h"

static double step(double sum, double x)
{
    return isnan(sum) || isnan(x) ? NAN : x < sum ? x : sum;
}

static int64_t whole_step(CarinaType type, int64_t sum, int64_t x)
{
    return ca_whole_less(type, x, sum) ? x : sum;
}

static void ref(CaRefArgs *r)
{
    const CaReduction k = {INFINITY, step, NULL, ca_whole_highest, whole_step, NULL};
    ca_ref_reduce(r, &k);
}

const CaOp ca_op_reduce_min = {
    .name = "ReduceMin",
    .opset = 1,
    .summary = "smallest over axes",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(CaReduceAttrs),
    .attrs = ca_reduce_attrs,
    .infer = ca_infer_reduce,
    .ref = ref,
};
