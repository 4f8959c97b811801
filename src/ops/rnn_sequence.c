/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RNNSequence: inputs x [N, T, I], h [N, D, H], lengths [N], W [D, H, I], R [D, H, H], B [D, H]; h = f(W x + R h + b). OpenVINO opset5.
 */
#include "ops/recurrent.h"

static const CarinaAttr attrs[] = {
    CA_RECURRENT_ATTRS("tanh"),
    CA_RECURRENT_DIRECTION,
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    return ca_recurrent_infer(a, CA_RNN, true, err);
}

static void ref(CaRefArgs *r) { ca_recurrent_ref(r, CA_RNN, true); }

const CaOp ca_op_rnn_sequence = {
    .name = "RNNSequence",
    .opset = 5,
    .summary = "a plain recurrent network along sequences",
    .arity = {6, 6, 2},
    .attrs_size = sizeof(CaRecurrentAttrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .work = ca_recurrent_work,
};
