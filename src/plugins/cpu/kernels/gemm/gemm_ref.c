/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_ref.h"

#define KERNEL ca_f32_gemm_4x8_ref
#define STRASSEN ca_f32_strassen_4x8_ref
#define MR 4
#define NV 2
#include "gemm_strassen_tmpl.h"
