/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_ref.h"

#define ATTENTION_KEYS ca_f32_attention_keys_ref
#define ATTENTION_SOFTEN ca_f32_attention_soften_ref
#define ATTENTION_VALUES ca_f32_attention_values_ref
#define ATTENTION_NARROW ca_f32_attention_narrow_ref
#define ATTENTION_MASK ca_f32_attention_mask_ref
#include "attention_tmpl.h"
