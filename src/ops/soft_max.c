/* SPDX-License-Identifier: Apache-2.0 */
/* SoftMax: exp(x) over its sum along an axis, which is not negative. OpenVINO opset1. */
#include "ops/softmax_ref.h"

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(CaSoftmaxAttrs, axis, 0, CARINA_MAX_RANK - 1, CA_DEFAULT("1")),
    CA_ATTRS_END,
};

static void ref(CaRefArgs *r) { ca_ref_softmax(r, false); }

const CaOp ca_op_soft_max = {
    .name = "SoftMax",
    .opset = 1,
    .summary = "softmax along an axis",
    .arity = {1, 1, 1},
    .attrs_size = sizeof(CaSoftmaxAttrs),
    .attrs = attrs,
    .infer = ca_infer_softmax,
    .ref = ref,
};
