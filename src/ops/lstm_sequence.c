/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LSTMSequence: inputs x [N, T, I], h [N, D, H], c [N, D, H], lengths [N], W [D, 4H, I], R [D, 4H, H], B [D, 4H].
 *
 * c = f c + i g(c~), h = o h(c). OpenVINO opset5.
 */
#include "ops/recurrent.h"

static const CarinaAttr attrs[] = {
    CA_RECURRENT_ATTRS("sigmoid,tanh,tanh"),
    CA_RECURRENT_DIRECTION,
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    return ca_recurrent_infer(a, CA_LSTM, true, err);
}

static void ref(CaRefArgs *r) { ca_recurrent_ref(r, CA_LSTM, true); }

const CaOp ca_op_lstm_sequence = {
    .name = "LSTMSequence",
    .opset = 5,
    .summary = "an LSTM along sequences",
    .arity = {7, 7, 3},
    .attrs_size = sizeof(CaRecurrentAttrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .work = ca_recurrent_work,
};
