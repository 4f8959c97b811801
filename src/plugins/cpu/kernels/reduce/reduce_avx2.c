/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx2.h"

#define REDUCE_ROWS ca_f32_reduce_rows_avx2
#define REDUCE_COLUMNS ca_f32_reduce_columns_avx2
#include "reduce_tmpl.h"
