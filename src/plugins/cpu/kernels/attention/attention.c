/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention around the tile of gemm/.
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
#define CA_KERNEL(isa, needs, lanes) \
    {"attention_" #isa,              \
     needs,                          \
     ca_f32_attention_keys_##isa,    \
     ca_f32_attention_values_##isa,  \
     ca_f32_attention_narrow_##isa,  \
     lanes,                          \
     ca_f32_attention_mask_##isa,    \
     ca_f32_attention_soften_##isa},
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
    *plan = (CaAttention){.kernel = kernel, .shape = *shape};
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
    const ptrdiff_t nr = plan->scores.kernel->nr, first = panel * nr,
                    left = plan->scores.n - first;

    plan->kernel->keys(packed + first * plan->scores.k, nr, k + first * ld, ld,
                       left < nr ? left : nr, plan->scores.k, plan->shape.scale);
}

static void pack_v(const CaAttention *plan, float *packed, const float *v, ptrdiff_t ld,
                   ptrdiff_t panel)
{
    const ptrdiff_t nr = plan->values.kernel->nr, first = panel * nr,
                    left = plan->values.n - first;

    plan->kernel->values(packed + first * plan->values.k, nr, v + first, ld,
                         left < nr ? left : nr, plan->values.k);
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
            pack_v(plan, packed_v(plan, data->packed, head), v, data->v_at.row_stride,
                   panel - n_k);
    }
}

typedef struct Product {
    float *c;
    const float *a, *b;
    ptrdiff_t ldc, lda, columns, depth;
    int rows;
} Product;

/* One block of rows; the panels of b are plan->k deep, of which depth are used. */
static void multiply(const CaAttentionKernel *kernel, const CaGemm *plan,
                     const Product *p)
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
        if (tile.columns <= kernel->n_narrow && nr > kernel->n_narrow)
            kernel->narrow(&tile, nr);
        else
            plan->kernel->tile(&tile);
    }
}

/* How many keys query i sees. */
static ptrdiff_t n_seen(const CaAttentionShape *s, ptrdiff_t i)
{
    const ptrdiff_t n = i + s->causal_offset + 1;
    return !s->is_causal || n > s->n_keys ? s->n_keys : n < 0 ? 0 : n;
}

/* A block of queries of one head. */
typedef struct Block {
    ptrdiff_t head, first, end, sees; /* queries; keys that the last of them sees */
} Block;

/* Scores to probabilities. A query gives zeros for the keys that it does not see and its block does. */
static void soften(const CaAttention *plan, const CaAttentionData *data, const Block *b,
                   float *scores)
{
    const ptrdiff_t ld = ld_scores(plan);
    const float *mask = data->mask;

    if (mask)
        mask += at_head(data->mask_at, b->head, plan->shape.n_heads);
    for (ptrdiff_t i = b->first; i < b->end; i++) {
        float *row = scores + (i - b->first) * ld;
        const ptrdiff_t n = n_seen(&plan->shape, i);
        if (mask)
            plan->kernel->mask(row, mask + i * data->mask_at.row_stride, n);
        for (ptrdiff_t j = n; j < b->sees; j++)
            row[j] = -INFINITY;
    }
    plan->kernel->soften(scores, ld, b->end - b->first, b->sees);
    for (ptrdiff_t i = b->first; i < b->end && n_seen(&plan->shape, i) == 0; i++)
        memset(scores + (i - b->first) * ld, 0, (size_t)b->sees * sizeof *scores);
}

static void run_block(const CaAttention *plan, const CaAttentionData *data,
                      const Block *b, float *scratch)
{
    const CaAttentionShape *s = &plan->shape;
    const ptrdiff_t kv_head = b->head / (s->n_heads / s->n_kv_heads);
    const Product scores = {.c = scratch,
                            .a = data->q + at_head(data->q_at, b->head, s->n_heads) +
                                 b->first * data->q_at.row_stride,
                            .b = packed_k(plan, data->packed, kv_head),
                            .ldc = ld_scores(plan),
                            .lda = data->q_at.row_stride,
                            .columns = b->sees,
                            .depth = s->depth,
                            .rows = (int)(b->end - b->first)};
    const Product values = {.c = data->out + at_head(data->out_at, b->head, s->n_heads) +
                                 b->first * data->out_at.row_stride,
                            .a = scratch,
                            .b = packed_v(plan, data->packed, kv_head),
                            .ldc = data->out_at.row_stride,
                            .lda = scores.ldc,
                            .columns = s->value_depth,
                            .depth = b->sees,
                            .rows = scores.rows};
    multiply(plan->kernel, &plan->scores, &scores);
    soften(plan, data, b, scratch);
    multiply(plan->kernel, &plan->values, &values);
}

void ca_attention_run(const CaAttention *plan, const CaAttentionData *data,
                      float *scratch, int thread, int n_threads)
{
    const CaAttentionShape *s = &plan->shape;
    const ptrdiff_t n_blocks = plan->scores.n_blocks;
    const ptrdiff_t n = s->n_batches * s->n_heads * n_blocks;
    const ptrdiff_t last = ca_share(n, thread + 1, n_threads);

    for (ptrdiff_t at = ca_share(n, thread, n_threads); at < last; at++) {
        const ptrdiff_t block = at % n_blocks, first = s->n_queries * block / n_blocks,
                        end = s->n_queries * (block + 1) / n_blocks;
        const Block b = {at / n_blocks, first, end, n_seen(s, end - 1)};
        run_block(plan, data, &b, scratch);
    }
}
