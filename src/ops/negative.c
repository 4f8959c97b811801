/* SPDX-License-Identifier: Apache-2.0 */
/* Negative: y = -x; integers wrap. OpenVINO opset1. */
#include "ops/unary.h"

static double negate(double x) { return -x; }

static int64_t negate_whole(int64_t x) { return ca_wrap_sub(0, x); }

static void ref(CaRefArgs *r) { ca_ref_unary(r, negate, negate_whole); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Neg"},
    {0},
};

const CaOp ca_op_negative = {
    .name = "Negative",
    .opset = 1,
    .summary = "minus x",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
