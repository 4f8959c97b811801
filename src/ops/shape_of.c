/* SPDX-License-Identifier: Apache-2.0 */
/* ShapeOf: the input's dimensions as a vector of i64. OpenVINO opset1. */
#include "ops/axes.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    const int64_t n = x.rank;
    const CarinaShape y = n < 0 ? ca_shape_of_rank(1) : ca_shape(1, &n);
    (void)err;
    ca_out(a, 0, CARINA_I64, &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    for (int d = 0; d < r->in->shape.rank; d++)
        r->out->whole[d] = r->in->shape.dims[d];
}

const CaOp ca_op_shape_of = {
    .name = "ShapeOf",
    .opset = 1,
    .summary = "the dimensions of a tensor",
    .arity = {1, 1, 1},
    .infer = infer,
    .ref = ref,
};
