/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KCHECK_ACT_H
#define KCHECK_ACT_H

#include "kernels/act.h"

/* y = act(x), n numbers */
void kc_act_avx512(const CaAct *act, float *y, const float *x, int n);
void kc_act_avx2(const CaAct *act, float *y, const float *x, int n);
void kc_act_neon(const CaAct *act, float *y, const float *x, int n);
void kc_act_ref(const CaAct *act, float *y, const float *x, int n);

#endif
