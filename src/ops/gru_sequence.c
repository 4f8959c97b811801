/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GRUSequence: inputs x [N, T, I], h [N, D, H], lengths [N], W [D, 3H, I], R [D, 3H, H], B [D, 3H].
 *
 * h = (1 - z) g(W x + R (r h)) + z h; linear_before_reset applies r to R h + b and wants a fourth bias. OpenVINO opset5.
 */
#include "ops/recurrent.h"

static const CarinaAttr attrs[] = {
    CA_RECURRENT_ATTRS("sigmoid,tanh"),
    CA_RECURRENT_DIRECTION,
    CA_RECURRENT_LINEAR,
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    return ca_recurrent_infer(a, CA_GRU, true, err);
}

static void ref(CaRefArgs *r) { ca_recurrent_ref(r, CA_GRU, true); }

const CaOp ca_op_gru_sequence = {
    .name = "GRUSequence",
    .opset = 5,
    .summary = "a GRU along sequences",
    .arity = {6, 6, 2},
    .attrs_size = sizeof(CaRecurrentAttrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .work = ca_recurrent_work,
};
