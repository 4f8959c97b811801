/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx512.h"

#define SIMD kc_simd_avx512
#include "kcheck_simd_tmpl.h"
