/* SPDX-License-Identifier: Apache-2.0 */
#include "eltwise_isa.h"

#include "base/cpu.h"

const CaEltwise ca_eltwise_kernels[] = {
#define CA_KERNEL(isa, needs)                                                            \
    {"f32_eltwise_" #isa, needs, ca_f32_eltwise_chain_##isa, ca_f32_eltwise_plain_##isa, \
     ca_f32_eltwise_binary_##isa},
#include "eltwise.def"
#undef CA_KERNEL
};

const CaEltwise *ca_eltwise_select(uint32_t cpu)
{
    const CaEltwise *e = ca_eltwise_kernels;
    while ((e->needs & cpu) != e->needs) /* stops at ref, which needs nothing */
        e++;
    return e;
}
