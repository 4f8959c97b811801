/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permute: a plain tensor with its axes in another order; elements of 1, 2, 4 or 8 bytes.
 */
#ifndef CA_PERMUTE_H
#define CA_PERMUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CA_PERMUTE_MAX_RANK = 8 };

/* Output axes, outermost first, after dropping axes of length 1 and merging neighbours. */
typedef struct CaPermute {
    int rank; /* at least 1 */
    size_t elem_size;
    int64_t n_rows; /* rows of the last axis; they are what threads share */
    int64_t dims[CA_PERMUTE_MAX_RANK];
    int64_t strides[CA_PERMUTE_MAX_RANK]; /* in the input, in elements */
} CaPermute;

/* Output axis i is input axis order[i]; dims are the input's. False if the rank, element
 * size or a dimension is out of range, order repeats an axis, or the size overflows. */
bool ca_permute_plan(CaPermute *plan, int rank, const int64_t *dims, const int *order,
                     size_t elem_size);

/* Thread's share of the rows. out and in do not overlap. */
void ca_permute_run(const CaPermute *plan, int thread, int n_threads, void *out,
                    const void *in);

#endif
