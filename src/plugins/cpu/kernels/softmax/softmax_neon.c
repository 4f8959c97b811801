/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_neon.h"

#define SOFTMAX_ROWS ca_f32_softmax_rows_neon
#define SOFTMAX_COLUMNS ca_f32_softmax_columns_neon
#include "softmax_tmpl.h"
