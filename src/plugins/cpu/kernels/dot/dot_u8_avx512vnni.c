/* SPDX-License-Identifier: Apache-2.0 */
/* u8 x s8: vpdpbusd does not saturate on its way. */
#include "../simd/simd_avx512.h"
#include "dot_kernels.h"

#include <stdint.h>
#include <string.h>

typedef __m512i vdot;
CA_INLINE vdot vdot_load(const void *p) { return _mm512_loadu_si512(p); }
CA_INLINE vdot vdot_row(const unsigned char *p) { return _mm512_loadu_si512(p); }
CA_INLINE vdot vdot_word(const unsigned char *p)
{
    int32_t word;
    memcpy(&word, p, sizeof word);
    return _mm512_set1_epi32(word);
}
CA_INLINE vdot vdot_step(vdot s, vdot x, vdot w) { return _mm512_dpbusd_epi32(s, x, w); }
CA_INLINE vf32 vdot_float(vdot s) { return _mm512_cvtepi32_ps(s); }
CA_INLINE vf32 narrow_load(const unsigned char *p)
{
    return _mm512_cvtepi32_ps(
        _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)));
}
CA_INLINE void narrow_store(unsigned char *p, vf32 x)
{
    const __m512i q = _mm512_max_epi32(_mm512_cvtps_epi32(x), _mm512_setzero_si512());
    _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtusepi32_epi8(q));
}
/* Four pixels. Saturating twice, each 128 bits by themselves: then words of four channels go to their pixels. */
CA_INLINE __m512i narrow_4(const vf32 *x)
{
    const __m512i order =
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i a =
        _mm512_packs_epi32(_mm512_cvtps_epi32(x[0]), _mm512_cvtps_epi32(x[1]));
    const __m512i b =
        _mm512_packs_epi32(_mm512_cvtps_epi32(x[2]), _mm512_cvtps_epi32(x[3]));
    return _mm512_permutexvar_epi32(order, _mm512_packus_epi16(a, b));
}
CA_INLINE void narrow_store_4(unsigned char *p, const vf32 *x)
{
    _mm512_storeu_si512(p, narrow_4(x));
}

/* The same, held within 64 bytes of lowest and 64 of largest results. */
CA_INLINE void narrow_store_4_within(unsigned char *p, const vf32 *x,
                                     const unsigned char *low, const unsigned char *high)
{
    const __m512i y = _mm512_max_epu8(narrow_4(x), _mm512_loadu_si512(low));
    _mm512_storeu_si512(p, _mm512_min_epu8(y, _mm512_loadu_si512(high)));
}

/* --- Depthwise by words: of 4 neighbouring pixels each channel's bytes become a word, which meets the filter's row,
 * shifted to where the result's window starts in the word; a window that crosses into the next word meets that too. */

/* 4 pixels of 16 channels, as many as mask has words of: channel by channel. */
CA_INLINE __m512i pixels_by_channel(const unsigned char *p, __mmask16 mask)
{
    const __m512i order =
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i turn = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    const __m512i x = _mm512_maskz_loadu_epi32(mask, p);
    return _mm512_shuffle_epi8(_mm512_permutexvar_epi32(order, x), turn);
}

CA_INLINE vf32 depthwise_end(const CaDotGeo *g, vf32 y, const unsigned char *add)
{
    if (g->has_mid) {
        y = vf32_min(vf32_set1(g->mid.high), vf32_max(vf32_set1(g->mid.low), y));
        y = vf32_fma(vf32_round(y), vf32_set1(g->mid.scale), vf32_set1(g->mid.zero));
    }
    if (add)
        y = vf32_fma(g->add == CA_ELEM_F32 ? vf32_load((const float *)(const void *)add)
                                           : narrow_load(add),
                     vf32_set1(g->add_scale), y);
    return vf32_min(vf32_set1(g->hi), vf32_max(vf32_set1(g->lo), y));
}

CA_INLINE void words_end(const int P, const CaDotGeo *g, unsigned char *out,
                         const vdot *sum, const CaDotChannel *c, const unsigned char *add)
{
    const vf32 scale = vf32_load(c->scale), bias = vf32_load(c->bias);
    const ptrdiff_t add_size = g->add == CA_ELEM_F32 ? 64 : 16;
    if (P % 4 == 0 && g->fast == CA_DOT_FAST_PLAIN) {
        UNROLL_FOR(i, P / 4) {
            vf32 y[4];
            UNROLL_FOR(j, 4)
                y[j] = vf32_fma(vdot_float(sum[i * 4 + j]), scale, bias);
            narrow_store_4_within(out + i * 64, y, g->low_bytes, g->high_bytes);
        }
        return;
    }
    UNROLL_FOR(i, P) {
        const vf32 y = depthwise_end(g, vf32_fma(vdot_float(sum[i]), scale, bias),
                                     add ? add + i * add_size : NULL);
        if (g->out == CA_ELEM_F32)
            vf32_store((float *)(void *)(out + i * 64), y);
        else
            narrow_store(out + i * 16, y);
    }
}

/* P results of a row; w [kh][words of each phase, in order][16][4]. */
CA_INLINE void words_tile(const int P, const int STRIDE, const int KW, const CaDotGeo *g,
                          unsigned char *out, const unsigned char *in,
                          const unsigned char *w, const CaDotChannel *c,
                          const unsigned char *add)
{
    const int G = ((P - 1) * STRIDE + KW + 3) / 4,
              left = (P - 1) * STRIDE + KW - 4 * (G - 1);
    vdot sum[16], x[10];
    UNROLL_FOR(i, P)
        sum[i] = vdot_load(c->start);
    for (int ky = 0; ky < g->kh; ky++, in += g->filter_row) {
        UNROLL_FOR(j, G)
            x[j] = pixels_by_channel(
                in + j * 64, (__mmask16)(j + 1 < G ? 0xffff : (1 << 4 * left) - 1));
        UNROLL_FOR(phase, 4) {
            if (phase % STRIDE)
                continue;
            UNROLL_FOR(k, (phase + KW + 3) / 4) {
                const vdot row = vdot_row(w);
                w += 64;
                UNROLL_FOR(i, P)
                    if (i * STRIDE % 4 == phase)
                        sum[i] = vdot_step(sum[i], x[i * STRIDE / 4 + k], row);
            }
        }
    }
    words_end(P, g, out, sum, c, add);
}

/* Tiles of 16, 8, 4; the last one laps back over the one before it: same inputs, same results. */
CA_INLINE void words_row(const int STRIDE, const int KW, const CaDotGeo *g,
                         unsigned char *out, int n, const unsigned char *in,
                         const unsigned char *w, const CaDotChannel *c,
                         const unsigned char *add)
{
    const ptrdiff_t to = g->out == CA_ELEM_F32 ? 64 : 16, from = STRIDE * 16,
                    more = !add                    ? 0
                           : g->add == CA_ELEM_F32 ? 64
                                                   : 16;
    for (ptrdiff_t x = 0, size; x < n; x += size) {
        const ptrdiff_t left = n - x;
        size = left >= 16 ? 16 : left >= 8 ? 8 : n >= 4 ? 4 : 1;
        const ptrdiff_t at = left < size ? n - size : x;
        unsigned char *y = out + at * to;
        const unsigned char *p = in + at * from, *a = add ? add + at * more : NULL;
        if (size == 16)
            words_tile(16, STRIDE, KW, g, y, p, w, c, a);
        else if (size == 8)
            words_tile(8, STRIDE, KW, g, y, p, w, c, a);
        else if (size == 4)
            words_tile(4, STRIDE, KW, g, y, p, w, c, a);
        else
            words_tile(1, STRIDE, KW, g, y, p, w, c, a);
    }
}

#define WORDS(stride, kw)                                                              \
    static void words_##kw##_##stride(const CaDotGeo *g, unsigned char *out, int n,    \
                                      const unsigned char *in, const unsigned char *w, \
                                      const CaDotChannel *c, const unsigned char *add) \
    {                                                                                  \
        words_row(stride, kw, g, out, n, in, w, c, add);                               \
    }
WORDS(1, 3)
WORDS(2, 3)
WORDS(1, 5)
WORDS(2, 5)

static CaDotWords *words_of(int stride, int kw)
{
    static CaDotWords *const all[2][2] = {{words_3_1, words_3_2}, {words_5_1, words_5_2}};
    return (stride == 1 || stride == 2) && (kw == 3 || kw == 5) ? all[kw == 5][stride - 1]
                                                                : NULL;
}
CA_INLINE vdot vdot_set1(int32_t x) { return _mm512_set1_epi32(x); }
CA_INLINE vdot vdot_add(vdot a, vdot b) { return _mm512_add_epi32(a, b); }
CA_INLINE vdot vdot_sub(vdot a, vdot b) { return _mm512_sub_epi32(a, b); }
CA_INLINE vdot vdot_mul(vdot a, vdot b) { return _mm512_mullo_epi32(a, b); }
CA_INLINE vdot vdot_shift_left(vdot a, int n)
{
    return _mm512_sll_epi32(a, _mm_cvtsi32_si128(n));
}
CA_INLINE vdot vdot_clamp(vdot x, int32_t low, int32_t high)
{
    return _mm512_min_epi32(_mm512_max_epi32(x, vdot_set1(low)), vdot_set1(high));
}
CA_INLINE vdot vdot_of_float(vf32 x) { return _mm512_cvtps_epi32(x); }
CA_INLINE vdot vdot_of_bytes(const unsigned char *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}
CA_INLINE void vdot_to_bytes(unsigned char *p, vdot x)
{
    _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtepi32_epi8(x));
}
/* (x * m + 2^30) >> 31 in 64 bits, even and odd lanes apart. */
CA_INLINE vdot vdot_high(vdot x, vdot m)
{
    const __m512i half = _mm512_set1_epi64(INT64_C(1) << 30),
                  even = _mm512_add_epi64(_mm512_mul_epi32(x, m), half),
                  odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(x, 32),
                                                          _mm512_srli_epi64(m, 32)),
                                         half);
    return _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 31),
                                   _mm512_slli_epi64(odd, 1));
}
CA_INLINE vdot vdot_twice(vdot x, vdot m, vdot right)
{
    const vdot high = vdot_high(x, m),
               half = _mm512_srli_epi32(_mm512_sllv_epi32(vdot_set1(1), right), 1);
    const vdot less =
        _mm512_maskz_srai_epi32(_mm512_test_epi32_mask(right, right), high, 31);
    return _mm512_srav_epi32(_mm512_add_epi32(_mm512_add_epi32(high, half), less), right);
}
CA_INLINE __m512i once_64(__m512i product, __m512i right)
{
    const __m512i shift = _mm512_add_epi64(right, _mm512_set1_epi64(31)),
                  half = _mm512_srli_epi64(_mm512_sllv_epi64(_mm512_set1_epi64(1), shift),
                                           1),
                  less = _mm512_srai_epi64(product, 63);
    return _mm512_srav_epi64(_mm512_add_epi64(_mm512_add_epi64(product, half), less),
                             shift);
}
CA_INLINE vdot vdot_once(vdot x, vdot m, vdot right)
{
    const __m512i even = once_64(_mm512_mul_epi32(x, m),
                                 _mm512_and_si512(right, _mm512_set1_epi64(0xffffffff))),
                  odd = once_64(_mm512_mul_epi32(_mm512_srli_epi64(x, 32),
                                                 _mm512_srli_epi64(m, 32)),
                                _mm512_srli_epi64(right, 32));
    return _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
}

enum { E = 1, D = 4, IS_SCALED = 1 };
#define TYPE u8
#define ELEM CA_ELEM_U8
#define ISA avx512vnni
#define HAS_WINOGRAD 0
#define NEEDS (CA_CPU_AVX512 | CA_CPU_AVX512_VNNI)
#define HAS_SLIDE 0
#define HAS_FIXED 1
#define MAX_PIXELS 14
#define MAX_BLOCKS 2
#define WIDE_PIXELS 7
#define HAS_STORE_4 1
#define WORDS_OF words_of
#include "dot_tile_tmpl.h"

#include "u8_rows_tmpl.h"
