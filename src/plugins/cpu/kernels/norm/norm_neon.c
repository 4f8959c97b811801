/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_neon.h"

#define NORM_ROWS ca_f32_norm_rows_neon
#define NORM_COLUMNS ca_f32_norm_columns_neon
#include "norm_tmpl.h"
