/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_ref.h"

#define WINDOW ca_f32_pool_window_ref
#define GLOBAL ca_f32_pool_global_ref
#include "pool_tmpl.h"
