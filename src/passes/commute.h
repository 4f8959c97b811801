/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How operators commute with Transpose: with its data in another order of axes, which attributes, axes and constants
 * make the operator give the same result, in which order of its own axes. A table has one row for each operator.
 *
 * Ports are the inputs and outputs that change their order: input i is i, output i is ~i.
 */
#ifndef CA_PASSES_COMMUTE_H
#define CA_PASSES_COMMUTE_H

#include "passes/order.h"

typedef enum CaCommutes {
    CA_COMMUTES_NOT,
    CA_COMMUTES,       /* all ports change together */
    CA_COMMUTES_INPUT, /* the input changes, the output stays as it is */
} CaCommutes;

/* Whether the node can be rewritten at all. */
CaCommutes ca_commute_kind(const CaNode *n);
bool ca_commute_is_port(const CaNode *n, int port);
/* With port `from` transposed by p, the order of port `to`; false where it has none, or none that is known. */
bool ca_commute_relate(const CaNode *n, int from, const CaOrder *p, int to, CaOrder *out);
/* Does the input alone change: does the output stay as it is when the data come in that order? */
bool ca_commute_absorbs(const CaNode *n, const CaOrder *p);
/* Is the order of axes nothing to the node, so that it goes along? Others stay in their order where that costs no
 * Transpose. */
bool ca_commute_is_pointwise(const CaNode *n);
/* Rewrites the node for data transposed by p. The shapes that its values have are those of before; nothing is
 * inferred. */
CarinaStatus ca_commute_apply(CaGraph *g, CaNode *n, const CaOrder *p, CarinaError *err);

#endif
