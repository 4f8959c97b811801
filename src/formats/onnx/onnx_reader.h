/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the ONNX reader share: the state of one reading.
 *
 * Translating a node is straight-line code in the terms of formats/build.h.
 */
#ifndef CA_FORMATS_ONNX_READER_H
#define CA_FORMATS_ONNX_READER_H

#include "formats/build.h"
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

/* A value of the graph around, and the Parameter that stands for it in a body. */
typedef struct CaOnnxCapture {
    const char *key;
    CaValue *outer, *inner;
    struct CaOnnxCapture *next;
} CaOnnxCapture;

typedef struct CaOnnxNameList {
    const char **v;
    size_t n;
} CaOnnxNameList;

typedef struct CaOnnx {
    CaBuild b;
    struct CaOnnx *outer;    /* of a body: the graph around it */
    CaOnnxCapture *captures; /* in the order of their Parameters */
    CaOnnxNameList *inside;  /* of each node: what its bodies may want of this graph */
    CaBuffer *file;
    CaOnnxName *names; /* open addressing */
    size_t n_names, room;
    int64_t opset, ir_version;
    CaOnnxFile *files;
    CaOnnxQuant *quants;
} CaOnnx;

typedef struct CaOnnxCall {
    CaOnnx *r;
    CaBuild *b; /* r's */
    const Onnx__NodeProto *node;
    const char *name;
    int64_t opset;
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
extern const CaOnnxOp ca_onnx_nn[], ca_onnx_math[], ca_onnx_moves[], ca_onnx_quant[],
    ca_onnx_control[], ca_onnx_grid[];
/* The row for the call's operator, or NULL. */
const CaOnnxOp *ca_onnx_op_find(const char *domain, const char *name);

/* onnx_tensor.c. where: "node 'x' (Conv)", for messages. */
CarinaStatus ca_onnx_tensor(CarinaTensor **out, CaOnnx *r, const char *where,
                            const char *name, const Onnx__TensorProto *t);
CarinaType ca_onnx_type(int32_t code); /* CARINA_UNKNOWN where there is none */
const char *ca_onnx_type_text(int32_t code);

/* --- Bodies. */
typedef struct CaOnnxPort {
    CarinaType type;
    CarinaShape shape;
    bool is_part; /* the body has it without the axis along which its parts lie */
    int64_t axis;
} CaOnnxPort;
/* The attribute's graph with Parameters for its own inputs and then for what it captures, Results for its outputs.
 * NULL where the call fails; free it, or give it to a node. */
CaGraph *ca_onnx_body(CaOnnxCall *c, const Onnx__GraphProto *g, const CaOnnxPort *in,
                      int n_in, const CaOnnxPort *out, int n_out,
                      CaOnnxCapture **captures);

/* --- onnx_custom.c: the call's operator is one that the user gave. */
void ca_onnx_custom(CaOnnxCall *c, const char *domain);

/* --- onnx_call.c */
CaValue *ca_onnx_in(CaOnnxCall *c, int i);  /* fails where absent */
CaValue *ca_onnx_opt(CaOnnxCall *c, int i); /* NULL where absent */
bool ca_onnx_out_used(const CaOnnxCall *c, int i);
void ca_onnx_out(CaOnnxCall *c, int i, CaValue *v);
const Onnx__AttributeProto *ca_onnx_attr(const CaOnnxCall *c, const char *name);
int64_t ca_onnx_attr_int(const CaOnnxCall *c, const char *name, int64_t absent);
double ca_onnx_attr_real(const CaOnnxCall *c, const char *name, double absent);
const char *ca_onnx_attr_text(CaOnnxCall *c, const char *name, const char *absent);
const int64_t *ca_onnx_attr_ints(const CaOnnxCall *c, const char *name, int *n);

#endif
