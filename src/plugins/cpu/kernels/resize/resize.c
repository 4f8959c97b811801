/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of resize.def.
 */
#include "resize.h"

#include "base/cpu.h"
#include "resize_isa.h"

const CaResizeKernel ca_resize_kernels[] = {
#define CA_KERNEL(isa, needs) \
    {"resize_" #isa, needs, ca_f32_resize_planes_##isa, ca_f32_resize_blocked_##isa},
#include "resize.def"
#undef CA_KERNEL
};

const CaResizeKernel *ca_resize_select(uint32_t cpu)
{
    const CaResizeKernel *k = ca_resize_kernels;
    while ((k->needs & cpu) != k->needs) /* stops at ref, which needs nothing */
        k++;
    return k;
}
