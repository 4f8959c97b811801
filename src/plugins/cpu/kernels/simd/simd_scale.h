/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vf32_scale of instruction sets that have no instruction for it; included by their simd_<isa>.h.
 */
#ifndef CA_SIMD_SCALE_H
#define CA_SIMD_SCALE_H

/* a * 2^n of a whole n in [-252, 254], a below 2 in size: in two halves, so that only the last product rounds. */
CA_INLINE vf32 vf32_scale(vf32 a, vf32 n)
{
    const vf32 half = vf32_round(vf32_mul(n, vf32_set1(0.5f)));
    return vf32_mul(vf32_mul(a, vf32_pow2(half)), vf32_pow2(vf32_sub(n, half)));
}

#endif
