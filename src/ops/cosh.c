/* SPDX-License-Identifier: Apache-2.0 */
/* Cosh: the hyperbolic cosine. OpenVINO opset1. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, cosh, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Cosh"},
    {0},
};

const CaOp ca_op_cosh = {
    .name = "Cosh",
    .opset = 1,
    .summary = "hyperbolic cosine",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
