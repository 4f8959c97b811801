/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx512.h"

#define REDUCE_ROWS ca_f32_reduce_rows_avx512
#define REDUCE_COLUMNS ca_f32_reduce_columns_avx512
#include "reduce_tmpl.h"
