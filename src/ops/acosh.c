/* SPDX-License-Identifier: Apache-2.0 */
/* Acosh: the inverse hyperbolic cosine; NaN below 1. OpenVINO opset4. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, acosh, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Acosh"},
    {0},
};

const CaOp ca_op_acosh = {
    .name = "Acosh",
    .opset = 4,
    .summary = "inverse hyperbolic cosine",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
