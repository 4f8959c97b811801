/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of attention.def. */
#ifndef CA_CPU_ATTENTION_FUNCS_H
#define CA_CPU_ATTENTION_FUNCS_H

#include "attention.h"

#define CA_KERNEL(isa, needs, lanes)                                                  \
    void ca_f32_attention_keys_##isa(float *panel, ptrdiff_t nr, const float *k,      \
                                     ptrdiff_t ld, ptrdiff_t n_keys, ptrdiff_t depth, \
                                     float scale);                                    \
    void ca_f32_attention_values_##isa(float *panel, ptrdiff_t nr, const float *v,    \
                                       ptrdiff_t ld, ptrdiff_t n_columns,             \
                                       ptrdiff_t n_keys);                             \
    void ca_f32_attention_narrow_##isa(const CaGemmTile *tile, ptrdiff_t nr);         \
    void ca_f32_attention_mask_##isa(float *scores, const float *mask, ptrdiff_t n);  \
    void ca_f32_attention_soften_##isa(float *scores, ptrdiff_t ld, ptrdiff_t n_rows, \
                                       ptrdiff_t n);
#include "attention.def"
#undef CA_KERNEL

#endif
