/* SPDX-License-Identifier: Apache-2.0 */
/* GreaterEqual: a >= b, as boolean; NaN is unrelated to everything. OpenVINO opset1. */
#include "ops/binary.h"

static bool holds(bool less, bool equal, bool greater)
{
    (void)less;
    return greater || equal;
}

static void ref(CaRefArgs *r) { ca_ref_compare(r, holds); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "GreaterOrEqual"},
    {0},
};

const CaOp ca_op_greater_equal = {
    .name = "GreaterEqual",
    .opset = 1,
    .summary = "a >= b",
    .arity = {2, 2, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(CaBroadcastAttrs),
    .attrs = ca_broadcast_attrs,
    .infer = ca_infer_compare,
    .ref = ref,
    .imports = imports,
};
