/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_neon.h"

#define REDUCE_ROWS ca_f32_reduce_rows_neon
#define REDUCE_COLUMNS ca_f32_reduce_columns_neon
#include "reduce_tmpl.h"
