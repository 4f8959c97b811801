/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies between plain tensors of any element type: strided boxes (slice, split, concat), rows
 * by index (gather). Each function does a thread's share; operands do not overlap.
 */
#ifndef CA_COPY_PLAIN_H
#define CA_COPY_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CA_BOX_MAX_RANK = 8 };

/* Where element i of an axis of the box lies in a tensor: start + i * step; step may be negative. */
typedef struct CaBoxSide {
    int64_t dims[CA_BOX_MAX_RANK], start[CA_BOX_MAX_RANK], step[CA_BOX_MAX_RANK];
} CaBoxSide;

typedef struct CaBox {
    int rank; /* at least 1 */
    size_t elem_size;
    int64_t n_rows; /* of the last axis; what threads share */
    int64_t dims[CA_BOX_MAX_RANK];
    int64_t out_start, in_start, out_strides[CA_BOX_MAX_RANK],
        in_strides[CA_BOX_MAX_RANK];
} CaBox;

/* dims: of the box. A slice is a box that is all of out; a concatenation is one box for each
 * input that is all of the input. False if the rank or element size (1, 2, 4, 8) is out of
 * range, the box leaves a tensor, or a size overflows. */
bool ca_box_plan(CaBox *plan, int rank, const int64_t *dims, const CaBoxSide *out,
                 const CaBoxSide *in, size_t elem_size);
void ca_box_run(const CaBox *plan, int thread, int n_threads, void *out, const void *in);

/* out[i] = in[index[i]], rows of row_size bytes; a negative index counts from n_in. An index out of
 * range gives a row of zeros and, for the thread that saw it, false. */
bool ca_gather_rows(void *out, const void *in, const int64_t *index, int64_t n_out,
                    int64_t n_in, size_t row_size, int thread, int n_threads);

#endif
