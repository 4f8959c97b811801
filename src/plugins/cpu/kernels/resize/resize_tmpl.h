/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PLANES and BLOCKED of resize.h.
 *
 * Sums run over taps in their order, first along y, then along x: 2 * (taps_y + taps_x) roundings at most, each of the
 * sum of magnitudes.
 */
#include "../acts_rows.h"
#include "resize_isa.h"

#include <string.h>

enum { V = CA_LANES / VF32_N };

/* out[i] = sum of weights[k] * in[k * stride + i], i < n. */
CA_INLINE void mix_rows(float *out, const float *in, ptrdiff_t stride,
                        const float *weights, int taps, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    for (; i + VF32_N <= n; i += VF32_N) {
        vf32 sum = vf32_mul(vf32_set1(weights[0]), vf32_load(in + i));
        for (int k = 1; k < taps; k++)
            sum = vf32_fma(vf32_set1(weights[k]), vf32_load(in + k * stride + i), sum);
        vf32_store(out + i, sum);
    }
    if (i < n) {
        const int left = (int)(n - i);
        vf32 sum = vf32_mul(vf32_set1(weights[0]), vf32_load_n(in + i, left));
        for (int k = 1; k < taps; k++)
            sum = vf32_fma(vf32_set1(weights[k]), vf32_load_n(in + k * stride + i, left),
                           sum);
        vf32_store_n(out + i, sum, left);
    }
}

CA_INLINE void mix_along_taps(float *out, const float *in, const CaResizeAxis *x,
                              int taps)
{
    const float *w = x->weights;
    for (int64_t o = 0; o < x->out; o++, w += taps) {
        const float *p = in + x->first[o];
        float sum = w[0] * p[0];
        for (int k = 1; k < taps; k++)
            sum += w[k] * p[k];
        out[o] = sum;
    }
}

static void mix_along(float *out, const float *in, const CaResizeAxis *x)
{
    if (x->taps == 1)
        mix_along_taps(out, in, x, 1);
    else if (x->taps == 2)
        mix_along_taps(out, in, x, 2);
    else if (x->taps == 4)
        mix_along_taps(out, in, x, 4);
    else
        mix_along_taps(out, in, x, x->taps);
}

void PLANES(const CaResize *r, float *out, const float *in, float *row, int thread,
            int n_threads)
{
    const CaResizeAxis *const y = &r->y, *const x = &r->x;
    const int64_t out_h = y->taps ? y->out : 1, in_h = y->taps ? y->in : 1;
    const int64_t out_w = x->taps ? x->out : x->in;
    int64_t at, end;

    ca_share(r->n_planes * out_h, thread, n_threads, &at, &end);
    for (; at < end; at++) {
        const int64_t plane = at / out_h, o = at % out_h;
        const float *from = in + plane * in_h * x->in;
        float *to = out + at * out_w;
        if (y->taps) {
            float *mixed = x->taps ? row : to;
            const float *weights = y->weights + o * y->taps;
            from += y->first[o] * x->in;
            if (y->taps > 1 || weights[0] != 1)
                mix_rows(mixed, from, x->in, weights, y->taps, x->in);
            else if (!x->taps)
                memcpy(to, from, (size_t)x->in * sizeof *to);
            if (y->taps > 1 || weights[0] != 1)
                from = mixed;
        }
        if (x->taps)
            mix_along(to, from, x);
    }
}

/* One pixel of all lanes. */
CA_INLINE void mix_pixel(float *out, const float *in, ptrdiff_t row_stride,
                         const float *wy, int taps_y, const float *wx, int taps_x)
{
    vf32 sum[V];
    UNROLL_FOR(j, V)
        sum[j] = vf32_zero();
    for (int s = 0; s < taps_y; s++)
        for (int t = 0; t < taps_x; t++) {
            const vf32 w = vf32_set1(wy[s] * wx[t]);
            const float *p = in + s * row_stride + (ptrdiff_t)t * CA_LANES;
            UNROLL_FOR(j, V)
                sum[j] = vf32_fma(w, vf32_load(p + j * VF32_N), sum[j]);
        }
    UNROLL_FOR(j, V)
        vf32_store(out + j * VF32_N, sum[j]);
}

static void blocked_row(const CaResize *r, float *to, const float *from,
                        ptrdiff_t row_stride, const float *wy)
{
    const CaResizeAxis *const x = &r->x;
    const int taps_y = r->y.taps, taps_x = x->taps;
    for (int64_t o = 0; o < x->out; o++) {
        const float *p = from + (ptrdiff_t)x->first[o] * CA_LANES;
        const float *wx = x->weights + o * taps_x;
        if (taps_y == 1 && taps_x == 1)
            mix_pixel(to + o * CA_LANES, p, row_stride, wy, 1, wx, 1);
        else if (taps_y == 2 && taps_x == 2)
            mix_pixel(to + o * CA_LANES, p, row_stride, wy, 2, wx, 2);
        else
            mix_pixel(to + o * CA_LANES, p, row_stride, wy, taps_y, wx, taps_x);
    }
}

/* The padding channels of in are zero, so those of out are. */
void BLOCKED(const CaResize *r, const CaActs *out, const CaActs *in, int thread,
             int n_threads)
{
    const int64_t n_rows = (int64_t)ca_acts_n_blocks(out) * out->n * out->h;
    int64_t first, end;

    ca_share(n_rows, thread, n_threads, &first, &end);
    for (int64_t i = first; i < end; i++) {
        const CaRowAt at = ca_acts_row_at(out, i);
        float *row = ca_acts_row(out, at.block, at.image, at.y);
        const float *from = ca_acts_row(in, at.block, at.image, r->y.first[at.y]);
        blocked_row(r, row, from, in->row_stride,
                    r->y.weights + (ptrdiff_t)at.y * r->y.taps);
        ca_acts_zero_beside(out, row, at.y, 0, CA_LANES);
    }
}
