/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KCHECK_PEAK_H
#define KCHECK_PEAK_H

double kc_fma_peak_avx512(void);
double kc_fma_peak_avx2(void);
double kc_fma_peak_ref(void);

#endif
