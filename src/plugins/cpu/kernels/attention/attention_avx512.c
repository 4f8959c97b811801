/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx512.h"

#define ATTENTION_MASK ca_f32_attention_mask_avx512
#include "attention_tmpl.h"
