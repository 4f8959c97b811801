/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the MXNet reader share: the state of one reading, and one operator's call.
 *
 * Translating an operator is straight-line code in the terms of formats/build.h.
 */
#ifndef CA_FORMATS_MXNET_READER_H
#define CA_FORMATS_MXNET_READER_H

#include "formats/build.h"
#include "formats/mxnet/mxnet_params.h"
#include "formats/mxnet/mxnet_symbol.h"

/* What became of a node of the file. */
typedef struct CaMxnetMade {
    CaValue **out;            /* NULL: not computed */
    const char *const *names; /* of the outputs; NULL: output, or output0, output1 ... */
    int32_t n_out;
    bool is_variable;          /* with `array`, or an input */
    bool is_zero;              /* a state that begins with zeros */
    const CaMxnetArray *array; /* a constant when first read */
} CaMxnetMade;

typedef struct CaMxnet {
    CaBuild b; /* path: the symbol's */
    CaMxnetSymbol symbol;
    CaMxnetMade *made;           /* one a node */
    const CaMxnetArray **arrays; /* by name, open addressing */
    size_t room;
    const char *params_path;   /* NULL: there are none */
    bool has_structural_names; /* "features.0.weight" */
    int32_t n_outputs;         /* made in all: bounded */
} CaMxnet;

typedef struct CaMxnetCall {
    CaMxnet *r;
    CaBuild *b; /* r's */
    const CaMxnetNode *node;
    const struct CaMxnetOp *op;
    CaMxnetMade *made;
    int n_in;
    int32_t first_id; /* nodes from here on are of this call */
} CaMxnetCall;

typedef void CaMxnetFn(CaMxnetCall *c);
typedef struct CaMxnetOp {
    const char *name;
    CaMxnetFn *fn;
    const char *ours; /* for functions that serve several operators */
    int n_data;       /* inputs from here on are weights; 0: none are */
} CaMxnetOp;
extern const CaMxnetOp ca_mxnet_nn[], ca_mxnet_math[], ca_mxnet_moves[],
    ca_mxnet_arrays[], ca_mxnet_vision[], ca_mxnet_detect[], ca_mxnet_boxes[],
    ca_mxnet_proposal[], ca_mxnet_sampling[];
const CaMxnetOp *ca_mxnet_op_find(const char *name); /* NULL if none */
const char *ca_mxnet_op_name(int i);                 /* NULL past the last */
const CaMxnetArray *ca_mxnet_array(const CaMxnet *r, const char *name); /* NULL if none */
/* A constant of the array. */
CaValue *ca_mxnet_constant(CaMxnet *r, const CaMxnetArray *a);

/* --- mxnet_call.c: the node's own. */
CaValue *ca_mxnet_in(CaMxnetCall *c, int i);  /* fails where absent */
CaValue *ca_mxnet_opt(CaMxnetCall *c, int i); /* NULL where absent */
/* A weight. Files of before MXNet 0.9 leave them out of the inputs: they are <node>_<name> then. */
CaValue *ca_mxnet_weight(CaMxnetCall *c, int i, const char *name);
void ca_mxnet_out(CaMxnetCall *c, CaValue *v); /* the only output */
void ca_mxnet_outs(CaMxnetCall *c, CaValue *const *v, int n);
/* Outputs that have names: the first is what the node is known for. */
void ca_mxnet_named_outs(CaMxnetCall *c, CaValue *const *v, int n,
                         const char *const *names);
/* "rnn_state_output": what MXNet calls output i. Lives in work. */
const char *ca_mxnet_out_name(CaMxnet *r, const CaMxnetNode *n, const CaMxnetMade *m,
                              int i);
/* Attributes; what is no value of its kind fails. */
const char *ca_mxnet_text(const CaMxnetCall *c, const char *key, const char *absent);
bool ca_mxnet_is(const CaMxnetCall *c, const char *key, const char *value);
bool ca_mxnet_flag(CaMxnetCall *c, const char *key, bool absent);
int64_t ca_mxnet_int(CaMxnetCall *c, const char *key, int64_t absent);
double ca_mxnet_real(CaMxnetCall *c, const char *key, double absent);
/* The count, -1 where absent. */
int ca_mxnet_list(CaMxnetCall *c, const char *key, int64_t *out, int max);
int ca_mxnet_real_list(CaMxnetCall *c, const char *key, double *out, int max);
/* The element type that attribute `key` names: absent where there is none. */
CarinaType ca_mxnet_dtype(CaMxnetCall *c, const char *key, CarinaType absent);

/* --- Made of several operators, for several files. */
CaValue *ca_mxnet_reduce(CaBuild *b, const char *op, CaValue *v, CaValue *axes,
                         bool keep);
CaValue *ca_mxnet_slice(CaBuild *b, CaValue *v, int64_t axis, int64_t from, int64_t to);
CaValue *ca_mxnet_transposed(CaBuild *b, CaValue *v, int first, int second);
CaValue *ca_mxnet_shape_of(CaBuild *b, CaValue *v);
CaValue *ca_mxnet_softmax(CaBuild *b, const char *op, CaValue *v, int64_t axis);
CaValue *ca_mxnet_matmul(CaBuild *b, CaValue *x, CaValue *y, bool tx, bool ty);
CaValue *ca_mxnet_index(CaBuild *b, CaValue *v); /* numbers of any type as i64 */
void ca_mxnet_rnn(CaMxnetCall *c);

/* --- mxnet_custom.c: the call's operator is one that the user gave. */
void ca_mxnet_custom(CaMxnetCall *c);
const char *ca_mxnet_type_of(const CaMxnetNode *n); /* of Custom, its op_type */

#endif
