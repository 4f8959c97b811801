/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops around the tile, and the packing of B.
 *
 * For each panel of B, for each chunk of k, for each block of rows: the part of the panel stays in
 * the nearest cache while A passes, a row of lines per block. Work is numbered by panel, then
 * block; a thread takes a range.
 *
 * Where the rows of A are so far apart that the lines of a block share a set of the first cache, the block is
 * copied, rows closer together, for a group of panels at a time.
 */
#include "gemm.h"
#include "base/compiler.h"
#include "base/text.h"

#include "kernels/axis_runs.h"

#include <string.h>

/* With nr = 32 a chunk of a panel is 64 KiB. Chunks pay only where blocks of rows reuse it. */
enum { MAX_CHUNK = 512, PACK_DEPTH = 16 };
/* Lines 4 KiB apart share a set of 8 lines in L1: 14 rows do not fit, 6 do. (Measured: at 2 KiB copying costs more than it
 * gives.) Rows of the copy are 33 lines apart. A chunk of 4 panels is 256 KiB, a quarter of L2, and copying costs 1 % of the
 * products. */
enum {
    SET_STRIDE = 4096,
    WAYS = 8,
    COPY_ROW = MAX_CHUNK + 16,
    MOST_ROWS = 14,
    GROUP = 4
};

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

static bool is_crowded(const Operands *o)
{
    return !o->plan->a_transposed && o->plan->n_blocks > 1 &&
           o->lda * (ptrdiff_t)sizeof(float) % SET_STRIDE == 0 &&
           o->plan->kernel->mr > WAYS && o->plan->kernel->mr <= MOST_ROWS;
}

/* A block of rows and a chunk of k. */
typedef struct Part {
    ptrdiff_t block, chunk, row, depth, p0;
    int rows;
    const float *a;
    ptrdiff_t a_row, a_depth;
} Part;

static Part part_of(const Operands *o, ptrdiff_t block, ptrdiff_t chunk)
{
    const CaGemm *plan = o->plan;
    const ptrdiff_t i = plan->m * block / plan->n_blocks,
                    p0 = plan->k * chunk / plan->n_chunks;
    const ptrdiff_t a_row = plan->a_transposed ? 1 : o->lda,
                    a_depth = plan->a_transposed ? o->lda : 1;
    return (Part){.block = block,
                  .chunk = chunk,
                  .row = i,
                  .depth = plan->k * (chunk + 1) / plan->n_chunks - p0,
                  .p0 = p0,
                  .rows = (int)(plan->m * (block + 1) / plan->n_blocks - i),
                  .a = o->a + i * a_row + p0 * a_depth,
                  .a_row = a_row,
                  .a_depth = a_depth};
}

static void copy_rows(Part *part, float *to)
{
    for (int i = 0; i < part->rows; i++)
        memcpy(to + i * COPY_ROW, part->a + i * part->a_row,
               (size_t)part->depth * sizeof *to);
    part->a = to;
    part->a_row = COPY_ROW;
}

static void run_tile(const Operands *o, const Part *part, ptrdiff_t panel)
{
    static const CaAct none = {CA_ACT_NONE, 0, 0};
    const CaGemm *plan = o->plan;
    const ptrdiff_t nr = plan->kernel->nr, j = panel * nr, left = plan->n - j;
    float *c = o->c + part->row * o->ldc + j;
    const CaGemmTile tile = {
        .rows = part->rows,
        .columns = left < nr ? (int)left : (int)nr,
        .depth = part->depth,
        .c = c,
        .ldc = o->ldc,
        .a = part->a,
        .a_row = part->a_row,
        .a_depth = part->a_depth,
        .b = o->b + j * plan->k + part->p0 * nr,
        .start = part->chunk ? c
                 : o->bias   ? o->bias + j
                             : NULL,
        .ld_start = part->chunk ? o->ldc : 0,
        .act = part->chunk == plan->n_chunks - 1 ? o->act : &none,
    };
    plan->kernel->tile(&tile);
}

/* Tiles [from, stop) of a group of panels. copy: room for a block's rows, or NULL. */
static void run_group(const Operands *o, ptrdiff_t from, ptrdiff_t stop, float *copy)
{
    const ptrdiff_t n_blocks = o->plan->n_blocks;
    for (ptrdiff_t chunk = 0; chunk < o->plan->n_chunks; chunk++)
        for (ptrdiff_t block = 0; block < n_blocks; block++) {
            Part part = part_of(o, block, chunk);
            for (ptrdiff_t panel = from / n_blocks; panel * n_blocks < stop; panel++) {
                const ptrdiff_t at = panel * n_blocks + block;
                if (at < from || at >= stop)
                    continue;
                if (copy && part.a != copy)
                    copy_rows(&part, copy);
                run_tile(o, &part, panel);
            }
        }
}

void ca_gemm_run(const CaGemm *plan, float *c, ptrdiff_t ldc, const float *a,
                 ptrdiff_t lda, const float *packed_b, const float *bias,
                 const CaAct *act, int thread, int n_threads)
{
    const Operands o = {plan, c, a, packed_b, bias, ldc, lda, act};
    const ptrdiff_t n_tiles = plan->n_panels * plan->n_blocks;
    const ptrdiff_t last = ca_share(n_tiles, thread + 1, n_threads);
    _Alignas(64) float copy[MOST_ROWS * COPY_ROW];
    const bool crowded = is_crowded(&o);
    const ptrdiff_t group = (crowded ? GROUP : 1) * plan->n_blocks;

    for (ptrdiff_t from = ca_share(n_tiles, thread, n_threads), stop; from < last;
         from = stop) {
        stop = (from / group + 1) * group;
        stop = stop < last ? stop : last;
        run_group(&o, from, stop, crowded ? copy : NULL);
    }
}
