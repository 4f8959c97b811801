/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx2.h"

#define PLANES ca_f32_resize_planes_avx2
#define BLOCKED ca_f32_resize_blocked_avx2
#include "resize_tmpl.h"
