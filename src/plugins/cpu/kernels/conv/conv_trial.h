/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time of a convolution on this machine: for tuning and for the bench. Allocates; never part of a run.
 */
#ifndef CA_CPU_CONV_TRIAL_H
#define CA_CPU_CONV_TRIAL_H

#include "conv.h"

/* Seconds of one run on one thread, the least of `runs`; filter cold and input warm where sweep (CA_SWEEP_SIZE bytes,
 * see machine.h) is not NULL. 0: out of memory. */
double ca_conv_trial(const CaConvPlan *p, void *sweep, int runs);

#endif
