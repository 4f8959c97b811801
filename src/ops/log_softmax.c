/* SPDX-License-Identifier: Apache-2.0 */
/* LogSoftmax: the logarithm of SoftMax, x - max - log(sum(exp(x - max))). OpenVINO opset5. */
#include "ops/softmax_ref.h"

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(CaSoftmaxAttrs, axis, -CARINA_MAX_RANK, CARINA_MAX_RANK - 1,
                CA_DEFAULT("1")),
    CA_ATTRS_END,
};

static void ref(CaRefArgs *r) { ca_ref_softmax(r, true); }

const CaOp ca_op_log_softmax = {
    .name = "LogSoftmax",
    .opset = 5,
    .summary = "logarithm of softmax along an axis",
    .arity = {1, 1, 1},
    .attrs_size = sizeof(CaSoftmaxAttrs),
    .attrs = attrs,
    .infer = ca_infer_softmax,
    .ref = ref,
};
