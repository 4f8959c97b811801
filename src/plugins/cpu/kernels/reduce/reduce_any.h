/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reductions over any axes in any element type, plain; sums in double or int64, which wraps. reduce.h has the fast form,
 * for f32 over neighbouring axes.
 */
#ifndef CA_REDUCE_ANY_H
#define CA_REDUCE_ANY_H

#include <carina/plugin.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum CaReduceAnyKind {
    CA_REDUCE_ANY_SUM,
    CA_REDUCE_ANY_MEAN, /* of integers: cut towards zero */
    CA_REDUCE_ANY_MAX,  /* NaN where one is */
    CA_REDUCE_ANY_MIN,
    CA_REDUCE_ANY_PROD,
    CA_REDUCE_ANY_L1,
    CA_REDUCE_ANY_L2, /* of integers: rounded, halves away from zero */
    CA_REDUCE_ANY_AND,
    CA_REDUCE_ANY_OR,
    CA_N_REDUCE_ANYS
} CaReduceAnyKind;

enum { CA_REDUCE_ANY_RANK = 8 };

typedef struct CaAxes {
    int rank;
    int64_t n, dims[CA_REDUCE_ANY_RANK], strides[CA_REDUCE_ANY_RANK]; /* n: product */
} CaAxes;

typedef struct CaReduceAny {
    CaReduceAnyKind kind;
    CarinaType type; /* whole bytes, no half precision */
    CaAxes kept, reduced;
} CaReduceAny;

/* Bit i of mask: axis i is reduced. There is something to reduce. */
void ca_reduce_any_plan(CaReduceAny *plan, int rank, const int64_t *dims, unsigned mask);
/* Thread's share of the outputs. */
void ca_reduce_any_run(const CaReduceAny *plan, void *out, const void *in, int thread,
                       int n_threads);

#endif
