/* SPDX-License-Identifier: Apache-2.0 */
/* Identity: the input as it is. OpenVINO opset16. */
#include "ops/axes.h"

static void ref(CaRefArgs *r) { ca_move_all(r->out, r->in); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Identity"},
    {0},
};

const CaOp ca_op_identity = {
    .name = "Identity",
    .opset = 16,
    .summary = "the input as it is",
    .arity = {1, 1, 1},
    .flags = CA_OP_MOVES,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
