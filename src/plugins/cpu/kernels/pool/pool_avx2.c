/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_avx2.h"

#define WINDOW ca_f32_pool_window_avx2
#define GLOBAL ca_f32_pool_global_avx2
#include "pool_tmpl.h"
