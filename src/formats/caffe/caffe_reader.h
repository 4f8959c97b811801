/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the Caffe reader share: the state of one reading, and the making of nodes.
 *
 * Translating a layer is straight-line code: the first failure sticks in the call (status), and everything after
 * it does nothing and yields NULL. Shapes are inferred as nodes are made; Caffe's are static, so translations use them.
 */
#ifndef CA_FORMATS_CAFFE_READER_H
#define CA_FORMATS_CAFFE_READER_H

#include "caffe.pb-c.h"
#include "graph/op.h"

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
    CaGraph *graph;
    CaArena *work; /* the parsed files; gone when reading ends */
    const char *path, *model_path;
    CaBuffer *model;
    CarinaError *err;
    Caffe__Layer **layers;
    size_t n_layers;
    CaCaffeNames blobs, weights;
    const char **order; /* names of blobs as they first appear */
    size_t n_order;
} CaCaffe;

typedef struct CaCaffeCall {
    CaCaffe *r;
    const Caffe__Layer *layer;
    const Caffe__LayerWeights *weights; /* NULL: none of that name */
    const char *name, *type;
    CarinaStatus status;
    CaNode *pending;  /* made, shapes not yet inferred */
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

/* --- caffe_build.c */
CarinaStatus ca_caffe_fail(CaCaffeCall *c, CarinaStatus code, const char *format, ...)
    CA_PRINTF(3, 4);
CaValue *ca_caffe_make(CaCaffeCall *c, const char *op, int opset, CaValue *const *in,
                       int n_in, int n_out);
CaValue *ca_caffe_1(CaCaffeCall *c, const char *op, CaValue *a);
CaValue *ca_caffe_2(CaCaffeCall *c, const char *op, CaValue *a, CaValue *b);
/* Attributes of the node just made; nothing where v is NULL. */
void ca_caffe_set_int(CaCaffeCall *c, CaValue *v, const char *attr, int64_t x);
void ca_caffe_set_real(CaCaffeCall *c, CaValue *v, const char *attr, double x);
void ca_caffe_set_text(CaCaffeCall *c, CaValue *v, const char *attr, const char *x);
void ca_caffe_set_ints(CaCaffeCall *c, CaValue *v, const char *attr, const int64_t *x,
                       int n);
void ca_caffe_set_floats(CaCaffeCall *c, CaValue *v, const char *attr, const float *x,
                         size_t n);
bool ca_caffe_settle(CaCaffeCall *c); /* infers what is pending */
/* Static, or the call fails (rank 0 then). */
CarinaShape ca_caffe_shape(CaCaffeCall *c, CaValue *v);
int ca_caffe_axis(CaCaffeCall *c, int64_t axis, int rank);
/* Product of dimensions [from, to) of a static shape. */
int64_t ca_caffe_count(const CarinaShape *s, int from, int to);

CaValue *ca_caffe_vector(CaCaffeCall *c, const int64_t *v, int n); /* i64 */
CaValue *ca_caffe_scalar(CaCaffeCall *c, int64_t v);               /* i64, rank 0 */
CaValue *ca_caffe_number(CaCaffeCall *c, double v);                /* f32, rank 0 */
CaValue *ca_caffe_reals(CaCaffeCall *c, const CarinaShape *shape, const double *v);
/* zero_copies: 0 stands for the input's dimension there. */
CaValue *ca_caffe_reshape(CaCaffeCall *c, CaValue *v, const int64_t *dims, int rank,
                          bool zero_copies);
/* A mathematical identity makes no node. */
CaValue *ca_caffe_times(CaCaffeCall *c, CaValue *v, double factor);
CaValue *ca_caffe_plus(CaCaffeCall *c, CaValue *v, double term);
/* [1, C, 1, 1] for an axis of a tensor of that rank. */
CarinaShape ca_caffe_along(int axis, int rank, int64_t n);

/* --- caffe_weights.c: blob i with that shape. In the file it must be stored_as, dimensions of 1 aside. */
CarinaTensor *ca_caffe_tensor(CaCaffeCall *c, size_t i, const CarinaShape *stored_as,
                              const CarinaShape *shape);
CaValue *ca_caffe_weight_as(CaCaffeCall *c, size_t i, const CarinaShape *stored_as,
                            const CarinaShape *shape);
CaValue *ca_caffe_weight(CaCaffeCall *c, size_t i, const CarinaShape *shape);
size_t ca_caffe_n_weights(const CaCaffeCall *c);

#endif
