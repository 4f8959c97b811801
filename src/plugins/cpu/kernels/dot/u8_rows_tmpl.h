/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of u8: the includer has dot_tile_tmpl.h's vf32, narrow_load and narrow_store, and
 *      narrow_store_4      four neighbouring pixels of 16 channels, where a vector has 16 lanes
 */
#include "u8_maps.h"

#include <string.h>

CA_INLINE vf32 u8_within(vf32 x, float low, float high)
{
    return vf32_min(vf32_set1(high), vf32_max(vf32_set1(low), x));
}

CA_INLINE vf32 u8_staged(const int n_stages, vf32 x, const CaU8Stage *s, const vf32 *k,
                         const vf32 *b)
{
    for (int i = 0; i < n_stages; i++) {
        x = u8_within(vf32_add(vf32_mul(x, k[i]), b[i]), s[i].low, s[i].high);
        if (i + 1 < n_stages)
            x = vf32_round(x);
    }
    return x;
}

CA_INLINE void u8_stages(const int n_stages, unsigned char *out, const unsigned char *in,
                         int n, const CaU8Stage *s, int lane)
{
    vf32 k[CA_U8_MOST_STAGES], b[CA_U8_MOST_STAGES];
    int x = 0;
    for (int i = 0; i < n_stages; i++) {
        k[i] = vf32_load(s[i].k + lane);
        b[i] = vf32_load(s[i].b + lane);
    }
    for (; VF32_N == 16 && x + 4 <= n; x += 4) {
        vf32 y[4];
        UNROLL_FOR(i, 4)
            y[i] =
                u8_staged(n_stages, narrow_load(in + (ptrdiff_t)(x + i) * 16), s, k, b);
        narrow_store_4(out + (ptrdiff_t)x * 16, y);
    }
    for (; x < n; x++) {
        const ptrdiff_t at = (ptrdiff_t)x * 16 + lane;
        narrow_store(out + at, u8_staged(n_stages, narrow_load(in + at), s, k, b));
    }
}

static void stages_row(unsigned char *out, const unsigned char *in, int n,
                       const CaU8Stage *s, int n_stages)
{
    for (int lane = 0; lane < 16; lane += VF32_N)
        switch (n_stages) {
        case 1: u8_stages(1, out, in, n, s, lane); break;
        case 2: u8_stages(2, out, in, n, s, lane); break;
        case 3: u8_stages(3, out, in, n, s, lane); break;
        default: u8_stages(CA_U8_MOST_STAGES, out, in, n, s, lane); break;
        }
}

static void mean_pixel(unsigned char *out, const unsigned char *in, int rows, int cols,
                       ptrdiff_t row_stride, float k, float b, float low, float high)
{
    for (int lane = 0; lane < 16; lane += VF32_N) {
        vf32 sum = vf32_zero();
        for (ptrdiff_t y = 0; y < rows; y++)
            for (ptrdiff_t x = 0; x < cols; x++)
                sum = vf32_add(sum, narrow_load(in + y * row_stride + x * 16 + lane));
        sum = vf32_fma(sum, vf32_set1(k), vf32_set1(b));
        narrow_store(out + lane, u8_within(sum, low, high));
    }
}

enum { QUANTIZE_PIXELS = 64 };

static void quantize_planes(unsigned char (*to)[QUANTIZE_PIXELS], const float *in,
                            ptrdiff_t plane, int lanes, int n, const CaQuant *q)
{
    const vf32 k = vf32_set1(q->scale), b = vf32_set1(q->zero);
    for (int c = 0; c < lanes; c++, in += plane)
        for (int x = 0; x < n; x += VF32_N) {
            const vf32 v = vf32_add(vf32_mul(vf32_load_n(in + x, n - x), k), b);
            narrow_store(to[c] + x, u8_within(v, q->low, q->high));
        }
}

static void quantize_row(unsigned char *out, const float *in, ptrdiff_t plane, int lanes,
                         int n, const CaQuant *q)
{
    unsigned char planes[16][QUANTIZE_PIXELS] = {{0}};
    for (int done = 0; done < n; done += QUANTIZE_PIXELS) {
        const int m = n - done < QUANTIZE_PIXELS ? n - done : QUANTIZE_PIXELS;
        quantize_planes(planes, in + done, plane, lanes, m, q);
        for (int x = 0; lanes <= 4 && x < m; x++, out += 16) {
            const unsigned char pixel[16] = {planes[0][x], planes[1][x], planes[2][x],
                                             planes[3][x]};
            memcpy(out, pixel, sizeof pixel);
        }
        for (int x = 0; lanes > 4 && x < m; x++, out += 16)
            for (int c = 0; c < 16; c++)
                out[c] = planes[c][x];
    }
}

const CaU8Rows PASTE(ca_u8_rows_, ISA) = {
    .needs = NEEDS,
    .stages = stages_row,
    .mean = mean_pixel,
    .quantize = quantize_row,
};
