/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power: a to the power of b. Integers by repeated multiplication that wraps; a negative exponent leaves
 * only 1 and -1. OpenVINO opset1.
 */
#include "ops/binary.h"

static double on_real(double a, double b) { return pow(a, b); }

static int64_t on_whole(CarinaType type, int64_t a, int64_t b)
{
    int64_t y = 1;
    if (b < 0 && type != CARINA_U64)
        return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    for (uint64_t left = (uint64_t)b; left; left >>= 1, a = ca_wrap_mul(a, a))
        if (left & 1)
            y = ca_wrap_mul(y, a);
    return y;
}

static void ref(CaRefArgs *r) { ca_ref_binary(r, on_real, on_whole); }

const CaOp ca_op_power = {
    .name = "Power",
    .opset = 1,
    .summary = "a to the power of b",
    .arity = {2, 2, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(CaBroadcastAttrs),
    .attrs = ca_broadcast_attrs,
    .infer = ca_infer_broadcast,
    .ref = ref,
};
