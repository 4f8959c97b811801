/* SPDX-License-Identifier: Apache-2.0 */
/* u8 x s8 in plain C. */
#include "../simd/simd_ref.h"
#include "base/fixed.h"

typedef struct {
    int32_t i[VF32_N];
} vdot;
CA_INLINE vdot vdot_load(const void *p)
{
    vdot v;
    memcpy(&v, p, sizeof v);
    return v;
}
CA_INLINE vdot vdot_row(const unsigned char *p) { return vdot_load(p); }
CA_INLINE vdot vdot_word(const unsigned char *p)
{
    vdot v;
    UNROLL_FOR(i, VF32_N)
        memcpy(&v.i[i], p, 4);
    return v;
}
CA_INLINE vdot vdot_step(vdot s, vdot x, vdot w)
{
    UNROLL_FOR(i, VF32_N) {
        uint8_t a[4];
        int8_t b[4];
        memcpy(a, &x.i[i], 4);
        memcpy(b, &w.i[i], 4);
        UNROLL_FOR(k, 4)
            s.i[i] += a[k] * b[k];
    }
    return s;
}
CA_INLINE vf32 vdot_float(vdot s)
{
    vf32 y;
    UNROLL_FOR(i, VF32_N)
        y.f[i] = (float)s.i[i];
    return y;
}
CA_INLINE vf32 narrow_load(const unsigned char *p)
{
    vf32 y;
    UNROLL_FOR(i, VF32_N)
        y.f[i] = (float)p[i];
    return y;
}
CA_INLINE void narrow_store(unsigned char *p, vf32 x)
{
    UNROLL_FOR(i, VF32_N) {
        const float y = rintf(x.f[i]);
        p[i] = (unsigned char)(y > 0 ? y < 255 ? y : 255 : 0);
    }
}
CA_INLINE void narrow_store_4(unsigned char *p, const vf32 *x)
{
    UNROLL_FOR(i, 4)
        narrow_store(p + i * VF32_N, x[i]);
}
CA_INLINE vdot vdot_set1(int32_t x)
{
    vdot y;
    UNROLL_FOR(i, VF32_N)
        y.i[i] = x;
    return y;
}
CA_INLINE vdot vdot_add(vdot a, vdot b)
{
    vdot y;
    UNROLL_FOR(i, VF32_N)
        y.i[i] = a.i[i] + b.i[i];
    return y;
}
CA_INLINE vdot vdot_sub(vdot a, vdot b)
{
    vdot y;
    UNROLL_FOR(i, VF32_N)
        y.i[i] = a.i[i] - b.i[i];
    return y;
}
CA_INLINE vdot vdot_mul(vdot a, vdot b)
{
    vdot y;
    UNROLL_FOR(i, VF32_N)
        y.i[i] = a.i[i] * b.i[i];
    return y;
}
CA_INLINE vdot vdot_shift_left(vdot a, int n)
{
    vdot y;
    UNROLL_FOR(i, VF32_N)
        y.i[i] = a.i[i] * (1 << n);
    return y;
}
CA_INLINE vdot vdot_clamp(vdot x, int32_t low, int32_t high)
{
    vdot y;
    UNROLL_FOR(i, VF32_N)
        y.i[i] = x.i[i] < low ? low : x.i[i] > high ? high : x.i[i];
    return y;
}
CA_INLINE vdot vdot_of_float(vf32 x)
{
    vdot y;
    UNROLL_FOR(i, VF32_N)
        y.i[i] = (int32_t)x.f[i];
    return y;
}
CA_INLINE vdot vdot_of_bytes(const unsigned char *p)
{
    vdot y;
    UNROLL_FOR(i, VF32_N)
        y.i[i] = p[i];
    return y;
}
CA_INLINE vdot vdot_twice(vdot x, vdot m, vdot right)
{
    vdot y;
    UNROLL_FOR(i, VF32_N)
        y.i[i] = (int32_t)ca_fixed_twice(x.i[i], (CaFixed){m.i[i], -right.i[i]});
    return y;
}
CA_INLINE vdot vdot_once(vdot x, vdot m, vdot right)
{
    vdot y;
    UNROLL_FOR(i, VF32_N)
        y.i[i] = (int32_t)ca_fixed_once(x.i[i], (CaFixed){m.i[i], -right.i[i]});
    return y;
}
CA_INLINE void vdot_to_bytes(unsigned char *p, vdot x)
{
    UNROLL_FOR(i, VF32_N)
        p[i] = (unsigned char)x.i[i];
}

enum { E = 1, D = 4, IS_SCALED = 1 };
#define TYPE u8
#define ELEM CA_ELEM_U8
#define ISA ref
#define HAS_WINOGRAD 0
#define NEEDS 0
#define HAS_SLIDE 0
#define HAS_FIXED 1
#define MAX_PIXELS 4
#define MAX_BLOCKS 1
#define WIDE_PIXELS 0
#include "dot_tile_tmpl.h"

#include "u8_rows_tmpl.h"
