/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of attention.def. */
#ifndef CA_CPU_ATTENTION_FUNCS_H
#define CA_CPU_ATTENTION_FUNCS_H

#include "attention.h"

#define CA_KERNEL(isa, needs) \
    bool ca_f32_attention_mask_##isa(float *scores, const float *mask, ptrdiff_t n);
#include "attention.def"
#undef CA_KERNEL

#endif
