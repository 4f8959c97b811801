/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IR versions 2 to 7: layers of the Inference Engine before operator sets, translated into the operator set.
 *
 * A layer is <layer> with ports, <data> and <blobs>; there are no Parameters and Results, but layers of type Input,
 * and whatever nobody reads is an output. Shapes are static and stated at every port: they settle what attributes
 * leave open, and what a translation makes must have them.
 */
#ifndef CA_IR_IR_LEGACY_H
#define CA_IR_IR_LEGACY_H

#include "formats/build.h"
#include "ir/ir_layers.h"

/* Whole numbers up to here are sizes, steps and counts; nothing real is larger. */
enum { CA_LEGACY_LARGEST = 1 << 24 };

typedef struct CaLegacy {
    CaIrNet net;
    CaGraph *graph;
    CaBuffer *weights;
    const CaCustoms *customs; /* NULL: none */
    CarinaType precision;     /* of <net>; CARINA_UNKNOWN: not said */
    int depth;                /* bodies around it */
} CaLegacy;

typedef struct CaLegacyCall {
    CaBuild b;
    CaLegacy *r;
    CaIrLayer *l;
    const xmlNode *data;  /* the element with the attributes; NULL: none */
    CarinaType precision; /* of the layer, as it is stored: f16 too */
    int32_t first_id;     /* nodes from here on are of this call */
    CaValue **in;
    int n_in;
    CaValue **out; /* of each output port; all NULL at first */
    int n_out;
} CaLegacyCall;

typedef void CaLegacyFn(CaLegacyCall *c);
typedef struct CaLegacyOp {
    const char *type; /* case does not matter */
    CaLegacyFn *fn;
    int min_in, max_in;
} CaLegacyOp;
/* Each ends with a row of NULL. */
extern const CaLegacyOp ca_legacy_ports[], ca_legacy_nn[], ca_legacy_math[],
    ca_legacy_moves[], ca_legacy_detect[], ca_legacy_regions[], ca_legacy_sampling[],
    ca_legacy_rnn[], ca_legacy_body[];

/* --- ir_legacy_attr.c. names: spellings separated by '|', the first that is there counts; an empty text is absent.
 * What is no number, or out of range, fails the call. */
const char *ca_legacy_text(const CaLegacyCall *c, const char *names); /* NULL: absent */
int64_t ca_legacy_int(CaLegacyCall *c, const char *names, int64_t lowest, int64_t absent);
int64_t ca_legacy_need_int(CaLegacyCall *c, const char *names, int64_t lowest);
double ca_legacy_real(CaLegacyCall *c, const char *names, double absent);
bool ca_legacy_flag(CaLegacyCall *c, const char *names, bool absent);
/* How many there are, at most max; -1: absent. */
int ca_legacy_ints(CaLegacyCall *c, const char *names, int64_t *v, int max);
/* Sets attributes of v that have the same name here and there, of a comma-separated list. */
void ca_legacy_copy(CaLegacyCall *c, CaValue *v, const char *names);
void ca_legacy_set_flag(CaLegacyCall *c, CaValue *v, const char *attr, bool flag);

/* --- ir_legacy_custom.c: the layer is one that the user gave. */
void ca_legacy_custom(CaLegacyCall *c);

/* --- Blobs. NULL where there is none of that name, or the call failed. */
/* Elements in it, by its size; -1: there is none. */
int64_t ca_legacy_blob_count(CaLegacyCall *c, const char *name);
/* As it is stored; must have just that many elements. */
CarinaTensor *ca_legacy_blob_tensor(CaLegacyCall *c, const char *name,
                                    const CarinaShape *shape);
/* The same as a value; float16 gets a Convert. */
CaValue *ca_legacy_blob(CaLegacyCall *c, const char *name, const CarinaShape *shape);
/* A constant of the graph; float16 gets a Convert. The tensor is consumed. */
CaValue *ca_legacy_constant(CaLegacyCall *c, const char *name, CarinaTensor *t);
/* The blob, or input i in that shape where the file has it as an input (version 7). */
CaValue *ca_legacy_blob_or_input(CaLegacyCall *c, const char *name, int i,
                                 const CarinaShape *shape);
/* A tensor of that part of the weights file. */
CarinaStatus ca_legacy_tensor(CarinaTensor **out, const CaLegacy *r, CarinaType type,
                              const CarinaShape *shape, int64_t offset, int64_t size,
                              CarinaError *err);

/* --- Ports. */
/* The stated shape of an output port. */
CarinaShape ca_legacy_stated(CaLegacyCall *c, int port);
/* "FP16" to CARINA_F16; fails for what is not offered. */
CarinaType ca_legacy_precision(CaLegacyCall *c, const char *name);
/* f32 instead of f16: what is computed in. */
CarinaType ca_legacy_work_type(CarinaType type);
/* As whole numbers: a shape, axes, indices. */
CaValue *ca_legacy_whole(CaLegacyCall *c, CaValue *v);
CaValue *ca_legacy_truth(CaLegacyCall *c, CaValue *v); /* as boolean */

/* --- ir_legacy_read.c: a <body>, whose layers become nodes of r->graph; the values of its layers are then set.
 * Inputs without an edge must have been given in given[layer][port]. */
CarinaStatus ca_legacy_layers(CaLegacy *r, CaValue ***given);

/* Reads a <net> of version 2 to 7. */
CarinaStatus ca_legacy_read(CaGraph **out, const char *path, xmlNode *net,
                            CaBuffer *weights, const CaCustoms *customs,
                            CarinaError *err);

#endif
