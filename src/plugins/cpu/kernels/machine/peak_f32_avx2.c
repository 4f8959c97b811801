/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_avx2.h"

#define PEAK ca_peak_f32_avx2
#define VTYPE vf32
#define VSET vf32_set1
#define VSTEP vf32_fma
#define VSUM vf32_sum
#include "peak_tmpl.h"
