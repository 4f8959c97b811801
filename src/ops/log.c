/* SPDX-License-Identifier: Apache-2.0 */
/* Log: the natural logarithm; minus infinity at zero, NaN below. OpenVINO opset1. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, log, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Log"},
    {0},
};

const CaOp ca_op_log = {
    .name = "Log",
    .opset = 1,
    .summary = "natural logarithm",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
