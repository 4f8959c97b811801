/* SPDX-License-Identifier: Apache-2.0 */
/* Cos: the cosine of radians. OpenVINO opset1. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, cos, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Cos"},
    {0},
};

const CaOp ca_op_cos = {
    .name = "Cos",
    .opset = 1,
    .summary = "cosine",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
