/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tiles of gemm.def, and which is for this processor.
 */
#include "gemm.h"

#include "base/cpu.h"
#include "gemm_tiles.h"

const CaGemmKernel ca_gemm_kernels[] = {
#define CA_KERNEL(tile, isa, mr, nr, needs) \
    {"gemm_" #tile "_" #isa,                \
     mr,                                    \
     nr,                                    \
     needs,                                 \
     ca_f32_gemm_##tile##_##isa,            \
     "strassen_" #tile "_" #isa,            \
     &ca_f32_strassen_##tile##_##isa},
#include "gemm.def"
#undef CA_KERNEL
};

const CaGemmKernel *ca_gemm_select(uint32_t cpu)
{
    const CaGemmKernel *k = ca_gemm_kernels;
    while ((k->needs & cpu) != k->needs) /* stops at ref, which needs nothing */
        k++;
    return k;
}
