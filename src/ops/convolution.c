/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution: correlates data [N, C, ..] with weights [O, C, ..]. OpenVINO opset1.
 *
 * The kernel is not flipped. With auto_pad other than explicit the stored pads are ignored.
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
    return ca_convolution_infer(a, false, err);
}

static void ref(CaRefArgs *r) { ca_convolution_ref(r, false); }

const CaOp ca_op_convolution = {
    .name = "Convolution",
    .opset = 1,
    .summary = "convolution over one to three spatial dimensions",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(CaWindowAttrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
