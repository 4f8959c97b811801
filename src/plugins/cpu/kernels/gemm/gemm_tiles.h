/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of gemm.def. */
#ifndef CA_CPU_GEMM_TILES_H
#define CA_CPU_GEMM_TILES_H

#include "gemm_strassen.h"

#define CA_KERNEL(tile, isa, mr, nr, needs)               \
    void ca_f32_gemm_##tile##_##isa(const CaGemmTile *t); \
    extern const CaStrassenKernel ca_f32_strassen_##tile##_##isa;
#include "gemm.def"
#undef CA_KERNEL

#endif
