/* SPDX-License-Identifier: Apache-2.0 */
/* Floor: the largest whole number not above x. OpenVINO opset1. */
#include "ops/unary.h"

static int64_t itself(int64_t x) { return x; }

static void ref(CaRefArgs *r) { ca_ref_unary(r, floor, itself); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Floor"},
    {0},
};

const CaOp ca_op_floor = {
    .name = "Floor",
    .opset = 1,
    .summary = "the next whole number down",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
