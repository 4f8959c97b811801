/* SPDX-License-Identifier: Apache-2.0 */
/* Sigmoid: 1 / (1 + exp(-x)), in the form that does not overflow. OpenVINO opset1. */
#include "ops/unary.h"

static double logistic(double x)
{
    if (x >= 0)
        return 1 / (1 + exp(-x));
    return exp(x) / (1 + exp(x));
}

static void ref(CaRefArgs *r) { ca_ref_unary(r, logistic, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Sigmoid"},
    {CA_FORMAT_CAFFE, "Sigmoid"},
    {0},
};

const CaOp ca_op_sigmoid = {
    .name = "Sigmoid",
    .opset = 1,
    .summary = "logistic function",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
