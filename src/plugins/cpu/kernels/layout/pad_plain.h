/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pad: a plain tensor with elements added (or, for negative pads, cut off) at both ends of each axis.
 */
#ifndef CA_PAD_PLAIN_H
#define CA_PAD_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CA_PAD_MAX_RANK = 8 };

typedef enum CaPadMode {
    CA_PAD_CONSTANT,
    CA_PAD_EDGE,
    CA_PAD_REFLECT,   /* the edge is not repeated: c b | a b c | b a */
    CA_PAD_SYMMETRIC, /* the edge is repeated:     b a | a b c | c b */
} CaPadMode;

typedef struct CaPad {
    int rank; /* at least 1 */
    CaPadMode mode;
    size_t elem_size;
    int64_t n_rows; /* rows of the output; they are what threads share */
    int64_t dims[CA_PAD_MAX_RANK], out_dims[CA_PAD_MAX_RANK], begin[CA_PAD_MAX_RANK];
} CaPad;

/* False if the rank or element size (1, 2, 4, 8) is out of range, a pad reaches further
 * than its mode allows, a result is negative, or a size overflows. */
bool ca_pad_plan(CaPad *plan, CaPadMode mode, int rank, const int64_t *dims,
                 const int64_t *begin, const int64_t *end, size_t elem_size);

/* Thread's share of the rows. value: one element, read for CA_PAD_CONSTANT only. */
void ca_pad_run(const CaPad *plan, int thread, int n_threads, void *out, const void *in,
                const void *value);

#endif
