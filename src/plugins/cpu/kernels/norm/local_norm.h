/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local response normalisation along one axis after the other: sums of squares over windows, then
 * y = x / (bias + scale * sum)^beta.
 */
#ifndef CA_CPU_LOCAL_NORM_H
#define CA_CPU_LOCAL_NORM_H

#include <stdbool.h>
#include <stddef.h>

typedef struct CaLrnPass {
    ptrdiff_t outer, axis, inner; /* of the tensor, seen along this pass's axis */
    ptrdiff_t half;               /* of the window, to each side */
} CaLrnPass;

typedef struct CaLrn {
    float bias, scale, beta;
} CaLrn;

/* sums[i] = sum of in over the window; in is squared first where is_first. */
void ca_lrn_sum(const CaLrnPass *pass, float *sums, const float *in, bool is_first,
                int thread, int n_threads);
/* The last pass: its sums go straight into y. x: the tensor itself. */
void ca_lrn_finish(const CaLrn *lrn, const CaLrnPass *pass, float *y, const float *x,
                   const float *in, bool is_first, int thread, int n_threads);

#endif
