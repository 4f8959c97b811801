/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators with bodies share: checking port maps, shapes through a body, running it.
 */
#ifndef CA_OPS_LOOPS_H
#define CA_OPS_LOOPS_H

#include "graph/op.h"

/* Do the maps of every body name ports that are there? n bodies are wanted. */
CarinaStatus ca_bodies_check(const CaInferArgs *a, int n, CarinaError *err);
/* Gives the body's Parameters the types and shapes of what they get, and infers it; loops until shapes that are handed
 * on from iteration to iteration agree. */
CarinaStatus ca_body_infer(const CaInferArgs *a, const CarinaBody *b, bool is_loop,
                           CarinaError *err);
/* How many parts a sliced port has in a dimension of that size; false where the map does not fit it. */
bool ca_part_count(int64_t *n, const CarinaPortMap *m, int64_t size);
/* Where part i begins. */
int64_t ca_part_begin(const CarinaPortMap *m, int64_t size, int64_t i);
/* Iterations, where sliced inputs say it and their sizes are known; CARINA_DYNAMIC where not; -2: no input is sliced. */
CarinaStatus ca_iterations_by_parts(const CaInferArgs *a, int64_t *n, CarinaError *err);
/* Iterations of a Loop or TensorIterator that do not depend on data; CARINA_DYNAMIC where they do. */
int64_t ca_iterations_known(const CaNode *node);
/* Types and shapes of the node's outputs. */
CarinaStatus ca_loop_outputs(const CaInferArgs *a, int64_t n_iterations,
                             CarinaError *err);
CarinaStatus ca_loop_run(const CaNode *node, CarinaTensor *const *outputs,
                         const CarinaTensor *const *inputs, CarinaError *err);
/* Elements of from into to, which has as many, whatever their types. */
void ca_elements_copy(const CarinaTensor *to, const CarinaTensor *from);

#endif
