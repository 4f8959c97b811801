/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps that several passes take: replace a value, drop what nobody reads, see constants as numbers.
 *
 * A pass walks the list once and is anchored at the last node of what it looks for: it removes that node and
 * producers above it, never a node below, so that CA_EACH_NODE_SAFE holds.
 */
#ifndef CA_PASSES_REWRITE_H
#define CA_PASSES_REWRITE_H

#include "passes/pass.h"

/* Readers of old read now; now holds the same numbers, so the tensor names of both are its. Where old fed a Result,
 * the node of now takes the name of old's node, by which IR version 10 knows the output. */
CarinaStatus ca_rewrite_same(CaGraph *g, CaValue *old, CaValue *now, CarinaError *err);
/* Readers of old read now; what now held before is gone, so it has the tensor names of old only. Results:
 * as above. */
void ca_rewrite_overtake(CaValue *old, CaValue *now);
/* Would ca_rewrite_same join a Parameter or a Const to a Result? Such a node stays. */
bool ca_rewrite_is_bridge(const CaValue *old, const CaValue *now);
/* Removes the node if nobody reads it, then its producers likewise. */
void ca_rewrite_drop(CaGraph *g, CaNode *node);

/* The numbers behind v: of a Const, also through Convert to a wider float (compressed weights) and through a change
 * of shape. NULL if v is no constant. The shape is v's. */
const CarinaTensor *ca_rewrite_constant(const CaValue *v);
/* The same as doubles, for ca_free; NULL if v is no constant or there is no memory. */
double *ca_rewrite_reals(const CaValue *v);
/* Is v a constant whose elements are all the same number? */
bool ca_rewrite_number(const CaValue *v, double *x);
/* Is y, a number from a graph of that type, x but for a few roundings? */
bool ca_rewrite_near(CarinaType type, double y, double x);
/* A binary node op_name with one constant number: the other input and the number; only_second: not the first input. */
bool ca_rewrite_with_number(const CaValue *v, const char *op_name, bool only_second,
                            CaValue **other, double *x);
/* Does the node's broadcasting follow NumPy's rule? */
bool ca_rewrite_is_numpy(const CaNode *node);
/* All of v finite when stored as type? */
bool ca_rewrite_fits(CarinaType type, const double *v, int64_t n);
/* Adds a node of the newest operator of that name, with fallback attributes, and infers it. */
CarinaStatus ca_rewrite_add(CaNode **out, CaGraph *g, CaNode *before, const char *op_name,
                            const char *name, CaValue *const *inputs, int n_inputs,
                            CarinaError *err);

#endif
