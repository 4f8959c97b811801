/* SPDX-License-Identifier: Apache-2.0 */
/* Tan: the tangent of radians. OpenVINO opset1. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, tan, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Tan"},
    {0},
};

const CaOp ca_op_tan = {
    .name = "Tan",
    .opset = 1,
    .summary = "tangent",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
