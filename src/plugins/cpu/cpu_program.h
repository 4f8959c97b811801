/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiled program of the CPU: steps over buffers that lie in one scratch block.
 *
 * Compiling: each node of the graph is lowered to steps (lower_*.c, one table row an operator). A value of the
 * graph may have two forms, made when first asked for: plain (row-major, float where the graph has a floating
 * type) and blocked (acts.h). Steps name buffers by number; the memory plan gives them places afterwards.
 */
#ifndef CA_CPU_PROGRAM_H
#define CA_CPU_PROGRAM_H

#include "base/error.h"
#include "base/memory.h"
#include "kernels/acts.h"
#include <carina/plugin.h>

struct CarinaDevice {
    const CarinaHost *host;
    char name[128];
    struct CaCpuMeasured *measured; /* cpu_bound.c's */
    struct CaCpuTune *tune;         /* conv_tune.c's */
    struct CaCpuPool *pool;         /* cpu_packed.c's */
};

typedef enum CaCpuPlace {
    CA_CPU_SCRATCH, /* at offset in the scratch block */
    CA_CPU_INPUT,   /* the user's tensor `index` */
    CA_CPU_OUTPUT,
    CA_CPU_CONST /* at `constant` */
} CaCpuPlace;

typedef struct CaCpuBuffer {
    CaCpuPlace place;
    int index;
    const void *constant;
    size_t size, offset;
    int first, last; /* steps that use it; first -1: none */
    bool is_blocked;
    int n, c, h, w, halo; /* blocked */
    CaElem elem;          /* blocked */
    int zero;             /* blocked, u8: what the halo holds */
} CaCpuBuffer;

/* A tensor in a buffer: plain from its start, or a range of channel blocks of a blocked one. */
typedef struct CaCpuRef {
    int buffer;      /* -1: none */
    int first_block; /* blocked: of 16 channels */
    int n, c, h, w;  /* blocked */
} CaCpuRef;

typedef struct CaCpuRun {
    const CarinaProgram *program;
    const CarinaRun *run;
    CarinaTensor *const *outputs;
    const CarinaTensor *const *inputs;
    unsigned char *work; /* the part of scratch that steps share */
    unsigned char *own;  /* areas of the threads, own_stride bytes each */
    size_t own_stride;
    CarinaStatus status; /* set by a reference step that failed */
    CarinaError *err;
} CaCpuRun;

typedef struct CaCpuStep CaCpuStep;
typedef void CaCpuStepFn(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                         int n_threads);
struct CaCpuStep {
    CarinaStep info;
    CaCpuStepFn *fn;
    int n_phases;
    /* Instead of fn: called once, on the thread that runs the program. */
    CarinaStatus (*whole)(const CaCpuStep *s, CaCpuRun *r);
    void *data; /* what fn needs; in the program's arena */
    size_t shared_work, thread_work;
    /* For its bound: the type of its products, how many operations the algorithm has (0: info.flop), bytes of
     * packed filter; why this algorithm (CarinaBound.why). */
    CaElem elem;
    double operations, filter_bytes;
    const char *why;
};

struct CarinaProgram {
    CarinaDevice *dev;
    CaArena *arena;
    CaCpuStep *steps;
    int n_steps, steps_room;
    CaCpuBuffer *buffers;
    int n_buffers, buffers_room;
    size_t acts_size;                /* scratch for buffers */
    size_t shared_work, thread_work; /* most of any step */
    /* cpu_packed.c's: the blocks it reads; bytes that it packed, and that it found packed. */
    struct CaCpuBlock **blocks;
    int n_blocks, blocks_room;
    size_t own_packed, shared_packed;
    CarinaProgram *bodies, *next_body; /* those that its steps run */
    bool is_small;                     /* of a body: one thread runs it */
};

void *ca_cpu_at(const CaCpuRun *r, int buffer);
CaActs ca_cpu_acts(const CaCpuRun *r, const CaCpuRef *ref);
/* Work space of one thread, behind what the step shares. */
void *ca_cpu_own(const CaCpuRun *r, const CaCpuStep *s, int thread);

/* --- Compiling. */

typedef struct CaCpuValue {
    int plain;                    /* buffer, or -1 */
    const struct CaCpuView *view; /* what it is where plain is -1 (cpu_view.h), or NULL */
    CaCpuRef blocked;             /* .buffer -1: none */
    CaCpuRef narrow;              /* the same in bf16 or u8 */
    const CaQuant
        *quant; /* its numbers are whole steps: what its u8 form stores; or NULL */
    const struct CaCpuPlaceU8
        *place; /* where its quantized form goes, in other steps (lower_u8.h), or NULL */
    int root; /* buffer of a concatenation that this value is to be written into, or -1 */
    int root_block;
    bool is_inside; /* computed inside a fused step: has no form of its own */
} CaCpuValue;

/* What is done to a convolution's input while it is read: act(x * scale + shift). */
typedef struct CaCpuBefore {
    const CarinaValue *x;             /* NULL: nothing, and the input is as it is */
    const CarinaValue *scale, *shift; /* constants, C elements or one; or NULL */
    const CarinaNode *act;            /* ReLU or Clamp, or NULL */
} CaCpuBefore;

/* What a convolution took into its step. */
typedef struct CaCpuFusion {
    const CarinaNode
        *last; /* the step is emitted where this one stands; NULL: not fused */
    const CarinaNode *conv;
    const CarinaValue *bias;     /* constant, C elements or one; or NULL */
    const CarinaValue *residual; /* or NULL; `add` adds it */
    const CarinaNode *add;
    const CarinaNode *act;       /* or NULL */
    const CarinaNode *mid;       /* FakeQuantize before the residual (u8), or NULL */
    const CarinaNode *quantizer; /* FakeQuantize that ends it, or NULL */
    CaCpuBefore before;
    const CarinaValue *gate,
        *gated; /* the input is gated [N, C, H, W] times gate [1 or N,
                                        C, 1, 1], which goes into the filter; or NULL */
} CaCpuFusion;

/* Packed weights so far (cpu_packed.c). */
typedef struct CaCpuPacking {
    const char *path; /* the program cache's file; empty: none */
    bool has_file;    /* pieces come from it */
    bool is_loaded;   /* all of them, at once, into `last` */
    size_t at, file_size;
    struct CaCpuBlock *last;  /* that this program writes; or NULL */
    struct CaCpuAsked *asked; /* pieces, in order */
    int n_asked, asked_room;
} CaCpuPacking;

typedef struct CaCpuBuild {
    CarinaDevice *dev;
    const CarinaHost *host;
    const CarinaGraph *graph;
    CarinaProgram *p;
    CarinaError *err;
    CaCpuValue **values;         /* by node id, then output */
    CaCpuFusion *fusions;        /* by node id of the *last* node */
    bool *is_skipped;            /* by node id: lowered as part of another */
    bool allow_winograd, is_low; /* low: no filter is packed larger than it is */
    CaCpuPacking packing;
    CaElem precision; /* of convolutions: f32, bf16, or u8 where the model is quantized */
    bool *takes_narrow; /* by node id: reads its inputs in bf16 or u8 */
    const float **
        filter_scales; /* by node id; u8: real = scale * whole number, of each channel's filter */
    int n_ids;
    struct CaCpuTune *tune; /* algorithms are measured; NULL: estimated */
    const char *tune_path;
    uint64_t choices; /* a hash of what tuning chose; 0: nothing */
} CaCpuBuild;

CaCpuValue *ca_cpu_value(const CaCpuBuild *b, const CarinaValue *v);
/* The value as row-major data: an existing form, or through a step that makes it. The element type is f32 for
 * f16 and bf16 values, else the value's. */
CarinaStatus ca_cpu_plain(CaCpuBuild *b, int *buffer, const CarinaValue *v);
CarinaStatus ca_cpu_blocked(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v, int halo);
/* Where the value's result goes: a new buffer, or its place in a concatenation. */
CarinaStatus ca_cpu_new_plain(CaCpuBuild *b, int *buffer, const CarinaValue *v);
CarinaStatus ca_cpu_new_blocked(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v);
CarinaStatus ca_cpu_add_buffer(CaCpuBuild *b, int *buffer, CaCpuBuffer what);
/* Appends a step; data is size zeroed bytes of the arena. uses[] are its buffers. */
CarinaStatus ca_cpu_add_step(CaCpuBuild *b, CaCpuStep **step, const CarinaNode *node,
                             const char *kernel, CaCpuStepFn *fn, size_t data_size);
void ca_cpu_use(CaCpuBuild *b, int buffer); /* by the step added last */
void ca_cpu_need_halo(CaCpuBuild *b, const CaCpuRef *ref, int halo);
bool ca_cpu_has_blocked(const CaCpuBuild *b, const CarinaValue *v);
/* Is it there as row-major data, or a view of some, and in no other form? */
bool ca_cpu_is_only_plain(const CaCpuBuild *b, const CarinaValue *v);
/* Real type that is computed in f32? */
bool ca_cpu_is_float(CarinaType type);
CarinaType ca_cpu_type(CarinaType type);  /* as held in plain buffers */
size_t ca_cpu_elem_size(CarinaType type); /* of ca_cpu_type */
int64_t ca_cpu_count(const CarinaShape *s);
/* A constant as floats in the program's arena; NULL: out of memory or no constant. */
const float *ca_cpu_floats(CaCpuBuild *b, const CarinaValue *v, int64_t *n);
/* n elements of a floating constant as f32. */
void ca_cpu_widen(float *out, const CarinaTensor *t, int64_t n);
/* The value's elements where they are known: its own, or those that a Convert between floating types widens (FP16
 * compressed weights). Its type may differ from the value's. NULL: not known. */
const CarinaTensor *ca_cpu_constant(const CarinaValue *v);
const CarinaValue *ca_cpu_in(const CarinaNode *node, int i);
/* The integers of a constant, at most max; false where they are not known or too many. */
bool ca_cpu_ints(const CarinaValue *v, int64_t *out, int max, int *n);
bool ca_cpu_axis(int64_t given, int rank, int *axis); /* negative: from the end */
/* A graph inside a node as a program that belongs to b's. */
CarinaStatus ca_cpu_compile_body(CaCpuBuild *b, CarinaProgram **out,
                                 const CarinaGraph *graph);
/* Bytes that ca_cpu_run_body takes; its threads' areas are the running program's. */
size_t ca_cpu_body_work(const CarinaProgram *p);
CarinaStatus ca_cpu_run_body(const CarinaProgram *p, CarinaTensor *const *outputs,
                             const CarinaTensor *const *inputs, const CaCpuRun *r,
                             void *work);
/* Product of dimensions [from, to). */
int64_t ca_cpu_product(const CarinaShape *s, int from, int to);
/* Are elements whole bytes? */
bool ca_cpu_is_bytes(CarinaType type);
/* While running: the data is refused with a sentence, once. */
void ca_cpu_refuse(CaCpuRun *r, const CaCpuStep *s, const char *problem);
bool ca_cpu_is(const CarinaNode *node, const char *op);

/* --- Narrow forms (lower_narrow.c). */

CaMap ca_cpu_map(const CaCpuRun *r, const CaCpuRef *ref); /* of any blocked buffer */
/* The value in b->precision's form: there, or through a step that makes it. */
CarinaStatus ca_cpu_narrow(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v, int halo);
CarinaStatus ca_cpu_new_narrow(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v);
/* The f32 blocked form from the narrow one, which is there. */
CarinaStatus ca_cpu_widen_blocked(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v);
/* Quantised integers as plain bytes from the map that is there (lower_steps.c). */
CarinaStatus ca_cpu_plain_of_map(CaCpuBuild *b, int *buffer, const CarinaValue *v);
/* Which values have a u8 form, and which nodes read narrow forms. */
CarinaStatus ca_cpu_plan_quant(CaCpuBuild *b);
/* FakeQuantize onto whole steps of a u8 form that its readers want. */
bool ca_cpu_is_quantizer(const CaCpuBuild *b, const CarinaNode *n);
bool ca_cpu_wants_narrow(const CaCpuBuild *b, const CarinaValue *v);
/* The FakeQuantize that ends a sum of two values in u8, with or without ReLU between; NULL: not such a sum. */
const CarinaNode *ca_cpu_u8_add_end(const CaCpuBuild *b, const CarinaNode *add);
/* A node that is done in the narrow form; false: not this one. */
bool ca_cpu_lower_narrow(CarinaStatus *status, CaCpuBuild *b, const CarinaNode *n);
/* Rows and columns of padding before a pool's input. */
void ca_cpu_pool_pads(int first[2], const CarinaNode *n);
CarinaStatus ca_cpu_lower_dot(CaCpuBuild *b, const CaCpuFusion *f);

/* --- Lowering: how an operator becomes steps. CARINA_ERR_UNSUPPORTED without a sentence: "not this case", and
 * the reference is called instead. */
typedef CarinaStatus CaCpuLower(CaCpuBuild *b, const CarinaNode *node);
typedef struct CaCpuLowering {
    const char *op;
    CaCpuLower *lower;
} CaCpuLowering;
extern const CaCpuLowering ca_cpu_lowerings[]; /* ends with NULL */
#define CA_CPU_LOWER(fn) CaCpuLower ca_cpu_lower_##fn;
#include "cpu_lowerings.def"
#undef CA_CPU_LOWER

/* Fusion and concatenation, planned before lowering. */
CarinaStatus ca_cpu_plan_fusion(CaCpuBuild *b);
CarinaStatus ca_cpu_plan_concat(CaCpuBuild *b);
/* What f's convolution takes over from the nodes before it. */
void ca_cpu_fuse_before(CaCpuBuild *b, CaCpuFusion *f);
void ca_cpu_fuse_gate(CaCpuBuild *b, CaCpuFusion *f);
CarinaStatus ca_cpu_lower_gated(CaCpuBuild *b, const CaCpuFusion *f);
/* A constant of one number, or of one a channel of [1, C, 1, 1] or [C, 1, 1] beside a 4-D value. */
bool ca_cpu_is_per_channel(const CarinaValue *v, int64_t channels);
bool ca_cpu_is_same_shape(const CarinaShape *a, const CarinaShape *b);
CarinaStatus ca_cpu_lower_fused(CaCpuBuild *b, const CaCpuFusion *f);
/* Is there a kernel for the convolution? Else the reference runs it (no images, filters past all bounds). */
bool ca_cpu_conv_is_offered(const CaCpuBuild *b, const CarinaNode *conv);
/* What a step cannot be faster than (CarinaPlugin.bound), and what it measures with. */
bool ca_cpu_bound(const CarinaProgram *p, int i, int n_threads, CarinaBound *out);
struct CaCpuMeasured *ca_cpu_measured_create(void); /* NULL: out of memory */
void ca_cpu_measured_free(struct CaCpuMeasured **measured);
struct CaCpuTune *ca_cpu_tune_create(void); /* NULL: out of memory */
void ca_cpu_tune_free(struct CaCpuTune **tune);
/* Places for all scratch buffers. */
CarinaStatus ca_cpu_plan_memory(CarinaProgram *p, CarinaError *err);

#endif
