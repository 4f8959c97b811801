/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passes: rewrites within the operator set, listed in passes.def in the order in which they run.
 *
 * A pass has one file. It changes the graph, keeps it sorted and inferred, and counts the places it changed;
 * it must give the same answer within float rounding, which the random-graph test checks.
 */
#ifndef CA_PASSES_PASS_H
#define CA_PASSES_PASS_H

#include "graph/op.h"

typedef struct CaPass {
    const char *name;    /* "fold-batch-norm": what --disable-pass takes */
    const char *summary; /* one line */
    CarinaStatus (*run)(CaGraph *graph, int *n_changes, CarinaError *err);
} CaPass;

const CaPass *ca_pass_at(int i);          /* NULL past the last */
extern const CaPass ca_pass_unroll_loops; /* compiling runs it alone */

/* Runs all passes but those in the comma-separated list `disable` (NULL: none), twice over so that what one opens
 * up another can use. report may be NULL. An unknown name in `disable` is an error. */
CarinaStatus ca_passes_run(CaGraph *graph, const char *disable,
                           void (*report)(void *arg, const char *pass,
                                          const char *summary, int n_changes),
                           void *arg, CarinaError *err);

/* The passes for devices, each kept where the cost that the device sees in the graph (UINT64_MAX: it cannot run it) does
 * not rise. The graph, whose shapes are known, is replaced. */
CarinaStatus ca_passes_run_for_device(CaGraph **graph,
                                      uint64_t (*cost)(const void *device,
                                                       const CaGraph *graph),
                                      const void *device, CarinaError *err);

/* --- For passes. */
/* The constant behind input i of the node (a Const node, or Convert of one), as doubles in the arena; NULL if it
 * is no constant. *t is its tensor. */
const CarinaTensor *ca_pass_constant(const CaNode *node, int i);
/* Is input i a constant whose every element equals v? */
bool ca_pass_is_number(const CaNode *node, int i, double v);
/* The single reader of the node's output 0, or NULL if there are none or several. */
CaNode *ca_pass_only_reader(const CaNode *node);

#endif
