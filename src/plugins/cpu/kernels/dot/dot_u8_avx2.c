/* SPDX-License-Identifier: Apache-2.0 */
/*
 * u8 x s8 without VNNI: vpmaddubsw saturates where two products meet in 16 bits, so odd and even elements take their
 * own; the sums are exact.
 */
#include "../simd/simd_avx2.h"

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

enum { E = 1, D = 4, IS_SCALED = 1 };
#define TYPE u8
#define ELEM CA_ELEM_U8
#define ISA avx2
#define HAS_WINOGRAD 0
#define NEEDS (CA_CPU_AVX2 | CA_CPU_FMA)
#define MAX_PIXELS 4
#define MAX_BLOCKS 1
#define WIDE_PIXELS 0
#include "dot_tile_tmpl.h"
