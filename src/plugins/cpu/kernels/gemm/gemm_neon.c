/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_neon.h"

#define KERNEL ca_f32_gemm_6x16_neon
#define STRASSEN ca_f32_strassen_6x16_neon
#define MR 6
#define NV 4
#include "gemm_strassen_tmpl.h"
