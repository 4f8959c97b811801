/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the ONNX reader share: the state of one reading, and the making of nodes.
 *
 * Translating a node is straight-line code: the first failure sticks in the call (status), and everything after
 * it does nothing and yields NULL. Shapes are inferred as nodes are made, so a translation may look at them.
 */
#ifndef CA_FORMATS_ONNX_READER_H
#define CA_FORMATS_ONNX_READER_H

#include "graph/op.h"
#include "onnx.pb-c.h"

/* Everything a tensor's name can mean. */
typedef struct CaOnnxName {
    const char *key;
    CaValue *value;
    const Onnx__TensorProto *tensor; /* initializer, made a constant when first read */
    int32_t maker;                   /* node of the file; -1: none */
} CaOnnxName;

typedef struct CaOnnxFile { /* external data, mapped once */
    const char *path;
    CaBuffer *data;
    struct CaOnnxFile *next;
} CaOnnxFile;

typedef struct CaOnnxQuant { /* a QuantizeLinear that a DequantizeLinear may follow */
    const CaValue *quantized;
    CaValue *input, *scale, *zero;
    CarinaType type;
    int64_t axis;
    struct CaOnnxQuant *next;
} CaOnnxQuant;

typedef struct CaOnnx {
    CaGraph *graph;
    CaArena *work; /* the parsed file; gone when reading ends */
    const char *path;
    CaBuffer *file;
    CarinaError *err;
    CaOnnxName *names; /* open addressing */
    size_t n_names, room;
    int64_t opset, ir_version;
    CaOnnxFile *files;
    CaOnnxQuant *quants;
} CaOnnx;

typedef struct CaOnnxCall {
    CaOnnx *r;
    const Onnx__NodeProto *node;
    const char *name;
    int64_t opset;
    CarinaStatus status;
    CaNode *pending;  /* made, shapes not yet inferred */
    int32_t first_id; /* nodes from here on are of this call */
    CaValue **in;     /* absent ones are NULL */
    int n_in;
} CaOnnxCall;

typedef void CaOnnxFn(CaOnnxCall *c);
typedef struct CaOnnxOp {
    const char *domain, *name;
    CaOnnxFn *fn;
    const char *ours; /* for functions that serve several operators */
} CaOnnxOp;
extern const CaOnnxOp ca_onnx_nn[], ca_onnx_math[], ca_onnx_moves[], ca_onnx_quant[];
/* The row for the call's operator, or NULL. */
const CaOnnxOp *ca_onnx_op_find(const char *domain, const char *name);

/* onnx_tensor.c. where: "node 'x' (Conv)", for messages. */
CarinaStatus ca_onnx_tensor(CarinaTensor **out, CaOnnx *r, const char *where,
                            const char *name, const Onnx__TensorProto *t);
CarinaType ca_onnx_type(int32_t code); /* CARINA_UNKNOWN where there is none */
const char *ca_onnx_type_text(int32_t code);

/* --- onnx_build.c: the node's own. */
CarinaStatus ca_onnx_fail(CaOnnxCall *c, CarinaStatus code, const char *format, ...)
    CA_PRINTF(3, 4);
CaValue *ca_onnx_in(CaOnnxCall *c, int i);  /* fails where absent */
CaValue *ca_onnx_opt(CaOnnxCall *c, int i); /* NULL where absent */
bool ca_onnx_out_used(const CaOnnxCall *c, int i);
void ca_onnx_out(CaOnnxCall *c, int i, CaValue *v);
const Onnx__AttributeProto *ca_onnx_attr(const CaOnnxCall *c, const char *name);
int64_t ca_onnx_attr_int(const CaOnnxCall *c, const char *name, int64_t absent);
double ca_onnx_attr_real(const CaOnnxCall *c, const char *name, double absent);
const char *ca_onnx_attr_text(CaOnnxCall *c, const char *name, const char *absent);
const int64_t *ca_onnx_attr_ints(const CaOnnxCall *c, const char *name, int *n);

/* --- Making nodes. */
CaValue *ca_onnx_make(CaOnnxCall *c, const char *op, CaValue *const *in, int n_in,
                      int n_out);
/* The same at an older version of the operator, which more runtimes can read. */
CaValue *ca_onnx_make_at(CaOnnxCall *c, const char *op, int opset, CaValue *const *in,
                         int n_in, int n_out);
CaValue *ca_onnx_1(CaOnnxCall *c, const char *op, CaValue *a);
CaValue *ca_onnx_2(CaOnnxCall *c, const char *op, CaValue *a, CaValue *b);
CaValue *ca_onnx_3(CaOnnxCall *c, const char *op, CaValue *a, CaValue *b, CaValue *d);
/* Attributes of the node just made; nothing where v is NULL. */
void ca_onnx_set_int(CaOnnxCall *c, CaValue *v, const char *attr, int64_t x);
void ca_onnx_set_real(CaOnnxCall *c, CaValue *v, const char *attr, double x);
void ca_onnx_set_text(CaOnnxCall *c, CaValue *v, const char *attr, const char *x);
void ca_onnx_set_ints(CaOnnxCall *c, CaValue *v, const char *attr, const int64_t *x,
                      int n);
/* Infers what is pending. */
bool ca_onnx_settle(CaOnnxCall *c);
CarinaShape ca_onnx_shape(CaOnnxCall *c, CaValue *v);
CarinaType ca_onnx_value_type(CaOnnxCall *c, CaValue *v);
int ca_onnx_rank(CaOnnxCall *c, CaValue *v); /* fails where unknown */
int ca_onnx_axis(CaOnnxCall *c, int64_t axis, int rank);
/* Known elements as integers or reals: how many, -1 where unknown or more than max. */
int ca_onnx_known_ints(CaOnnxCall *c, CaValue *v, int64_t *out, int max);
int ca_onnx_known_reals(CaOnnxCall *c, CaValue *v, double *out, int max);

CaValue *ca_onnx_vector(CaOnnxCall *c, const int64_t *v, int n); /* i64 */
CaValue *ca_onnx_scalar(CaOnnxCall *c, int64_t v);               /* i64, rank 0 */
CaValue *ca_onnx_number(CaOnnxCall *c, CaValue *like,
                        double v); /* of like's type, rank 0 */
/* 0, 1 ... n - 1 from `from`. */
CaValue *ca_onnx_iota(CaOnnxCall *c, int from, int n);
CaValue *ca_onnx_reshape(CaOnnxCall *c, CaValue *v, const int64_t *dims, int rank);
/* [C] to [1, C, 1, 1] of that rank. */
CaValue *ca_onnx_per_channel(CaOnnxCall *c, CaValue *v, int axis, int rank);
CaValue *ca_onnx_convert(CaOnnxCall *c, CaValue *v, CarinaType type);
/* [prod(:axis), prod(axis:)] */
CaValue *ca_onnx_flatten(CaOnnxCall *c, CaValue *v, int64_t axis);
CaValue *ca_onnx_to_scalar(CaOnnxCall *c, CaValue *v);

#endif
