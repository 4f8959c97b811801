/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_avx512.h"

CA_INLINE __m512 step(__m512 s, __m512 x, __m512 w)
{
    return _mm512_dpbf16_ps(s, (__m512bh)x, (__m512bh)w);
}

#define PEAK ca_peak_bf16_avx512bf16
#define VTYPE __m512
#define VSET vf32_set1
#define VSTEP step
#define VSUM vf32_sum
#include "peak_tmpl.h"
