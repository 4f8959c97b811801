/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_ref.h"

#define ACT kc_act_ref
#include "kcheck_act_tmpl.h"
