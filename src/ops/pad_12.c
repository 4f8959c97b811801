/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pad: elements put in front of and behind each axis: a value, the edge, or the tensor mirrored, without the
 * edge (reflect) or with it (symmetric). OpenVINO opset12; opset1 cannot crop.
 */
#include "ops/pad_ref.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    return ca_infer_pad(a, true, err);
}

const CaOp ca_op_pad_12 = {
    .name = "Pad",
    .opset = 12,
    .summary = "elements put around a tensor",
    .arity = {3, 4, 1},
    .flags = CA_OP_MOVES,
    .attrs_size = sizeof(CaPadAttrs),
    .attrs = ca_pad_attrs,
    .infer = infer,
    .ref = ca_ref_pad,
};
