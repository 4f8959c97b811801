/* SPDX-License-Identifier: Apache-2.0 */
/* ACT: vf32_act over n numbers. */
#include "kcheck_act.h"

#include "kernels/act_tmpl.h"

void ACT(const CaAct *act, float *y, const float *x, int n)
{
    for (int i = 0; i < n; i += VF32_N)
        vf32_store_n(y + i, vf32_act(act, vf32_load_n(x + i, n - i)), n - i);
}
