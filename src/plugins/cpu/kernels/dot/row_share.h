/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How threads share maps: each the same part of the picture in all layers, where there are rows enough for all.
 */
#ifndef CA_CPU_ROW_SHARE_H
#define CA_CPU_ROW_SHARE_H

#include "../acts.h"
#include "base/threads.h"

#include <stdbool.h>

/* A thread's rows: in each of blocks [0, n_blocks) the rows [begin, end) of all images; or one stretch of all of them. */
typedef struct CaRowShare {
    int64_t begin, end, rows;
    bool by_rows;
} CaRowShare;

static inline CaRowShare ca_row_share(const CaMap *m, int thread, int n_threads)
{
    const int64_t rows = (int64_t)m->n * m->h, n_blocks = (m->c + 15) / 16;
    CaRowShare s = {0, 0, rows, ca_is_by_rows(rows, n_threads, n_blocks)};
    ca_share(s.by_rows ? rows : rows * n_blocks, thread, n_threads, &s.begin, &s.end);
    return s;
}

/* The part of it in a block. */
static inline void ca_row_range(int64_t *begin, int64_t *end, const CaRowShare *s,
                                int block)
{
    const int64_t before = s->by_rows ? 0 : block * s->rows;
    *begin = s->begin > before ? s->begin - before : 0;
    *end = s->end - before < s->rows ? s->end - before : s->rows;
}

#endif
