/* SPDX-License-Identifier: Apache-2.0 */
/* LogicalAnd: a and b, of booleans. OpenVINO opset1. */
#include "ops/binary.h"

static bool holds(bool a, bool b) { return a && b; }

static void ref(CaRefArgs *r) { ca_ref_logical(r, holds); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "And"},
    {0},
};

const CaOp ca_op_logical_and = {
    .name = "LogicalAnd",
    .opset = 1,
    .summary = "a and b",
    .arity = {2, 2, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(CaBroadcastAttrs),
    .attrs = ca_broadcast_attrs,
    .infer = ca_infer_logical,
    .ref = ref,
    .imports = imports,
};
