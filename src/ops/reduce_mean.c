/* SPDX-License-Identifier: Apache-2.0 */
/* ReduceMean: the mean over axes, 0 of nothing; integers are cut toward zero. OpenVINO opset1. */
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

static double end(double sum, double n) { return n > 0 ? sum / n : 0; }

static int64_t whole_end(CarinaType type, int64_t sum, int64_t n)
{
    if (n == 0)
        return 0;
    return type == CARINA_U64 ? (int64_t)((uint64_t)sum / (uint64_t)n) : sum / n;
}

static void ref(CaRefArgs *r)
{
    const CaReduction k = {0, step, end, start, whole_step, whole_end};
    ca_ref_reduce(r, &k);
}

const CaOp ca_op_reduce_mean = {
    .name = "ReduceMean",
    .opset = 1,
    .summary = "mean over axes",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(CaReduceAttrs),
    .attrs = ca_reduce_attrs,
    .infer = ca_infer_reduce,
    .ref = ref,
};
