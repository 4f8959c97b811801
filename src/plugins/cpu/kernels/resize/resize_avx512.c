/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx512.h"

#define PLANES ca_f32_resize_planes_avx512
#define BLOCKED ca_f32_resize_blocked_avx512
#include "resize_tmpl.h"
