/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reductions over the middle of x [outer, axis, inner], dense, to y [outer, inner].
 *
 * Of nothing: 0, 1 for the product, -inf for the maximum, +inf for the minimum. A NaN makes its
 * result NaN, maximum and minimum included.
 */
#ifndef CA_CPU_REDUCE_H
#define CA_CPU_REDUCE_H

#include <stddef.h>
#include <stdint.h>

typedef enum CaReduceKind {
    CA_REDUCE_SUM,
    CA_REDUCE_MEAN,
    CA_REDUCE_MAX,
    CA_REDUCE_MIN,
    CA_REDUCE_PROD,
    CA_REDUCE_L1, /* sum |x| */
    CA_REDUCE_L2, /* sqrt sum x^2 */
    CA_N_REDUCES
} CaReduceKind;

typedef struct CaReduceKernel {
    const char *name;
    uint32_t needs;
    /* n_rows rows of len, one behind the other */
    void (*rows)(float *y, const float *x, ptrdiff_t len, ptrdiff_t n_rows,
                 CaReduceKind kind);
    /* n_columns results, each of len elements that are ld apart */
    void (*columns)(float *y, const float *x, ptrdiff_t len, ptrdiff_t ld,
                    ptrdiff_t n_columns, CaReduceKind kind);
} CaReduceKernel;

extern const CaReduceKernel ca_reduce_kernels[];
const CaReduceKernel *ca_reduce_select(uint32_t cpu);

typedef struct CaReduce {
    const CaReduceKernel *kernel;
    CaReduceKind kind;
    ptrdiff_t outer, axis, inner;
} CaReduce;

void ca_reduce_run(const CaReduce *plan, float *y, const float *x, int thread,
                   int n_threads);

#endif
