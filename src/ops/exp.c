/* SPDX-License-Identifier: Apache-2.0 */
/* Exp: e to the power of x. OpenVINO opset1. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, exp, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Exp"},
    {0},
};

const CaOp ca_op_exp = {
    .name = "Exp",
    .opset = 1,
    .summary = "e to the power of x",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
