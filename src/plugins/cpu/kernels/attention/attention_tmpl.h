/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ATTENTION_KEYS: keys become the panel of a product, turned and scaled, one rounding each.
 * ATTENTION_VALUES: values become the panel of a product.
 * ATTENTION_NARROW: a tile of a product of which one vector of columns is left, where a panel has more.
 * ATTENTION_MASK: scores += mask, exact but for the rounding of each sum.
 * ATTENTION_SOFTEN: scores to probabilities while they are in the first cache.
 *
 * Tolerance, u = 2^-24, d = |score - max|: an exponential has 2 d u of its argument (the difference and its product
 * with 1 / ln 2, whose constant is right to 0.02 u) and 2 u of its own, the sum PART / VF32_N + 6 u, scaling 2 u.
 */
#include "attention_funcs.h"

#include "kernels/act_tmpl.h"

#include <math.h>

enum { PART = 1024, ROWS = 16, NARROW = 7 };

/* VF32_N keys by n numbers, of which n_keys are there. */
CA_INLINE void turn(float *to, ptrdiff_t nr, const float *k, ptrdiff_t ld, int n_keys,
                    int n, vf32 scale)
{
    vf32 v[VF32_N];
    if (n_keys >= VF32_N && n == VF32_N) {
        UNROLL_FOR(i, VF32_N)
            v[i] = vf32_mul(vf32_load(k + i * ld), scale);
        vf32_transpose(v);
        UNROLL_FOR(i, VF32_N)
            vf32_store(to + i * nr, v[i]);
        return;
    }
    UNROLL_FOR(i, VF32_N)
        v[i] = i < n_keys ? vf32_mul(vf32_load_n(k + i * ld, n), scale) : vf32_zero();
    vf32_transpose(v);
    UNROLL_FOR(i, VF32_N)
        if (i < n)
            vf32_store(to + i * nr, v[i]);
}

void ATTENTION_KEYS(float *panel, ptrdiff_t nr, const float *k, ptrdiff_t ld,
                    ptrdiff_t n_keys, ptrdiff_t depth, float scale)
{
    const vf32 s = vf32_set1(scale);
    for (ptrdiff_t j = 0; j < nr; j += VF32_N)
        for (ptrdiff_t p = 0; p < depth; p += VF32_N)
            turn(panel + p * nr + j, nr, k + j * ld + p, ld, (int)(n_keys - j),
                 depth - p < VF32_N ? (int)(depth - p) : VF32_N, s);
}

void ATTENTION_VALUES(float *panel, ptrdiff_t nr, const float *v, ptrdiff_t ld,
                      ptrdiff_t n_columns, ptrdiff_t n_keys)
{
    for (ptrdiff_t i = 0; i < n_keys; i++, panel += nr, v += ld)
        for (ptrdiff_t j = 0; j < nr; j += VF32_N) {
            const ptrdiff_t left = n_columns - j;
            vf32_store(panel + j, left >= VF32_N ? vf32_load(v + j)
                                  : left > 0     ? vf32_load_n(v + j, (int)left)
                                                 : vf32_zero());
        }
}

/* rows is a constant after inlining. */
CA_INLINE void narrow_rows(const CaGemmTile *t, ptrdiff_t nr, const int rows)
{
    vf32 sum[NARROW];
    const float *a = t->a, *b = t->b;
    UNROLL_FOR(i, NARROW)
        sum[i] = vf32_zero();
    for (ptrdiff_t p = 0; p < t->depth; p++, a += t->a_depth, b += nr) {
        const vf32 row = vf32_load(b);
        UNROLL_FOR(i, NARROW)
            if (i < rows)
                sum[i] = vf32_fma(vf32_set1(a[i * t->a_row]), row, sum[i]);
    }
    UNROLL_FOR(i, NARROW)
        if (i < rows)
            vf32_store_n(t->c + i * t->ldc, sum[i], t->columns);
}

void ATTENTION_NARROW(const CaGemmTile *tile, ptrdiff_t nr)
{
    CaGemmTile t = *tile;
    for (int left = tile->rows; left > 0; left -= NARROW) {
        switch (left) {
        case 1: narrow_rows(&t, nr, 1); break;
        case 2: narrow_rows(&t, nr, 2); break;
        case 3: narrow_rows(&t, nr, 3); break;
        case 4: narrow_rows(&t, nr, 4); break;
        case 5: narrow_rows(&t, nr, 5); break;
        case 6: narrow_rows(&t, nr, 6); break;
        default: narrow_rows(&t, nr, NARROW); break;
        }
        t.a += NARROW * t.a_row;
        t.c += NARROW * t.ldc;
    }
}

void ATTENTION_MASK(float *scores, const float *mask, ptrdiff_t n)
{
    ptrdiff_t i = 0;

    for (; i + VF32_N <= n; i += VF32_N)
        vf32_store(scores + i, vf32_add(vf32_load(scores + i), vf32_load(mask + i)));
    for (; i < n; i++)
        scores[i] += mask[i];
}

static float largest(const float *x, ptrdiff_t n)
{
    vf32 most[2] = {vf32_set1(-INFINITY), vf32_set1(-INFINITY)};
    ptrdiff_t i = 0;
    for (; i + 2 * VF32_N <= n; i += 2 * VF32_N)
        UNROLL_FOR(j, 2)
            most[j] = vf32_max(vf32_load(x + i + j * VF32_N), most[j]);
    for (; i < n; i += VF32_N)
        most[0] = vf32_max(vf32_load(x + i), most[0]);
    return vf32_largest(vf32_max(most[1], most[0]));
}

/* exp(x - most) of whole vectors, in place; the sum. */
CA_INLINE vf32 exponentials(float *x, ptrdiff_t n, vf32 most)
{
    const vf32 per = vf32_set1(0x1.715476p+0f), least = vf32_set1(-150);
    vf32 sum = vf32_zero();
    for (ptrdiff_t i = 0; i < n; i += VF32_N) {
        const vf32 t = vf32_mul(vf32_sub(vf32_load(x + i), most), per);
        const vf32 e = vf32_exp2_within(vf32_max(least, t));
        vf32_store(x + i, e);
        sum = vf32_add(sum, e);
    }
    return sum;
}

/* Up to ROWS rows pass by pass: what one row waits for, the next ones do meanwhile. A maximum may miss a NaN: the
 * exponential does not, and the sum carries it to each result; so does the difference of two infinities. */
static void soften_some(float *x, ptrdiff_t ld, int n_rows, ptrdiff_t n)
{
    const ptrdiff_t whole = (n + VF32_N - 1) / VF32_N * VF32_N;
    float most[ROWS], part[ROWS];
    for (int r = 0; r < n_rows; r++)
        for (ptrdiff_t i = n; i < whole; i++)
            x[r * ld + i] = -INFINITY;
    for (int r = 0; r < n_rows; r++)
        most[r] = largest(x + r * ld, whole);
    for (int r = 0; r < n_rows; r++) {
        const vf32 m = vf32_set1(most[r]);
        double total = 0;
        for (ptrdiff_t i = 0; i < whole; i += PART)
            total += (double)vf32_sum(
                exponentials(x + r * ld + i, whole - i < PART ? whole - i : PART, m));
        part[r] = (float)(1 / total);
    }
    for (int r = 0; r < n_rows; r++)
        for (ptrdiff_t i = 0; i < whole; i += VF32_N) {
            float *p = x + r * ld + i;
            vf32_store(p, vf32_mul(vf32_load(p), vf32_set1(part[r])));
        }
}

void ATTENTION_SOFTEN(float *scores, ptrdiff_t ld, ptrdiff_t n_rows, ptrdiff_t n)
{
    for (ptrdiff_t r = 0; r < n_rows; r += ROWS)
        soften_some(scores + r * ld, ld, n_rows - r < ROWS ? (int)(n_rows - r) : ROWS, n);
}
