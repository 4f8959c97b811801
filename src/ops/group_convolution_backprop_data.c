/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GroupConvolutionBackpropData: transposed convolution in G groups; weights [G, C/G, O/G, ..]. OpenVINO opset1.
 *
 * Output lengths and pads as for ConvolutionBackpropData.
 */
#include "ops/convolutions.h"

static const CarinaAttr attrs[] = {
    CA_WINDOW_STRIDES,
    CA_WINDOW_DILATIONS(CA_REQUIRED),
    CA_WINDOW_PADS(-CA_WINDOW_MAX_STEP),
    CA_WINDOW_AUTO_PAD,
    CA_ATTR_INTS(CaWindowAttrs, output_padding, 0, CA_WINDOW_MAX_STEP, CA_DEFAULT("")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    return ca_convolution_back_infer(a, true, err);
}

static void ref(CaRefArgs *r) { ca_convolution_back_ref(r, true); }

const CaOp ca_op_group_convolution_backprop_data = {
    .name = "GroupConvolutionBackpropData",
    .opset = 1,
    .summary = "transposed convolution in groups of channels",
    .arity = {2, 3, 1},
    .attrs_size = sizeof(CaWindowAttrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
