/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEAK(n): n rounds of 14 independent chains of VSTEP. The chains start apart and their operands come through volatile
 * memory: the compiler must not merge them.
 */
#include "machine_own.h"

float PEAK(int n)
{
    volatile float source[2] = {1.0001f, 0.5f};
    VTYPE s[CA_PEAK_CHAINS], x = VSET(source[0]), y = VSET(source[1]);
    float sum = 0;

    UNROLL_FOR(i, CA_PEAK_CHAINS)
        s[i] = VSET((float)i);
    for (int k = 0; k < n; k++)
        UNROLL_FOR(i, CA_PEAK_CHAINS)
            s[i] = VSTEP(s[i], x, y);
    UNROLL_FOR(i, CA_PEAK_CHAINS)
        sum += VSUM(s[i]);
    return sum;
}
