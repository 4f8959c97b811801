/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vf32: 4 floats in plain C, for any processor; what the other three are checked against.
 *
 * The four simd_<isa>.h offer the same functions; a template includes the one of its file.
 * vf32_max(a, b) is a > b ? a : b and vf32_min(a, b) is a < b ? a : b: a NaN in b survives.
 * Functions ending in _n touch n lanes of memory only, 0 <= n; the other lanes load as zero.
 */
#ifndef CA_SIMD_REF_H
#define CA_SIMD_REF_H

#include "base/compiler.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    float f[4];
} vf32;
enum { VF32_N = 4 };

CA_INLINE vf32 vf32_zero(void)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = 0;
    return r;
}
CA_INLINE vf32 vf32_set1(float x)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = x;
    return r;
}
CA_INLINE vf32 vf32_load(const float *p)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = p[i];
    return r;
}
CA_INLINE void vf32_store(float *p, vf32 v)
{
    UNROLL_FOR(i, 4)
        p[i] = v.f[i];
}
/* a * b + c, rounded twice: the only difference to the other three */
CA_INLINE vf32 vf32_fma(vf32 a, vf32 b, vf32 c)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = a.f[i] * b.f[i] + c.f[i];
    return r;
}
CA_INLINE vf32 vf32_add(vf32 a, vf32 b)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = a.f[i] + b.f[i];
    return r;
}
CA_INLINE vf32 vf32_sub(vf32 a, vf32 b)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = a.f[i] - b.f[i];
    return r;
}
CA_INLINE vf32 vf32_mul(vf32 a, vf32 b)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = a.f[i] * b.f[i];
    return r;
}
CA_INLINE vf32 vf32_div(vf32 a, vf32 b)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = a.f[i] / b.f[i];
    return r;
}
CA_INLINE vf32 vf32_max(vf32 a, vf32 b)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = a.f[i] > b.f[i] ? a.f[i] : b.f[i];
    return r;
}
CA_INLINE vf32 vf32_min(vf32 a, vf32 b)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = a.f[i] < b.f[i] ? a.f[i] : b.f[i];
    return r;
}
CA_INLINE vf32 vf32_sqrt(vf32 a)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = sqrtf(a.f[i]);
    return r;
}
CA_INLINE vf32 vf32_abs(vf32 a)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = fabsf(a.f[i]);
    return r;
}
CA_INLINE vf32 vf32_minus_abs(vf32 a)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = -fabsf(a.f[i]);
    return r;
}
/* To the nearest whole number, halves to even. */
CA_INLINE vf32 vf32_round(vf32 a)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = rintf(a.f[i]);
    return r;
}
/* 2^a of a whole a in [-126, 127] */
CA_INLINE vf32 vf32_pow2(vf32 a)
{
    vf32 r;
    UNROLL_FOR(i, 4) {
        const uint32_t bits = (uint32_t)((int32_t)a.f[i] + 127) << 23;
        memcpy(&r.f[i], &bits, sizeof bits);
    }
    return r;
}
/* x < y ? a : b */
CA_INLINE vf32 vf32_select_lt(vf32 x, vf32 y, vf32 a, vf32 b)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = x.f[i] < y.f[i] ? a.f[i] : b.f[i];
    return r;
}
CA_INLINE vf32 vf32_load_n(const float *p, int n)
{
    vf32 r;
    UNROLL_FOR(i, 4)
        r.f[i] = i < n ? p[i] : 0;
    return r;
}
CA_INLINE void vf32_store_n(float *p, vf32 v, int n)
{
    for (int i = 0; i < 4 && i < n; i++)
        p[i] = v.f[i];
}
CA_INLINE float vf32_sum(vf32 a) { return (a.f[0] + a.f[2]) + (a.f[1] + a.f[3]); }
CA_INLINE float vf32_largest(vf32 a)
{
    return fmaxf(fmaxf(a.f[0], a.f[1]), fmaxf(a.f[2], a.f[3]));
}

/* Row i of the square of VF32_N vectors becomes column i. */
CA_INLINE void vf32_transpose(vf32 v[4])
{
    const vf32 a[4] = {v[0], v[1], v[2], v[3]};
    UNROLL_FOR(i, 4)
        UNROLL_FOR(j, 4)
            v[i].f[j] = a[j].f[i];
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
