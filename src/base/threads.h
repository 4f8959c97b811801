/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Teams of threads: static shares, one fork-join, a spin that turns into sleep.
 */
#ifndef CA_BASE_THREADS_H
#define CA_BASE_THREADS_H

#include "base/error.h"
#include <carina/plugin.h>

/* n threads that work together: the caller and n - 1 helpers, started on first use. */
typedef struct CaTeam CaTeam;
CarinaStatus ca_team_create(CaTeam **out, int n_threads, CarinaError *err);
void ca_team_free(CaTeam **team);
int ca_team_size(const CaTeam *team);
/* Runs fn(arg, i, n) once for each i and returns when all are done. One caller at a time. Signature of
 * CarinaRun.fork_join. Helpers spin about 50 us for the next call, then sleep. */
void ca_team_run(void *team, CarinaParallelFn *fn, void *arg);

/* The share of thread in n items: [*begin, *end), sizes differ by at most one. */
static inline void ca_share(int64_t n, int thread, int n_threads, int64_t *begin,
                            int64_t *end)
{
    *begin = n * thread / n_threads;
    *end = n * (thread + 1) / n_threads;
}

/* Do n_threads share the rows, or else the n_others (blocks, groups) times them? Rows, where they come out even, are
 * many, or the others too few. */
static inline bool ca_is_by_rows(int64_t rows, int n_threads, int64_t n_others)
{
    return rows % n_threads == 0 || rows >= 8 * n_threads || n_others < n_threads;
}

/* Processors this process may use, at least 1. */
int ca_threads_available(void);
int64_t ca_now_ns(void); /* monotonic */

#endif
