/* SPDX-License-Identifier: Apache-2.0 */
/* ReduceLogicalAnd: whether all of the booleans over axes hold. OpenVINO opset1. */
#include "ops/reduction.h"

static int64_t start(CarinaType type)
{
    (void)type;
    return 1;
}

static int64_t whole_step(CarinaType type, int64_t sum, int64_t x)
{
    (void)type;
    return sum && x;
}

static void ref(CaRefArgs *r)
{
    const CaReduction k = {0, NULL, NULL, start, whole_step, NULL};
    ca_ref_reduce(r, &k);
}

const CaOp ca_op_reduce_logical_and = {
    .name = "ReduceLogicalAnd",
    .opset = 1,
    .summary = "all over axes",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(CaReduceAttrs),
    .attrs = ca_reduce_attrs,
    .infer = ca_infer_reduce_logical,
    .ref = ref,
};
