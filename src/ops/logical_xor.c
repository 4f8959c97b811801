/* SPDX-License-Identifier: Apache-2.0 */
/* LogicalXor: either a or b, of booleans. OpenVINO opset2; opset1 calls it Xor. */
#include "ops/binary.h"

static bool holds(bool a, bool b) { return a != b; }

static void ref(CaRefArgs *r) { ca_ref_logical(r, holds); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Xor"},
    {0},
};

const CaOp ca_op_logical_xor = {
    .name = "LogicalXor",
    .opset = 2,
    .summary = "either a or b",
    .arity = {2, 2, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(CaBroadcastAttrs),
    .attrs = ca_broadcast_attrs,
    .infer = ca_infer_logical,
    .ref = ref,
    .imports = imports,
};
