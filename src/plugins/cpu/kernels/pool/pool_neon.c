/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_neon.h"

#define WINDOW ca_f32_pool_window_neon
#define GLOBAL ca_f32_pool_global_neon
#include "pool_tmpl.h"
