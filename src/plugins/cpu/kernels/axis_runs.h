/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How threads share work along the middle of [outer, axis, inner]: a run is up to 64 neighbours in
 * inner, each with the whole axis. Runs do not depend on the number of threads.
 */
#ifndef CA_CPU_AXIS_RUNS_H
#define CA_CPU_AXIS_RUNS_H

#include "base/compiler.h"

#include <stddef.h>

enum { CA_AXIS_RUN = 64 };

typedef struct CaAxisRun {
    ptrdiff_t outer, column, n; /* columns [column, column + n) of outer */
} CaAxisRun;

/* Where a thread's share of n things begins; it ends where the next thread's begins. */
CA_INLINE ptrdiff_t ca_share(ptrdiff_t n, int thread, int n_threads)
{
    return n / n_threads * thread + n % n_threads * thread / n_threads;
}

CA_INLINE ptrdiff_t ca_axis_n_runs(ptrdiff_t outer, ptrdiff_t inner)
{
    return outer * ((inner + CA_AXIS_RUN - 1) / CA_AXIS_RUN);
}

CA_INLINE CaAxisRun ca_axis_run(ptrdiff_t at, ptrdiff_t inner)
{
    const ptrdiff_t n_runs = (inner + CA_AXIS_RUN - 1) / CA_AXIS_RUN;
    const ptrdiff_t column = at % n_runs * CA_AXIS_RUN, left = inner - column;
    return (CaAxisRun){at / n_runs, column, left < CA_AXIS_RUN ? left : CA_AXIS_RUN};
}

#endif
