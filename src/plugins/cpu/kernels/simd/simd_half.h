/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vh32 where no vector is longer than 8 floats: vf32 itself. Included by simd_<isa>.h; AVX-512 has its own.
 */
#ifndef CA_SIMD_HALF_H
#define CA_SIMD_HALF_H

typedef vf32 vh32;
enum { VH32_N = VF32_N };

CA_INLINE vh32 vf32_low(vf32 v) { return v; }
CA_INLINE vh32 vh32_zero(void) { return vf32_zero(); }
CA_INLINE vh32 vh32_load(const float *p) { return vf32_load(p); }
CA_INLINE void vh32_store(float *p, vh32 v) { vf32_store(p, v); }
CA_INLINE vh32 vh32_fma(vh32 a, vh32 b, vh32 c) { return vf32_fma(a, b, c); }
CA_INLINE vh32 vh32_add(vh32 a, vh32 b) { return vf32_add(a, b); }
CA_INLINE vh32 vh32_max(vh32 a, vh32 b) { return vf32_max(a, b); }
CA_INLINE vh32 vh32_min(vh32 a, vh32 b) { return vf32_min(a, b); }

#endif
