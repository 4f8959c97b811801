/* SPDX-License-Identifier: Apache-2.0 */
#include "pool_isa.h"

#include "base/cpu.h"

const CaPool ca_pool_kernels[] = {
#define CA_KERNEL(isa, needs) \
    {"f32_pool_" #isa, needs, ca_f32_pool_window_##isa, ca_f32_pool_global_##isa},
#include "pool.def"
#undef CA_KERNEL
};

const CaPool *ca_pool_select(uint32_t cpu)
{
    const CaPool *p = ca_pool_kernels;
    while ((p->needs & cpu) != p->needs) /* stops at ref, which needs nothing */
        p++;
    return p;
}
