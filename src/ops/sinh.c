/* SPDX-License-Identifier: Apache-2.0 */
/* Sinh: the hyperbolic sine. OpenVINO opset1. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, sinh, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Sinh"},
    {0},
};

const CaOp ca_op_sinh = {
    .name = "Sinh",
    .opset = 1,
    .summary = "hyperbolic sine",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
