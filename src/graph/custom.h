/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the user gave besides the table of operators: operators of extensions, and graphs that stand for layers.
 */
#ifndef CA_GRAPH_CUSTOM_H
#define CA_GRAPH_CUSTOM_H

#include "graph/op.h"
#include <carina/extension.h>

typedef struct CaCustomOp {
    CaOp op;                 /* first: nodes point to it */
    CarinaExtensionOp table; /* a copy as far as the extension's reaches, the rest zero */
} CaCustomOp;

/* A loaded shared object: stays as it is until its context is freed. */
typedef struct CaExtension {
    const struct CaExtension *next; /* loaded before */
    void *library;
    const char *name, *path;
    int n_ops;
    CaCustomOp *ops;
    CaArena *arena; /* of all that */
} CaExtension;

/* What one reading may use. Zero: nothing. */
typedef struct CaCustoms {
    const CaExtension *extensions;
    /* The graph that stands for the operators of that name, read when it is first asked for: lent. */
    bool (*has_layer)(void *arg, const char *type);
    CarinaStatus (*layer)(const CaGraph **out, void *arg, const char *type,
                          CarinaError *err);
    void *layer_arg;
} CaCustoms;

/* customs may be NULL; NULL if none. domain NULL is "". */
const CaOp *ca_custom_find(const CaCustoms *customs, CarinaFormat format,
                           const char *domain, const char *name);
/* By the operator's own name, as IR has it, or an alias there. */
const CaOp *ca_custom_find_ir(const CaCustoms *customs, const char *type);

/* The members of op that go to the extension's functions. */
void ca_custom_bind(CaCustomOp *c);

#endif
