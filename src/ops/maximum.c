/* SPDX-License-Identifier: Apache-2.0 */
/* Maximum: the larger of a and b; NaN where either is. OpenVINO opset1. */
#include "ops/binary.h"

static double on_real(double a, double b) { return isnan(a) || a > b ? a : b; }

static int64_t on_whole(CarinaType type, int64_t a, int64_t b)
{
    return ca_whole_less(type, b, a) ? a : b;
}

static void ref(CaRefArgs *r) { ca_ref_binary(r, on_real, on_whole); }

const CaOp ca_op_maximum = {
    .name = "Maximum",
    .opset = 1,
    .summary = "the larger of a and b",
    .arity = {2, 2, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(CaBroadcastAttrs),
    .attrs = ca_broadcast_attrs,
    .infer = ca_infer_broadcast,
    .ref = ref,
};
