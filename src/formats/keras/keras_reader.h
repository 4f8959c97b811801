/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the Keras reader share: the model as its configuration describes it, and one call of a layer.
 *
 * A layer is described once and may be called several times; a model may be a layer of another. Values keep Keras'
 * layout, channels last as a rule: a layer that works on channels transposes before and behind, and a pass removes
 * what cancels. Translating is straight-line code in the terms of formats/build.h.
 */
#ifndef CA_FORMATS_KERAS_READER_H
#define CA_FORMATS_KERAS_READER_H

#include "formats/build.h"
#include "formats/keras/keras_hdf5.h"

#include <jansson.h>

enum { CA_KERAS_DEPTH = 16 }; /* models in models, wrappers around layers */

typedef struct CaKeras CaKeras;
typedef struct CaKerasCall CaKerasCall;
typedef struct CaKerasLayer CaKerasLayer;
typedef struct CaKerasModel CaKerasModel;

typedef enum CaKerasMask {
    CA_KERAS_PASSES = 0, /* a mask goes through */
    CA_KERAS_STOPS,      /* the result has none */
    CA_KERAS_USES        /* the function reads masks and gives one */
} CaKerasMask;

typedef void CaKerasFn(CaKerasCall *c);
typedef struct CaKerasOp {
    const char *name; /* class */
    CaKerasFn *fn;
    const char *ours; /* for functions that serve several classes */
    int n;            /* spatial dimensions and the like */
    CaKerasMask mask;
} CaKerasOp;
/* Layers by class; operations of keras.ops by class and those of TFOpLambda by function. Each ends with NULL. */
extern const CaKerasOp ca_keras_conv[], ca_keras_pool[], ca_keras_norm[],
    ca_keras_moves[], ca_keras_merge[], ca_keras_act[], ca_keras_rnn[], ca_keras_attend[],
    ca_keras_image[], ca_keras_wrap[], ca_keras_ops_math[], ca_keras_ops_moves[],
    ca_keras_ops_nn[];

/* Where the weights of a layer, or of a part of it, lie. */
typedef struct CaKerasScope {
    const char *
        at; /* .keras: path of the object; HDF5: path of the group that names are relative to */
    char **names; /* HDF5: its weights, in their order */
    int n;
} CaKerasScope;

typedef struct CaKerasKept { /* a weight that has been read, for the next call */
    const char *key;
    CaValue *value;
    struct CaKerasKept *next;
} CaKerasKept;

typedef struct CaKerasPart { /* the layer inside a wrapper */
    const char *key;
    CaKerasLayer *layer;
    struct CaKerasPart *next;
} CaKerasPart;

struct CaKerasLayer {
    const char *name, *class_name;
    json_t *config, *calls; /* calls: inbound_nodes */
    bool is_op;             /* a function of keras.ops or TensorFlow, not a layer */
    CaKerasModel *inner;    /* a model as a layer */
    const CaKerasOp *op;
    CaKerasScope scope;
    CaKerasKept *kept;
    CaKerasPart *parts;
    int first, n_calls; /* its results in a frame */
    CaKerasLayer *next; /* of all that were described */
    int base;           /* node index of the first call */
};

struct CaKerasModel {
    const char *name, *class_name;
    json_t *config;
    bool is_sequential, is_new; /* new: calls as Keras 3 writes them */
    CaKerasLayer **layers;
    int n_layers, n_results;
    int32_t *slots; /* open addressing by name: layer + 1 */
    size_t n_slots;
};

typedef struct CaKerasResult {
    CaValue **v;
    CaValue **masks; /* beside v; NULL: none of them has one */
    int n;
    bool is_done, is_open;
} CaKerasResult;

/* One run through a model's layers: of the whole, or of a model called as a layer. */
typedef struct CaKerasFrame {
    const CaKerasModel *model;
    CaKerasResult *results;
    CaValue *const *in; /* NULL: input layers become the graph's inputs */
    CaValue *const *in_masks;
    int n_in, next_in;
    const char *prefix; /* of node names: "outer/" */
} CaKerasFrame;

struct CaKeras {
    CaBuild b;
    CaHdf5 *h5;
    bool is_tree;             /* weights by their path (.keras), not by their names */
    const char *layers;       /* "layers", or what Keras 2.13 called that folder */
    CaKerasLayer *all, **end; /* every layer of every model, outer ones first */
    int version;              /* 2 or 3 */
    int64_t minor;
    int depth;
    int32_t n_calls; /* of all layers so far */
};

struct CaKerasCall {
    CaKeras *r;
    CaBuild *b; /* r's */
    CaKerasLayer *layer;
    json_t *config;
    const CaKerasFrame *frame;
    json_t *args, *kwargs; /* as in the file; NULL: none */
    CaValue **in;          /* all tensors of args, in order */
    CaValue **in_masks;    /* beside in; NULL: none has one */
    int n_in;
    CaValue **out, **out_masks;
    int n_out;
};

/* --- keras_describe.c */
typedef struct CaKerasReference { /* a tensor as the configuration names it */
    const char *layer;
    int64_t node, tensor;
} CaKerasReference;
typedef void CaKerasReferenceFn(void *arg, const CaKerasReference *ref);
bool ca_keras_reference(json_t *j, CaKerasReference *out);
/* All references in j, in order. */
void ca_keras_each_reference(json_t *j, int depth, CaKerasReferenceFn *fn, void *arg);
CaKerasLayer *ca_keras_find(const CaKerasModel *m, const char *name); /* NULL if none */
/* Classes of layers, then of operations, then TensorFlow's functions. */
const char *ca_keras_op_name(int i);
/* Describes the element and all layers inside it; NULL once anything has failed. */
CaKerasModel *ca_keras_model(CaKeras *r, const char *class_name, json_t *config,
                             CaKerasScope scope);
/* A layer alone, for wrappers. scope: where its weights are. */
CaKerasLayer *ca_keras_layer(CaKeras *r, json_t *element, CaKerasScope scope);
bool ca_keras_is_model(const char *class_name);
/* --- keras_model.c */
/* Runs the model's layers; the outputs of the model go to out. in NULL: the graph's own inputs. masks: beside in, or
 * NULL. */
CaKerasResult ca_keras_run(CaKeras *r, const CaKerasModel *m, CaValue *const *in,
                           CaValue *const *masks, int n_in, const char *prefix);
/* Calls a layer on values. */
CaKerasResult ca_keras_apply(CaKerasCall *outer, CaKerasLayer *layer, CaValue *const *in,
                             CaValue *const *masks, int n_in);

/* --- keras_masks.c: which steps of a sequence count, [N, T] of bool; NULL where all do. */
/* Of input i: the call's keyword "mask", or what the input carries. */
CaValue *ca_keras_mask(CaKerasCall *c, int i);
/* The keyword's tensor, or what the tensor of another keyword carries, or the mask of input i. */
CaValue *ca_keras_mask_named(CaKerasCall *c, const char *key, const char *of, int i);
/* Gives output i (which is there already) a mask; NULL: none. */
void ca_keras_give_mask(CaKerasCall *c, int i, CaValue *mask);
/* Both, or the one that is there. any: one of them is enough. */
CaValue *ca_keras_both_masks(CaKerasCall *c, CaValue *a, CaValue *b, bool any);
/* v where the mask is true, other elsewhere; the mask gets ones behind or, n < 0, one in front of its last dimension. */
CaValue *ca_keras_where(CaKerasCall *c, CaValue *mask, int n, CaValue *v, CaValue *other);

/* --- keras_call.c: the configuration. */
int64_t ca_keras_int(CaKerasCall *c, const char *key, int64_t absent);
double ca_keras_real(CaKerasCall *c, const char *key, double absent);
bool ca_keras_bool(CaKerasCall *c, const char *key, bool absent);
const char *ca_keras_text(CaKerasCall *c, const char *key, const char *absent);
/* A list of n numbers, or one number that stands for all; fails where it is something else. */
void ca_keras_ints(CaKerasCall *c, int64_t *out, int n, const char *key, int64_t absent);
/* A list of any length up to max, or a number: how many; -1 where absent or null. */
int ca_keras_list(CaKerasCall *c, int64_t *out, int max, const char *key);
int ca_keras_json_ints(CaKerasCall *c, int64_t *out, int max, json_t *j,
                       const char *what);
bool ca_keras_is_first(CaKerasCall *c); /* data_format is channels_first */
/* The text of null, a string, or an object's name: "relu", "Custom>f". */
const char *ca_keras_name_of(json_t *j);

/* Inputs and outputs. */
CaValue *ca_keras_in(CaKerasCall *c, int i); /* fails where absent */
void ca_keras_out(CaKerasCall *c, CaValue *v);
/* Input i as floating numbers. */
CaValue *ca_keras_real_in(CaKerasCall *c, int i);
/* Channels first for the work, and back to what Keras has. */
CaValue *ca_keras_to_work(CaKerasCall *c, CaValue *v);
CaValue *ca_keras_from_work(CaKerasCall *c, CaValue *v);

/* --- keras_weights.c */
/* The part of a scope: sub is the path of the object ("cell", alternatives by '|'), within begins a component of the
 * names in HDF5 (alternatives by '|', NULL: no condition). */
CaKerasScope ca_keras_part(CaKerasCall *c, const CaKerasScope *scope, const char *sub,
                           const char *within);
/* Variable i of the scope, name its last component (alternatives by '|'), k-th of those with that name. dims: what it
 * must be, -1 where any will do. perm NULL: as it is. Read once for all calls. */
CaValue *ca_keras_weight_at(CaKerasCall *c, const CaKerasScope *scope, int i,
                            const char *name, int k, const int64_t *dims, int rank,
                            const int *perm);
/* The same of the layer itself. */
CaValue *ca_keras_weight(CaKerasCall *c, int i, const char *name, const int64_t *dims,
                         int rank, const int *perm);
bool ca_keras_has_weight(CaKerasCall *c, const CaKerasScope *scope, int i,
                         const char *name);
/* Scopes of a model's layers, in their order. */
void ca_keras_scopes(CaKeras *r, CaKerasModel *m, CaKerasScope scope);
CaKerasScope ca_keras_root(CaKeras *r);
/* .keras stores a layer of two models once: gives the other the same scope. After all is described. */
void ca_keras_share_scopes(CaKeras *r);

/* --- keras_quantized.c: calls the layer if its weights are quantised; false: they are not. */
bool ca_keras_quantized(CaKerasCall *c);

/* --- keras_custom.c: the layer is one that the user gave. */
void ca_keras_custom(CaKerasCall *c);

/* --- keras_activations.c: by the name of keras.activations; j: null, string or object. */
CaValue *ca_keras_activated(CaKerasCall *c, CaValue *v, json_t *j);
/* The same of the configuration's "activation". */
CaValue *ca_keras_activation(CaKerasCall *c, CaValue *v);

/* --- keras_resize.c: how an image gets another size, by Keras' names. */
typedef struct CaKerasResizing {
    int64_t size[2];
    const char *how; /* "bilinear", "lanczos3" ... */
    bool antialias, crop, pad;
    double fill; /* for pad */
} CaKerasResizing;
CaValue *ca_keras_resized(CaKerasCall *c, CaValue *x, const CaKerasResizing *r);
/* Plane sizes of a batch of images in Keras' layout; -1 where unknown. */
void ca_keras_plane(CaKerasCall *c, CaValue *x, int64_t size[2]);
CaValue *ca_keras_cropped(CaKerasCall *c, CaValue *x, const int64_t start[2],
                          const int64_t size[2]);

/* --- keras_operands.c: a tensor, a number or a list of numbers of an argument as a value; of like's type where that can be. */
CaValue *ca_keras_operand(CaKerasCall *c, json_t *j, CaValue *like);
/* Argument i, or the keyword or constructor argument of that name; NULL where absent or null. */
json_t *ca_keras_arg(CaKerasCall *c, int i, const char *name);
/* The value that a reference in the file names; NULL where j is none. mask: what it carries, may be NULL. */
CaValue *ca_keras_value(CaKerasCall *c, json_t *j);
CaValue *ca_keras_value_mask(CaKerasCall *c, json_t *j);
CaValue *ca_keras_bias(CaKerasCall *c, CaValue *v, CaValue *bias, int axis);

#endif
