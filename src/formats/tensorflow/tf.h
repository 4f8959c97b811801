/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the TensorFlow reader share: the graph as the file has it, and one reading of it.
 *
 * A reading goes: ca_tf_begin (text becomes binary), ca_tf_parse_graph (a GraphDef becomes nodes), whatever the
 * container adds (functions inlined, variables bound, a signature's ends), ca_tf_finish (what leads to the outputs
 * becomes a graph of our operators), ca_tf_free. Nodes, names and edges live in the reading's arena; attributes and
 * constants stay in the file as spans until they are asked for.
 */
#ifndef CA_FORMATS_TF_H
#define CA_FORMATS_TF_H

#include "formats/build.h"
#include <carina/model.h>

/* The payload of a message in CaTf.file. */
typedef struct CaTfSpan {
    size_t at, end;
} CaTfSpan;

typedef struct CaTfNode CaTfNode;

/* What a node reads. In a function's body, before it is inlined, a text may be "node:argument:k". */
typedef struct CaTfEdge {
    const char *text; /* "n" or "n:k" as it is written; names what is missing */
    CaTfNode *node;   /* NULL: the file has no such node */
    int32_t port;
} CaTfEdge;

typedef struct CaTfAttr {
    const char *name;
    CaTfSpan value; /* an AttrValue */
} CaTfAttr;

struct CaTfNode {
    const char *name, *op;
    CaTfEdge *in; /* data only: control inputs order effects, and inference has none */
    CaTfAttr *attrs;
    int32_t n_in, n_attrs;
    int32_t place;  /* in CaTf.nodes */
    uint8_t visit;  /* of the walk that translates */
    bool is_needed; /* an output of the model depends on it */
    bool is_dead;   /* in a branch that is not taken */
    bool is_inner;  /* of a function's body: an output only if it is named */
    uint64_t used;  /* bit k: output k is read by a needed node; bit 63: 63 and more */
    CaValue *
        *value; /* of each output, once known: a model's input stands before the walk */
    int32_t n_value;
};

/* Stands for the value of an output in a branch that a constant decision leaves out. What reads it is dead too. */
extern CaValue ca_tf_dead;

/* An input or output of the model. */
typedef struct CaTfEnd {
    const char *name; /* what the model calls it */
    CaTfEdge edge;
    CarinaType type;   /* inputs; CARINA_UNKNOWN: as the node says */
    CarinaShape shape; /* inputs; has_shape */
    bool has_shape;
    bool is_guessed; /* outputs: nobody named it */
} CaTfEnd;

/* The value of a variable: the tensor becomes the reading's. node: VarHandleOp, VariableV2, Variable. */
typedef CarinaStatus CaTfVariableFn(CarinaTensor **out, void *arg, const CaTfNode *node,
                                    CarinaError *err);

typedef struct CaTfName {
    const char *key;
    CaTfNode *node;
} CaTfName;

typedef struct CaTfList CaTfList;     /* of tf_lists.c */
typedef struct CaTfFrames CaTfFrames; /* of tf_frames.c */

typedef struct CaTf {
    CaBuild b; /* graph, arena, path, error, status: the first failure stays */
    const CarinaReadOptions *options;
    CaBuffer *file;   /* binary; spans are of it */
    CaTfNode **nodes; /* in the file's order, then as they are added */
    int32_t n_nodes, room;
    CaTfName *names; /* open addressing */
    size_t names_room;
    int64_t producer;          /* version of the GraphDef; 0: older than versions */
    CaTfSpan library;          /* FunctionDefLibrary of the GraphDef; at == end: none */
    CaTfEnd *inputs, *outputs; /* empty: guessed by ca_tf_finish */
    int32_t n_inputs, n_outputs, inputs_room, outputs_room;
    CaTfList *lists;
    CaTfFrames *frames; /* NULL: no loop is made of frames */
    void *inliner;      /* of tf_functions.c, once a loop has called a function */
    int loop_depth, n_rounds;
    int n_by_data;            /* loops whose rounds the data counts */
    int64_t n_items;          /* of all lists */
    CaTfVariableFn *variable; /* NULL: a variable is refused */
    void *variable_arg;
    size_t filled;     /* bytes of constants that repeat one element */
    CarinaError spare; /* where the caller wants no sentence */
} CaTf;

/* Which message a text is. */
typedef enum CaTfRoot { CA_TF_GRAPH, CA_TF_META_GRAPH, CA_TF_SAVED_MODEL } CaTfRoot;

/* path and options are lent until ca_tf_free; the file is counted, a text is turned into a binary one. */
CarinaStatus ca_tf_begin(CaTf **out, const char *path, CaBuffer *file, CaTfRoot root,
                         const CarinaReadOptions *options, CarinaError *err);
void ca_tf_free(CaTf **r);
/* All nodes of a GraphDef, with their edges. */
CarinaStatus ca_tf_parse_graph(CaTf *r, CaTfSpan graph_def);
/* Options' inputs, outputs and freeze; ends that are not given guessed; then the translation. */
CarinaStatus ca_tf_finish(CaGraph **out, CaTf *r);

/* All of that for a file that is a GraphDef. options may be NULL. */
CarinaStatus ca_tf_read(CaGraph **out, const char *path, CaBuffer *file,
                        const CarinaReadOptions *options, CarinaError *err);
CarinaStatus ca_tf_read_with(CaGraph **out, const char *path, CaBuffer *file,
                             const CarinaReadOptions *options, const CaCustoms *customs,
                             CarinaError *err);

/* --- tf_graph.c: making and changing the graph, for functions and control flow. */
/* One NodeDef (of a graph or of a function's body), its name after prefix ("" or "call/"), put into r->nodes but
 * not into r->names. Edges have texts only. */
CarinaStatus ca_tf_parse_node(CaTfNode **out, CaTf *r, CaTfSpan node_def,
                              const char *prefix);
/* A node that no file has. Its n_in edges are empty. */
CarinaStatus ca_tf_add_node(CaTfNode **out, CaTf *r, const char *name, const char *op,
                            int n_in);
/* By name; NULL if none. */
CaTfNode *ca_tf_find(const CaTf *r, const char *name);
/* "n" or "n:k" of r->names; out->node is NULL where there is no such node. */
void ca_tf_find_edge(CaTf *r, CaTfEdge *out, const char *text);
/* The port of output argument arg, element k, of an operator: 0 + k where it has one output argument or list. */
int32_t ca_tf_port(const char *op, const char *arg, int32_t k);
/* An input or output of the model; text names its tensor. Once one is given, no others are guessed. */
CarinaStatus ca_tf_add_input(CaTf *r, const CaTfEnd *end);
CarinaStatus ca_tf_add_output(CaTf *r, const CaTfEnd *end);
/* The value of an edge: NULL before its node is translated. */
CaValue *ca_tf_value(const CaTfEdge *edge);
CarinaStatus ca_tf_set_value(CaTf *r, CaTfNode *n, int32_t port, CaValue *v);
CarinaStatus ca_tf_no_memory(CaTf *r);

/* --- tf_wire.c: looking into spans. A false or absent answer on damage sets r->b.status. */
/* The next field of a message that is read from *at: number, and its payload or its value. */
typedef struct CaTfField {
    uint64_t number;
    unsigned wire;
    CaTfSpan span;  /* of the payload */
    uint64_t value; /* wires 0, 1, 5 */
} CaTfField;
bool ca_tf_next(CaTf *r, CaTfField *f, CaTfSpan *rest);
bool ca_tf_varint(CaTf *r, uint64_t *out, CaTfSpan *rest); /* of a packed list */
/* The last (singular) field of that number. */
bool ca_tf_field(CaTf *r, CaTfField *f, CaTfSpan message, uint64_t number);
/* A string in the arena, "" for an empty one; NULL on failure. */
const char *ca_tf_text(CaTf *r, CaTfSpan span);
bool ca_tf_span_is(const CaTf *r, CaTfSpan span, const char *text);
/* A TensorShapeProto: unknown dimensions are -1, an unknown rank is rank -1. */
CarinaShape ca_tf_shape_of(CaTf *r, CaTfSpan shape_proto);
CarinaType ca_tf_type(
    uint64_t data_type); /* reference types too; CARINA_UNKNOWN where there is none */
const char *ca_tf_type_text(uint64_t data_type);
/* "DT_FLOAT", "DT_FLOAT_REF" to its number. */
bool ca_tf_type_find(const char *text, size_t n, uint64_t *data_type);
/* A TensorProto; large ones are slices of the file. what: for messages, "node 'x' (Const)". */
CarinaStatus ca_tf_tensor(CarinaTensor **out, CaTf *r, const char *what,
                          CaTfSpan tensor_proto);
/* The texts of a TensorProto of DT_STRING; -1 on failure or where it is of another type. */
int32_t ca_tf_strings(const char ***out, CaTf *r, CaTfSpan tensor_proto);

/* --- Attributes. absent: the operator's default, which newer files do not write. */
bool ca_tf_attr(CaTf *r, const CaTfNode *n, const char *name, CaTfSpan *attr_value);
int64_t ca_tf_attr_int(CaTf *r, const CaTfNode *n, const char *name, int64_t absent);
bool ca_tf_attr_bool(CaTf *r, const CaTfNode *n, const char *name, bool absent);
double ca_tf_attr_real(CaTf *r, const CaTfNode *n, const char *name, double absent);
const char *ca_tf_attr_text(CaTf *r, const CaTfNode *n, const char *name,
                            const char *absent);
/* A DataType as it is written; 0: absent. */
uint64_t ca_tf_attr_type(CaTf *r, const CaTfNode *n, const char *name);
/* How many; -1 where absent or more than max. */
int ca_tf_attr_ints(CaTf *r, const CaTfNode *n, const char *name, int64_t *out, int max);
CarinaShape ca_tf_attr_shape(CaTf *r, const CaTfNode *n, const char *name);
/* The name of the function in attribute name ("f", "body"); NULL where there is none. */
const char *ca_tf_attr_function(CaTf *r, const CaTfNode *n, const char *name);
/* The TensorProto of attribute name. */
bool ca_tf_attr_tensor(CaTf *r, const CaTfNode *n, const char *name, CaTfSpan *out);

/* --- tf_translate.c: what a row's function is given. */
typedef struct CaTfCall {
    CaTf *r;
    CaBuild *b; /* the reading's */
    CaTfNode *node;
    CaValue **in; /* of n_in data inputs */
    int n_in;
    int32_t first_id; /* our nodes from here on are of this call */
    const struct CaTfOp *row;
} CaTfCall;

typedef void CaTfFn(CaTfCall *c);
typedef enum CaTfRowFlag {
    CA_TF_TAKES_DEAD = 1, /* called although some inputs are &ca_tf_dead (Merge) */
    CA_TF_TAKES_LISTS = 2 /* knows values that stand for lists of tensors */
} CaTfRowFlag;
typedef struct CaTfOp {
    const char *name;
    CaTfFn *fn;
    const char *ours; /* for functions that serve several operators */
    unsigned flags;
} CaTfOp;
/* Each ends with a row without name. A new table is added in tf_translate.c. */
extern const CaTfOp ca_tf_nn[], ca_tf_math[], ca_tf_reduce[], ca_tf_moves[],
    ca_tf_parts[], ca_tf_image[], ca_tf_quantize[], ca_tf_control[], ca_tf_rnn[],
    ca_tf_branches[], ca_tf_loops[], ca_tf_frames[], ca_tf_lists[], ca_tf_segments[],
    ca_tf_detect[];
const CaTfOp *ca_tf_op_find(const char *name);
/* Operator i of all tables; NULL past the last. */
const char *ca_tf_operator_name(int i);

CaValue *ca_tf_in(CaTfCall *c, int i);  /* fails where absent */
CaValue *ca_tf_opt(CaTfCall *c, int i); /* NULL where absent */
/* Output i of the call's node. */
void ca_tf_out(CaTfCall *c, int i, CaValue *v);
/* tf_custom.c: the call's operator is one that the user gave. */
void ca_tf_custom(CaTfCall *c);
/* Does anything that is translated read output i? */
bool ca_tf_out_used(const CaTfCall *c, int i);

#endif
