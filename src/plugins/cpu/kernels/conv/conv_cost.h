/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan costs.
 */
#ifndef CA_CPU_CONV_COST_H
#define CA_CPU_CONV_COST_H

#include "conv.h"

/* Operations of the products that the plan computes (a multiply-add is 2), without transforms and padding: the
 * definition's for direct and depthwise, fewer for Winograd. */
double ca_conv_operations(const CaConvPlan *p);

#endif
