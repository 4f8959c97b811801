/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peak of FMA that speeds are compared with.
 */
#include "kcheck.h"
#include "kernels/machine/machine.h"

double kc_fma_peak(void)
{
    static double peak;
    CaMachine m;
    if (peak == 0) {
        ca_machine_measure(&m, kc_cpu());
        peak = m.flops[CA_ELEM_F32];
    }
    return peak;
}
