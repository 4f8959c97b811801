/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element-wise work: a chain of steps run on one strip of numbers after the other while it is
 * in the first cache, over blocked activations or plain arrays; and one binary operation with
 * numpy's broadcasting over plain arrays.
 *
 * Each function does a thread's share; the result does not depend on n_threads.
 */
#ifndef CA_ELTWISE_H
#define CA_ELTWISE_H

#include "../acts.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum CaChainOp {
#define CA_CHAIN_OP(name, n_operands, result) CA_CHAIN_##name,
#include "chain_ops.def"
#undef CA_CHAIN_OP
    CA_N_CHAIN_OPS
} CaChainOp;

typedef enum CaOperandKind {
    CA_OPERAND_NONE,
    CA_OPERAND_SCALAR,  /* a */
    CA_OPERAND_CHANNEL, /* y: [C] */
    CA_OPERAND_ACTS, /* acts: [N or 1, C, H, W] or [N or 1, C, 1, 1]; blocked chains only */
    CA_OPERAND_PLAIN, /* y: as many as x; plain chains only */
} CaOperandKind;

typedef struct CaStep {
    CaChainOp op;
    CaOperandKind operand;
    float a, b; /* the scalar in a; else what act.h says of a and b */
    const float *y;
    const CaActs *acts;
    /* FAKE_QUANTIZE: input low and high, output low and high; one number each for
     * CA_OPERAND_SCALAR, [C] each for CA_OPERAND_CHANNEL. x <= min(low, high) gives output
     * low, x > max(low, high) output high, the rest the nearest of `levels` levels. */
    const float *range[4];
    int levels; /* at least 2 */
} CaStep;

enum { CA_CHAIN_MAX_STEPS = 16, CA_BROADCAST_MAX_RANK = 8 };

typedef struct CaChain {
    int n_steps;
    CaStep steps[CA_CHAIN_MAX_STEPS];
} CaChain;

/* The output's axes, outermost first, after merging; strides are 0 where an input repeats. */
typedef struct CaBroadcast {
    int rank; /* at least 1 */
    int64_t n_rows;
    int64_t dims[CA_BROADCAST_MAX_RANK];
    int64_t a_strides[CA_BROADCAST_MAX_RANK], b_strides[CA_BROADCAST_MAX_RANK];
} CaBroadcast;

/* False if a rank exceeds 8, dimensions do not match or are negative, or a size overflows. */
bool ca_broadcast_plan(CaBroadcast *plan, int a_rank, const int64_t *a_dims, int b_rank,
                       const int64_t *b_dims);

typedef struct CaEltwise {
    const char *name;
    uint32_t needs; /* CA_CPU_ flags */
    /* out, in: [N, C, H, W]. out may be in, or any operand of its shape. Halo and padding
     * channels of out end up zero. */
    void (*run)(const CaChain *chain, const CaActs *out, const CaActs *in, int thread,
                int n_threads);
    /* out, in: [n, c, inner]; c is what CA_OPERAND_CHANNEL follows. The same aliases. */
    void (*run_plain)(const CaChain *chain, float *out, const float *in, int64_t n,
                      int64_t c, int64_t inner, int thread, int n_threads);
    /* out = a op b, where op takes one operand. out may be an input that is not repeated. */
    void (*binary)(const CaBroadcast *plan, CaChainOp op, float *out, const float *a,
                   const float *b, int thread, int n_threads);
} CaEltwise;

/* Best first; the last row needs nothing. */
extern const CaEltwise ca_eltwise_kernels[];
const CaEltwise *ca_eltwise_select(uint32_t cpu);

#endif
