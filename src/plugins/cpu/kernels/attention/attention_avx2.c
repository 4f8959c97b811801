/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx2.h"

#define ATTENTION_MASK ca_f32_attention_mask_avx2
#include "attention_tmpl.h"
