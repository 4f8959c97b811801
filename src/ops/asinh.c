/* SPDX-License-Identifier: Apache-2.0 */
/* Asinh: the inverse hyperbolic sine. OpenVINO opset4. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, asinh, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Asinh"},
    {0},
};

const CaOp ca_op_asinh = {
    .name = "Asinh",
    .opset = 4,
    .summary = "inverse hyperbolic sine",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
