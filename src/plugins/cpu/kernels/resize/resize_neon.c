/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_neon.h"

#define PLANES ca_f32_resize_planes_neon
#define BLOCKED ca_f32_resize_blocked_neon
#include "resize_tmpl.h"
