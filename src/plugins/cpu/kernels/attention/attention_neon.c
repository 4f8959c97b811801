/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/simd/simd_neon.h"

#define ATTENTION_MASK ca_f32_attention_mask_neon
#include "attention_tmpl.h"
