/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LSTMCell: inputs x [N, I], h [N, H], c [N, H], W [4H, I], R [4H, H], B [4H]; c = f c + i g(c~), h = o h(c). OpenVINO opset4.
 */
#include "ops/recurrent.h"

static const CarinaAttr attrs[] = {
    CA_RECURRENT_ATTRS("sigmoid,tanh,tanh"),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    return ca_recurrent_infer(a, CA_LSTM, false, err);
}

static void ref(CaRefArgs *r) { ca_recurrent_ref(r, CA_LSTM, false); }

const CaOp ca_op_lstm_cell = {
    .name = "LSTMCell",
    .opset = 4,
    .summary = "one step of an LSTM",
    .arity = {6, 6, 2},
    .attrs_size = sizeof(CaRecurrentAttrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .work = ca_recurrent_work,
};
