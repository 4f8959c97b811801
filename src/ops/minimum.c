/* SPDX-License-Identifier: Apache-2.0 */
/* Minimum: the smaller of a and b; NaN where either is. OpenVINO opset1. */
#include "ops/binary.h"

static double on_real(double a, double b) { return isnan(a) || a < b ? a : b; }

static int64_t on_whole(CarinaType type, int64_t a, int64_t b)
{
    return ca_whole_less(type, a, b) ? a : b;
}

static void ref(CaRefArgs *r) { ca_ref_binary(r, on_real, on_whole); }

const CaOp ca_op_minimum = {
    .name = "Minimum",
    .opset = 1,
    .summary = "the smaller of a and b",
    .arity = {2, 2, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(CaBroadcastAttrs),
    .attrs = ca_broadcast_attrs,
    .infer = ca_infer_broadcast,
    .ref = ref,
};
