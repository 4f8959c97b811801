/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_neon.h"

#define ATTENTION_KEYS ca_f32_attention_keys_neon
#define ATTENTION_SOFTEN ca_f32_attention_soften_neon
#define ATTENTION_VALUES ca_f32_attention_values_neon
#define ATTENTION_NARROW ca_f32_attention_narrow_neon
#define ATTENTION_MASK ca_f32_attention_mask_neon
#include "attention_tmpl.h"
