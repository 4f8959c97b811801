/* SPDX-License-Identifier: Apache-2.0 */
/* Gather: slices of the data along an axis, by index. OpenVINO opset1. */
#include "ops/gather_ref.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    return ca_infer_gather(a, 0, err);
}

static void ref(CaRefArgs *r) { ca_ref_gather(r, 0); }

const CaOp ca_op_gather = {
    .name = "Gather",
    .opset = 1,
    .summary = "slices along an axis, by index",
    .arity = {3, 3, 1},
    .flags = CA_OP_MOVES,
    .infer = infer,
    .ref = ref,
};
