/* SPDX-License-Identifier: Apache-2.0 */
/* Sqrt: the square root; NaN below zero. Integers give the nearest root. OpenVINO opset1. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, sqrt, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Sqrt"},
    {0},
};

const CaOp ca_op_sqrt = {
    .name = "Sqrt",
    .opset = 1,
    .summary = "square root",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
