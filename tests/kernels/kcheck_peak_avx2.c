/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx2.h"

#define PEAK kc_fma_peak_avx2
#include "kcheck_peak_tmpl.h"
