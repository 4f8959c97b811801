/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ATTENTION_MASK: scores += mask, exact but for the rounding of each sum.
 */
#include "attention_funcs.h"

#include <math.h>

bool ATTENTION_MASK(float *scores, const float *mask, ptrdiff_t n)
{
    vf32 most = vf32_set1(-INFINITY);
    bool sees = false;
    ptrdiff_t i = 0;

    for (; i + VF32_N <= n; i += VF32_N) {
        const vf32 m = vf32_load(mask + i);
        most = vf32_max(m, most);
        vf32_store(scores + i, vf32_add(vf32_load(scores + i), m));
    }
    for (; i < n; i++) {
        sees = sees || mask[i] > -INFINITY;
        scores[i] += mask[i];
    }
    return sees || vf32_largest(most) > -INFINITY;
}
