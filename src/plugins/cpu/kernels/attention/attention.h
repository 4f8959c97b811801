/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scaled attention: for each batch and head, out = softmax(scale * Q K' + mask) V.
 *
 *   Q [n_queries, depth], K [n_keys, depth], V [n_keys, value_depth], mask [n_queries, n_keys]
 *
 * Heads may share keys and values: n_heads is a multiple of n_kv_heads. Two phases: threads
 * share the packing of K and V, then blocks of queries. Results are the same to the bit for any
 * number of threads.
 */
#ifndef CA_CPU_ATTENTION_H
#define CA_CPU_ATTENTION_H

#include "kernels/gemm/gemm.h"

typedef struct CaAttentionKernel {
    const char *name;
    uint32_t needs;
    /* panel [depth, nr]: scale times keys [n_keys, depth], whose rows are ld apart; zeros behind them */
    void (*keys)(float *panel, ptrdiff_t nr, const float *k, ptrdiff_t ld,
                 ptrdiff_t n_keys, ptrdiff_t depth, float scale);
    /* panel [n_keys, nr]: values [n_keys, n_columns], whose rows are ld apart; zeros beside them */
    void (*values)(float *panel, ptrdiff_t nr, const float *v, ptrdiff_t ld,
                   ptrdiff_t n_columns, ptrdiff_t n_keys);
    /* A gemm tile without start and activation, of at most n_narrow columns of a panel of nr. */
    void (*narrow)(const CaGemmTile *tile, ptrdiff_t nr);
    int n_narrow;
    /* scores += mask, n of each */
    void (*mask)(float *scores, const float *mask, ptrdiff_t n);
    /* n scores of each row become probabilities, what is behind them in their last 16 zeros */
    void (*soften)(float *scores, ptrdiff_t ld, ptrdiff_t n_rows, ptrdiff_t n);
} CaAttentionKernel;

extern const CaAttentionKernel ca_attention_kernels[];

typedef struct CaAttentionShape {
    ptrdiff_t n_batches, n_heads, n_kv_heads;
    ptrdiff_t n_queries, n_keys, depth, value_depth;
    float scale;
    bool is_causal; /* query i sees keys [0, i + causal_offset] */
    ptrdiff_t causal_offset;
} CaAttentionShape;

/* Where the heads of a tensor lie, in elements; the innermost stride is 1, a mask's others may be 0. */
typedef struct CaHeads {
    ptrdiff_t batch_stride, head_stride, row_stride;
} CaHeads;

typedef struct CaAttentionData {
    float *out;
    const float *q, *k, *v, *mask; /* mask may be NULL */
    CaHeads out_at, q_at, k_at, v_at, mask_at;
    float *packed; /* plan's packed_size */
} CaAttentionData;

typedef struct CaAttention {
    const CaAttentionKernel *kernel;
    CaAttentionShape shape;
    CaGemm scores, values; /* products of one head */
    size_t packed_size;    /* K and V of all heads, bytes */
    size_t scratch_size;   /* of one thread, bytes */
} CaAttention;

void ca_attention_plan(CaAttention *plan, uint32_t cpu, const CaAttentionShape *shape);

/* Phase one: reads k and v, writes packed. */
void ca_attention_pack(const CaAttention *plan, const CaAttentionData *data, int thread,
                       int n_threads);

/* Phase two. scratch is the thread's own. A query from which the mask hides all keys gives NaN, one that has no keys before it 0. */
void ca_attention_run(const CaAttention *plan, const CaAttentionData *data,
                      float *scratch, int thread, int n_threads);

#endif
