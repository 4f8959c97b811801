/* SPDX-License-Identifier: Apache-2.0 */
/* ConvertLike: Convert to the element type of the second input. OpenVINO opset1. */
#include "ops/convert_ref.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape s = ca_in_shape(a, 0);
    (void)err;
    ca_out(a, 0, ca_in_type(a, 1), &s);
    return CARINA_OK;
}

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "CastLike"},
    {0},
};

const CaOp ca_op_convert_like = {
    .name = "ConvertLike",
    .opset = 1,
    .summary = "the element type of another tensor",
    .arity = {2, 2, 1},
    .infer = infer,
    .ref = ca_ref_convert,
    .imports = imports,
};
