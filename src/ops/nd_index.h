/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tuples of indices, the last axis of a tensor: what GatherND reads and ScatterNDUpdate writes.
 */
#ifndef CA_OPS_ND_INDEX_H
#define CA_OPS_ND_INDEX_H

#include "ops/axes.h"

/* a's dimensions [0, n) and then b's [from, rank). False where that is too many. */
static inline bool ca_nd_join(CarinaShape *out, const CarinaShape *a, int n,
                              const CarinaShape *b, int from)
{
    CarinaShape y = {0};
    if (n + b->rank - from > CARINA_MAX_RANK)
        return false;
    for (int d = 0; d < n; d++)
        y.dims[y.rank++] = a->dims[d];
    for (int d = from; d < b->rank; d++)
        y.dims[y.rank++] = b->dims[d];
    *out = y;
    return true;
}

/* Offset in elements of the slice that the tuple names in axes [from, from + n) of s; negative indices count
 * from the end. -1: outside. The axes before count for nothing. */
static inline int64_t ca_nd_offset(const CarinaShape *s, const int64_t *tuple, int from,
                                   int n)
{
    int64_t strides[CARINA_MAX_RANK], at = 0;
    ca_ref_strides(s, strides);
    for (int k = 0; k < n; k++) {
        const int64_t dim = s->dims[from + k],
                      i = tuple[k] < 0 ? tuple[k] + dim : tuple[k];
        if (i < 0 || i >= dim)
            return -1;
        at += i * strides[from + k];
    }
    return at;
}

#endif
