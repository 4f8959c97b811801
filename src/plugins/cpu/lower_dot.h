/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lowerings by dot products share.
 */
#ifndef CA_CPU_LOWER_DOT_H
#define CA_CPU_LOWER_DOT_H

#include "cpu_program.h"
#include "kernels/dot/dot.h"

/* Packs the constant filter of n (its input 1, results first) in the program's memory, with scale and bias of each of the
 * plan's results. */
CarinaStatus ca_cpu_dot_pack(CaCpuBuild *b, const unsigned char **out,
                             const CaDotPlan *plan, const CarinaNode *n,
                             const float *scale, const float *bias, int in_zero);

#endif
