/* SPDX-License-Identifier: Apache-2.0 */
/* What reductions take from pooling. */
#ifndef CA_CPU_LOWER_POOL_H
#define CA_CPU_LOWER_POOL_H

#include "cpu_program.h"

/* Mean or maximum of each whole map of n's first input, blocked, into its output [N, C, 1, 1] or [N, C]. */
CarinaStatus ca_cpu_pool_global(CaCpuBuild *b, const CarinaNode *n, bool is_max);

/* Is it the mean of each whole map of rank 4? */
bool ca_cpu_is_mean_of_maps(const CarinaNode *n);

#endif
