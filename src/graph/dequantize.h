/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operators that turn stored integers into floats, on constants, in f32.
 */
#ifndef CA_GRAPH_DEQUANTIZE_H
#define CA_GRAPH_DEQUANTIZE_H

#include "graph/graph.h"
#include "graph/shape.h"

/* Does the node, to the bit as its definition would; false: not one of these, and nothing is written that counts. */
bool ca_dequantize(const CaNode *node, CarinaTensor *const *outputs,
                   const CarinaTensor *const *inputs);

#endif
