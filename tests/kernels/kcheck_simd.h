/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KCHECK_SIMD_H
#define KCHECK_SIMD_H

void kc_simd_avx512(void);
void kc_simd_avx2(void);
void kc_simd_ref(void);

#endif
