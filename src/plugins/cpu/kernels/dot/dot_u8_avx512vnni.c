/* SPDX-License-Identifier: Apache-2.0 */
/* u8 x s8: vpdpbusd does not saturate on its way. */
#include "../simd/simd_avx512.h"

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

enum { E = 1, D = 4, IS_SCALED = 1 };
#define TYPE u8
#define ELEM CA_ELEM_U8
#define ISA avx512vnni
#define HAS_WINOGRAD 0
#define NEEDS (CA_CPU_AVX512 | CA_CPU_AVX512_VNNI)
#define MAX_PIXELS 14
#define MAX_BLOCKS 2
#define WIDE_PIXELS 7
#include "dot_tile_tmpl.h"
