/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx512.h"

#define SOFTMAX_ROWS ca_f32_softmax_rows_avx512
#define SOFTMAX_COLUMNS ca_f32_softmax_columns_avx512
#include "softmax_tmpl.h"
