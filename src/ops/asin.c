/* SPDX-License-Identifier: Apache-2.0 */
/* Asin: the arc sine; NaN outside [-1, 1]. OpenVINO opset1. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, asin, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Asin"},
    {0},
};

const CaOp ca_op_asin = {
    .name = "Asin",
    .opset = 1,
    .summary = "arc sine",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
