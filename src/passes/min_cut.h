/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cheapest cut of a network in two sides (Dinic's algorithm).
 */
#ifndef CA_PASSES_MIN_CUT_H
#define CA_PASSES_MIN_CUT_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct CaCut CaCut;

enum { CA_CUT_SOURCE = 0, CA_CUT_SINK = 1, CA_CUT_FIRST = 2 }; /* vertices */
#define CA_CUT_INFINITE ((int64_t)1 << 40)

CarinaStatus ca_cut_create(CaCut **out, int n_vertices, size_t most_edges,
                           CarinaError *err);
void ca_cut_free(CaCut **cut);
/* There are at most most_edges of these. */
void ca_cut_edge(CaCut *cut, int from, int to, int64_t capacity);
/* is_source[v]: on the source's side, which is made as small as the cheapest cuts allow. False where that takes too
 * long: is_source is then not to be used. */
bool ca_cut_run(CaCut *cut, bool *is_source);

#endif
