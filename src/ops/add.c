/* SPDX-License-Identifier: Apache-2.0 */
/* Add: a + b; integers wrap. OpenVINO opset1. */
#include "ops/binary.h"

static double on_real(double a, double b) { return a + b; }

static int64_t on_whole(CarinaType type, int64_t a, int64_t b)
{
    (void)type;
    return ca_wrap_add(a, b);
}

static void ref(CaRefArgs *r) { ca_ref_binary(r, on_real, on_whole); }

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Add"},
    {0},
};

const CaOp ca_op_add = {
    .name = "Add",
    .opset = 1,
    .summary = "a + b",
    .arity = {2, 2, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(CaBroadcastAttrs),
    .attrs = ca_broadcast_attrs,
    .infer = ca_infer_broadcast,
    .ref = ref,
    .imports = imports,
};
