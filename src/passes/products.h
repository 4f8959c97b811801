/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A product of the channels, which come last, with a matrix: where they come first it is a 1x1 Convolution.
 */
#ifndef CA_PASSES_PRODUCTS_H
#define CA_PASSES_PRODUCTS_H

#include "passes/order.h"

/* Is the node a MatMul of an image [N, ..., C] with constant weights? */
bool ca_product_can_move(const CaNode *n);
/* Does the order bring the channels of [N, ..., C] behind N, and keep the others as they are? */
bool ca_product_fits(const CaOrder *p);
/* The node becomes the Convolution of data in that order. */
CarinaStatus ca_product_move(CaGraph *g, CaNode *n, const CaOrder *p, CarinaError *err);

#endif
