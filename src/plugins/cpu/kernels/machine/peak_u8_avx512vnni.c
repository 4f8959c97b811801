/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_avx512.h"

CA_INLINE __m512i set(float x) { return _mm512_castps_si512(_mm512_set1_ps(x)); }

CA_INLINE float total(__m512i s) { return (float)_mm512_reduce_add_epi32(s); }

#define PEAK ca_peak_u8_avx512vnni
#define VTYPE __m512i
#define VSET set
#define VSTEP _mm512_dpbusd_epi32
#define VSUM total
#include "peak_tmpl.h"
