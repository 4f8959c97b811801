/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax and log-softmax over the middle of x [outer, axis, inner], dense; y may be x.
 *
 *   y = exp(x - max) / sum exp(x - max)      log: y = x - max - log sum exp(x - max)
 *
 * A NaN or +inf makes all results of its sum NaN, and so does a sum of -inf alone.
 */
#ifndef CA_CPU_SOFTMAX_H
#define CA_CPU_SOFTMAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CaSoftmaxKernel {
    const char *name;
    uint32_t needs;
    /* n_rows rows of len, one behind the other */
    void (*rows)(float *y, const float *x, ptrdiff_t len, ptrdiff_t n_rows, bool is_log);
    /* n_columns sums of len elements, those ld apart */
    void (*columns)(float *y, const float *x, ptrdiff_t len, ptrdiff_t ld,
                    ptrdiff_t n_columns, bool is_log);
} CaSoftmaxKernel;

extern const CaSoftmaxKernel ca_softmax_kernels[];
const CaSoftmaxKernel *ca_softmax_select(uint32_t cpu);

typedef struct CaSoftmax {
    const CaSoftmaxKernel *kernel;
    ptrdiff_t outer, axis, inner;
    bool is_log;
} CaSoftmax;

void ca_softmax_run(const CaSoftmax *plan, float *y, const float *x, int thread,
                    int n_threads);

#endif
