/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx2.h"

#define SOFTMAX_ROWS ca_f32_softmax_rows_avx2
#define SOFTMAX_COLUMNS ca_f32_softmax_columns_avx2
#include "softmax_tmpl.h"
