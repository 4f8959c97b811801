/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layers and edges of a <net> or a <body>, as all versions of IR have them.
 *
 * Nothing in the file is trusted: ids may be sparse, edges come in any order, ports may have any number (Model
 * Optimizer numbers the only output of a Const 1; weights took numbers in versions before 10).
 */
#ifndef CA_IR_IR_LAYERS_H
#define CA_IR_IR_LAYERS_H

#include "graph/graph.h"
#include "ir/ir_xml.h"

typedef struct CaIrSource {
    int32_t layer, port; /* indices, not ids; layer -1: no edge yet */
} CaIrSource;

typedef struct CaIrLayer {
    const xmlNode *xml;
    const char *name, *type;
    int64_t id;
    int32_t n_in, n_out;
    int64_t *in_ids, *out_ids;
    const xmlNode **in_ports, **out_ports;
    CaIrSource *from; /* of each input */
    CaNode *node;     /* versions 10 and 11 */
    CaValue **values; /* before 10: what the outputs became, NULL while nothing */
    bool live;        /* some Result needs it; before 10: it is being made */
} CaIrLayer;

typedef struct CaIrNet {
    const char *path;
    CarinaError *err;
    CaArena *arena;
    CaIrLayer *layers;
    int32_t n;
    struct CaIrById *by_id;
} CaIrNet;

CarinaStatus ca_ir_net_read(CaIrNet *net, const xmlNode *element);
int32_t ca_ir_find_layer(const CaIrNet *net, int64_t id); /* -1: none */
int32_t ca_ir_find_port(const int64_t *ids, int32_t n, int64_t id);

/* "PATH: layer 7 'NAME' (TYPE): ..." */
CarinaStatus ca_ir_fail(const CaIrNet *net, const CaIrLayer *l, CarinaStatus code,
                        const char *format, ...) CA_PRINTF(4, 5);
CarinaStatus ca_ir_no_memory(const CaIrNet *net);
/* An attribute that is a whole number; false where absent or none. */
bool ca_ir_number(const xmlNode *node, const char *attr, int64_t *v);
/* ir_info.c: each element of the root besides layers, edges and those of the comma-separated list (NULL: none). */
CarinaStatus ca_ir_keep_net_info(const CaIrNet *net, CaGraph *graph, xmlNode *root,
                                 const char *except);

#endif
