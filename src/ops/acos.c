/* SPDX-License-Identifier: Apache-2.0 */
/* Acos: the arc cosine; NaN outside [-1, 1]. OpenVINO opset1. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, acos, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Acos"},
    {0},
};

const CaOp ca_op_acos = {
    .name = "Acos",
    .opset = 1,
    .summary = "arc cosine",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
