/* SPDX-License-Identifier: Apache-2.0 */
/* Mod: the remainder of a / b with the sign of a. Integers: 0 where b is 0. OpenVINO opset1. */
#include "ops/binary.h"

static double on_real(double a, double b) { return fmod(a, b); }

static int64_t on_whole(CarinaType type, int64_t a, int64_t b)
{
    if (b == 0)
        return 0; /* defined by nobody; anything but a trap */
    if (type == CARINA_U64)
        return (int64_t)((uint64_t)a % (uint64_t)b);
    if (b == -1)
        return 0; /* INT64_MIN % -1 traps */
    return a % b;
}

static void ref(CaRefArgs *r) { ca_ref_binary(r, on_real, on_whole); }

const CaOp ca_op_mod = {
    .name = "Mod",
    .opset = 1,
    .summary = "remainder with the sign of a",
    .arity = {2, 2, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(CaBroadcastAttrs),
    .attrs = ca_broadcast_attrs,
    .infer = ca_infer_broadcast,
    .ref = ref,
};
