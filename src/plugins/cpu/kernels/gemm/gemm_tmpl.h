/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KERNEL: one tile, C[rows, columns] = act(start + A * B); rows <= MR, columns <= NV * VF32_N.
 *
 *   a: element (i, p) at i * a_row + p * a_depth      b: depth rows of NV vectors
 *
 * B was padded with zeros by the packer, so only start and C know the true columns. Nothing
 * behind rows or columns is read or written.
 *
 * Registers: MR * NV sums, NV for the row of B, 1 for the element of A: 31 of 32 for 14x32 on
 * AVX-512, 15 of 16 for 6x16 on AVX2, 29 of 32 for 6x16 on NEON. One and two rows are bound by
 * the latency of FMA or by memory: they sum 4 or 2 steps of k side by side.
 *
 * Tolerance: depth + 3 roundings of half an ulp of the sum of magnitudes, twice that where fma
 * rounds twice (plain C); the activation's own error as in act_tmpl.h.
 */
#include "gemm_tiles.h"

#include "kernels/act_tmpl.h"

#include <math.h>

enum { NR = NV * VF32_N };

CA_INLINE int lanes(int columns, int j)
{
    const int left = columns - j * VF32_N;
    return left > 0 ? left : 0;
}

CA_INLINE vf32 load_start(const CaGemmTile *t, int i, int j)
{
    const float *p = t->start + i * t->ld_start + j * VF32_N;
    if (t->columns == NR)
        return vf32_load(p);
    return lanes(t->columns, j) ? vf32_load_n(p, lanes(t->columns, j)) : vf32_zero();
}

CA_INLINE void store(const CaGemmTile *t, int i, int j, vf32 v)
{
    float *p = t->c + i * t->ldc + j * VF32_N;
    if (t->columns == NR)
        vf32_store(p, v);
    else if (lanes(t->columns, j))
        vf32_store_n(p, v, lanes(t->columns, j));
}

/* Activations with a body, on the tile just stored. */
static CA_NOINLINE void activate(const CaGemmTile *t)
{
    for (int i = 0; i < t->rows; i++)
        for (int j = 0; j * VF32_N < t->columns; j++) {
            float *p = t->c + i * t->ldc + j * VF32_N;
            const int n = lanes(t->columns, j);
            vf32_store_n(p, vf32_act(t->act, vf32_load_n(p, n)), n);
        }
}

enum { MOST_SIDE = 4 };

/* side sets of sums for as many steps of k, rows * side <= MR. Both are constants after inlining;
 * clang unrolls before, so loops go to the most and ask. */
CA_INLINE void tile_rows(const CaGemmTile *t, const int rows, const int side)
{
    vf32 sum[MR][NV];
    const float *a = t->a, *b = t->b;
    const ptrdiff_t a_row = t->a_row, a_depth = t->a_depth;
    ptrdiff_t left = t->depth;

    UNROLL_FOR(i, MR)
        if (i < rows * side)
            UNROLL_FOR(j, NV)
                sum[i][j] = i < rows && t->start ? load_start(t, i, j) : vf32_zero();

    for (; left >= side; left -= side)
        UNROLL_FOR(s, MOST_SIDE)
            if (s < side) {
                vf32 row[NV];
                UNROLL_FOR(j, NV)
                    row[j] = vf32_load(b + j * VF32_N);
                UNROLL_FOR(i, MR)
                    if (i < rows) {
                        const vf32 x = vf32_set1(a[i * a_row]);
                        UNROLL_FOR(j, NV)
                            sum[s * rows + i][j] =
                                vf32_fma(x, row[j], sum[s * rows + i][j]);
                    }
                a += a_depth;
                b += NR;
            }
    for (; side > 1 && left > 0; left--, a += a_depth, b += NR)
        UNROLL_FOR(i, MR)
            if (i < rows)
                UNROLL_FOR(j, NV)
                    sum[i][j] = vf32_fma(vf32_set1(a[i * a_row]),
                                         vf32_load(b + j * VF32_N), sum[i][j]);

    const bool is_relu = t->act->kind == CA_ACT_RELU,
               is_clamp = t->act->kind == CA_ACT_CLAMP;
    const vf32 lo = vf32_set1(is_relu ? 0 : is_clamp ? t->act->a : -INFINITY);
    const vf32 hi = vf32_set1(is_clamp ? t->act->b : INFINITY);
    UNROLL_FOR(i, MR)
        if (i < rows)
            UNROLL_FOR(j, NV) {
                vf32 v = sum[i][j];
                UNROLL_FOR(s, MOST_SIDE - 1)
                    if (s + 1 < side)
                        v = vf32_add(v, sum[(s + 1) * rows + i][j]);
                store(t, i, j, vf32_min(hi, vf32_max(lo, v)));
            }
    if (t->act->kind > CA_ACT_CLAMP)
        activate(t);
}

void KERNEL(const CaGemmTile *t)
{
    switch (t->rows) {
    case 1: tile_rows(t, 1, 4); break;
    case 2: tile_rows(t, 2, 2); break;
    case 3: tile_rows(t, 3, 1); break;
    case 4: tile_rows(t, 4, 1); break;
#if MR >= 6
    case 5: tile_rows(t, 5, 1); break;
    case 6: tile_rows(t, 6, 1); break;
#endif
#if MR >= 14
    case 7: tile_rows(t, 7, 1); break;
    case 8: tile_rows(t, 8, 1); break;
    case 9: tile_rows(t, 9, 1); break;
    case 10: tile_rows(t, 10, 1); break;
    case 11: tile_rows(t, 11, 1); break;
    case 12: tile_rows(t, 12, 1); break;
    case 13: tile_rows(t, 13, 1); break;
    case 14: tile_rows(t, 14, 1); break;
#endif
    }
}
