/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Convolution, GroupConvolution and their transposed forms share. grouped: weights begin with a dimension G.
 */
#ifndef CA_OPS_CONVOLUTIONS_H
#define CA_OPS_CONVOLUTIONS_H

#include "ops/window.h"

/* Attributes are a CaWindowAttrs. */
CarinaStatus ca_convolution_infer(const CaInferArgs *a, bool grouped, CarinaError *err);
void ca_convolution_ref(CaRefArgs *r, bool grouped);
CarinaStatus ca_convolution_back_infer(const CaInferArgs *a, bool grouped,
                                       CarinaError *err);
void ca_convolution_back_ref(CaRefArgs *r, bool grouped);

#endif
