/* SPDX-License-Identifier: Apache-2.0 */
/* Atanh: the inverse hyperbolic tangent; infinite at -1 and 1, NaN outside. OpenVINO opset4. */
#include "ops/unary.h"

static void ref(CaRefArgs *r) { ca_ref_unary(r, atanh, NULL); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Atanh"},
    {0},
};

const CaOp ca_op_atanh = {
    .name = "Atanh",
    .opset = 4,
    .summary = "inverse hyperbolic tangent",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
