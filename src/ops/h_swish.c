/* SPDX-License-Identifier: Apache-2.0 */
/* HSwish: x * min(max(x + 3, 0), 6) / 6. OpenVINO opset4. */
#include "ops/unary.h"

static double activation(double x) { return x * (fmin(fmax(x + 3, 0), 6) / 6); }

static void ref(CaRefArgs *r) { ca_ref_unary(r, activation, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "HardSwish"},
    {0},
};

const CaOp ca_op_h_swish = {
    .name = "HSwish",
    .opset = 4,
    .summary = "x clamp(x + 3, 0, 6) / 6",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_unary_real,
    .ref = ref,
    .imports = imports,
};
