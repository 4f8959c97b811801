/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph: made by readers, rewritten by passes, lent to plugins.
 *
 * Nodes, names, attributes and shapes live in the graph's arena; constants are counted tensors. The list of
 * nodes always has producers before readers: a pass inserts before the reader it serves. The structs are
 * those of carina/plugin.h; change them only through these functions.
 */
#ifndef CA_GRAPH_GRAPH_H
#define CA_GRAPH_GRAPH_H

#include "base/memory.h"
#include <carina/plugin.h>

typedef CarinaGraph CaGraph;
typedef CarinaNode CaNode;
typedef CarinaValue CaValue;
typedef CarinaUse CaUse;

struct CaGraphOwn {
    CaArena *arena;
    int32_t next_id;
    CarinaTensor **tensors; /* every constant, freed with the graph */
    size_t n_tensors, tensors_room;
    CarinaGraph **bodies; /* of its nodes, freed with the graph */
    size_t n_bodies, bodies_room;
};

/* The attributes of Parameter: the graph itself sets and reads them. */
typedef struct CaParameterAttrs {
    CarinaShape shape;
    CarinaType element_type;
} CaParameterAttrs;

/* Bounds that no real model meets: readers of strangers' files stop there. */
enum { CA_MAX_NODES = 1 << 20, CA_MAX_PORTS = 1 << 16 };

CarinaStatus ca_graph_create(CaGraph **out, CarinaError *err);
void ca_graph_free(CaGraph **graph);
/* Nodes, names, attributes copied; constants shared. */
CarinaStatus ca_graph_copy(CaGraph **out, const CaGraph *graph, CarinaError *err);
/* Lets all constants go; nodes, types and shapes stay. */
void ca_graph_drop_constants(CaGraph *graph);
static inline CaArena *ca_graph_arena(CaGraph *g) { return g->own->arena; }

#define CA_EACH_NODE(n, graph) for (CaNode *n = (graph)->first; n; n = n->next)
/* The same while n may be removed. */
#define CA_EACH_NODE_SAFE(n, graph)                                              \
    for (CaNode *n = (graph)->first, *n##_next; n && (n##_next = n->next, true); \
         n = n##_next)

/* A node of the newest operator named op_name at or below opset (0: newest of all), its attributes at their
 * fallbacks, put before `before` (NULL: at the end, before nothing). name is copied (NULL or empty: made up from the
 * type). inputs[i] may be NULL for an absent optional one. Outputs are unknown until ca_node_infer. */
CarinaStatus ca_graph_add(CaNode **out, CaGraph *graph, CaNode *before,
                          const char *op_name, int opset, const char *name,
                          CaValue *const *inputs, int n_inputs, int n_outputs,
                          CarinaError *err);
/* The node is another operator with as many outputs, its attributes at their fallbacks; inputs and outputs stay. */
CarinaStatus ca_node_become(CaGraph *graph, CaNode *node, const char *op_name, int opset,
                            CarinaError *err);
/* The same of an operator at hand, which outlives the graph. */
CarinaStatus ca_graph_add_op(CaNode **out, CaGraph *graph, CaNode *before,
                             const CarinaOp *op, const char *name, CaValue *const *inputs,
                             int n_inputs, int n_outputs, CarinaError *err);
/* A Const node. The tensor is consumed, also on failure. */
CarinaStatus ca_graph_constant(CaValue **out, CaGraph *graph, CaNode *before,
                               const char *name, CarinaTensor *tensor, CarinaError *err);
/* The same from numbers, converted to type; shape NULL: a vector of n. */
CarinaStatus ca_graph_reals(CaValue **out, CaGraph *graph, CaNode *before,
                            const char *name, CarinaType type, const CarinaShape *shape,
                            const double *v, int64_t n, CarinaError *err);
CarinaStatus ca_graph_ints(CaValue **out, CaGraph *graph, CaNode *before,
                           const char *name, const CarinaShape *shape, const int64_t *v,
                           int64_t n, CarinaError *err); /* i64 */
/* Parameter and Result; kept in the order of their making. */
CarinaStatus ca_graph_parameter(CaValue **out, CaGraph *graph, const char *name,
                                CarinaType type, const CarinaShape *shape,
                                CarinaError *err);
CarinaStatus ca_graph_result(CaGraph *graph, const char *name, CaValue *value,
                             CarinaError *err);

/* Attributes by name, in whichever form is at hand; checked against the operator's table. text is as the IR
 * spells it. An unknown attribute is CARINA_ERR_NOT_FOUND. */
CarinaStatus ca_node_set_text(CaGraph *graph, CaNode *node, const char *attr,
                              const char *text, CarinaError *err);
CarinaStatus ca_node_set_int(CaGraph *graph, CaNode *node, const char *attr, int64_t v,
                             CarinaError *err);
CarinaStatus ca_node_set_float(CaGraph *graph, CaNode *node, const char *attr, double v,
                               CarinaError *err);
CarinaStatus ca_node_set_ints(CaGraph *graph, CaNode *node, const char *attr,
                              const int64_t *v, int n, CarinaError *err);
CarinaStatus ca_node_set_floats(CaGraph *graph, CaNode *node, const char *attr,
                                const double *v, int n, CarinaError *err);
/* All required attributes set, all within range? */
CarinaStatus ca_node_check(const CaNode *node, CarinaError *err);
/* Types and shapes of the node's outputs from its inputs; constants of shapes are computed along the way. */
CarinaStatus ca_node_infer(CaGraph *graph, CaNode *node, CarinaError *err);
/* check + infer of every node in order. */
CarinaStatus ca_graph_infer(CaGraph *graph, CarinaError *err);

/* The attributes of a copy, strings and lists included, in the graph's arena. */
CarinaStatus ca_attrs_copy(CaGraph *graph, CaNode *to, const CaNode *from,
                           CarinaError *err);
/* The graph frees the tensor with itself; it is consumed on failure too. */
CarinaStatus ca_graph_keep(CaGraph *graph, CarinaTensor *tensor, CarinaError *err);

/* --- Bodies (body.c). */
/* Body i of the node, out of n: graph is consumed, also on failure; room for that many ports, all zero. */
CarinaStatus ca_node_set_body(CaGraph *graph, CaNode *node, int n, int i, CaGraph *body,
                              int n_inputs, int n_outputs, int n_back_edges,
                              CarinaError *err);
/* The bodies of a copy. */
CarinaStatus ca_bodies_copy(CaGraph *graph, CaNode *to, const CaNode *from,
                            CarinaError *err);
void ca_bodies_free(CaGraph *graph); /* all of a graph's nodes: for ca_graph_free */
/* Copies of the body's nodes, put before `before` and inferred: inputs[] stand for its Parameters, outputs[] get what
 * its Results read. known: by node id, outputs of an earlier copy (or NULL); a node whose inputs are those of the
 * earlier copy is not made again. made, the same for this copy, has room for body->own->next_id entries. Names get
 * prefix, those of what computes suffix too. */
CarinaStatus ca_body_inline(CaGraph *graph, CaNode *before, const CaGraph *body,
                            CaValue *const *inputs, CaValue **outputs,
                            CaNode *const *known, CaNode **made, const char *prefix,
                            const char *suffix, CarinaError *err);

/* All readers of old read now instead (old and now may belong to any nodes). Tensor names stay with old. */
void ca_value_replace(CaValue *old, CaValue *now);
void ca_node_set_input(CaNode *node, int i, CaValue *value); /* value may be NULL */
/* The node must have no readers. Its inputs are let go, not removed. */
void ca_graph_remove(CaGraph *graph, CaNode *node);
/* Remove every node that leads to no Result; returns how many. Parameters stay. */
int ca_graph_sweep(CaGraph *graph);
/* Put nodes in an order that respects the edges, keeping the present order where it can. A cycle is an error
 * that names a node of it. Readers that add nodes in file order call it once. */
CarinaStatus ca_graph_sort(CaGraph *graph, CarinaError *err);

int ca_value_n_uses(const CaValue *v);
/* Is the node's operator that one? */
bool ca_node_is(const CaNode *node, const char *op_name);
/* The value read at input i, or NULL if absent or past the end. */
CaValue *ca_node_input(const CaNode *node, int i);
/* The node that makes input i, or NULL. */
CaNode *ca_node_input_node(const CaNode *node, int i);
void ca_value_set_name(CaGraph *graph, CaValue *v, const char *name);
CarinaStatus ca_node_rename(CaGraph *graph, CaNode *node, const char *name,
                            CarinaError *err);
void ca_node_set_info(CaGraph *graph, CaNode *node, const char *key, const char *value);
const char *ca_info_find(const CarinaInfo *list, const char *key); /* NULL if none */
void ca_graph_set_info(CaGraph *graph, const char *key, const char *value);
CaNode *ca_graph_find(const CaGraph *graph,
                      const char *name); /* by node name; NULL if none */

#endif
