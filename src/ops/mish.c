/* SPDX-License-Identifier: Apache-2.0 */
/* Mish: x * tanh(log(1 + exp(x))). OpenVINO opset4. */
#include "ops/unary.h"

/* tanh(log(1 + e)) = (e^2 + 2e) / (e^2 + 2e + 2); 1 to double precision from 20 on. */
static double activation(double x)
{
    const double e = exp(x);
    return x > 20 ? x : x * (e * (e + 2) / (e * (e + 2) + 2));
}

static void ref(CaRefArgs *r) { ca_ref_unary(r, activation, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Mish"},
    {CA_FORMAT_CAFFE, "Mish"},
    {0},
};

const CaOp ca_op_mish = {
    .name = "Mish",
    .opset = 4,
    .summary = "x tanh(softplus(x))",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_unary_real,
    .ref = ref,
    .imports = imports,
};
