/* SPDX-License-Identifier: Apache-2.0 */
/* Sin: the sine of radians. OpenVINO opset1. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, sin, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Sin"},
    {0},
};

const CaOp ca_op_sin = {
    .name = "Sin",
    .opset = 1,
    .summary = "sine",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
