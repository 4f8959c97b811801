/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_ref.h"

#define PLANES ca_f32_resize_planes_ref
#define BLOCKED ca_f32_resize_blocked_ref
#include "resize_tmpl.h"
