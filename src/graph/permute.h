/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensors with their dimensions in another order, at the speed of memory.
 */
#ifndef CA_GRAPH_PERMUTE_H
#define CA_GRAPH_PERMUTE_H

#include "graph/shape.h"

/* Dimension i of *out is dimension perm[i] of t: a tensor of its own, or a handle on t's data where no element moves
 * (dimensions of 1 may). Elements must be whole bytes. */
CarinaStatus ca_tensor_permuted(CarinaTensor **out, const CarinaTensor *t,
                                const int *perm, CarinaError *err);

#endif
