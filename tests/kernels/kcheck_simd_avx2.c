/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx2.h"

#define SIMD kc_simd_avx2
#include "kcheck_simd_tmpl.h"
