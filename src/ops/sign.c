/* SPDX-License-Identifier: Apache-2.0 */
/* Sign: -1 below zero, 0 at zero, 1 above; NaN stays. OpenVINO opset1. */
#include "ops/unary.h"

static double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x; }

static int64_t sign_whole(int64_t x) { return (x > 0) - (x < 0); }

static void ref(CaRefArgs *r) { ca_ref_unary(r, sign, sign_whole); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Sign"},
    {0},
};

const CaOp ca_op_sign = {
    .name = "Sign",
    .opset = 1,
    .summary = "-1, 0 or 1",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
