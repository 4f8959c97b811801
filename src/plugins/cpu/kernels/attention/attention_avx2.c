/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_avx2.h"

#define ATTENTION_KEYS ca_f32_attention_keys_avx2
#define ATTENTION_SOFTEN ca_f32_attention_soften_avx2
#define ATTENTION_VALUES ca_f32_attention_values_avx2
#define ATTENTION_NARROW ca_f32_attention_narrow_avx2
#define ATTENTION_MASK ca_f32_attention_mask_avx2
#include "attention_tmpl.h"
