/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx512.h"

#define NORM_ROWS ca_f32_norm_rows_avx512
#define NORM_COLUMNS ca_f32_norm_columns_avx512
#include "norm_tmpl.h"
