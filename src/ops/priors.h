/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What PriorBox and PriorBoxClustered share: inputs, output and the row of variances.
 */
#ifndef CA_OPS_PRIORS_H
#define CA_OPS_PRIORS_H

#include "graph/op.h"

/* Inputs are the layer's (height, width) and the image's; output f32 [2, 4 * height * width * n]. */
CarinaStatus ca_priors_infer(const CaInferArgs *a, int64_t n, CarinaFloats variance,
                             CarinaError *err);
/* The second row: one number repeated, four in turn, or 0.1. */
void ca_priors_variance(CaRefArgs *r, CarinaFloats variance);
/* False, with r->problem set, where the inputs do not lead to the output's shape. */
bool ca_priors_sizes(CaRefArgs *r, int64_t n, int64_t layer[2], double image[2]);

#endif
