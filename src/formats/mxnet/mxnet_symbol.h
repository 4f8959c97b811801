/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet's -symbol.json: the graph as it is written, and its attributes, which are all text.
 */
#ifndef CA_FORMATS_MXNET_SYMBOL_H
#define CA_FORMATS_MXNET_SYMBOL_H

#include "base/memory.h"

typedef struct CaMxnetAttr {
    const char *key, *value;
} CaMxnetAttr;

typedef struct CaMxnetEdge {
    int32_t node, out;
} CaMxnetEdge;

typedef struct CaMxnetNode {
    const char *name, *op; /* op "null": a variable */
    CaMxnetAttr *attrs;
    CaMxnetEdge *in;
    int32_t n_attrs, n_in;
    bool has_subgraph;
} CaMxnetNode;

typedef struct CaMxnetSymbol {
    CaMxnetNode *nodes;
    CaMxnetEdge *heads;
    int32_t n_nodes, n_heads;
    int64_t version; /* 10901: MXNet 1.9.1; 0: older than that was written down */
} CaMxnetSymbol;

/* A JSON object that has "nodes" and one of "arg_nodes" and "heads"? Looks at the text only. */
bool ca_mxnet_is_symbol(const CaBuffer *file);
/* All of it lives in the arena. Every edge names a node; an input names an earlier one, as MXNet writes them. */
CarinaStatus ca_mxnet_symbol(CaMxnetSymbol *out, CaArena *arena, const char *path,
                             const CaBuffer *file, CarinaError *err);

/* --- Attributes. Absent ones, and "None", are NULL. */
const char *ca_mxnet_attr(const CaMxnetNode *n, const char *key);
/* "(3, 3)", "[3,3]", "3", "(2L, 2L)", "()". None inside is `none`. The count; -1 where that is no list. */
int ca_mxnet_ints(const char *text, int64_t *out, int max, int64_t none);
int ca_mxnet_reals(const char *text, double *out, int max);
bool ca_mxnet_bool(const char *text, bool *out); /* True, False, 1, 0, true, false */

#endif
