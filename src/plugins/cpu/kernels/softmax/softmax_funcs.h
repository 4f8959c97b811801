/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of softmax.def. */
#ifndef CA_CPU_SOFTMAX_FUNCS_H
#define CA_CPU_SOFTMAX_FUNCS_H

#include "softmax.h"

#define CA_KERNEL(isa, needs)                                                  \
    void ca_f32_softmax_rows_##isa(float *y, const float *x, ptrdiff_t len,    \
                                   ptrdiff_t n_rows, bool is_log);             \
    void ca_f32_softmax_columns_##isa(float *y, const float *x, ptrdiff_t len, \
                                      ptrdiff_t ld, ptrdiff_t n_columns, bool is_log);
#include "softmax.def"
#undef CA_KERNEL

#endif
