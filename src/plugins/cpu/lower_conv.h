/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lowering a convolution needs to know of its node, in whatever precision it runs.
 */
#ifndef CA_CPU_LOWER_CONV_H
#define CA_CPU_LOWER_CONV_H

#include "cpu_program.h"
#include "kernels/conv/conv.h"

bool ca_cpu_conv_shape(CaConvShape *c, const CarinaNode *n); /* false: not a 2-D one */
/* One float a channel, or NULL (where v is not NULL: out of memory). */
const float *ca_cpu_conv_bias(CaCpuBuild *b, const CarinaValue *v, int64_t channels);
/* The chain before the convolution as one step a channel. */
CarinaStatus ca_cpu_before(CaCpuBuild *b, CaConvBefore *out, const CaCpuBefore *f,
                           int channels);
/* The activation at the fusion's end: an act, or slopes. */
CarinaStatus ca_cpu_conv_act(CaCpuBuild *b, CaAct *act, const float **slope,
                             const CaCpuFusion *f);
/* The filter in the plan's order, in the program's memory of them. */
CarinaStatus ca_cpu_conv_pack(CaCpuBuild *b, const CaConvPlan *plan, const CaCpuFusion *f,
                              unsigned char **packed);
/* What the step's counters say. elem_size: of activations and filter. */
void ca_cpu_conv_info(CaCpuStep *s, const CaCpuFusion *f, const CaConvShape *shape,
                      double elem_size);

#endif
