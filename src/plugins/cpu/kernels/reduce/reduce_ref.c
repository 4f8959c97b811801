/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_ref.h"

#define REDUCE_ROWS ca_f32_reduce_rows_ref
#define REDUCE_COLUMNS ca_f32_reduce_columns_ref
#include "reduce_tmpl.h"
