/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strided: a dense plain tensor made of elements that lie at regular distances in another: slices, broadcasts,
 * tiles, reversals and permutations are all this one copy.
 *
 *   out[i, j, ..] = in[start + i * strides[0] + j * strides[1] + ..]
 */
#ifndef CA_STRIDED_H
#define CA_STRIDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CA_STRIDED_MAX_RANK = 16 };

/* Axes outermost first, after dropping those of length 1 and merging neighbours. */
typedef struct CaStrided {
    int rank; /* at least 2: an axis of 1 is put in front where there is only one */
    size_t elem_size;
    int64_t n_rows; /* of the last axis; what threads share */
    int64_t start;
    int64_t dims[CA_STRIDED_MAX_RANK], strides[CA_STRIDED_MAX_RANK];
} CaStrided;

/* Strides and start in elements, of any sign, 0 repeats. False if the rank or element size (1, 2, 4, 8) is out of
 * range or an element lies outside the n_in elements of the input. */
bool ca_strided_plan(CaStrided *plan, int rank, const int64_t *dims,
                     const int64_t *strides, int64_t start, int64_t n_in,
                     size_t elem_size);
/* Does the output have the input's first elements in their order? */
bool ca_strided_is_whole(const CaStrided *plan);

/* Thread's share of the rows. out and in do not overlap. */
void ca_strided_run(const CaStrided *plan, int thread, int n_threads, void *out,
                    const void *in);

#endif
