/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_ref.h"

#define PEAK kc_fma_peak_ref
#include "kcheck_peak_tmpl.h"
