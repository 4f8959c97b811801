/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One axis of a slice, as Python's: negative ends count from the end once, then everything is cut to the axis.
 */
#ifndef CA_OPS_SLICE_RANGE_H
#define CA_OPS_SLICE_RANGE_H

#include <stdint.h>

static inline int64_t ca_slice_clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* The first index and the count along an axis of n elements; step is not 0. */
static inline int64_t ca_slice_range(int64_t *first, int64_t n, int64_t start,
                                     int64_t stop, int64_t step)
{
    const int64_t lo = step > 0 ? 0 : -1, hi = step > 0 ? n : n - 1;
    const int64_t b = ca_slice_clamp(start < 0 ? start + n : start, lo, hi);
    const int64_t e = ca_slice_clamp(stop < 0 ? stop + n : stop, lo, hi);
    *first = b;
    if (step > 0)
        return b < e ? (e - b - 1) / step + 1 : 0;
    return b > e ? (int64_t)((uint64_t)(b - e - 1) / (0 - (uint64_t)step)) + 1 : 0;
}

#endif
