/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the TFLite reader share: the file's tables, the state of one reading, and the calls that
 * translations are written in.
 *
 * A quantised tensor is a tensor of floats here: constants are (q - zero) * scale, and what an operator makes is
 * passed through a FakeQuantize of the tensor's range. Integers appear only at the model's edges. Spatial
 * operators are made channels first between two Transposes.
 */
#ifndef CA_FORMATS_TFLITE_READER_H
#define CA_FORMATS_TFLITE_READER_H

#include "formats/build.h"
#include "formats/reader.h"
#include "formats/tflite/tflite_flat.h"

/* TensorType codes that are spoken of. */
enum { CA_TFLITE_F32 = 0, CA_TFLITE_I32 = 2, CA_TFLITE_I64 = 4, CA_TFLITE_STRING = 5 };
enum { CA_TFLITE_SAME = 0, CA_TFLITE_VALID = 1 };
enum { CA_TFLITE_SHUFFLED = 1 }; /* weights_format */

typedef struct CaTfliteTensor {
    const char *name;
    int32_t code;    /* TensorType */
    CarinaType type; /* CARINA_UNKNOWN: none of ours */
    CarinaShape shape;
    bool is_constant, is_variable;
    uint64_t data, data_size;     /* its bytes of the file */
    CaFlatVector scales, zeros;   /* f32, i64; no scales: not quantised */
    int32_t axis;                 /* along which scales differ */
    CaFlatTable sparsity, blocks; /* at 0: dense; blockwise quantisation */
    int32_t stands_for; /* constant that DEQUANTIZE or DENSIFY only unpacks, or -1 */
    int32_t maker, reader,
        n_readers;        /* operators; an output of the subgraph counts as a reader */
    const CaGraph *graph; /* that the constants are of */
    CaValue *raw, *real;  /* constants, once made */
} CaTfliteTensor;

typedef struct CaTfliteNode {
    int32_t code;
    const char *type; /* "CONV_2D", or the custom operator's name */
    CaFlatTable table, options;
    CaFlatVector inputs, outputs;
    int32_t options_type; /* of the union */
    bool is_custom;
} CaTfliteNode;

typedef struct CaTfliteGraph {
    int32_t index, n_tensors, n_nodes;
    CaTfliteTensor *tensors;
    CaTfliteNode *nodes;
    CaFlatVector inputs, outputs;
} CaTfliteGraph;

typedef struct CaTfliteVariable { /* of VAR_HANDLE */
    const char *container, *name;
    CaValue *value;       /* NULL: not assigned */
    const CaGraph *graph; /* that it is of */
    struct CaTfliteVariable *next;
} CaTfliteVariable;

typedef struct CaTflite {
    CaFlat flat;
    CaBuild b;
    CaSource *source;
    CaFlatVector codes, subgraphs, buffers;
    CaTfliteGraph **graphs; /* parsed when first needed */
    CaTfliteVariable *variables;
    int64_t n_translated;
    int depth;       /* of subgraphs in subgraphs */
    bool is_in_init; /* variables may be assigned */
} CaTflite;

/* One execution of a subgraph: a loop's body has one for each turn. */
typedef struct CaTfliteScope {
    CaTfliteGraph *graph;
    CaValue **values;
    CaTfliteVariable **handles; /* tensors that are resources */
    unsigned char *is_done;     /* operators translated with another */
    const char *prefix;         /* of names */
} CaTfliteScope;

typedef struct CaTfliteOp CaTfliteOp;
typedef struct CaTfliteCall {
    CaTflite *r;
    CaBuild *b;
    CaTfliteScope *s;
    const CaTfliteNode *node;
    const CaTfliteOp *op;
    int32_t first_id; /* nodes from here on are of this call */
} CaTfliteCall;

typedef void CaTfliteFn(CaTfliteCall *c);
struct CaTfliteOp {
    const char *name;
    CaTfliteFn *fn;
    const char *ours; /* for functions that serve several operators */
    bool moves;       /* copies elements: what goes in quantised comes out so */
};
extern const CaTfliteOp ca_tflite_nn[], ca_tflite_math[], ca_tflite_moves[],
    ca_tflite_index[], ca_tflite_recurrent[], ca_tflite_control[], ca_tflite_custom[];

/* --- tflite_parse.c: the file's tables. */
CarinaStatus ca_tflite_graph(CaTfliteGraph **out, CaTflite *r, int64_t index);
CarinaType ca_tflite_type(int32_t code); /* CARINA_UNKNOWN where there is none */
const char *ca_tflite_type_text(int32_t code);
/* Of the union builtin_options; -1 where the operator's options are not read. */
int ca_tflite_options_type(int32_t code);
const char *ca_tflite_code_text(int32_t code); /* NULL: unknown */

/* --- tflite_tensor.c */
/* The constant as it is stored. NULL after a failure. */
CaValue *ca_tflite_constant(CaTfliteCall *c, CaTfliteTensor *t);
/* Constants with scales, as floats: perm (NULL: none) reorders the dimensions; split > 0 then makes the first
 * dimension [split, first / split]. */
CaValue *ca_tflite_dequantized(CaTfliteCall *c, CaTfliteTensor *t, const int *perm,
                               int64_t split);

/* --- tflite_quantize.c */
/* What IR keeps for the pass whole-steps: on FakeQuantize scale, zero point and kind, on a bias' Convert "bias", on
 * comparisons of steps "steps". */
#define CA_TFLITE_STEPS_MARK "user_data.quantization"
bool ca_tflite_is_quantized(const CaTfliteTensor *t); /* a tensor of 8 or 16-bit steps */
/* Floats rounded to the tensor's steps. */
CaValue *ca_tflite_rounded(CaTfliteCall *c, const CaTfliteTensor *t, CaValue *v);
/* Floats to the integers that stand for them, and back. */
CaValue *ca_tflite_to_steps(CaTfliteCall *c, const CaTfliteTensor *t, CaValue *v);
CaValue *ca_tflite_from_steps(CaTfliteCall *c, const CaTfliteTensor *t, CaValue *v);
bool ca_tflite_same_steps(const CaTflite *r, const CaTfliteTensor *a,
                          const CaTfliteTensor *b);

/* --- tflite_call.c: the operator's own. */
int ca_tflite_n_in(const CaTfliteCall *c);
int ca_tflite_n_out(const CaTfliteCall *c);
/* The file's tensor; NULL where absent. */
CaTfliteTensor *ca_tflite_in_tensor(const CaTfliteCall *c, int i);
CaTfliteTensor *ca_tflite_out_tensor(const CaTfliteCall *c, int i);
CaValue *ca_tflite_in(CaTfliteCall *c, int i);  /* fails where absent */
CaValue *ca_tflite_opt(CaTfliteCall *c, int i); /* NULL where absent */
/* A weight of that many dimensions, reordered and split as ca_tflite_dequantized does; integers with a scale are
 * floats too. */
CaValue *ca_tflite_weight(CaTfliteCall *c, int i, int rank, const int *perm,
                          int64_t split);
CaValue *ca_tflite_bias(CaTfliteCall *c, int i); /* NULL where absent */
/* Known integers of input i; fails where they are not known or more than max. */
int ca_tflite_ints(CaTfliteCall *c, int i, int64_t *out, int max);
/* An axis that input i holds. */
int ca_tflite_axis(CaTfliteCall *c, int i, int rank);
bool ca_tflite_out_used(const CaTfliteCall *c, int i);
/* v becomes output i: rounded to its steps, named. */
void ca_tflite_out(CaTfliteCall *c, int i, CaValue *v);
void ca_tflite_out_last(CaTfliteCall *c, int i, CaValue *v); /* v is channels first */
/* Nothing has failed yet: neither the translation nor what it has read of the file. */
bool ca_tflite_readable(CaTfliteCall *c);
/* Fields of builtin_options by the names of tflite_options.def. */
int64_t ca_tflite_opt_int(CaTfliteCall *c, const char *field);
double ca_tflite_opt_real(CaTfliteCall *c, const char *field);
CaFlatVector ca_tflite_opt_ints(CaTfliteCall *c, const char *field);
/* The fused activation `act`, applied. */
CaValue *ca_tflite_act(CaTfliteCall *c, CaValue *v);
CaValue *ca_tflite_activation(CaTfliteCall *c, CaValue *v, int64_t act);

/* --- Nodes that several parts make. */
CaValue *ca_tflite_reduced(CaTfliteCall *c, const char *op, CaValue *v, int64_t axis,
                           bool keep);
CaValue *ca_tflite_matmul(CaTfliteCall *c, CaValue *v, CaValue *w, bool tv, bool tw);
CaValue *ca_tflite_concat(CaTfliteCall *c, CaValue *const *in, int n, int64_t axis);
/* v[from, to) along an axis. */
CaValue *ca_tflite_sliced(CaTfliteCall *c, CaValue *v, int64_t from, int64_t to,
                          int64_t axis);
CaValue *ca_tflite_gather(CaTfliteCall *c, CaValue *v, CaValue *index, int64_t axis);
CaValue *ca_tflite_unsqueeze(CaTfliteCall *c, CaValue *v, int64_t axis);
CaValue *ca_tflite_squeeze(CaTfliteCall *c, CaValue *v, int64_t axis);
CaValue *ca_tflite_shape_of(CaTfliteCall *c, CaValue *v, CarinaType type);
/* Zero padding of all axes: n begins, then n ends. value NULL: 0. */
CaValue *ca_tflite_padded(CaTfliteCall *c, CaValue *v, const int64_t *pads, int n,
                          const char *mode, CaValue *value);

/* --- tflite_read.c */
/* The row for an operator's name, or NULL. */
const CaTfliteOp *ca_tflite_op_find(const char *name);
/* Translates a subgraph on values of its inputs; outputs has room for its outputs. */
bool ca_tflite_subgraph(CaTfliteCall *c, int64_t index, CaValue *const *inputs,
                        int n_inputs, CaValue **outputs, int n_outputs,
                        const char *prefix);

/* --- tflite_extension.c: the call's operator is one that the user gave. */
void ca_tflite_extension(CaTfliteCall *c);

/* --- tflite_labels.c: what the file says about itself. */
CarinaStatus ca_tflite_metadata(CaTflite *r, const CaFlatTable *model);

#endif
