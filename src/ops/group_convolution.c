/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GroupConvolution: Convolution in G separate groups of channels; weights [G, O/G, C/G, ..]. OpenVINO opset1.
 */
#include "ops/convolutions.h"

static const CarinaAttr attrs[] = {
    CA_WINDOW_STRIDES,
    CA_WINDOW_DILATIONS(CA_REQUIRED),
    CA_WINDOW_PADS(-CA_WINDOW_MAX_STEP),
    CA_WINDOW_AUTO_PAD,
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    return ca_convolution_infer(a, true, err);
}

static void ref(CaRefArgs *r) { ca_convolution_ref(r, true); }

const CaOp ca_op_group_convolution = {
    .name = "GroupConvolution",
    .opset = 1,
    .summary =
        "convolution in groups of channels; depthwise where a group is one channel",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(CaWindowAttrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
