/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work on activations row by row: a row is W pixels of one block of 16 channels of one image.
 * Threads share the rows in fixed ranges; whoever writes a row also zeroes the halo beside it,
 * so nothing is written twice and nobody waits.
 */
#ifndef CA_CPU_ACTS_ROWS_H
#define CA_CPU_ACTS_ROWS_H

#include "acts.h"

#include "base/compiler.h"
#include "base/threads.h"

#include <stdint.h>
#include <string.h>

enum { CA_LANES = 16 };

CA_INLINE int ca_acts_n_blocks(const CaActs *a)
{
    return (a->c + CA_LANES - 1) / CA_LANES;
}

CA_INLINE float *ca_acts_row(const CaActs *a, int block, int image, int y)
{
    return a->data + block * a->block_stride + image * a->image_stride +
           y * a->row_stride;
}

/* Channels of a block that are not padding. */
CA_INLINE int ca_acts_lanes(const CaActs *a, int block)
{
    const int left = a->c - block * CA_LANES;
    return left < CA_LANES ? left : CA_LANES;
}

typedef struct CaRowAt {
    int block, image, y;
} CaRowAt;

/* The i-th row, 0 <= i < blocks * N * H. */
CA_INLINE CaRowAt ca_acts_row_at(const CaActs *a, int64_t i)
{
    const int64_t j = i / a->h;
    return (CaRowAt){(int)(j / a->n), (int)(j % a->n), (int)(i % a->h)};
}

CA_INLINE void ca_zero_lanes(float *p, int64_t n_pixels, int lo, int hi)
{
    if (lo == 0 && hi == CA_LANES) {
        memset(p, 0, (size_t)n_pixels * CA_LANES * sizeof(float));
        return;
    }
    for (int64_t i = 0; i < n_pixels; i++)
        for (int j = lo; j < hi; j++)
            p[i * CA_LANES + j] = 0;
}

/* Zeroes the halo left and right of a row, above it if it is the first, below it if the last. */
CA_INLINE void ca_acts_zero_beside(const CaActs *a, float *row, int y, int lo, int hi)
{
    const int halo = a->halo, side = halo * CA_LANES, wide = a->w + 2 * halo;
    if (halo == 0)
        return;
    ca_zero_lanes(row - side, halo, lo, hi);
    ca_zero_lanes(row + (ptrdiff_t)a->w * CA_LANES, halo, lo, hi);
    for (int i = 1; y == 0 && i <= halo; i++)
        ca_zero_lanes(row - i * a->row_stride - side, wide, lo, hi);
    for (int i = 1; y == a->h - 1 && i <= halo; i++)
        ca_zero_lanes(row + i * a->row_stride - side, wide, lo, hi);
}

#endif
