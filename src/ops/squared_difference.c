/* SPDX-License-Identifier: Apache-2.0 */
/* SquaredDifference: (a - b) squared; integers wrap. OpenVINO opset1. */
#include "ops/binary.h"

static double on_real(double a, double b) { return (a - b) * (a - b); }

static int64_t on_whole(CarinaType type, int64_t a, int64_t b)
{
    (void)type;
    const int64_t d = ca_wrap_sub(a, b);
    return ca_wrap_mul(d, d);
}

static void ref(CaRefArgs *r) { ca_ref_binary(r, on_real, on_whole); }

const CaOp ca_op_squared_difference = {
    .name = "SquaredDifference",
    .opset = 1,
    .summary = "(a - b) squared",
    .arity = {2, 2, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(CaBroadcastAttrs),
    .attrs = ca_broadcast_attrs,
    .infer = ca_infer_broadcast,
    .ref = ref,
};
