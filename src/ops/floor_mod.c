/* SPDX-License-Identifier: Apache-2.0 */
/* FloorMod: the remainder of a / b with the sign of b. Integers: 0 where b is 0. OpenVINO opset1. */
#include "ops/binary.h"

static double on_real(double a, double b)
{
    const double m = fmod(a, b);
    return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

static int64_t on_whole(CarinaType type, int64_t a, int64_t b)
{
    if (b == 0)
        return 0; /* defined by nobody; anything but a trap */
    if (type == CARINA_U64)
        return (int64_t)((uint64_t)a % (uint64_t)b);
    if (b == -1)
        return 0; /* INT64_MIN % -1 traps */
    const int64_t m = a % b;
    return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

static void ref(CaRefArgs *r) { ca_ref_binary(r, on_real, on_whole); }

const CaOp ca_op_floor_mod = {
    .name = "FloorMod",
    .opset = 1,
    .summary = "remainder with the sign of b",
    .arity = {2, 2, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(CaBroadcastAttrs),
    .attrs = ca_broadcast_attrs,
    .infer = ca_infer_broadcast,
    .ref = ref,
};
