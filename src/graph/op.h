/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator is: attributes, shape rule, reference, and how each format spells it.
 *
 * The reference sees numbers, not element types: inputs and outputs of floating type arrive as double, of
 * integer type (boolean too) as int64_t; the driver converts and rounds once. An operator that only moves
 * elements (.moves) gets bytes for its data and int64_t for the rest.
 */
#ifndef CA_GRAPH_OP_H
#define CA_GRAPH_OP_H

#include "graph/graph.h"
#include "graph/shape.h"

typedef struct CaInferArgs {
    CaGraph *graph; /* for its arena; the graph must not change */
    CaNode *node;
    const void *attrs;
} CaInferArgs;

typedef struct CaRefTensor {
    CarinaType type;
    CarinaShape shape;
    int64_t n;      /* elements */
    double *real;   /* floating types; else NULL */
    int64_t *whole; /* integer types and boolean; else NULL */
    unsigned char *
        bytes; /* the elements themselves; outputs: only where the operator .moves, else NULL */
    size_t elem_size;
} CaRefTensor;

typedef struct CaRefArgs {
    const CaNode *node;
    const void *attrs;
    int n_in, n_out;
    const CaRefTensor *in; /* n == 0 and type CARINA_UNKNOWN: absent */
    CaRefTensor *out;      /* type, shape and memory are set */
    CaArena *arena;        /* for work space */
    const char
        *problem; /* set to a sentence to refuse the data (an index out of range) */
} CaRefArgs;

typedef enum CaFormat {
    CA_FORMAT_NONE = 0,
    CA_FORMAT_ONNX,
    CA_FORMAT_CAFFE,
    CA_FORMAT_TF,
    CA_FORMAT_KERAS,
    CA_FORMAT_MXNET,
    CA_FORMAT_TFLITE
} CaFormat;

/* ours <- theirs; theirs NULL: always value. value: used where theirs is absent; NULL: our fallback. */
typedef struct CaAttrMap {
    const char *ours, *theirs, *value;
} CaAttrMap;
/* A spelling that needs no code: same inputs in the same order, attributes by the map. A reader's own table
 * holds what needs code. */
typedef struct CaImportRule {
    CaFormat format;
    const char *name;
    CaAttrMap map[8];
} CaImportRule;

typedef struct CaArity {
    int min_in, max_in,
        n_out; /* max_in -1: any number; n_out -1: set when the node is made */
} CaArity;

enum {
    CA_OP_ELEMENTWISE =
        1, /* unary or broadcasting: output element i depends on element i of each input */
    CA_OP_MOVES = 2, /* copies elements, computes nothing */
    CA_OP_SIDE = 4,  /* Result: kept though nobody reads it */
    CA_OP_OWN =
        8, /* arises where a device compiles; not read from IR nor written to it */
    CA_OP_CUSTOM = 16 /* of an extension: its first member is that of a CaCustomOp */
};

struct CarinaOp {
    const char *name;
    int opset; /* "opsetK" that this version of the operator is written with */
    const char *summary;
    CaArity arity;
    uint32_t flags;
    size_t attrs_size;
    const CarinaAttr *attrs;
    CarinaStatus (*infer)(const CaInferArgs *args, CarinaError *err);
    void (*ref)(CaRefArgs *r); /* NULL: Parameter, Const, Result; where there is run */
    /* Instead of ref, of operators with bodies: the definition on the tensors themselves; uses the heap. */
    CarinaStatus (*run)(const CaNode *node, CarinaTensor *const *outputs,
                        const CarinaTensor *const *inputs, CarinaError *err);
    /* The same in work space of work() bytes, 16-byte aligned. */
    CarinaStatus (*run_in)(const CaNode *node, CarinaTensor *const *outputs,
                           const CarinaTensor *const *inputs, void *work,
                           size_t work_size, CarinaError *err);
    /* Bytes that ref takes from its arena at most, or that run_in is given; SIZE_MAX: too many. NULL: none. Known
     * shapes only. */
    size_t (*work)(const CarinaNode *node);
    const CaImportRule *imports;
};
typedef CarinaOp CaOp;

/* May a node of constants be computed when compiling? */
static inline bool ca_op_folds(const CaOp *op) { return op->ref || op->run_in; }

#define CA_REQUIRED true, NULL
#define CA_DEFAULT(text) false, text
#define CA_ATTR_INT(S, m, lo, hi, ...)                                 \
    {                                                                  \
#        m, CARINA_ATTR_INT, offsetof(S, m), __VA_ARGS__, lo, hi, NULL \
    }
#define CA_ATTR_FLOAT(S, m, lo, hi, ...)                                 \
    {                                                                    \
#        m, CARINA_ATTR_FLOAT, offsetof(S, m), __VA_ARGS__, lo, hi, NULL \
    }
#define CA_ATTR_BOOL(S, m, ...)                                       \
    {                                                                 \
#        m, CARINA_ATTR_BOOL, offsetof(S, m), __VA_ARGS__, 0, 0, NULL \
    }
#define CA_ATTR_ENUM(S, m, table, ...)                                 \
    {                                                                  \
#        m, CARINA_ATTR_ENUM, offsetof(S, m), __VA_ARGS__, 0, 0, table \
    }
#define CA_ATTR_STRING(S, m, ...)                                       \
    {                                                                   \
#        m, CARINA_ATTR_STRING, offsetof(S, m), __VA_ARGS__, 0, 0, NULL \
    }
#define CA_ATTR_INTS(S, m, lo, hi, ...)                                 \
    {                                                                   \
#        m, CARINA_ATTR_INTS, offsetof(S, m), __VA_ARGS__, lo, hi, NULL \
    }
#define CA_ATTR_FLOATS(S, m, lo, hi, ...)                                 \
    {                                                                     \
#        m, CARINA_ATTR_FLOATS, offsetof(S, m), __VA_ARGS__, lo, hi, NULL \
    }
#define CA_ATTR_TYPE(S, m, ...)                                       \
    {                                                                 \
#        m, CARINA_ATTR_TYPE, offsetof(S, m), __VA_ARGS__, 0, 0, NULL \
    }
#define CA_ATTR_SHAPE(S, m, ...)                                       \
    {                                                                  \
#        m, CARINA_ATTR_SHAPE, offsetof(S, m), __VA_ARGS__, 0, 0, NULL \
    }
/* An attribute whose IR spelling is no C name: "exclude-pad". */
#define CA_ATTR_AS(text, KIND, S, m, lo, hi, ...)             \
    {                                                         \
        text, KIND, offsetof(S, m), __VA_ARGS__, lo, hi, NULL \
    }
#define CA_ATTRS_END                                      \
    {                                                     \
        NULL, CARINA_ATTR_END, 0, false, NULL, 0, 0, NULL \
    }

/* The operator with that IR name (case ignored), the newest whose opset is at most `opset` (0: newest of all). */
const CaOp *ca_op_find(const char *name, int opset);
const CaOp *ca_op_at(int i); /* NULL past the last; in the order of ops.def */
/* The rule for a foreign name, and its operator; NULL if none. */
const CaImportRule *ca_op_import(CaFormat format, const char *foreign, const CaOp **op);
/* Rule i of a format, its foreign name: NULL past the last. For a reader's list of what it knows. */
const char *ca_op_import_name(CaFormat format, int i);
/* The name nearest to an unknown one, for messages; NULL if none is near. */
const char *ca_op_nearest(const char *name);

/* --- For shape rules. */
CarinaStatus ca_infer_same_as_input(const CaInferArgs *a, CarinaError *err);
/* NumPy broadcast of inputs 0 and 1 (attribute auto_broadcast none|numpy|pdpd where there is one); same type. */
CarinaStatus ca_infer_broadcast(const CaInferArgs *a, CarinaError *err);
CarinaStatus ca_infer_compare(const CaInferArgs *a,
                              CarinaError *err); /* the same, boolean */
/* Input i's shape and type; the unknown shape where it is absent. */
CarinaShape ca_in_shape(const CaInferArgs *a, int i);
CarinaType ca_in_type(const CaInferArgs *a, int i);
void ca_out(const CaInferArgs *a, int i, CarinaType type, const CarinaShape *shape);
/* Input i's elements where they are known (constant): at most max into v. False where unknown, too many or absent. */
bool ca_in_ints(const CaInferArgs *a, int i, int64_t *v, int max, int *n);
bool ca_in_real(const CaInferArgs *a, int i, double *v); /* a scalar */
/* An error that names the node: "node 'conv1' (Convolution): ...". */
CarinaStatus ca_infer_err(const CaInferArgs *a, CarinaError *err, CarinaStatus code,
                          const char *format, ...) CA_PRINTF(4, 5);

/* --- For references. */
/* Broadcasting: offset in in[k] of output element i (row-major). */
int64_t ca_ref_broadcast(const CarinaShape *out, const CarinaShape *in, int64_t i);
void ca_ref_strides(const CarinaShape *s, int64_t strides[CARINA_MAX_RANK]);

/* For .work: total and one more array of n elements, as the arena rounds it; SIZE_MAX where that overflows. */
size_t ca_work_array(size_t total, int64_t n, size_t size);
/* The inferred shape's elements; dimension i of input k of a node. 0 where there is none. */
int64_t ca_value_count(const CarinaValue *v);
int64_t ca_node_dim(const CarinaNode *node, int k, int i);

/* --- The driver: the definition of a node on plain tensors. outputs have the inferred type and shape. */
CarinaStatus ca_reference_node(const CaNode *node, CarinaTensor *const *outputs,
                               const CarinaTensor *const *inputs, CarinaError *err);
/* Bytes of work space for ca_reference_node_in; SIZE_MAX: more than there can be. Shapes are static. */
size_t ca_reference_work(const CaNode *node);
/* The same without the heap, in work (16-byte aligned). */
CarinaStatus ca_reference_node_in(const CaNode *node, CarinaTensor *const *outputs,
                                  const CarinaTensor *const *inputs, void *work,
                                  size_t work_size, CarinaError *err);
/* The definition of a node all of whose inputs are known: outputs (NULL before) are created, none on failure. */
CarinaStatus ca_reference_known(const CaNode *node, CarinaTensor **outputs,
                                CarinaError *err);
/* And kept in the graph as the outputs' `constant`. At most CA_KNOWN_PORTS inputs and outputs. */
CarinaStatus ca_node_know(CaGraph *graph, CaNode *node, CarinaError *err);
enum { CA_KNOWN_PORTS = 64 };
/* The whole graph; inputs and outputs in the graph's order. Outputs are created for the caller. */
CarinaStatus ca_reference_run(const CaGraph *graph, CarinaTensor **outputs,
                              const CarinaTensor *const *inputs, CarinaError *err);

#endif
