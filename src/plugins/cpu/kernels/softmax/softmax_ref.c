/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_ref.h"

#define SOFTMAX_ROWS ca_f32_softmax_rows_ref
#define SOFTMAX_COLUMNS ca_f32_softmax_columns_ref
#include "softmax_tmpl.h"
