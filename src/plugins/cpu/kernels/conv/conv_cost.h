/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plans cost, and which are to choose from.
 */
#ifndef CA_CPU_CONV_COST_H
#define CA_CPU_CONV_COST_H

#include "conv.h"

/* Operations of the products that the plan computes (a multiply-add is 2), without transforms and padding: the
 * definition's for direct and depthwise, fewer for Winograd and Strassen. */
double ca_conv_operations(const CaConvPlan *p);

enum { CA_MOST_CANDIDATES = 4 };
typedef struct CaConvCandidates {
    int n, best; /* best: by the estimates */
    CaConvPlan plans[CA_MOST_CANDIDATES];
    double seconds
        [CA_MOST_CANDIDATES]; /* estimated, on one thread, from cost.def; 0: not estimated, as it is the only one */
} CaConvCandidates;
/* false: a shape we do not offer. */
bool ca_conv_candidates(CaConvCandidates *c, const CaConvShape *s, uint32_t cpu,
                        bool allow_winograd);
/* "direct", "winograd2", "winograd4", "strassen", "depthwise", "planes" */
const char *ca_conv_algorithm_name(int algorithm);

#endif
