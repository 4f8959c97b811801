/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx2.h"

#define KERNEL ca_f32_gemm_6x16_avx2
#define STRASSEN ca_f32_strassen_6x16_avx2
#define MR 6
#define NV 2
#include "gemm_strassen_tmpl.h"
