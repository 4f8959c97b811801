/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ABI of devices: the graph as a plugin sees it, what the host lends, and the one table a plugin exports.
 *
 * Structs are append only. A plugin includes this header and links to nothing of the host.
 */
#ifndef CARINA_PLUGIN_H
#define CARINA_PLUGIN_H

#include <carina/base.h>
#include <carina/tensor.h>

#include <stdbool.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CARINA_ABI_MAJOR 1
#define CARINA_ABI_MINOR 3

typedef struct CarinaNode CarinaNode;
typedef struct CarinaGraph CarinaGraph;
typedef struct CarinaOp CarinaOp;
typedef struct CarinaUse CarinaUse;

/* --- Attributes: a struct of the operator's own, described by a table. ------------------------------ */

typedef struct CarinaInts {
    int32_t n;
    const int64_t *v;
} CarinaInts;
typedef struct CarinaFloats {
    int32_t n;
    const double *v;
} CarinaFloats;

typedef enum CarinaAttrKind {
    CARINA_ATTR_END = 0,
    CARINA_ATTR_INT,    /* int64_t */
    CARINA_ATTR_FLOAT,  /* double */
    CARINA_ATTR_BOOL,   /* bool */
    CARINA_ATTR_ENUM,   /* int32_t, index into names */
    CARINA_ATTR_STRING, /* const char * */
    CARINA_ATTR_INTS,   /* CarinaInts */
    CARINA_ATTR_FLOATS, /* CarinaFloats */
    CARINA_ATTR_TYPE,   /* CarinaType */
    CARINA_ATTR_SHAPE   /* CarinaShape, dimensions may be dynamic */
} CarinaAttrKind;

typedef struct CarinaAttr {
    const char *name; /* as the IR spells it */
    CarinaAttrKind kind;
    size_t offset;    /* in the operator's attribute struct */
    bool is_required; /* else `fallback` holds, spelt as in the IR; NULL: zero, empty */
    const char *fallback;
    double lowest, highest;   /* INT, FLOAT, INTS, FLOATS: of each number */
    const char *const *names; /* ENUM: NULL-terminated, lower case */
} CarinaAttr;

/* --- The graph. ------------------------------------------------------------------------------------- */

/* One output of a node. */
typedef struct CarinaValue {
    CarinaNode *node;
    int32_t index; /* which output of node */
    CarinaType type;
    CarinaShape shape;
    const char
        *name; /* tensor name of the source model, several joined by ','; or NULL */
    const CarinaTensor
        *constant;   /* its elements, where they are known when compiling; else NULL */
    CarinaUse *uses; /* every reader, a list */
} CarinaValue;

/* One input of a node: reads value. */
struct CarinaUse {
    CarinaNode *node;
    int32_t index;
    CarinaValue *value; /* NULL: an optional input that is absent */
    CarinaUse *next, *prev;
};

typedef struct CarinaInfo {
    const char *key;
    const char *value;
    const struct CarinaInfo *next;
} CarinaInfo;

struct CarinaNode {
    int32_t id; /* unique in the graph, stable */
    const char *name;
    const CarinaOp *op;
    const char *op_name; /* as the IR spells it: "Convolution" */
    int32_t opset;       /* version of the operator, 1 for opset1 */
    void *attrs;         /* the operator's struct, see attr_table */
    const CarinaAttr *attr_table;
    int32_t n_inputs, n_outputs;
    CarinaUse *inputs;
    CarinaValue *outputs;
    const CarinaInfo *info;  /* rt_info and the like, carried along */
    CarinaNode *prev, *next; /* the graph's list, in an order that respects the edges */
    /* What TensorIterator and Loop repeat; what If chooses from: first where the condition holds. */
    int32_t n_bodies;
    struct CarinaBody *bodies;
};

struct CarinaGraph {
    const char *name;
    CarinaNode *first, *last; /* all nodes, producers before readers */
    int32_t n_nodes;
    int32_t n_inputs, n_outputs;
    CarinaNode **inputs;  /* Parameter nodes, in the model's order */
    CarinaNode **outputs; /* Result nodes */
    const CarinaInfo *info;
    struct CaGraphOwn *own;
};

/* --- Graphs inside nodes. A body sees nothing of the outer graph but what its Parameters are given. ------ */

/* One port of the node and one of the body. Inputs of the body may stand once each, its outputs several times. */
typedef struct CarinaPortMap {
    int32_t outer; /* input or output of the node */
    int32_t inner; /* of graph->inputs, or graph->outputs */
    /* A part for each iteration, instead of the whole: parts of part_size from start to end, both included, negative
     * ones counted from the end; stride below 0: the last first. */
    bool is_sliced;
    int32_t axis;
    int64_t start, end, stride, part_size;
} CarinaPortMap;

/* What graph->outputs[from] gives is what graph->inputs[to] gets in the next iteration. */
typedef struct CarinaBackEdge {
    int32_t from, to;
} CarinaBackEdge;

typedef struct CarinaBody {
    CarinaGraph *graph;
    int32_t n_inputs, n_outputs, n_back_edges;
    CarinaPortMap *inputs, *outputs;
    CarinaBackEdge *back_edges;
    int32_t iteration_input;  /* Loop: the Parameter that counts iterations; -1: none */
    int32_t condition_output; /* Loop: the Result that says whether to go on; -1: none */
} CarinaBody;

/* Where the attribute `name` of the node lies, or NULL. */
static inline const void *carina_node_attr(const CarinaNode *node, const char *name,
                                           CarinaAttrKind kind)
{
    const CarinaAttr *a = node->attr_table;
    for (; a && a->kind != CARINA_ATTR_END; a++)
        if (a->kind == kind && strcmp(a->name, name) == 0)
            return (const char *)node->attrs + a->offset;
    return NULL;
}
static inline int64_t carina_node_int(const CarinaNode *node, const char *name,
                                      int64_t absent)
{
    const int64_t *v = (const int64_t *)carina_node_attr(node, name, CARINA_ATTR_INT);
    return v ? *v : absent;
}
static inline double carina_node_float(const CarinaNode *node, const char *name,
                                       double absent)
{
    const double *v = (const double *)carina_node_attr(node, name, CARINA_ATTR_FLOAT);
    return v ? *v : absent;
}
static inline bool carina_node_bool(const CarinaNode *node, const char *name, bool absent)
{
    const bool *v = (const bool *)carina_node_attr(node, name, CARINA_ATTR_BOOL);
    return v ? *v : absent;
}
static inline CarinaInts carina_node_ints(const CarinaNode *node, const char *name)
{
    const CarinaInts *v =
        (const CarinaInts *)carina_node_attr(node, name, CARINA_ATTR_INTS);
    const CarinaInts none = {0, NULL};
    return v ? *v : none;
}
/* The enum's name, or "" where there is no such attribute. */
static inline const char *carina_node_enum(const CarinaNode *node, const char *name)
{
    const CarinaAttr *a = node->attr_table;
    for (; a && a->kind != CARINA_ATTR_END; a++)
        if (a->kind == CARINA_ATTR_ENUM && strcmp(a->name, name) == 0)
            return a->names[*(const int32_t *)(const void *)((const char *)node->attrs +
                                                             a->offset)];
    return "";
}

/* --- What the host lends. --------------------------------------------------------------------------- */

typedef struct CarinaDevice CarinaDevice;
typedef struct CarinaProgram CarinaProgram;

typedef struct CarinaOption {
    const char *key, *value; /* key NULL ends a list */
} CarinaOption;

/* thread is 0..n_threads-1, each called once. */
typedef void CarinaParallelFn(void *arg, int thread, int n_threads);

typedef struct CarinaHost {
    size_t struct_size;
    CarinaContext *ctx;
    uint32_t cpu_flags; /* CA_CPU_*: what this machine has and the user allows */
    void (*log)(CarinaContext *ctx, CarinaLogLevel level, const char *text);
    /* [setup] One thread per processor of the context, for packing. */
    void (*parallel_for)(CarinaContext *ctx, CarinaParallelFn *fn, void *arg);
    int (*n_threads)(CarinaContext *ctx);
    /* [any thread] The operator's definition: inputs and outputs are plain tensors. Slow; allocates. */
    CarinaStatus (*node_reference)(const CarinaNode *node, CarinaTensor *const *outputs,
                                   const CarinaTensor *const *inputs, CarinaError *err);
    /* [any thread] Bytes of work space that the definition needs; SIZE_MAX: more than there can be. */
    size_t (*node_reference_work)(const CarinaNode *node);
    /* [any thread] node_reference in that work space (16-byte aligned): slow; allocates nothing. */
    CarinaStatus (*node_reference_in)(const CarinaNode *node,
                                      CarinaTensor *const *outputs,
                                      const CarinaTensor *const *inputs, void *work,
                                      size_t work_size, CarinaError *err);
} CarinaHost;

/* What a run is given besides tensors. Threads are those of one stream, spinning while the run lasts. */
typedef struct CarinaRun {
    size_t struct_size;
    void *
        scratch; /* scratch_size() bytes, 64-byte aligned, kept for the stream: contents persist between runs */
    int n_threads;
    /* Calls fn on each thread of the stream and returns when all are done. */
    void (*fork_join)(void *team, CarinaParallelFn *fn, void *arg);
    void *team;
    bool scratch_is_fresh;          /* first run with this scratch: all bytes are zero */
    struct CarinaCounter *counters; /* NULL, or one per step, to be added to */
    const volatile int
        *cancelled; /* non-zero: stop between two steps with CARINA_ERR_CANCELLED */
} CarinaRun;

/* One step of a program. Strings belong to the program. */
typedef struct CarinaStep {
    const char *name;   /* layer, or several joined by '+' */
    const char *type;   /* operator, "Convolution" */
    const char *kernel; /* "conv_winograd_f43_avx512" */
    CarinaShape shape;  /* of the first output */
    double flop;        /* per run, by the definition: a multiply-add is 2 */
    double bytes;       /* read and written at least */
} CarinaStep;
typedef struct CarinaCounter {
    int64_t n;
    int64_t real_ns;
} CarinaCounter;

/* What a step cannot be faster than, and why it is done as it is. */
typedef struct CarinaBound {
    size_t struct_size; /* as the caller knows it */
    double operations;  /* of the algorithm; `flop` is the definition's */
    double compute_ns;  /* these, at the peak of the machine; 0: not known */
    double memory_ns;   /* all bytes, from where they lie */
    const char *
        why; /* "only", "estimate: direct 0.81 ms, winograd 0.35 ms"; the program's; NULL: nothing to choose */
} CarinaBound;

/* What a program holds, in bytes. */
typedef struct CarinaMemoryUse {
    size_t struct_size;    /* as the caller knows it */
    size_t packed_weights; /* packed for it */
    size_t shared_weights; /* that it reads beside them: other programs had packed them */
    size_t activations;    /* of each stream, with the work space of the steps */
} CarinaMemoryUse;

/* --- The table. ------------------------------------------------------------------------------------- */

typedef struct CarinaPlugin {
    size_t struct_size; /* sizeof(CarinaPlugin) as the plugin was compiled */
    uint16_t abi_major, abi_minor;
    const char *name; /* what a user types: "CPU", "FPGA", "HETERO" */

    /* [setup] Open a device. options ends with a NULL key and is not kept; host is kept. */
    CarinaStatus (*open)(CarinaDevice **out, const CarinaHost *host,
                         const CarinaOption *options, CarinaError *err);
    void (*close)(CarinaDevice *dev);

    /* [any thread] 0 if dev cannot run the node, else a cost: lower is preferred. */
    uint64_t (*node_cost)(const CarinaDevice *dev, const CarinaNode *node);

    /* [setup] Turn a graph with static shapes into a program. The graph lives as long as the program, its
     * constants only until compile returns: what a constant's buffer alone holds may be written over or given back.
     * Options: "precision" f32|bf16|int8, "exact" yes|no, "memory" fast|low, "cache" a file that an earlier
     * compile of the same graph wrote, or that this one may write; empty: none; "tune" yes|no, "tuned" a file
     * of answers of tuning that may be read and written; empty: none. */
    CarinaStatus (*compile)(CarinaProgram **out, CarinaDevice *dev,
                            const CarinaGraph *graph, const CarinaOption *options,
                            CarinaError *err);
    void (*discard)(CarinaProgram *prog);
    /* [any thread] Bytes of scratch that a run with n_threads threads wants. */
    size_t (*scratch_size)(const CarinaProgram *prog, int n_threads);

    /* [run] Tensors and scratch belong to the caller; plain layout, in the graph's order. Must not allocate. */
    CarinaStatus (*run)(const CarinaProgram *prog, CarinaTensor *const *outputs,
                        const CarinaTensor *const *inputs, const CarinaRun *run,
                        CarinaError *err);

    /* [any thread] Step i, or NULL past the last. */
    const CarinaStep *(*step)(const CarinaProgram *prog, int i);
    /* [any thread] "AMD EPYC, AVX-512 + VNNI + BF16"; belongs to the device. */
    const char *(*describe)(const CarinaDevice *dev);

    /* --- since ABI 1.2 -------------------------------------------------------------------------- */

    /* [any thread] Of step i on n_threads threads; false: not known. The first call measures the machine. */
    bool (*bound)(const CarinaProgram *prog, int i, int n_threads, CarinaBound *out);

    /* --- since ABI 1.3 -------------------------------------------------------------------------- */

    /* [any thread] With n_threads threads a stream; false: not known. */
    bool (*memory)(const CarinaProgram *prog, int n_threads, CarinaMemoryUse *out);

    /* --- since ABI 1.4 goes below this line ---------------------------------------------------- */
} CarinaPlugin;

/* The one symbol a plugin exports; returns NULL where host_abi_major does not suit. */
typedef const CarinaPlugin *CarinaPluginEntry(uint16_t host_abi_major);

#ifdef __cplusplus
}
#endif
#endif
