/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantised models that say their scales and zero points: computed in whole numbers, as TensorFlow Lite's reference
 * kernels compute them, bit by bit.
 *
 * The TFLite reader marks the FakeQuantize of each quantised tensor with its scale and zero point ("user_data.
 * quantization", which IR keeps). What leads to such a node is one operator of the file; where its rule is known it
 * becomes one operator on integers (ops/quantized.h) or a table, else it stays in floats and is rounded as before.
 */
#ifndef CA_PASSES_WHOLE_STEPS_H
#define CA_PASSES_WHOLE_STEPS_H

#include "base/fixed.h"
#include "passes/rewrite.h"

/* For graphs with known shapes, where a device computes in int8; *n_changes counts operators in integers. */
extern const CaPass ca_pass_whole_steps;

/* --- Between the parts of the pass. */

/* A tensor's: real = (q - zero) * scale. */
typedef struct CaSteps {
    double scale;
    int64_t zero, lowest, highest;
    CarinaType type;
} CaSteps;

/* A value that is known in integers too. */
typedef struct CaTwin {
    CaValue *q; /* NULL: none */
    CaSteps s;
} CaTwin;

typedef struct CaStepsPass {
    CaGraph *g;
    CaNode *before; /* where new nodes go */
    CarinaError *err;
    CarinaStatus status; /* of the first failure */
    int *n_changes;
} CaStepsPass;

/* What stands for an operator of the file only where it says so: others look the same. */
typedef enum CaStepsOf {
    CA_STEPS_OF_ANY,
    CA_STEPS_OF_SHIFTED_SUM,  /* ADD and SUB of 16 bits whose scales are powers of two */
    CA_STEPS_OF_BATCH_MATMUL, /* not FULLY_CONNECTED */
    CA_STEPS_OF_FLOATS, /* QUANTIZE of floats: what is before it is computed in floats */
} CaStepsOf;

/* An operator's end: what it holds its result within, in steps: the activation after it and the type's range. */
typedef struct CaStepRange {
    int64_t low, high;
    bool has_activation;
    CaStepsOf of;
} CaStepRange;

/* v as (q - zero) * scale with one scale: a constant, or what this pass made. */
CaTwin ca_steps_twin(CaStepsPass *p, CaValue *v);
bool ca_steps_same(const CaSteps *a, const CaSteps *b);
/* A node with these inputs, its attributes given as name, number pairs; NULL after a failure. */
typedef struct CaStepAttr {
    const char *name;
    int64_t v;
} CaStepAttr;
CaValue *ca_steps_node(CaStepsPass *p, const char *op, CaValue *const *in, int n_in,
                       const CaStepAttr *attrs, int n_attrs);
CaValue *ca_steps_ints(CaStepsPass *p, CarinaType type, const int64_t *v, int64_t n);
/* The constant's tensor, or of a node of constants only; NULL: it is computed. */
const CarinaTensor *ca_steps_known(CaStepsPass *p, CaValue *v);

/* Rules: core's result in steps of s within range; NULL: no rule for it, or a failure. */
CaValue *ca_steps_convolution(CaStepsPass *p, CaValue *core, const CaSteps *s,
                              const CaStepRange *range);
CaValue *ca_steps_arithmetic(CaStepsPass *p, CaValue *core, const CaSteps *s,
                             const CaStepRange *range);
/* Of a comparison of two tensors of steps. */
CaValue *ca_steps_compare(CaStepsPass *p, const CaNode *n);
/* A function of one tensor, as a table. */
CaValue *ca_steps_table(CaStepsPass *p, CaValue *core, const CaSteps *s,
                        const CaStepRange *range);
/* What goes along the last axis: softmax and norm. */
CaValue *ca_steps_rows(CaStepsPass *p, CaValue *core, const CaSteps *s);

/* One function: what integer x of steps `from` becomes in steps `to`. */
typedef struct CaStepFunction {
    const CaNode *node;
    const CaSteps *from, *to;
    CaFixed factor, other;
    float (*real)(float x, const struct CaStepFunction *f);
} CaStepFunction;
typedef int64_t CaStepAt(const CaStepFunction *f, int64_t x);

/* Of 16 bits: by 513 values of f->real, joined by lines; and by the table of the logistic function. */
CaStepAt ca_step_by_lines, ca_step_logistic_16, ca_step_tanh_16;
/* The value of an i16 between the 513 that are given. */
int64_t ca_step_on_lines(const int64_t *values, int64_t x);

#endif
