/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the Caffe reader share: the state of one reading.
 *
 * Translating a layer is straight-line code in the terms of formats/build.h; shapes are static.
 */
#ifndef CA_FORMATS_CAFFE_READER_H
#define CA_FORMATS_CAFFE_READER_H

#include "caffe.pb-c.h"
#include "formats/build.h"
#include "formats/caffe/caffe_text.h"

typedef struct CaCaffeName {
    const char *key;
    CaValue *value;                     /* blobs: the newest version */
    bool is_read;                       /* blobs: some layer reads that version */
    const Caffe__LayerWeights *weights; /* layers */
} CaCaffeName;

typedef struct CaCaffeNames { /* open addressing; room for all names is made at first */
    CaCaffeName *v;
    size_t room;
} CaCaffeNames;

typedef struct CaCaffe {
    CaBuild b; /* path: of the network's text */
    const char *model_path;
    CaBuffer *model;
    Caffe__Layer **layers;
    size_t n_layers;
    CaCaffeNames blobs, weights;
    const char **order; /* names of blobs as they first appear */
    size_t n_order;
    const CaCaffeSpan *unknown; /* messages of layers that no descriptor has */
} CaCaffe;

typedef struct CaCaffeCall {
    CaCaffe *r;
    CaBuild *b; /* r's */
    const Caffe__Layer *layer;
    const Caffe__LayerWeights *weights; /* NULL: none of that name */
    const char *name, *type;
    int32_t first_id; /* nodes from here on are of this call */
    CaValue **in;
    int n_in;
    CaValue **out; /* what the tops become; n_top of the layer */
} CaCaffeCall;

typedef void CaCaffeFn(CaCaffeCall *c);
typedef struct CaCaffeOp {
    const char *type;
    CaCaffeFn *fn;
    int min_in, max_in; /* bottoms */
} CaCaffeOp;
extern const CaCaffeOp ca_caffe_nn[], ca_caffe_math[], ca_caffe_moves[], ca_caffe_ssd[];

/* First and second generation to the third: types, and the first's flat fields to parameter messages. */
CarinaStatus ca_caffe_upgrade(CaCaffe *r, Caffe__Net *net);

CaCaffeName *ca_caffe_find(const CaCaffeNames *names, const char *key); /* NULL if none */
CaCaffeName *ca_caffe_name(CaCaffeNames *names, const char *key);       /* made if none */

/* --- caffe_weights.c: blob i with that shape. In the file it must be stored_as, dimensions of 1 aside. */
CarinaTensor *ca_caffe_tensor(CaCaffeCall *c, size_t i, const CarinaShape *stored_as,
                              const CarinaShape *shape);
CaValue *ca_caffe_weight_as(CaCaffeCall *c, size_t i, const CarinaShape *stored_as,
                            const CarinaShape *shape);
CaValue *ca_caffe_weight(CaCaffeCall *c, size_t i, const CarinaShape *shape);
CaValue *ca_caffe_weight_stored(CaCaffeCall *c, size_t i); /* with the file's shape */
size_t ca_caffe_n_weights(const CaCaffeCall *c);

/* --- caffe_custom.c: the layer is one that the user gave. */
void ca_caffe_custom(CaCaffeCall *c);

#endif
