/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two graphs with the same inputs and outputs, run by their definitions on the same numbers.
 */
#ifndef CA_TEST_GRAPH_DIFF_H
#define CA_TEST_GRAPH_DIFF_H

#include "passes/pass.h"

const CaPass *pass_named(const char *name);
/* Greatest difference of any output's element, inputs in [-1, 1) times scale; INFINITY where a run fails or types
 * and shapes differ. *most: the greatest magnitude among a's outputs. */
double graph_diff(const CaGraph *a, const CaGraph *b, uint64_t seed, double scale,
                  double *most);
/* Producers before readers, uses that agree with inputs, types and shapes as inferred anew? NULL, or what is wrong. */
const char *graph_fault(CaGraph *g);
/* [-1, 1) */
double random_real(uint64_t *state);
uint64_t random_whole(uint64_t *state, uint64_t below);

#endif
