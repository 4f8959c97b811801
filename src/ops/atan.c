/* SPDX-License-Identifier: Apache-2.0 */
/* Atan: the arc tangent. OpenVINO opset1. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, atan, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Atan"},
    {0},
};

const CaOp ca_op_atan = {
    .name = "Atan",
    .opset = 1,
    .summary = "arc tangent",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
