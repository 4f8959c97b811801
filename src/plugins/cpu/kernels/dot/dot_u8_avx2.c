/* SPDX-License-Identifier: Apache-2.0 */
/*
 * u8 x s8 without VNNI: vpmaddubsw saturates where two products meet in 16 bits, so odd and even elements take their
 * own; the sums are exact.
 */
#include "../simd/simd_avx2.h"

#include <stdint.h>
#include <string.h>

typedef __m256i vdot;
CA_INLINE vdot vdot_load(const void *p) { return _mm256_loadu_si256(p); }
CA_INLINE vdot vdot_row(const unsigned char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
CA_INLINE vdot vdot_word(const unsigned char *p)
{
    int32_t word;
    memcpy(&word, p, sizeof word);
    return _mm256_set1_epi32(word);
}
CA_INLINE vdot vdot_step(vdot s, vdot x, vdot w)
{
    const __m256i even = _mm256_and_si256(x, _mm256_set1_epi16(0xff)),
                  odd = _mm256_andnot_si256(_mm256_set1_epi16(0xff), x),
                  one = _mm256_set1_epi16(1);
    s = _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_maddubs_epi16(even, w), one));
    return _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_maddubs_epi16(odd, w), one));
}
CA_INLINE vf32 vdot_float(vdot s) { return _mm256_cvtepi32_ps(s); }
CA_INLINE vf32 narrow_load(const unsigned char *p)
{
    return _mm256_cvtepi32_ps(
        _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)));
}
CA_INLINE void narrow_store(unsigned char *p, vf32 x)
{
    const __m256i q = _mm256_cvtps_epi32(x);
    const __m128i words =
        _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    _mm_storel_epi64((__m128i *)(void *)p, _mm_packus_epi16(words, words));
}
CA_INLINE void narrow_store_4(unsigned char *p, const vf32 *x)
{
    UNROLL_FOR(i, 4)
        narrow_store(p + i * VF32_N, x[i]);
}
CA_INLINE vdot vdot_set1(int32_t x) { return _mm256_set1_epi32(x); }
CA_INLINE vdot vdot_add(vdot a, vdot b) { return _mm256_add_epi32(a, b); }
CA_INLINE vdot vdot_sub(vdot a, vdot b) { return _mm256_sub_epi32(a, b); }
CA_INLINE vdot vdot_mul(vdot a, vdot b) { return _mm256_mullo_epi32(a, b); }
CA_INLINE vdot vdot_shift_left(vdot a, int n)
{
    return _mm256_sll_epi32(a, _mm_cvtsi32_si128(n));
}
CA_INLINE vdot vdot_clamp(vdot x, int32_t low, int32_t high)
{
    return _mm256_min_epi32(_mm256_max_epi32(x, vdot_set1(low)), vdot_set1(high));
}
CA_INLINE vdot vdot_of_float(vf32 x) { return _mm256_cvtps_epi32(x); }
CA_INLINE vdot vdot_of_bytes(const unsigned char *p)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
}
CA_INLINE void vdot_to_bytes(unsigned char *p, vdot x)
{
    const __m128i words =
        _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    _mm_storel_epi64((__m128i *)(void *)p, _mm_packus_epi16(words, words));
}
/* (x * m + 2^30) >> 31 in 64 bits, even and odd lanes apart. */
CA_INLINE vdot vdot_high(vdot x, vdot m)
{
    const __m256i half = _mm256_set1_epi64x(INT64_C(1) << 30),
                  even = _mm256_add_epi64(_mm256_mul_epi32(x, m), half),
                  odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(x, 32),
                                                          _mm256_srli_epi64(m, 32)),
                                         half);
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1),
                              0xaa);
}
CA_INLINE vdot vdot_twice(vdot x, vdot m, vdot right)
{
    const vdot high = vdot_high(x, m),
               half = _mm256_srli_epi32(_mm256_sllv_epi32(vdot_set1(1), right), 1);
    const vdot less = _mm256_and_si256(_mm256_srai_epi32(high, 31),
                                       _mm256_cmpgt_epi32(right, vdot_set1(0)));
    return _mm256_srav_epi32(_mm256_add_epi32(_mm256_add_epi32(high, half), less), right);
}
/* An arithmetic shift of 64 bits is a logical one of what is made positive: products are within 2^62. */
CA_INLINE __m256i once_64(__m256i product, __m256i right)
{
    const __m256i shift = _mm256_add_epi64(right, _mm256_set1_epi64x(31)),
                  half = _mm256_srli_epi64(
                      _mm256_sllv_epi64(_mm256_set1_epi64x(1), shift), 1),
                  less = _mm256_cmpgt_epi64(_mm256_setzero_si256(), product),
                  up = _mm256_set1_epi64x(INT64_C(1) << 62);
    const __m256i sum =
        _mm256_add_epi64(_mm256_add_epi64(_mm256_add_epi64(product, half), less), up);
    return _mm256_sub_epi64(_mm256_srlv_epi64(sum, shift), _mm256_srlv_epi64(up, shift));
}
CA_INLINE vdot vdot_once(vdot x, vdot m, vdot right)
{
    const __m256i even = once_64(_mm256_mul_epi32(x, m),
                                 _mm256_and_si256(right, _mm256_set1_epi64x(0xffffffff))),
                  odd = once_64(_mm256_mul_epi32(_mm256_srli_epi64(x, 32),
                                                 _mm256_srli_epi64(m, 32)),
                                _mm256_srli_epi64(right, 32));
    return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
}

enum { E = 1, D = 4, IS_SCALED = 1 };
#define TYPE u8
#define ELEM CA_ELEM_U8
#define ISA avx2
#define HAS_WINOGRAD 0
#define NEEDS (CA_CPU_AVX2 | CA_CPU_FMA)
#define HAS_SLIDE 0
#define HAS_FIXED 1
#define MAX_PIXELS 4
#define MAX_BLOCKS 1
#define WIDE_PIXELS 0
#include "dot_tile_tmpl.h"

#include "u8_rows_tmpl.h"
