/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEAK(): FLOP/s of 14 independent chains of FMA. The chains start apart and their operands come through
 * volatile memory: the compiler must not merge them.
 */
#include "kcheck_peak.h"

#include <time.h>

double PEAK(void)
{
    volatile float source[2] = {1.0001f, 0.5f};
    volatile float sink;
    double best = 0;

    for (int rep = 0; rep < 20; rep++) {
        vf32 s[14], x = vf32_set1(source[0]), y = vf32_set1(source[1]);
        struct timespec a, b;
        UNROLL_FOR(i, 14)
            s[i] = vf32_set1((float)i);
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (int k = 0; k < 20000; k++)
            UNROLL_FOR(i, 14)
                s[i] = vf32_fma(s[i], x, y);
        UNROLL_FOR(i, 13)
            s[0] = vf32_add(s[0], s[i + 1]);
        sink = vf32_sum(s[0]);
        clock_gettime(CLOCK_MONOTONIC, &b);
        const double t =
            (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
        const double speed = 2.0 * VF32_N * 14 * 20000 / t;
        best = speed > best ? speed : best;
    }
    (void)sink;
    return best;
}
