/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of norm.def. */
#ifndef CA_CPU_NORM_FUNCS_H
#define CA_CPU_NORM_FUNCS_H

#include "norm.h"

#define CA_KERNEL(isa, needs)                                                    \
    void ca_f32_norm_rows_##isa(const CaNorm *plan, float *y, const float *x,    \
                                const float *gamma, const float *beta,           \
                                ptrdiff_t n_rows);                               \
    void ca_f32_norm_columns_##isa(const CaNorm *plan, float *y, const float *x, \
                                   const float *gamma, const float *beta,        \
                                   ptrdiff_t n_columns);
#include "norm.def"
#undef CA_KERNEL

#endif
