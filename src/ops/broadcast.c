/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Broadcast: stretch to a target shape: by NumPy's rule, with the input's axes placed by axes_mapping
 * (explicit), or as pdpd, which with its default axis is the same as numpy. OpenVINO opset1.
 */
#include "ops/broadcast_ref.h"

static const char *const modes[] = {"numpy", "explicit", "pdpd", NULL};

static const CarinaAttr attrs[] = {
    CA_ATTR_ENUM(CaBroadcastToAttrs, mode, modes, CA_DEFAULT("numpy")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    return ca_infer_broadcast_to(a, false, err);
}

const CaOp ca_op_broadcast = {
    .name = "Broadcast",
    .opset = 1,
    .summary = "stretch to a shape",
    .arity = {2, 3, 1},
    .flags = CA_OP_MOVES,
    .attrs_size = sizeof(CaBroadcastToAttrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ca_ref_broadcast_to,
};
