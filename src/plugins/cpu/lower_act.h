/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators that are one function of one number.
 */
#ifndef CA_CPU_LOWER_ACT_H
#define CA_CPU_LOWER_ACT_H

#include "cpu_program.h"
#include "kernels/act.h"

/* The node as the end of a kernel; false, and the kind NONE, if it is none. PReLU with one slope counts, with many it does not. */
bool ca_cpu_act_of(CaAct *act, const CarinaNode *node);
/* Does PReLU's slope count the channels, axis 1 of x? A vector as long as that axis does, whatever the rank of x;
 * any other slope is aligned from the right. */
bool ca_cpu_is_channel_slope(const CarinaShape *slope, const CarinaShape *x);

#endif
