/* SPDX-License-Identifier: Apache-2.0 */
/* Abs: the absolute value; that of the lowest integer is itself. OpenVINO opset1. */
#include "ops/unary.h"

static int64_t absolute(int64_t x) { return x < 0 ? ca_wrap_sub(0, x) : x; }

static void ref(CaRefArgs *r) { ca_ref_unary(r, fabs, absolute); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Abs"},
    {CA_FORMAT_CAFFE, "AbsVal"},
    {0},
};

const CaOp ca_op_abs = {
    .name = "Abs",
    .opset = 1,
    .summary = "absolute value",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
