/* SPDX-License-Identifier: Apache-2.0 */
/* bf16: vdpbf16ps multiplies the odd elements first, then the even ones, rounding after each; denormals are zero. */
#include "../simd/simd_avx512.h"

#include <string.h>

typedef __m512 vdot;
CA_INLINE vdot vdot_load(const void *p) { return _mm512_loadu_ps(p); }
CA_INLINE vdot vdot_row(const unsigned char *p) { return _mm512_loadu_ps(p); }
CA_INLINE vdot vdot_word(const unsigned char *p)
{
    int32_t word;
    memcpy(&word, p, sizeof word);
    return _mm512_castsi512_ps(_mm512_set1_epi32(word));
}
CA_INLINE vdot vdot_step(vdot s, vdot x, vdot w)
{
    return _mm512_dpbf16_ps(s, (__m512bh)x, (__m512bh)w);
}
CA_INLINE vf32 vdot_float(vdot s) { return s; }
CA_INLINE vf32 narrow_load(const unsigned char *p)
{
    const __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
CA_INLINE void narrow_store(unsigned char *p, vf32 x)
{
    _mm256_storeu_si256((__m256i *)(void *)p, (__m256i)_mm512_cvtneps_pbh(x));
}

enum { E = 2, D = 2, IS_SCALED = 0 };
#define TYPE bf16
#define ELEM CA_ELEM_BF16
#define ISA avx512bf16
#define HAS_WINOGRAD 1
#define NEEDS (CA_CPU_AVX512 | CA_CPU_AVX512_BF16)
#define HAS_SLIDE 1
#define HAS_FIXED 0
#define MAX_PIXELS 14
#define MAX_BLOCKS 2
#define WIDE_PIXELS 7
#include "dot_tile_tmpl.h"
