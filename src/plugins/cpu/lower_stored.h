/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters that are stored as s8 and that the host left so: (integers - zero) * scale.
 */
#ifndef CA_CPU_LOWER_STORED_H
#define CA_CPU_LOWER_STORED_H

#include "cpu_program.h"

/* Filters of convolutions and products get their integers as their constant, of type i8, where floats are computed from
 * these. */
void ca_cpu_stored_find(CaCpuBuild *b);
/* The scales of n's stored filter: one, or one a result (its first axis), none of them 0, and no zero point; NULL: not
 * such a filter. */
const float *ca_cpu_stored_scales(CaCpuBuild *b, const CarinaNode *n, int64_t *count);
/* Those that no layer takes as integers (filter_scales) become floats. */
CarinaStatus ca_cpu_stored_widen(CaCpuBuild *b);

#endif
