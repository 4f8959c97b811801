/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vf32: 4 floats of NEON, AArch64.
 *
 * The four simd_<isa>.h offer the same functions; a template includes the one of its file.
 * vf32_max(a, b) is a > b ? a : b and vf32_min(a, b) is a < b ? a : b: a NaN in b survives.
 * Functions ending in _n touch n lanes of memory only, 0 <= n; the other lanes load as zero.
 */
#ifndef CA_SIMD_NEON_H
#define CA_SIMD_NEON_H

#include "base/compiler.h"

#include <arm_neon.h>

typedef float32x4_t vf32;
enum { VF32_N = 4 };

CA_INLINE vf32 vf32_zero(void) { return vdupq_n_f32(0); }
CA_INLINE vf32 vf32_set1(float x) { return vdupq_n_f32(x); }
CA_INLINE vf32 vf32_load(const float *p) { return vld1q_f32(p); }
CA_INLINE void vf32_store(float *p, vf32 v) { vst1q_f32(p, v); }
/* a * b + c, rounded once */
CA_INLINE vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { return vfmaq_f32(c, a, b); }
CA_INLINE vf32 vf32_add(vf32 a, vf32 b) { return vaddq_f32(a, b); }
CA_INLINE vf32 vf32_sub(vf32 a, vf32 b) { return vsubq_f32(a, b); }
CA_INLINE vf32 vf32_mul(vf32 a, vf32 b) { return vmulq_f32(a, b); }
CA_INLINE vf32 vf32_div(vf32 a, vf32 b) { return vdivq_f32(a, b); }
CA_INLINE vf32 vf32_max(vf32 a, vf32 b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
CA_INLINE vf32 vf32_min(vf32 a, vf32 b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
CA_INLINE vf32 vf32_sqrt(vf32 a) { return vsqrtq_f32(a); }
CA_INLINE vf32 vf32_abs(vf32 a) { return vabsq_f32(a); }
CA_INLINE vf32 vf32_minus_abs(vf32 a) { return vnegq_f32(vabsq_f32(a)); }
/* To the nearest whole number, halves to even. */
CA_INLINE vf32 vf32_round(vf32 a) { return vrndnq_f32(a); }
/* 2^a of a whole a in [-126, 127] */
CA_INLINE vf32 vf32_pow2(vf32 a)
{
    const int32x4_t e = vaddq_s32(vcvtnq_s32_f32(a), vdupq_n_s32(127));
    return vreinterpretq_f32_s32(vshlq_n_s32(e, 23));
}
/* x < y ? a : b */
CA_INLINE vf32 vf32_select_lt(vf32 x, vf32 y, vf32 a, vf32 b)
{
    return vbslq_f32(vcltq_f32(x, y), a, b);
}
CA_INLINE vf32 vf32_load_n(const float *p, int n)
{
    float t[4] = {0};
    for (int i = 0; i < 4 && i < n; i++)
        t[i] = p[i];
    return vld1q_f32(t);
}
CA_INLINE void vf32_store_n(float *p, vf32 v, int n)
{
    float t[4];
    vst1q_f32(t, v);
    for (int i = 0; i < 4 && i < n; i++)
        p[i] = t[i];
}
CA_INLINE float vf32_sum(vf32 a) { return vaddvq_f32(a); }
CA_INLINE float vf32_largest(vf32 a) { return vmaxvq_f32(a); }

/* Row i of the square of VF32_N vectors becomes column i. */
CA_INLINE void vf32_transpose(vf32 v[4])
{
    const float32x4x2_t a = vtrnq_f32(v[0], v[1]), b = vtrnq_f32(v[2], v[3]);
    v[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    v[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    v[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    v[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
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
