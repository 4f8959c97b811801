/* SPDX-License-Identifier: Apache-2.0 */
/* u8 x s8: vpdpbusd does not saturate on its way. */
#include "../simd/simd_avx512.h"

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
#define NEEDS (CA_CPU_AVX512 | CA_CPU_AVX512_VNNI)
#define HAS_FIXED 1
#define MAX_PIXELS 14
#define MAX_BLOCKS 2
#define WIDE_PIXELS 7
#include "dot_tile_tmpl.h"
