/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops around the tile, and the packing of B.
 *
 * For each panel of B, for each chunk of k, for each block of rows: the part of the panel stays in
 * the nearest cache while A passes, a row of lines per block. Work is numbered by panel, then
 * block; a thread takes a range.
 */
#include "gemm.h"
#include "base/compiler.h"
#include "base/text.h"

#include "kernels/axis_runs.h"

#include <string.h>

/* With nr = 32 a chunk of a panel is 64 KiB. Chunks pay only where blocks of rows reuse it. */
enum { MAX_CHUNK = 512, PACK_DEPTH = 16 };

void ca_gemm_plan(CaGemm *plan, const CaGemmKernel *kernel, ptrdiff_t m, ptrdiff_t n,
                  ptrdiff_t k, bool a_transposed)
{
    const ptrdiff_t mr = kernel->mr, nr = kernel->nr;

    *plan =
        (CaGemm){.kernel = kernel, .m = m, .n = n, .k = k, .a_transposed = a_transposed};
    plan->n_panels = (n + nr - 1) / nr;
    plan->n_blocks = (m + mr - 1) / mr;
    plan->n_chunks = plan->n_blocks > 1 && k > 0 ? (k + MAX_CHUNK - 1) / MAX_CHUNK : 1;
    plan->packed_size = (size_t)(plan->n_panels * nr * k) * sizeof(float);
}

static void pack_rows(float *to, const float *b, ptrdiff_t ldb, ptrdiff_t k, int nr,
                      int columns)
{
    for (ptrdiff_t p = 0; p < k; p++, to += nr, b += ldb) {
        memcpy(to, b, (size_t)columns * sizeof *b);
        memset(to + columns, 0, (size_t)(nr - columns) * sizeof *to);
    }
}

/* A line of each row of b at a time. */
static void pack_columns(float *to, const float *b, ptrdiff_t ldb, ptrdiff_t k, int nr,
                         int columns)
{
    for (ptrdiff_t p0 = 0; p0 < k; p0 += PACK_DEPTH) {
        const ptrdiff_t p1 = k - p0 < PACK_DEPTH ? k : p0 + PACK_DEPTH;
        for (int j = 0; j < nr; j++)
            for (ptrdiff_t p = p0; p < p1; p++)
                to[p * nr + j] = j < columns ? b[j * ldb + p] : 0;
    }
}

CA_READS_UNALIGNED void ca_gemm_pack_b(const CaGemm *plan, float *packed, const float *b,
                                       ptrdiff_t ldb, bool transposed, ptrdiff_t begin,
                                       ptrdiff_t end)
{
    const int nr = plan->kernel->nr;

    for (ptrdiff_t panel = begin; panel < end; panel++) {
        const ptrdiff_t j = panel * nr, left = plan->n - j;
        const int columns = left < nr ? (int)left : nr;
        float *to = packed + j * plan->k;
        if (transposed)
            pack_columns(to, b + j * ldb, ldb, plan->k, nr, columns);
        else
            pack_rows(to, b + j, ldb, plan->k, nr, columns);
    }
}

uint64_t ca_gemm_pack_key(const CaGemm *plan, bool transposed)
{
    const int64_t what[] = {plan->n, plan->k, plan->kernel->nr, transposed};
    return ca_hash(what, sizeof what, 0x6e6d); /* no plan of a convolution */
}

typedef struct Operands {
    const CaGemm *plan;
    float *c;
    const float *a, *b, *bias;
    ptrdiff_t ldc, lda;
    const CaAct *act;
} Operands;

/* Blocks [begin, end) of rows beside one panel. */
static void run_panel(const Operands *o, ptrdiff_t panel, ptrdiff_t begin, ptrdiff_t end)
{
    static const CaAct none = {CA_ACT_NONE, 0, 0};
    const CaGemm *plan = o->plan;
    const ptrdiff_t nr = plan->kernel->nr, j = panel * nr, left = plan->n - j;
    const ptrdiff_t a_row = plan->a_transposed ? 1 : o->lda;
    const ptrdiff_t a_depth = plan->a_transposed ? o->lda : 1;

    for (ptrdiff_t chunk = 0; chunk < plan->n_chunks; chunk++) {
        const ptrdiff_t p0 = plan->k * chunk / plan->n_chunks;
        const ptrdiff_t p1 = plan->k * (chunk + 1) / plan->n_chunks;
        const float *bias = o->bias ? o->bias + j : NULL;
        for (ptrdiff_t block = begin; block < end; block++) {
            const ptrdiff_t i = plan->m * block / plan->n_blocks;
            float *c = o->c + i * o->ldc + j;
            const CaGemmTile tile = {
                .rows = (int)(plan->m * (block + 1) / plan->n_blocks - i),
                .columns = left < nr ? (int)left : (int)nr,
                .depth = p1 - p0,
                .c = c,
                .ldc = o->ldc,
                .a = o->a + i * a_row + p0 * a_depth,
                .a_row = a_row,
                .a_depth = a_depth,
                .b = o->b + j * plan->k + p0 * nr,
                .start = chunk ? c : bias,
                .ld_start = chunk ? o->ldc : 0,
                .act = chunk == plan->n_chunks - 1 ? o->act : &none,
            };
            plan->kernel->tile(&tile);
        }
    }
}

void ca_gemm_run(const CaGemm *plan, float *c, ptrdiff_t ldc, const float *a,
                 ptrdiff_t lda, const float *packed_b, const float *bias,
                 const CaAct *act, int thread, int n_threads)
{
    const Operands o = {plan, c, a, packed_b, bias, ldc, lda, act};
    const ptrdiff_t n_blocks = plan->n_blocks, n_tiles = plan->n_panels * n_blocks;
    const ptrdiff_t last = ca_share(n_tiles, thread + 1, n_threads);

    for (ptrdiff_t at = ca_share(n_tiles, thread, n_threads); at < last;) {
        const ptrdiff_t panel = at / n_blocks, begin = at % n_blocks;
        const ptrdiff_t left = last - panel * n_blocks;
        const ptrdiff_t end = left < n_blocks ? left : n_blocks;
        run_panel(&o, panel, begin, end);
        at += end - begin;
    }
}
