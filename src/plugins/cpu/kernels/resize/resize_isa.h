/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of resize.def. */
#ifndef CA_RESIZE_ISA_H
#define CA_RESIZE_ISA_H

#include "resize.h"

#define CA_KERNEL(isa, needs)                                                       \
    void ca_f32_resize_planes_##isa(const CaResize *r, float *out, const float *in, \
                                    float *row, int thread, int n_threads);         \
    void ca_f32_resize_blocked_##isa(const CaResize *r, const CaActs *out,          \
                                     const CaActs *in, int thread, int n_threads);
#include "resize.def"
#undef CA_KERNEL

#endif
