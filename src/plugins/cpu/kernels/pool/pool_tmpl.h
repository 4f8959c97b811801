/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pooling of [C/16][N][H][W][16]: one pixel of the output is V vectors of 16 lanes in all, and
 * each tap of its window is one load and one operation for each. The halo is not read: taps
 * outside the input are left out by counting, so maxima see no zeros and any padding will do.
 *
 * Average: taps are added along a row of the window, rows to each other, then one division:
 * an error of kernel_w + kernel_h roundings of the sum of magnitudes, and one of the result.
 */
#include "../acts_rows.h"
#include "pool_isa.h"

#include <assert.h>
#include <float.h>
#include <math.h>

enum { V = CA_LANES / VF32_N };

typedef struct Pixel {
    vf32 v[V];
} Pixel;

/* Taps of one axis of one window: [first, end) lie in the input, n_padded in the padded input. */
typedef struct Taps {
    int first, end, n_padded;
} Taps;

static int below(int start, int limit, int step, int n)
{
    if (start >= limit)
        return 0;
    const int count = (limit - 1 - start) / step + 1;
    return count < n ? count : n;
}

CA_INLINE Taps taps_of(int start, int size, int pad_end, int kernel, int dilation)
{
    if (start >= 0 && start + (kernel - 1) * dilation < size)
        return (Taps){0, kernel, kernel};
    return (Taps){
        .first = below(start, 0, dilation, kernel),
        .end = below(start, size, dilation, kernel),
        .n_padded = below(start, size + pad_end, dilation, kernel),
    };
}

CA_INLINE Pixel pixel_of(float x)
{
    Pixel p;
    UNROLL_FOR(j, V)
        p.v[j] = vf32_set1(x);
    return p;
}

/* A NaN in the new value is not taken: x > best is false. */
CA_INLINE void take_max(Pixel *best, const float *p)
{
    UNROLL_FOR(j, V)
        best->v[j] = vf32_max(vf32_load(p + j * VF32_N), best->v[j]);
}

CA_INLINE void take_sum(Pixel *sum, const float *p)
{
    UNROLL_FOR(j, V)
        sum->v[j] = vf32_add(sum->v[j], vf32_load(p + j * VF32_N));
}

CA_INLINE void store_pixel(float *out, const Pixel *p, int lanes)
{
    UNROLL_FOR(j, V) {
        vf32_store(out + j * VF32_N, vf32_zero());
        vf32_store_n(out + j * VF32_N, p->v[j], lanes - j * VF32_N);
    }
}

CA_INLINE Pixel max_window(const float *in, ptrdiff_t dy, ptrdiff_t dx, Taps ty, Taps tx)
{
    if (ty.first >= ty.end || tx.first >= tx.end)
        return pixel_of(-FLT_MAX);
    Pixel best = pixel_of(-INFINITY);
    for (int ky = ty.first; ky < ty.end; ky++)
        for (int kx = tx.first; kx < tx.end; kx++)
            take_max(&best, in + ky * dy + kx * dx);
    return best;
}

CA_INLINE Pixel avg_window(const float *in, ptrdiff_t dy, ptrdiff_t dx, Taps ty, Taps tx,
                           bool exclude_pad)
{
    const int n = exclude_pad ? (ty.end - ty.first) * (tx.end - tx.first)
                              : ty.n_padded * tx.n_padded;
    const vf32 divisor = vf32_set1(n > 0 ? (float)n : 1);
    Pixel sum = pixel_of(0);

    for (int ky = ty.first; ky < ty.end; ky++) {
        Pixel row = pixel_of(0);
        for (int kx = tx.first; kx < tx.end; kx++)
            take_sum(&row, in + ky * dy + kx * dx);
        UNROLL_FOR(j, V)
            sum.v[j] = vf32_add(sum.v[j], row.v[j]);
    }
    UNROLL_FOR(j, V)
        sum.v[j] = vf32_div(sum.v[j], divisor);
    return sum;
}

static void pool_row(const CaActs *in, const CaPoolShape *s, float *out, int out_w,
                     CaRowAt at)
{
    const int lanes = ca_acts_lanes(in, at.block);
    const int y0 = at.y * s->stride_h - s->pad_top;
    const Taps ty = taps_of(y0, in->h, s->pad_bottom, s->kernel_h, s->dilation_h);
    const ptrdiff_t dy = s->dilation_h * in->row_stride,
                    dx = (ptrdiff_t)s->dilation_w * CA_LANES;
    const float *row = ca_acts_row(in, at.block, at.image, 0);

    for (int x = 0; x < out_w; x++) {
        const int x0 = x * s->stride_w - s->pad_left;
        const Taps tx = taps_of(x0, in->w, s->pad_right, s->kernel_w, s->dilation_w);
        const float *p = row + y0 * in->row_stride + (ptrdiff_t)x0 * CA_LANES;
        const Pixel r = s->kind == CA_POOL_MAX
                            ? max_window(p, dy, dx, ty, tx)
                            : avg_window(p, dy, dx, ty, tx, s->exclude_pad);
        store_pixel(out + (ptrdiff_t)x * CA_LANES, &r, lanes);
    }
}

void WINDOW(const CaActs *out, const CaActs *in, const CaPoolShape *shape, int thread,
            int n_threads)
{
    const int64_t n_rows = (int64_t)ca_acts_n_blocks(out) * out->n * out->h;
    int64_t first, end;

    assert(0 <= thread && thread < n_threads && out->c == in->c && out->n == in->n);
    ca_share(n_rows, thread, n_threads, &first, &end);
    for (int64_t i = first; i < end; i++) {
        const CaRowAt at = ca_acts_row_at(out, i);
        float *row = ca_acts_row(out, at.block, at.image, at.y);
        pool_row(in, shape, row, out->w, at);
        ca_acts_zero_beside(out, row, at.y, 0, CA_LANES);
    }
}

/* Four sums a row: additions wait for each other, and one chain would leave the adders idle. */
static Pixel global_avg(const float *in, ptrdiff_t row_stride, int h, int w)
{
    const vf32 divisor = vf32_set1((float)h * (float)w);
    Pixel total = pixel_of(0);

    for (int y = 0; y < h; y++) {
        const float *row = in + y * row_stride;
        Pixel sum[4] = {pixel_of(0), pixel_of(0), pixel_of(0), pixel_of(0)};
        int x = 0;
        for (; x + 4 <= w; x += 4)
            UNROLL_FOR(i, 4)
                take_sum(&sum[i], row + (ptrdiff_t)(x + i) * CA_LANES);
        for (; x < w; x++)
            take_sum(&sum[0], row + (ptrdiff_t)x * CA_LANES);
        UNROLL_FOR(j, V) {
            const vf32 a = vf32_add(sum[0].v[j], sum[1].v[j]);
            const vf32 b = vf32_add(sum[2].v[j], sum[3].v[j]);
            total.v[j] = vf32_add(total.v[j], vf32_add(a, b));
        }
    }
    UNROLL_FOR(j, V)
        total.v[j] = vf32_div(total.v[j], divisor);
    return total;
}

void GLOBAL(const CaActs *out, const CaActs *in, CaPoolKind kind, int thread,
            int n_threads)
{
    const Taps ty = {0, in->h, in->h}, tx = {0, in->w, in->w};
    int64_t first, end;

    assert(0 <= thread && thread < n_threads && out->c == in->c && out->n == in->n);
    assert(out->h == 1 && out->w == 1);
    ca_share((int64_t)ca_acts_n_blocks(out) * out->n, thread, n_threads, &first, &end);
    for (int64_t i = first; i < end; i++) {
        const CaRowAt at = ca_acts_row_at(out, i);
        const float *from = ca_acts_row(in, at.block, at.image, 0);
        float *to = ca_acts_row(out, at.block, at.image, 0);
        const Pixel r = kind == CA_POOL_MAX
                            ? max_window(from, in->row_stride, CA_LANES, ty, tx)
                            : global_avg(from, in->row_stride, in->h, in->w);
        store_pixel(to, &r, ca_acts_lanes(out, at.block));
        ca_acts_zero_beside(out, to, 0, 0, CA_LANES);
    }
}
