/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of reduce.def. */
#ifndef CA_CPU_REDUCE_FUNCS_H
#define CA_CPU_REDUCE_FUNCS_H

#include "reduce.h"

#define CA_KERNEL(isa, needs)                                                 \
    void ca_f32_reduce_rows_##isa(float *y, const float *x, ptrdiff_t len,    \
                                  ptrdiff_t n_rows, CaReduceKind kind);       \
    void ca_f32_reduce_columns_##isa(float *y, const float *x, ptrdiff_t len, \
                                     ptrdiff_t ld, ptrdiff_t n_columns,       \
                                     CaReduceKind kind);
#include "reduce.def"
#undef CA_KERNEL

#endif
