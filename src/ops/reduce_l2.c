/* SPDX-License-Identifier: Apache-2.0 */
/* ReduceL2: the root of the sum of squares over axes. OpenVINO opset4. */
#include "ops/reduction.h"

static double step(double sum, double x) { return sum + x * x; }

static int64_t start(CarinaType type)
{
    (void)type;
    return 0;
}

static int64_t whole_step(CarinaType type, int64_t sum, int64_t x)
{
    (void)type;
    return ca_wrap_add(sum, ca_wrap_mul(x, x));
}

static double end(double sum, double n)
{
    (void)n;
    return sqrt(sum);
}

static int64_t whole_end(CarinaType type, int64_t sum, int64_t n)
{
    (void)n;
    return ca_whole_round(sqrt(ca_whole_real(type, sum)));
}

static void ref(CaRefArgs *r)
{
    const CaReduction k = {0, step, end, start, whole_step, whole_end};
    ca_ref_reduce(r, &k);
}

const CaOp ca_op_reduce_l2 = {
    .name = "ReduceL2",
    .opset = 4,
    .summary = "root of the sum of squares over axes",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(CaReduceAttrs),
    .attrs = ca_reduce_attrs,
    .infer = ca_infer_reduce,
    .ref = ref,
};
