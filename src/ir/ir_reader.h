/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of reading versions 10 and 11: one for the model, one for each body inside it.
 */
#ifndef CA_IR_IR_READER_H
#define CA_IR_IR_READER_H

#include "graph/custom.h"
#include "ir/ir_layers.h"

typedef struct CaIrReader {
    CaIrNet net;
    CaGraph *graph;
    CaBuffer *weights;
    const CaCustoms *customs; /* NULL: none */
    xmlNode *root;            /* <net>, or <body> */
    int version, depth;       /* bodies around it */
    bool swapped;             /* a constant of 4-bit elements was turned round */
    bool high_first; /* 4-bit constants: the first of two in the high half (up to 2023) */
} CaIrReader;

/* Layers and edges of the root into a fresh graph, sorted, not inferred. */
CarinaStatus ca_ir_build(CaIrReader *r);
/* ir_bodies.c: <port_map>, <back_edges> and <body> of the layer's node, where its operator has them. */
CarinaStatus ca_ir_read_bodies(CaIrReader *r, CaIrLayer *l);

#endif
