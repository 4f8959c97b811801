/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx512.h"

#define KERNEL ca_f32_gemm_14x32_avx512
#define STRASSEN ca_f32_strassen_14x32_avx512
#define MR 14
#define NV 2
#include "gemm_strassen_tmpl.h"
