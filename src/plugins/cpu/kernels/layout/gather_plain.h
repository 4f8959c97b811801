/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of plain tensors read and written by index; elements compared with an index.
 *
 * Indices are int64; a negative one counts from the end. Operands do not overlap. Each function does a thread's
 * share; results do not depend on n_threads.
 */
#ifndef CA_GATHER_PLAIN_H
#define CA_GATHER_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A tensor of rows: [n_batches, n_outer, n, row_size bytes]; indices: [n_batches, n_index]; the tensor of what they
 * name: [n_batches, n_outer, n_index, row_size bytes]. */
typedef struct CaRows {
    int64_t n_batches, n_outer, n, n_index;
    size_t row_size;
} CaRows;

/* out[b, o, i] = in[b, o, index[b, i]]. An index out of range gives a row of zeros and, for the thread that saw it,
 * false. */
bool ca_gather_rows(const CaRows *r, void *out, const void *in, const int64_t *index,
                    int thread, int n_threads);
/* out[b, o, index[b, i]] = in[b, o, i], i in its order. An index out of range writes nothing and returns false. */
bool ca_scatter_rows(const CaRows *r, void *out, const void *in, const int64_t *index,
                     int thread, int n_threads);

/* [outer, axis, inner]; elements of 1, 2, 4 or 8 bytes. */
typedef struct CaAxisElements {
    int64_t outer, n, n_index, inner;
    size_t elem_size;
} CaAxisElements;

/* out[o, i, j] = in[o, index[o, i, j], j]; index: [outer, n_index, inner]. Out of range: 0 and false. */
bool ca_gather_elements(const CaAxisElements *a, void *out, const void *in,
                        const int64_t *index, int thread, int n_threads);
/* out[o, i, j] = i is index[o, j] ? on : off, i < n; index: [outer, inner]. Negative indices are none, unless they
 * wrap. */
void ca_one_hot(const CaAxisElements *a, void *out, const int64_t *index, const void *on,
                const void *off, bool wraps, int thread, int n_threads);

#endif
