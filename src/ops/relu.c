/* SPDX-License-Identifier: Apache-2.0 */
/* ReLU: max(x, 0). NaN passes through. OpenVINO opset1. */
#include "ops/unary.h"

static double rectify(double x) { return x <= 0 ? 0 : x; }

static int64_t rectify_whole(int64_t x) { return x < 0 ? 0 : x; }

static void ref(CaRefArgs *r) { ca_ref_unary(r, rectify, rectify_whole); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Relu"},
    {0},
};

const CaOp ca_op_relu = {
    .name = "ReLU",
    .opset = 1,
    .summary = "rectified linear unit",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
