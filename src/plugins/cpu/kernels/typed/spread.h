/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Up to five plain operands that stretch over one output by numpy's rule, walked piece by piece.
 */
#ifndef CA_SPREAD_H
#define CA_SPREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CA_SPREAD_MAX_RANK = 8, CA_SPREAD_MAX_IN = 5, CA_SPREAD_PIECE = 4096 };

typedef struct CaSpread {
    int rank, n_in; /* rank at least 1 */
    int64_t dims[CA_SPREAD_MAX_RANK];
    int64_t strides[CA_SPREAD_MAX_IN]
                   [CA_SPREAD_MAX_RANK]; /* elements; the last is 0 or 1 */
    int64_t n_pieces;                    /* what threads share */
} CaSpread;

/* n neighbours of the output from element out on; operand k begins at in[k] and moves by step[k], 0 or 1. */
typedef struct CaPiece {
    int64_t out, n, in[CA_SPREAD_MAX_IN];
    int step[CA_SPREAD_MAX_IN];
} CaPiece;

/* Dimensions are aligned at the end. False where a rank exceeds 8 or an operand does not stretch to the output. */
bool ca_spread_plan(CaSpread *plan, int rank, const int64_t *dims, int n_in,
                    const int *ranks, const int64_t *const *in_dims);

typedef void CaPieceFn(void *arg, const CaPiece *piece);
/* A thread's share of the pieces, one after the other. */
void ca_spread_run(const CaSpread *plan, int thread, int n_threads, CaPieceFn *fn,
                   void *arg);

#endif
