/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RNNCell: inputs x [N, I], h [N, H], W [H, I], R [H, H], B [H]; h = f(W x + R h + b). OpenVINO opset1.
 */
#include "ops/recurrent.h"

static const CarinaAttr attrs[] = {
    CA_RECURRENT_ATTRS("tanh"),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    return ca_recurrent_infer(a, CA_RNN, false, err);
}

static void ref(CaRefArgs *r) { ca_recurrent_ref(r, CA_RNN, false); }

const CaOp ca_op_rnn_cell = {
    .name = "RNNCell",
    .opset = 1,
    .summary = "one step of a plain recurrent network",
    .arity = {5, 5, 1},
    .attrs_size = sizeof(CaRecurrentAttrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .work = ca_recurrent_work,
};
