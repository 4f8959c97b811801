/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tuning: which algorithm of a convolution is fastest on this machine, measured once and kept.
 */
#ifndef CA_CPU_CONV_TUNE_H
#define CA_CPU_CONV_TUNE_H

#include "cpu_program.h"
#include "kernels/conv/conv_cost.h"

/* Between the two b->tune is set: answers are known from this device's earlier compilings and from the file at path ("":
 * none), which gets the new ones in the end. Where anything of that fails, shapes are measured anew. */
void ca_cpu_tune_begin(CaCpuBuild *b, const char *path);
void ca_cpu_tune_end(CaCpuBuild *b);
/* Index of the fastest of c, which has several; seconds[CA_MOST_CANDIDATES] where this device measured them, else 0. Measures on one
 * thread: the answer may not depend on how many there are. */
int ca_cpu_tuned(CaCpuBuild *b, double *seconds, const CaConvCandidates *c);

#endif
