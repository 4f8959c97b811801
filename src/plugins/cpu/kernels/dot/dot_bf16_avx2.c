/* SPDX-License-Identifier: Apache-2.0 */
/* bf16 by two FMA a step, in vdpbf16ps' order: the same bits but for denormals, which it takes for zero. */
#include "../simd/simd_avx2.h"

#include <string.h>

typedef __m256 vdot;
CA_INLINE vdot vdot_load(const void *p) { return _mm256_loadu_ps(p); }
CA_INLINE vdot vdot_row(const unsigned char *p)
{
    return _mm256_loadu_ps((const float *)(const void *)p);
}
CA_INLINE vdot vdot_word(const unsigned char *p)
{
    int32_t word;
    memcpy(&word, p, sizeof word);
    return _mm256_castsi256_ps(_mm256_set1_epi32(word));
}
CA_INLINE __m256 even_of(vdot x)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(x), 16));
}
CA_INLINE __m256 odd_of(vdot x)
{
    return _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000u)));
}
CA_INLINE vdot vdot_step(vdot s, vdot x, vdot w)
{
    s = _mm256_fmadd_ps(odd_of(x), odd_of(w), s);
    return _mm256_fmadd_ps(even_of(x), even_of(w), s);
}
CA_INLINE vf32 vdot_float(vdot s) { return s; }
CA_INLINE vf32 narrow_load(const unsigned char *p)
{
    const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}
/* To nearest even; a NaN stays one. */
CA_INLINE void narrow_store(unsigned char *p, vf32 x)
{
    const __m256i bits = _mm256_castps_si256(x),
                  lowest =
                      _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1)),
                  rounded = _mm256_add_epi32(
                      bits, _mm256_add_epi32(lowest, _mm256_set1_epi32(0x7fff))),
                  nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)),
                  quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000)),
                  all = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
    const __m128i out =
        _mm_packus_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    _mm_storeu_si128((__m128i *)(void *)p, out);
}

enum { E = 2, D = 2, IS_SCALED = 0 };
#define TYPE bf16
#define ELEM CA_ELEM_BF16
#define ISA avx2
#define HAS_WINOGRAD 1
#define NEEDS (CA_CPU_AVX2 | CA_CPU_FMA)
#define HAS_SLIDE 1
#define HAS_FIXED 0
#define MAX_PIXELS 6
#define MAX_BLOCKS 1
#define WIDE_PIXELS 0
#include "dot_tile_tmpl.h"
