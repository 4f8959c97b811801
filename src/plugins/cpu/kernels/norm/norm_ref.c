/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_ref.h"

#define NORM_ROWS ca_f32_norm_rows_ref
#define NORM_COLUMNS ca_f32_norm_columns_ref
#include "norm_tmpl.h"
