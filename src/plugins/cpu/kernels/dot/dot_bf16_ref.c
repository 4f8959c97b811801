/* SPDX-License-Identifier: Apache-2.0 */
/* bf16 in plain C. */
#include "../simd/simd_ref.h"
#include "base/half.h"

typedef vf32 vdot;
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
        memcpy(&v.f[i], p, 4);
    return v;
}
CA_INLINE vdot vdot_step(vdot s, vdot x, vdot w)
{
    UNROLL_FOR(i, VF32_N) {
        uint16_t a[2], b[2];
        memcpy(a, &x.f[i], 4);
        memcpy(b, &w.f[i], 4);
        s.f[i] = fmaf(ca_bf16_to_f32(a[1]), ca_bf16_to_f32(b[1]), s.f[i]);
        s.f[i] = fmaf(ca_bf16_to_f32(a[0]), ca_bf16_to_f32(b[0]), s.f[i]);
    }
    return s;
}
CA_INLINE vf32 vdot_float(vdot s) { return s; }
CA_INLINE vf32 narrow_load(const unsigned char *p)
{
    vf32 y;
    UNROLL_FOR(i, VF32_N) {
        uint16_t x;
        memcpy(&x, p + i * 2, sizeof x);
        y.f[i] = ca_bf16_to_f32(x);
    }
    return y;
}
CA_INLINE void narrow_store(unsigned char *p, vf32 x)
{
    UNROLL_FOR(i, VF32_N) {
        const uint16_t y = ca_f32_to_bf16(x.f[i]);
        memcpy(p + i * 2, &y, sizeof y);
    }
}

enum { E = 2, D = 2, IS_SCALED = 0 };
#define TYPE bf16
#define ELEM CA_ELEM_BF16
#define ISA ref
#define HAS_WINOGRAD 1
#define NEEDS 0
#define HAS_SLIDE 1
#define HAS_FIXED 0
#define MAX_PIXELS 4
#define MAX_BLOCKS 1
#define WIDE_PIXELS 0
#include "dot_tile_tmpl.h"
