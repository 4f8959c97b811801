/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders of axes: what Transpose does to a shape. Transpose(x, p) has the dimensions x.dims[p.at[0]], x.dims[p.at[1]], ...
 */
#ifndef CA_PASSES_ORDER_H
#define CA_PASSES_ORDER_H

#include "passes/pass.h"

typedef struct CaOrder {
    int8_t rank;
    int8_t at[CARINA_MAX_RANK];
} CaOrder;

bool ca_order_is_identity(const CaOrder *p);
bool ca_order_equal(const CaOrder *p, const CaOrder *q);
CaOrder ca_order_inverse(const CaOrder *p);
/* Transpose(Transpose(x, p), q) is Transpose(x, ca_order_then(p, q)). */
CaOrder ca_order_then(const CaOrder *p, const CaOrder *q);
/* The constant order of a Transpose of known rank; false if the node is something else. */
bool ca_order_read(CaOrder *p, const CaNode *n);
CarinaShape ca_order_shape(const CaOrder *p, const CarinaShape *s);
/* Does Transpose(x, p) move only axes of one element, so that a Reshape does the same? Not the first: the batch may yet
 * become another. */
bool ca_order_moves_ones(const CaOrder *p, const CarinaShape *s);

/* Transpose(v, p), not inferred: v itself, a constant, a Reshape or a Transpose. s is v's shape when it runs. */
CarinaStatus ca_order_put(CaValue **out, CaGraph *g, CaNode *before, const char *name,
                          CaValue *v, const CarinaShape *s, const CaOrder *p,
                          CarinaError *err);
/* Input i of the node becomes v in that shape, by a Reshape that is not inferred; at most one dimension is unknown. */
CarinaStatus ca_order_reshape(CaValue **out, CaGraph *g, CaNode *before, const char *name,
                              CaValue *v, const CarinaShape *from, const CarinaShape *to,
                              CarinaError *err);

#endif
