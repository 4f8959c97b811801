/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peak of FMA that speeds are compared with.
 */
#include "kcheck_peak.h"
#include "base/cpu.h"
#include "kcheck.h"

double kc_fma_peak(void)
{
    static double peak;
    if (peak > 0)
        return peak;
#if defined(__x86_64__)
    if (kc_cpu() & CA_CPU_AVX512)
        peak = kc_fma_peak_avx512();
    else if (kc_cpu() & CA_CPU_AVX2)
        peak = kc_fma_peak_avx2();
#endif
    if (peak == 0)
        peak = kc_fma_peak_ref();
    return peak;
}
