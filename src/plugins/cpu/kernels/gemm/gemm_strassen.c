/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops around seven products: panels in pairs, chunks of k, pairs of tiles of rows. Work is numbered by pair of
 * panels, then pair of tiles; a thread takes a range. A last panel without a neighbour is multiplied as it is.
 */
#include "gemm_strassen.h"

#include "base/text.h"
#include "kernels/axis_runs.h"

/* MOST_DEPTH: two panels and their combinations are then 7 * 64 KiB, and a pair of tiles 7 * 28 KiB, two thirds of L2. */
enum { MOST_DEPTH = 512, LINE = 16, N_A = 7, N_B = 3 };

/* Sums that later ones begin with, and the four results. */
enum { NOWHERE = -1, U2, U3, P4, P5, N_KEPT, Y11 = N_KEPT, Y12, Y21, Y22 };
/* Combinations in the order of CaStrassenRows and CaStrassenPanels, the packed ones before those. */
enum { X11, X21, X22, T4, T1, T2, T3, NO_X };
enum { W11, W12, S2, W22, S1, S3, S4 };

static const struct {
    int x, w, from[2], to;
} sums[] = {
    {T4, W22, {NOWHERE, NOWHERE}, P4}, {X11, W11, {NOWHERE, NOWHERE}, U2},
    {X21, W12, {U2, NOWHERE}, Y11},    {T2, S2, {U2, NOWHERE}, U2},
    {T3, S3, {U2, NOWHERE}, U3},       {NO_X, S3, {U3, P4}, Y21},
    {T1, S1, {NOWHERE, NOWHERE}, P5},  {NO_X, S3, {U3, P5}, Y22},
    {X22, S4, {U2, P5}, Y12},
};
enum { N_PACKED = 4, N_SUMS = sizeof sums / sizeof *sums };

static ptrdiff_t ceil_div(ptrdiff_t n, ptrdiff_t by) { return (n + by - 1) / by; }

void ca_strassen_plan(CaStrassen *s, const CaGemm *plan)
{
    const ptrdiff_t half_m = ceil_div(plan->m, 2), half_k = ceil_div(plan->k, 2),
                    nr = plan->kernel->nr;
    *s = (CaStrassen){.plan = *plan,
                      .n_pairs = ceil_div(half_m, plan->kernel->mr),
                      /* one of nothing, where k is 0 */
                      .n_chunks = half_k ? ceil_div(half_k, MOST_DEPTH) : 1};
    s->most_rows = ceil_div(half_m, s->n_pairs);
    s->most_depth = ceil_div(half_k, s->n_chunks);
    s->shared_work = (size_t)(s->n_pairs * s->n_chunks * N_A * s->most_rows *
                              ceil_div(s->most_depth, LINE) * LINE) *
                     sizeof(float);
    s->thread_work =
        (size_t)((N_B * s->most_depth + N_KEPT * plan->kernel->mr) * nr) * sizeof(float);
}

/* Where the i-th of n parts of two times `half` begins. */
static ptrdiff_t part_at(ptrdiff_t half, ptrdiff_t i, ptrdiff_t n)
{
    return 2 * (half * i / n);
}

/* A chunk of k: [at, at + depths[0] + depths[1]). */
typedef struct Chunk {
    ptrdiff_t at, depths[2];
} Chunk;

static Chunk chunk_of(const CaStrassen *s, ptrdiff_t i)
{
    const ptrdiff_t k = s->plan.k, half = ceil_div(k, 2),
                    at = part_at(half, i, s->n_chunks);
    const ptrdiff_t depth = (part_at(half, i + 1, s->n_chunks) - at) / 2;
    return (Chunk){at, {depth, (k - at < 2 * depth ? k - at : 2 * depth) - depth}};
}

/* A pair of tiles: rows [at, at + n_rows[0] + n_rows[1]). */
typedef struct Pair {
    ptrdiff_t at;
    int n_rows[2];
} Pair;

static Pair pair_of(const CaStrassen *s, ptrdiff_t i)
{
    const ptrdiff_t m = s->plan.m, half = ceil_div(m, 2),
                    at = part_at(half, i, s->n_pairs);
    const ptrdiff_t rows = (part_at(half, i + 1, s->n_pairs) - at) / 2;
    return (Pair){at, {(int)rows, (int)((m - at < 2 * rows ? m - at : 2 * rows) - rows)}};
}

static ptrdiff_t line_of_rows(const Pair *p, const Chunk *c)
{
    return ceil_div(c->depths[0], LINE) * LINE * p->n_rows[0];
}

static size_t shared_at(const CaStrassen *s, ptrdiff_t chunk, ptrdiff_t pair)
{
    return (size_t)(chunk * s->n_pairs + pair) *
           (s->shared_work / sizeof(float) / (size_t)(s->n_pairs * s->n_chunks));
}

void ca_strassen_prepare(const CaStrassen *s, float *shared, const float *a,
                         ptrdiff_t lda, int thread, int n_threads)
{
    const ptrdiff_t n = s->n_chunks * s->n_pairs,
                    end = ca_share(n, thread + 1, n_threads);
    for (ptrdiff_t i = ca_share(n, thread, n_threads); i < end; i++) {
        const Pair pair = pair_of(s, i % s->n_pairs);
        const Chunk chunk = chunk_of(s, i / s->n_pairs);
        const float *first = a + pair.at * lda + chunk.at;
        const CaStrassenRows rows = {
            .a = {first, first + pair.n_rows[0] * lda},
            .lda = lda,
            .depths = {chunk.depths[0], chunk.depths[1]},
            .rows = pair.n_rows[0],
            .n_rows = {pair.n_rows[0], pair.n_rows[1]},
            .to = shared + shared_at(s, i / s->n_pairs, i % s->n_pairs),
        };
        s->plan.kernel->strassen->rows(&rows);
    }
}

static CaStrassenPanels panels_of(const CaStrassen *s, const float *packed,
                                  ptrdiff_t panel, const Chunk *chunk)
{
    const ptrdiff_t nr = s->plan.kernel->nr, half = chunk->depths[0] * nr;
    const float *w11 = packed + (panel * s->plan.k + chunk->at) * nr,
                *w21 = w11 + s->plan.k * nr;
    return (CaStrassenPanels){.b = {{w11, w11 + half}, {w21, w21 + half}},
                              .depths = {chunk->depths[0], chunk->depths[1]}};
}

void ca_strassen_pack(const CaStrassen *s, float *packed, ptrdiff_t begin, ptrdiff_t end)
{
    for (ptrdiff_t i = begin; i < end && 2 * i + 1 < s->plan.n_panels; i++)
        for (ptrdiff_t c = 0; c < s->n_chunks; c++) {
            const Chunk chunk = chunk_of(s, c);
            CaStrassenPanels panels = panels_of(s, packed, 2 * i, &chunk);
            panels.to =
                packed + ((2 * i + 1) * s->plan.k + chunk.at) * s->plan.kernel->nr;
            s->plan.kernel->strassen->pack(&panels);
        }
}

uint64_t ca_strassen_pack_key(const CaStrassen *s, bool transposed)
{
    return ca_hash(&s->n_chunks, sizeof s->n_chunks,
                   ca_gemm_pack_key(&s->plan, transposed));
}

typedef struct Operands {
    const CaStrassen *s;
    const float *a, *b, *bias;
    const CaAct *act;
    const float *shared;
    float *c, *own;
    ptrdiff_t ldc, lda;
} Operands;

/* One chunk's products of a pair of panels and a pair of tiles. */
static void run_sums(const Operands *o, ptrdiff_t panel, ptrdiff_t i_chunk,
                     ptrdiff_t i_pair, const float *const w[], int from, int stop)
{
    static const CaAct none = {CA_ACT_NONE, 0, 0};
    const CaGemm *plan = &o->s->plan;
    const Pair pair = pair_of(o->s, i_pair);
    const Chunk chunk = chunk_of(o->s, i_chunk);
    const ptrdiff_t nr = plan->kernel->nr, line = line_of_rows(&pair, &chunk);
    const float *x = o->shared + shared_at(o->s, i_chunk, i_pair);
    float *kept = o->own + N_B * o->s->most_depth * nr;

    for (int i = from; i < stop; i++) {
        const int to = sums[i].to - N_KEPT;
        const bool is_result = to >= 0, is_second = is_result && (to & 1);
        const ptrdiff_t j = is_result ? (panel + to / 2) * nr : 0, left = plan->n - j;
        float *c = o->c + (pair.at + is_second * pair.n_rows[0]) * o->ldc + j;
        CaStrassenSum sum = {
            .rows = pair.n_rows[is_second],
            .columns = is_result && left < nr ? (int)left : (int)nr,
            .depth = sums[i].x == NO_X
                         ? 0
                         : chunk.depths[sums[i].w == W12 || sums[i].w == W22],
            .a = x + sums[i].x * line,
            .a_rows = pair.n_rows[0],
            .b = w[sums[i].w],
            .c = is_result ? c : kept + sums[i].to * plan->kernel->mr * nr,
            .ldc = is_result ? o->ldc : nr,
            .act = is_result && i_chunk == o->s->n_chunks - 1 ? o->act : &none};
        for (int f = 0; f < 2; f++)
            if (sums[i].from[f] != NOWHERE)
                sum.from[f] = kept + sums[i].from[f] * plan->kernel->mr * nr;
        if (is_result) {
            sum.also = i_chunk ? c : o->bias ? o->bias + j : NULL;
            sum.ld_also = i_chunk ? o->ldc : 0;
        }
        if (sum.rows > 0)
            plan->kernel->strassen->sum(&sum);
    }
}

/* Pairs of tiles [from, stop) of a pair of panels. The first products need packed panels only: they read them
 * from memory as fast as they multiply, and the combinations find them in L2. */
static void run_panels(const Operands *o, ptrdiff_t panel, ptrdiff_t from, ptrdiff_t stop)
{
    const CaGemm *plan = &o->s->plan;
    for (ptrdiff_t i = 0; i < o->s->n_chunks; i++) {
        const Chunk chunk = chunk_of(o->s, i);
        CaStrassenPanels p = panels_of(o->s, o->b, panel, &chunk);
        const ptrdiff_t half = chunk.depths[0] * plan->kernel->nr;
        const float *const w[] = {p.b[0][0], p.b[0][1],     p.b[1][0],        p.b[1][1],
                                  o->own,    o->own + half, o->own + 2 * half};
        p.to = o->own;
        for (ptrdiff_t pair = from; pair < stop; pair++) {
            run_sums(o, panel, i, pair, w, 0, N_PACKED);
            if (pair == from)
                plan->kernel->strassen->panels(&p);
            run_sums(o, panel, i, pair, w, N_PACKED, N_SUMS);
        }
    }
}

/* The last panel, which has no neighbour. */
static void run_panel(const Operands *o, ptrdiff_t panel, ptrdiff_t i)
{
    const CaGemm *plan = &o->s->plan;
    const ptrdiff_t nr = plan->kernel->nr, j = panel * nr;
    const Pair pair = pair_of(o->s, i);
    for (int t = 0; t < 2 && pair.n_rows[t] > 0; t++) {
        const ptrdiff_t row = pair.at + t * pair.n_rows[0];
        const CaGemmTile tile = {.rows = pair.n_rows[t],
                                 .columns = (int)(plan->n - j),
                                 .depth = plan->k,
                                 .c = o->c + row * o->ldc + j,
                                 .ldc = o->ldc,
                                 .a = o->a + row * o->lda,
                                 .a_row = o->lda,
                                 .a_depth = 1,
                                 .b = o->b + j * plan->k,
                                 .start = o->bias ? o->bias + j : NULL,
                                 .act = o->act};
        plan->kernel->tile(&tile);
    }
}

void ca_strassen_run(const CaStrassen *s, float *c, ptrdiff_t ldc, const float *a,
                     ptrdiff_t lda, const float *packed_b, const float *bias,
                     const CaAct *act, const float *shared, float *own, int thread,
                     int n_threads)
{
    const Operands o = {s, a, packed_b, bias, act, shared, c, own, ldc, lda};
    const ptrdiff_t n_panels = s->plan.n_panels, n_pairs = s->n_pairs,
                    n = ceil_div(n_panels, 2) * n_pairs,
                    last = ca_share(n, thread + 1, n_threads);
    for (ptrdiff_t from = ca_share(n, thread, n_threads), stop; from < last;
         from = stop) {
        const ptrdiff_t panel = from / n_pairs * 2, first = from / n_pairs * n_pairs;
        stop = first + n_pairs < last ? first + n_pairs : last;
        if (panel + 1 < n_panels)
            run_panels(&o, panel, from - first, stop - first);
        else
            for (ptrdiff_t i = from; i < stop; i++)
                run_panel(&o, panel, i - first);
    }
}
