/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantised integers of 8 bits as maps of u8, blocked by 16 channels: i8 with its sign bit turned, so that all kernels
 * see u8 and zero points 128 higher.
 */
#ifndef CA_CPU_LOWER_STEPS_H
#define CA_CPU_LOWER_STEPS_H

#include "cpu_program.h"
#include "kernels/dot/dot.h"

/* 128 for i8, 0 for u8: what is added to steps on their way into a map. */
int ca_cpu_step_offset(CarinaType type);
bool ca_cpu_is_step(const CarinaValue *v); /* i8 or u8 */
/* What the halo of v's map holds: the zero point of the convolution that reads it. */
int ca_cpu_step_zero(const CarinaValue *v);
/* v as a map: there, or through a step that makes it; and a map for what a step makes. */
CarinaStatus ca_cpu_step_map(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v,
                             int halo);
CarinaStatus ca_cpu_new_step_map(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v);
bool ca_cpu_has_step_map(const CaCpuBuild *b, const CarinaValue *v);

#endif
