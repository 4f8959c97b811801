/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_neon.h"

#define ACT kc_act_neon
#include "kcheck_act_tmpl.h"
