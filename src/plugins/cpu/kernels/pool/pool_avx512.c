/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_avx512.h"

#define WINDOW ca_f32_pool_window_avx512
#define GLOBAL ca_f32_pool_global_avx512
#include "pool_tmpl.h"
