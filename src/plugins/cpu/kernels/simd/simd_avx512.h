/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vf32: 16 floats of AVX-512 (F, BW, VL, DQ).
 *
 * The four simd_<isa>.h offer the same functions; a template includes the one of its file.
 * vf32_max(a, b) is a > b ? a : b and vf32_min(a, b) is a < b ? a : b: a NaN in b survives.
 * Functions ending in _n touch n lanes of memory only, 0 <= n; the other lanes load as zero.
 */
#ifndef CA_SIMD_AVX512_H
#define CA_SIMD_AVX512_H

#include "base/compiler.h"

#include <immintrin.h>

typedef __m512 vf32;
enum { VF32_N = 16 };

CA_INLINE vf32 vf32_zero(void) { return _mm512_setzero_ps(); }
CA_INLINE vf32 vf32_set1(float x) { return _mm512_set1_ps(x); }
CA_INLINE vf32 vf32_load(const float *p) { return _mm512_loadu_ps(p); }
CA_INLINE void vf32_store(float *p, vf32 v) { _mm512_storeu_ps(p, v); }
/* a * b + c, rounded once */
CA_INLINE vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { return _mm512_fmadd_ps(a, b, c); }
CA_INLINE vf32 vf32_add(vf32 a, vf32 b) { return _mm512_add_ps(a, b); }
CA_INLINE vf32 vf32_sub(vf32 a, vf32 b) { return _mm512_sub_ps(a, b); }
CA_INLINE vf32 vf32_mul(vf32 a, vf32 b) { return _mm512_mul_ps(a, b); }
CA_INLINE vf32 vf32_div(vf32 a, vf32 b) { return _mm512_div_ps(a, b); }
CA_INLINE vf32 vf32_max(vf32 a, vf32 b) { return _mm512_max_ps(a, b); }
CA_INLINE vf32 vf32_min(vf32 a, vf32 b) { return _mm512_min_ps(a, b); }
CA_INLINE vf32 vf32_sqrt(vf32 a) { return _mm512_sqrt_ps(a); }
CA_INLINE vf32 vf32_abs(vf32 a) { return _mm512_abs_ps(a); }
/* To the nearest whole number, halves to even. */
CA_INLINE vf32 vf32_round(vf32 a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* 2^a of a whole a in [-126, 127] */
CA_INLINE vf32 vf32_pow2(vf32 a)
{
    const __m512i e = _mm512_add_epi32(_mm512_cvtps_epi32(a), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(e, 23));
}
/* a * 2^n of a whole n */
CA_INLINE vf32 vf32_scale(vf32 a, vf32 n) { return _mm512_scalef_ps(a, n); }
CA_INLINE vf32 vf32_minus_abs(vf32 a) { return _mm512_or_ps(a, _mm512_set1_ps(-0.0f)); }
/* x < y ? a : b */
CA_INLINE vf32 vf32_select_lt(vf32 x, vf32 y, vf32 a, vf32 b)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, y, _CMP_LT_OQ), b, a);
}
CA_INLINE __mmask16 vf32_mask(int n)
{
    return (__mmask16)(n >= 16 ? 0xffff : (1u << n) - 1);
}
CA_INLINE vf32 vf32_load_n(const float *p, int n)
{
    return _mm512_maskz_loadu_ps(vf32_mask(n), p);
}
CA_INLINE void vf32_store_n(float *p, vf32 v, int n)
{
    _mm512_mask_storeu_ps(p, vf32_mask(n), v);
}
CA_INLINE float vf32_sum(vf32 a) { return _mm512_reduce_add_ps(a); }
CA_INLINE float vf32_largest(vf32 a) { return _mm512_reduce_max_ps(a); }

/* Row i of the square of VF32_N vectors becomes column i. */
CA_INLINE void vf32_transpose(vf32 v[16])
{
    __m512 pairs[16], fours[16], eights[16];
    UNROLL_FOR(i, 8) {
        pairs[2 * i] = _mm512_unpacklo_ps(v[2 * i], v[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_ps(v[2 * i], v[2 * i + 1]);
    }
    UNROLL_FOR(i, 8) { /* 4 rows of column c, 4 + c, 8 + c and 12 + c */
        const int g = i / 2 * 4 + i % 2;
        const __m512d a = _mm512_castps_pd(pairs[g]), b = _mm512_castps_pd(pairs[g + 2]);
        fours[i / 2 * 4 + i % 2 * 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
        fours[i / 2 * 4 + i % 2 * 2 + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
    UNROLL_FOR(i, 8) {
        const int c = i / 4 * 8 + i % 4;
        eights[c] = _mm512_shuffle_f32x4(fours[c], fours[c + 4], 0x88);
        eights[c + 4] = _mm512_shuffle_f32x4(fours[c], fours[c + 4], 0xdd);
    }
    UNROLL_FOR(c, 8) {
        v[c] = _mm512_shuffle_f32x4(eights[c], eights[c + 8], 0x88);
        v[c + 8] = _mm512_shuffle_f32x4(eights[c], eights[c + 8], 0xdd);
    }
}

/* The first n lanes at p += v. */
CA_INLINE void vf32_add_to(float *p, vf32 v, int n)
{
    if (n >= VF32_N)
        vf32_store(p, vf32_add(vf32_load(p), v));
    else if (n > 0)
        vf32_store_n(p, vf32_add(vf32_load_n(p, n), v), n);
}

/* vh32: 8 floats, half the price where 512 bits are executed in two. */
typedef __m256 vh32;
enum { VH32_N = 8 };

CA_INLINE vh32 vf32_low(vf32 v) { return _mm512_castps512_ps256(v); }
CA_INLINE vh32 vh32_zero(void) { return _mm256_setzero_ps(); }
CA_INLINE vh32 vh32_load(const float *p) { return _mm256_loadu_ps(p); }
CA_INLINE void vh32_store(float *p, vh32 v) { _mm256_storeu_ps(p, v); }
CA_INLINE vh32 vh32_fma(vh32 a, vh32 b, vh32 c) { return _mm256_fmadd_ps(a, b, c); }
CA_INLINE vh32 vh32_add(vh32 a, vh32 b) { return _mm256_add_ps(a, b); }
CA_INLINE vh32 vh32_max(vh32 a, vh32 b) { return _mm256_max_ps(a, b); }
CA_INLINE vh32 vh32_min(vh32 a, vh32 b) { return _mm256_min_ps(a, b); }

#endif
