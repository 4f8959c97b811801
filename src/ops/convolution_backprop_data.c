/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConvolutionBackpropData: transposed convolution, y[i s + k d - pads_begin] += x[i] w[k]. OpenVINO opset1.
 *
 * Weights [C, O, ..]. output_padding lengthens the end. With output_shape the pads follow from it: for same_upper
 * the odd element is at the beginning, for same_lower and valid at the end - the opposite of Convolution and ONNX.
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
    return ca_convolution_back_infer(a, false, err);
}

static void ref(CaRefArgs *r) { ca_convolution_back_ref(r, false); }

const CaOp ca_op_convolution_backprop_data = {
    .name = "ConvolutionBackpropData",
    .opset = 1,
    .summary = "transposed convolution",
    .arity = {2, 3, 1},
    .attrs_size = sizeof(CaWindowAttrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
