/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depthwise: each channel has its own filter. P pixels of a row times one vector of channels; a
 * row of the filter reads each input vector once, for all taps (filters of K columns, step S).
 * Bound by loads and stores, so that a wider tile gains nothing. 3x3 slides: slide_tmpl.h.
 */
enum { DEPTHWISE_PIXELS = 7 };

/* K 0: any filter, step and dilation. */
CA_INLINE void depthwise_tile(const int K, const int S, const int P, const CaDepthwise *g,
                              float *restrict out, const float *restrict in,
                              const float *restrict w, const float *bias,
                              const float *add)
{
    const int kh = K ? K : g->kh, kw = K ? K : g->kw;
    const vf32 b = vf32_load(bias), lo = vf32_set1(g->lo), hi = vf32_set1(g->hi);
    vf32 sum[DEPTHWISE_PIXELS], x[(DEPTHWISE_PIXELS - 1) * 2 + 5];

    UNROLL_FOR(i, P)
        sum[i] = b;
    for (int ky = 0; ky < kh; ky++, w += kw * 16) {
        const float *row = in + ky * g->filter_row;
        if (K) {
            UNROLL_FOR(i, (P - 1) * S + K)
                x[i] = vf32_load(row + i * 16);
            UNROLL_FOR(kx, K) {
                const vf32 f = vf32_load(w + kx * 16);
                UNROLL_FOR(i, P)
                    sum[i] = vf32_fma(x[i * S + kx], f, sum[i]);
            }
        } else {
            for (int kx = 0; kx < kw; kx++) {
                const vf32 f = vf32_load(w + kx * 16);
                UNROLL_FOR(i, P)
                    sum[i] = vf32_fma(vf32_load(row + kx * g->filter_col + i * g->pixel),
                                      f, sum[i]);
            }
        }
    }
    if (add)
        UNROLL_FOR(i, P)
            sum[i] = vf32_add(sum[i], vf32_load(add + i * 16));
    UNROLL_FOR(i, P)
        vf32_store(out + i * 16, vf32_min(hi, vf32_max(lo, sum[i])));
}

/* The last tile of a row laps back over the one before it: same inputs, same results. */
CA_INLINE void depthwise_row(const int K, const int S, const CaDepthwise *g, float *out,
                             int n, const float *in, const float *w, const float *bias,
                             const float *add)
{
    const int P = n < DEPTHWISE_PIXELS ? 1 : DEPTHWISE_PIXELS;

    for (int lane = 0; lane < 16; lane += VF32_N)
        for (int x = 0; x < n; x += P) {
            const int at = x + P <= n ? x : n - P;
            const float *more = add ? add + lane + at * 16 : NULL;
            if (P == 1)
                depthwise_tile(K, S, 1, g, out + lane + at * 16,
                               in + lane + at * g->pixel, w + lane, bias + lane, more);
            else
                depthwise_tile(K, S, DEPTHWISE_PIXELS, g, out + lane + at * 16,
                               in + lane + at * g->pixel, w + lane, bias + lane, more);
        }
}

#define DEPTHWISE(name, K, S)                                                  \
    static void name(const CaDepthwise *g, float *out, int n, const float *in, \
                     const float *w, const float *bias, const float *add)      \
    {                                                                          \
        depthwise_row(K, S, g, out, n, in, w, bias, add);                      \
    }
DEPTHWISE(depthwise_any, 0, 0)
DEPTHWISE(depthwise_5_1, 5, 1)
DEPTHWISE(depthwise_5_2, 5, 2)

#define SLIDE_E 4
#define SLIDE_ROWS (VF32_N == 8 ? 2 : 3) /* AVX2 has 16 registers */
CA_INLINE vf32 slide_load(const unsigned char *p)
{
    return vf32_load((const float *)(const void *)p);
}
CA_INLINE ptrdiff_t slide_add_at(const CaSlide *g, int i)
{
    (void)g;
    return i * (ptrdiff_t)sizeof(float);
}
CA_INLINE vf32 slide_add(vf32 y, const CaSlide *g, const unsigned char *add)
{
    (void)g;
    return vf32_add(y, slide_load(add));
}
CA_INLINE void slide_store(unsigned char *out, bool wide, vf32 y)
{
    (void)wide;
    vf32_store((float *)(void *)out, y);
}
#include "../slide_tmpl.h"
SLIDE(slide_1, true, 1)
SLIDE(slide_2, true, 2)
