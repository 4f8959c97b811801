/* SPDX-License-Identifier: Apache-2.0 */
/* Erf: the error function. OpenVINO opset1. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, erf, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Erf"},
    {0},
};

const CaOp ca_op_erf = {
    .name = "Erf",
    .opset = 1,
    .summary = "error function",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
