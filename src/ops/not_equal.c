/* SPDX-License-Identifier: Apache-2.0 */
/* NotEqual: a is not b, as boolean; NaN is unequal to everything. OpenVINO opset1. */
#include "ops/binary.h"

static bool holds(bool less, bool equal, bool greater)
{
    (void)less;
    (void)greater;
    return !equal;
}

static void ref(CaRefArgs *r) { ca_ref_compare(r, holds); }

const CaOp ca_op_not_equal = {
    .name = "NotEqual",
    .opset = 1,
    .summary = "a is not b",
    .arity = {2, 2, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(CaBroadcastAttrs),
    .attrs = ca_broadcast_attrs,
    .infer = ca_infer_compare,
    .ref = ref,
};
