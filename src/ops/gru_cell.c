/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GRUCell: inputs x [N, I], h [N, H], W [3H, I], R [3H, H], B [3H].
 *
 * h = (1 - z) g(W x + R (r h)) + z h; linear_before_reset applies r to R h + b and wants a fourth bias. OpenVINO opset3.
 */
#include "ops/recurrent.h"

static const CarinaAttr attrs[] = {
    CA_RECURRENT_ATTRS("sigmoid,tanh"),
    CA_RECURRENT_LINEAR,
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    return ca_recurrent_infer(a, CA_GRU, false, err);
}

static void ref(CaRefArgs *r) { ca_recurrent_ref(r, CA_GRU, false); }

const CaOp ca_op_gru_cell = {
    .name = "GRUCell",
    .opset = 3,
    .summary = "one step of a GRU",
    .arity = {5, 5, 1},
    .attrs_size = sizeof(CaRecurrentAttrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .work = ca_recurrent_work,
};
