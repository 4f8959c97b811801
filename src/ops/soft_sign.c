/* SPDX-License-Identifier: Apache-2.0 */
/* SoftSign: x / (1 + |x|). OpenVINO opset9. */
#include "ops/unary.h"

static double activation(double x) { return x / (1 + fabs(x)); }

static void ref(CaRefArgs *r) { ca_ref_unary(r, activation, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Softsign"},
    {0},
};

const CaOp ca_op_soft_sign = {
    .name = "SoftSign",
    .opset = 9,
    .summary = "x / (1 + |x|)",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_unary_real,
    .ref = ref,
    .imports = imports,
};
