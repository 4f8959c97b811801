/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STRASSEN: the tile of gemm_tmpl.h for products whose sums begin with earlier ones, and the combinations that
 * they are products of.
 *
 * A lies in steps of 16 of k, a line for each row, so that a tile reads forward and its broadcasts have
 * constant distances. Behind a row and behind k there are zeros.
 */
#include "gemm_strassen.h"
#include "gemm_tmpl.h"

enum { LINE = 16 };

CA_INLINE vf32 load_at(const float *p, int columns, int j)
{
    if (columns == NR)
        return vf32_load(p + j * VF32_N);
    return lanes(columns, j) ? vf32_load_n(p + j * VF32_N, lanes(columns, j))
                             : vf32_zero();
}

/* One step of k. */
CA_INLINE void add_product(vf32 sum[MR][NV], const float *a, const float *b,
                           const int rows)
{
    vf32 row[NV];
    UNROLL_FOR(j, NV)
        row[j] = vf32_load(b + j * VF32_N);
    UNROLL_FOR(i, MR)
        if (i < rows) {
            const vf32 x = vf32_set1(a[i * LINE]);
            UNROLL_FOR(j, NV)
                sum[i][j] = vf32_fma(x, row[j], sum[i][j]);
        }
}

CA_INLINE void sum_rows(const CaStrassenSum *t, const int rows)
{
    vf32 sum[MR][NV];
    const float *a = t->a, *b = t->b;

    UNROLL_FOR(i, MR)
        if (i < rows)
            UNROLL_FOR(j, NV)
                sum[i][j] = t->from[0] ? vf32_load(t->from[0] + i * NR + j * VF32_N)
                                       : vf32_zero();
    if (t->from[1])
        UNROLL_FOR(i, MR)
            if (i < rows)
                UNROLL_FOR(j, NV)
                    sum[i][j] =
                        vf32_add(sum[i][j], vf32_load(t->from[1] + i * NR + j * VF32_N));
    if (t->ldc != NR) /* C itself, whose lines nobody fetches */
        for (int i = 0; i < rows; i++) {
            CA_PREFETCH_W(t->c + i * t->ldc);
            CA_PREFETCH_W(t->c + i * t->ldc + t->columns - 1);
        }
    if (t->also)
        UNROLL_FOR(i, MR)
            if (i < rows)
                UNROLL_FOR(j, NV)
                    sum[i][j] = vf32_add(
                        sum[i][j], load_at(t->also + i * t->ld_also, t->columns, j));

    for (ptrdiff_t blocks = t->depth / LINE; blocks > 0; blocks--, a += LINE * t->a_rows)
        for (int p = 0; p < LINE; p += 4)
            UNROLL_FOR(q, 4) {
                add_product(sum, a + p + q, b, rows);
                b += NR;
            }
    for (int p = 0; p < t->depth % LINE; p++, b += NR)
        add_product(sum, a + p, b, rows);

    const CaGemmTile end = {
        .rows = t->rows, .columns = t->columns, .c = t->c, .ldc = t->ldc, .act = t->act};
    if (t->act->kind == CA_ACT_RELU || t->act->kind == CA_ACT_CLAMP) {
        const bool is_relu = t->act->kind == CA_ACT_RELU;
        const vf32 lo = vf32_set1(is_relu ? 0 : t->act->a),
                   hi = vf32_set1(is_relu ? INFINITY : t->act->b);
        UNROLL_FOR(i, MR)
            if (i < rows)
                UNROLL_FOR(j, NV)
                    sum[i][j] = vf32_min(hi, vf32_max(lo, sum[i][j]));
    }
    UNROLL_FOR(i, MR)
        if (i < rows)
            UNROLL_FOR(j, NV)
                store(&end, i, j, sum[i][j]);
    if (t->act->kind > CA_ACT_CLAMP)
        activate(&end);
}

static void sum_tile(const CaStrassenSum *t)
{
    switch (t->rows) {
    case 1: sum_rows(t, 1); break;
    case 2: sum_rows(t, 2); break;
    case 3: sum_rows(t, 3); break;
    case 4: sum_rows(t, 4); break;
#if MR >= 6
    case 5: sum_rows(t, 5); break;
    case 6: sum_rows(t, 6); break;
#endif
#if MR >= 14
    case 7: sum_rows(t, 7); break;
    case 8: sum_rows(t, 8); break;
    case 9: sum_rows(t, 9); break;
    case 10: sum_rows(t, 10); break;
    case 11: sum_rows(t, 11); break;
    case 12: sum_rows(t, 12); break;
    case 13: sum_rows(t, 13); break;
    case 14: sum_rows(t, 14); break;
#endif
    }
}

/* VF32_N of k, those from p on, of a row of tile t and half h; zeros behind its end. */
CA_INLINE vf32 load_row(const CaStrassenRows *s, int t, int h, int i, ptrdiff_t p)
{
    const ptrdiff_t left = s->depths[h] - p;
    const float *a = s->a[t] + i * s->lda + h * s->depths[0] + p;
    if (i >= s->n_rows[t] || left <= 0)
        return vf32_zero();
    return left >= VF32_N ? vf32_load(a) : vf32_load_n(a, (int)left);
}

static void combine_rows(const CaStrassenRows *s)
{
    const ptrdiff_t step = (s->depths[0] + LINE - 1) / LINE * LINE * s->rows;
    float *to = s->to;
    for (ptrdiff_t p0 = 0; p0 < s->depths[0]; p0 += LINE)
        for (int i = 0; i < s->rows; i++)
            for (ptrdiff_t p = p0; p < p0 + LINE; p += VF32_N, to += VF32_N) {
                const vf32 x11 = load_row(s, 0, 0, i, p), x21 = load_row(s, 0, 1, i, p),
                           x12 = load_row(s, 1, 0, i, p), x22 = load_row(s, 1, 1, i, p);
                const vf32 t1 = vf32_sub(x12, x11), t2 = vf32_sub(x22, t1);
                vf32_store(to, x11);
                vf32_store(to + step, x21);
                vf32_store(to + 2 * step, x22);
                vf32_store(to + 3 * step, vf32_sub(x21, t2));
                vf32_store(to + 4 * step, t1);
                vf32_store(to + 5 * step, t2);
                vf32_store(to + 6 * step, vf32_sub(x22, x12));
            }
}

static void pack_panels(const CaStrassenPanels *s)
{
    const ptrdiff_t all = s->depths[0] * NR, second = s->depths[1] * NR;
    for (ptrdiff_t i = 0; i < all; i += VF32_N) {
        const vf32 w11 = vf32_load(s->b[0][0] + i), w21 = vf32_load(s->b[1][0] + i),
                   w22 = i < second ? vf32_load(s->b[1][1] + i) : vf32_zero();
        vf32_store(s->to + i, vf32_sub(vf32_add(w21, w22), w11));
    }
}

static void combine_panels(const CaStrassenPanels *s)
{
    const ptrdiff_t step = s->depths[0] * NR, second = s->depths[1] * NR;
    for (ptrdiff_t i = 0; i < step; i += VF32_N) {
        const bool is_in = i < second;
        const vf32 w11 = vf32_load(s->b[0][0] + i), s2 = vf32_load(s->b[1][0] + i),
                   w12 = is_in ? vf32_load(s->b[0][1] + i) : vf32_zero(),
                   w22 = is_in ? vf32_load(s->b[1][1] + i) : vf32_zero();
        vf32_store(s->to + i, vf32_add(s2, w11));
        vf32_store(s->to + i + step, vf32_sub(w22, s2));
        vf32_store(s->to + i + 2 * step, vf32_sub(w12, s2));
    }
}

const CaStrassenKernel STRASSEN = {sum_tile, combine_rows, pack_panels, combine_panels};
