/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx512.h"

#define ACT kc_act_avx512
#include "kcheck_act_tmpl.h"
