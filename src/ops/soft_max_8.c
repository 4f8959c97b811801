/* SPDX-License-Identifier: Apache-2.0 */
/* SoftMax: exp(x) over its sum along an axis; negative axes count from the end. OpenVINO opset8. */
#include "ops/softmax_ref.h"

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(CaSoftmaxAttrs, axis, -CARINA_MAX_RANK, CARINA_MAX_RANK - 1,
                CA_DEFAULT("1")),
    CA_ATTRS_END,
};

static void ref(CaRefArgs *r) { ca_ref_softmax(r, false); }

static const CaImportRule imports[] = {
    {CA_FORMAT_CAFFE, "Softmax", .map = {{"axis", "axis", "1"}}},
    {0},
};

const CaOp ca_op_soft_max_8 = {
    .name = "SoftMax",
    .opset = 8,
    .summary = "softmax along an axis",
    .arity = {1, 1, 1},
    .attrs_size = sizeof(CaSoftmaxAttrs),
    .attrs = attrs,
    .infer = ca_infer_softmax,
    .ref = ref,
    .imports = imports,
};
