/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention out of the tile of gemm/ and the rows of softmax/.
 *
 * A block of queries, as many as the tile has rows, takes all its scores at once: block x n_keys
 * floats of scratch, then softmax there, then the product with V. Keys that a causal mask hides from
 * the whole block are skipped.
 */
#include "attention.h"

#include "attention_funcs.h"
#include "base/cpu.h"
#include "kernels/axis_runs.h"

#include <math.h>
#include <string.h>

const CaAttentionKernel ca_attention_kernels[] = {
#define CA_KERNEL(isa, needs) {"attention_" #isa, needs, ca_f32_attention_mask_##isa},
#include "attention.def"
#undef CA_KERNEL
};

/* Rows of scores start on lines of their own. */
static ptrdiff_t ld_scores(const CaAttention *plan)
{
    return (plan->shape.n_keys + 15) / 16 * 16;
}

void ca_attention_plan(CaAttention *plan, uint32_t cpu, const CaAttentionShape *shape)
{
    const CaAttentionKernel *kernel = ca_attention_kernels;
    const CaGemmKernel *gemm = ca_gemm_select(cpu);

    while ((kernel->needs & cpu) != kernel->needs) /* stops at ref, which needs nothing */
        kernel++;
    *plan = (CaAttention){
        .kernel = kernel, .softmax = ca_softmax_select(cpu), .shape = *shape};
    ca_gemm_plan(&plan->scores, gemm, shape->n_queries, shape->n_keys, shape->depth,
                 false);
    ca_gemm_plan(&plan->values, gemm, shape->n_queries, shape->value_depth, shape->n_keys,
                 false);
    plan->packed_size = (size_t)(shape->n_batches * shape->n_kv_heads) *
                        (plan->scores.packed_size + plan->values.packed_size);
    plan->scratch_size = (size_t)(gemm->mr * ld_scores(plan)) * sizeof(float);
}

/* K of a head, V behind it */
static float *packed_k(const CaAttention *plan, float *packed, ptrdiff_t head)
{
    const size_t size = plan->scores.packed_size + plan->values.packed_size;
    return packed + head * (ptrdiff_t)(size / sizeof(float));
}

static float *packed_v(const CaAttention *plan, float *packed, ptrdiff_t head)
{
    return packed_k(plan, packed, head) + plan->scores.packed_size / sizeof(float);
}

static ptrdiff_t at_head(CaHeads at, ptrdiff_t head, ptrdiff_t n_heads)
{
    return head / n_heads * at.batch_stride + head % n_heads * at.head_stride;
}

/* The scale goes into K: n_keys * depth products instead of n_queries * n_keys. */
static void pack_k(const CaAttention *plan, float *packed, const float *k, ptrdiff_t ld,
                   ptrdiff_t panel)
{
    const ptrdiff_t size = plan->scores.kernel->nr * plan->scores.k;

    ca_gemm_pack_b(&plan->scores, packed, k, ld, true, panel, panel + 1);
    for (ptrdiff_t i = panel * size; i < (panel + 1) * size; i++)
        packed[i] *= plan->shape.scale;
}

void ca_attention_pack(const CaAttention *plan, const CaAttentionData *data, int thread,
                       int n_threads)
{
    const ptrdiff_t n_heads = plan->shape.n_kv_heads, n_k = plan->scores.n_panels;
    const ptrdiff_t n_panels = n_k + plan->values.n_panels;
    const ptrdiff_t n = plan->shape.n_batches * n_heads * n_panels;
    const ptrdiff_t last = ca_share(n, thread + 1, n_threads);

    for (ptrdiff_t at = ca_share(n, thread, n_threads); at < last; at++) {
        const ptrdiff_t head = at / n_panels, panel = at % n_panels;
        const float *k = data->k + at_head(data->k_at, head, n_heads);
        const float *v = data->v + at_head(data->v_at, head, n_heads);
        if (panel < n_k)
            pack_k(plan, packed_k(plan, data->packed, head), k, data->k_at.row_stride,
                   panel);
        else
            ca_gemm_pack_b(&plan->values, packed_v(plan, data->packed, head), v,
                           data->v_at.row_stride, false, panel - n_k, panel - n_k + 1);
    }
}

typedef struct Product {
    float *c;
    const float *a, *b;
    ptrdiff_t ldc, lda, columns, depth;
    int rows;
} Product;

/* One block of rows; the panels of b are plan->k deep, of which depth are used. */
static void multiply(const CaGemm *plan, const Product *p)
{
    static const CaAct none = {CA_ACT_NONE, 0, 0};
    const ptrdiff_t nr = plan->kernel->nr;

    for (ptrdiff_t j = 0; j < p->columns; j += nr) {
        const CaGemmTile tile = {
            .rows = p->rows,
            .columns = (int)(p->columns - j < nr ? p->columns - j : nr),
            .depth = p->depth,
            .c = p->c + j,
            .ldc = p->ldc,
            .a = p->a,
            .a_row = p->lda,
            .a_depth = 1,
            .b = p->b + j * plan->k,
            .act = &none,
        };
        plan->kernel->tile(&tile);
    }
}

/* How many keys query i sees. */
static ptrdiff_t n_seen(const CaAttentionShape *s, ptrdiff_t i)
{
    const ptrdiff_t n = i + s->causal_offset + 1;
    return !s->is_causal || n > s->n_keys ? s->n_keys : n < 0 ? 0 : n;
}

/* Scores of query i to probabilities; zeros from what it sees to what its block does. */
static void soften(const CaAttention *plan, float *scores, const float *mask, ptrdiff_t i,
                   ptrdiff_t block_sees)
{
    const ptrdiff_t n = n_seen(&plan->shape, i);
    const bool sees = !mask || n == 0 || plan->kernel->mask(scores, mask, n);

    for (ptrdiff_t j = 0; !sees && j < block_sees; j++)
        scores[j] = NAN;
    if (!sees)
        return;
    plan->softmax->rows(scores, scores, n, 1, false);
    memset(scores + n, 0, (size_t)(block_sees - n) * sizeof *scores);
}

void ca_attention_run(const CaAttention *plan, const CaAttentionData *data,
                      float *scratch, int thread, int n_threads)
{
    const CaAttentionShape *s = &plan->shape;
    const ptrdiff_t n_blocks = plan->scores.n_blocks, ld = ld_scores(plan);
    const ptrdiff_t n = s->n_batches * s->n_heads * n_blocks;
    const ptrdiff_t last = ca_share(n, thread + 1, n_threads);

    for (ptrdiff_t at = ca_share(n, thread, n_threads); at < last; at++) {
        const ptrdiff_t head = at / n_blocks, block = at % n_blocks;
        const ptrdiff_t kv_head = head / (s->n_heads / s->n_kv_heads);
        const ptrdiff_t first = s->n_queries * block / n_blocks;
        const ptrdiff_t end = s->n_queries * (block + 1) / n_blocks;
        const ptrdiff_t sees = n_seen(s, end - 1);
        const float *q = data->q + at_head(data->q_at, head, s->n_heads);
        float *out = data->out + at_head(data->out_at, head, s->n_heads);

        const Product scores = {.c = scratch,
                                .a = q + first * data->q_at.row_stride,
                                .b = packed_k(plan, data->packed, kv_head),
                                .ldc = ld,
                                .lda = data->q_at.row_stride,
                                .columns = sees,
                                .depth = s->depth,
                                .rows = (int)(end - first)};
        multiply(&plan->scores, &scores);
        for (ptrdiff_t i = first; i < end; i++) {
            const float *mask = data->mask;
            if (mask)
                mask += at_head(data->mask_at, head, s->n_heads) +
                        i * data->mask_at.row_stride;
            soften(plan, scratch + (i - first) * ld, mask, i, sees);
        }
        const Product values = {.c = out + first * data->out_at.row_stride,
                                .a = scratch,
                                .b = packed_v(plan, data->packed, kv_head),
                                .ldc = data->out_at.row_stride,
                                .lda = ld,
                                .columns = s->value_depth,
                                .depth = sees,
                                .rows = (int)(end - first)};
        multiply(&plan->values, &values);
    }
}
