/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Flatten before a matrix product: data in another order of axes give the same features in another order, which the
 * rows of the weights can take on.
 */
#ifndef CA_PASSES_FEATURES_H
#define CA_PASSES_FEATURES_H

#include "passes/order.h"

/* The node flattens [N, ...] to [N, K], and all that is done with the K features ends in products with constants. */
bool ca_features_can_move(const CaNode *flatten, const CaOrder *p);
CarinaStatus ca_features_move(CaGraph *g, CaNode *flatten, const CaOrder *p,
                              CarinaError *err);

#endif
