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
/* Saturating twice, each 128 bits by themselves: then words of four channels go to their pixels. */
CA_INLINE void narrow_store_4(unsigned char *p, const vf32 *x)
{
    const __m512i order =
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i a =
        _mm512_packs_epi32(_mm512_cvtps_epi32(x[0]), _mm512_cvtps_epi32(x[1]));
    const __m512i b =
        _mm512_packs_epi32(_mm512_cvtps_epi32(x[2]), _mm512_cvtps_epi32(x[3]));
    _mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, _mm512_packus_epi16(a, b)));
}

enum { E = 1, D = 4, IS_SCALED = 1 };
#define TYPE u8
#define ELEM CA_ELEM_U8
#define ISA avx512vnni
#define NEEDS (CA_CPU_AVX512 | CA_CPU_AVX512_VNNI)
#define MAX_PIXELS 14
#define MAX_BLOCKS 2
#define WIDE_PIXELS 7
#define HAS_STORE_4 1
#include "dot_tile_tmpl.h"

#include "u8_rows_tmpl.h"
