/* SPDX-License-Identifier: Apache-2.0 */
/* SoftPlus: log(1 + exp(x)), in the form that does not overflow. OpenVINO opset4. */
#include "ops/unary.h"

static double activation(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }

static void ref(CaRefArgs *r) { ca_ref_unary(r, activation, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Softplus"},
    {CA_FORMAT_CAFFE, "BNLL"},
    {0},
};

const CaOp ca_op_soft_plus = {
    .name = "SoftPlus",
    .opset = 4,
    .summary = "log(1 + exp(x))",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_unary_real,
    .ref = ref,
    .imports = imports,
};
