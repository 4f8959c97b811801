/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vf32: 8 floats of AVX2 with FMA.
 *
 * The four simd_<isa>.h offer the same functions; a template includes the one of its file.
 * vf32_max(a, b) is a > b ? a : b and vf32_min(a, b) is a < b ? a : b: a NaN in b survives.
 * Functions ending in _n touch n lanes of memory only, 0 <= n; the other lanes load as zero.
 */
#ifndef CA_SIMD_AVX2_H
#define CA_SIMD_AVX2_H

#include "base/compiler.h"

#include <immintrin.h>

typedef __m256 vf32;
enum { VF32_N = 8 };

CA_INLINE vf32 vf32_zero(void) { return _mm256_setzero_ps(); }
CA_INLINE vf32 vf32_set1(float x) { return _mm256_set1_ps(x); }
CA_INLINE vf32 vf32_load(const float *p) { return _mm256_loadu_ps(p); }
CA_INLINE void vf32_store(float *p, vf32 v) { _mm256_storeu_ps(p, v); }
/* a * b + c, rounded once */
CA_INLINE vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { return _mm256_fmadd_ps(a, b, c); }
CA_INLINE vf32 vf32_add(vf32 a, vf32 b) { return _mm256_add_ps(a, b); }
CA_INLINE vf32 vf32_sub(vf32 a, vf32 b) { return _mm256_sub_ps(a, b); }
CA_INLINE vf32 vf32_mul(vf32 a, vf32 b) { return _mm256_mul_ps(a, b); }
CA_INLINE vf32 vf32_div(vf32 a, vf32 b) { return _mm256_div_ps(a, b); }
CA_INLINE vf32 vf32_max(vf32 a, vf32 b) { return _mm256_max_ps(a, b); }
CA_INLINE vf32 vf32_min(vf32 a, vf32 b) { return _mm256_min_ps(a, b); }
CA_INLINE vf32 vf32_sqrt(vf32 a) { return _mm256_sqrt_ps(a); }
CA_INLINE vf32 vf32_abs(vf32 a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
CA_INLINE vf32 vf32_minus_abs(vf32 a) { return _mm256_or_ps(_mm256_set1_ps(-0.0f), a); }
/* To the nearest whole number, halves to even. */
CA_INLINE vf32 vf32_round(vf32 a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* 2^a of a whole a in [-126, 127] */
CA_INLINE vf32 vf32_pow2(vf32 a)
{
    const __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(e, 23));
}
/* x < y ? a : b */
CA_INLINE vf32 vf32_select_lt(vf32 x, vf32 y, vf32 a, vf32 b)
{
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, y, _CMP_LT_OQ));
}
CA_INLINE __m256i vf32_mask(int n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane);
}
CA_INLINE vf32 vf32_load_n(const float *p, int n)
{
    return _mm256_maskload_ps(p, vf32_mask(n));
}
CA_INLINE void vf32_store_n(float *p, vf32 v, int n)
{
    _mm256_maskstore_ps(p, vf32_mask(n), v);
}
CA_INLINE float vf32_sum(vf32 a)
{
    const __m128 h = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 q = _mm_add_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
CA_INLINE float vf32_largest(vf32 a)
{
    const __m128 h = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 q = _mm_max_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

/* Row i of the square of VF32_N vectors becomes column i. */
CA_INLINE void vf32_transpose(vf32 v[8])
{
    __m256 pairs[8], fours[8];
    UNROLL_FOR(i, 4) {
        pairs[2 * i] = _mm256_unpacklo_ps(v[2 * i], v[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_ps(v[2 * i], v[2 * i + 1]);
    }
    UNROLL_FOR(i, 4) { /* 4 rows of column c and 4 + c */
        const int g = i / 2 * 4 + i % 2;
        const __m256d a = _mm256_castps_pd(pairs[g]), b = _mm256_castps_pd(pairs[g + 2]);
        fours[i / 2 * 4 + i % 2 * 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, b));
        fours[i / 2 * 4 + i % 2 * 2 + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, b));
    }
    UNROLL_FOR(c, 4) {
        v[c] = _mm256_permute2f128_ps(fours[c], fours[c + 4], 0x20);
        v[c + 4] = _mm256_permute2f128_ps(fours[c], fours[c + 4], 0x31);
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

#include "simd_scale.h"

#include "simd_half.h"

#endif
