/* SPDX-License-Identifier: Apache-2.0 */
/* Tanh: the hyperbolic tangent. OpenVINO opset1. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, tanh, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Tanh"},
    {CA_FORMAT_CAFFE, "TanH"},
    {0},
};

const CaOp ca_op_tanh = {
    .name = "Tanh",
    .opset = 1,
    .summary = "hyperbolic tangent",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
