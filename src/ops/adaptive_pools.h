/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What AdaptiveAvgPool and AdaptiveMaxPool share: output i covers [floor(i in / out), ceil((i + 1) in / out)).
 */
#ifndef CA_OPS_ADAPTIVE_POOLS_H
#define CA_OPS_ADAPTIVE_POOLS_H

#include "graph/op.h"

/* Shape of the output from input 0 and the lengths in input 1. */
CarinaStatus ca_adaptive_infer(const CaInferArgs *a, CarinaShape *y, CarinaError *err);

/* The bin of one output; leading dimensions are trivial where there are fewer than three. */
typedef struct CaBin {
    int64_t in[3], first[3], last[3]; /* lengths of the plane; [first, last) */
} CaBin;
CaBin ca_adaptive_bin(const CarinaShape *x, const CarinaShape *y, int64_t out);

#endif
