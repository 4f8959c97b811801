/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx2.h"

#define ACT kc_act_avx2
#include "kcheck_act_tmpl.h"
