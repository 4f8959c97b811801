/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which algorithm a convolution gets, and why.
 */
#ifndef CA_CPU_CONV_CHOICE_H
#define CA_CPU_CONV_CHOICE_H

#include "cpu_program.h"
#include "kernels/conv/conv.h"

/* *why is as CarinaBound.why, of the program's arena. false: not offered. */
bool ca_cpu_choose_conv(CaCpuBuild *b, CaConvPlan *plan, const char **why,
                        const CaConvShape *s);
/* Tuning: measures the convolutions of the graph before anything is packed, and sets b->choices. */
void ca_cpu_choose_all(CaCpuBuild *b);

#endif
