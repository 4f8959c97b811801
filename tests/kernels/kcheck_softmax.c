/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax and log-softmax against their definitions in double; corner rows; thread counts to the
 * bit; in place.
 */
#include "kcheck.h"

#include "kernels/softmax/softmax.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double u = 0.5 * FLT_EPSILON;

/* One sum: x and y are its first elements, ld apart. */
static void check_sum(const CaSoftmax *s, const float *y, const float *x)
{
    const ptrdiff_t ld = s->inner, len = s->axis;
    double most = -INFINITY, sum = 0, slack = 0;

    for (ptrdiff_t i = 0; i < len; i++)
        most = fmax(most, (double)x[i * ld]);
    for (ptrdiff_t i = 0; i < len; i++) {
        const double e = exp((double)x[i * ld] - most);
        sum += e;
        slack += e * (most - (double)x[i * ld] + 6) * u;
    }
    /* Sums join each 1024 / lanes elements (4 lanes at least) or each 64 steps: fewer roundings than
     * this, each of at most the sum. */
    const double n_sums = ld == 1 ? fmin((double)len, 256) + 6
                                  : fmin((double)len, 64) + ceil((double)len / 64);
    slack = slack / sum + n_sums * u; /* relative, of the sum */
    for (ptrdiff_t i = 0; i < len; i++) {
        const double d = most - (double)x[i * ld], p = exp(-d) / sum;
        if (s->is_log) /* d, its rounding, log's 2 u, the last rounding */
            kc_close("y", (size_t)i, (double)y[i * ld], -d - log(sum),
                     slack + u * (2 * d + 4 * log(sum)) + 1e-30);
        else /* 3 u of the scale; subnormal results are whole multiples of 2^-149 */
            kc_close("y", (size_t)i, (double)y[i * ld], p,
                     p * ((d + 9) * u + slack) + 0x1p-148);
    }
}

static void check(const CaSoftmaxKernel *kernel, int outer, int axis, int inner,
                  bool is_log, float range)
{
    const CaSoftmax s = {kernel, outer, axis, inner, is_log};
    const size_t n = (size_t)outer * (size_t)axis * (size_t)inner;
    float *x = kc_floats(n), *y = kc_zeros(n);

    kc_case("[%d, %d, %d]%s, range %g", outer, axis, inner, is_log ? " log" : "",
            (double)range);
    for (size_t i = 0; i < n; i++)
        x[i] *= range;
    ca_softmax_run(&s, y, x, 0, 1);
    for (int o = 0; o < outer; o++)
        for (int i = 0; i < inner; i++)
            check_sum(&s, y + o * axis * inner + i, x + o * axis * inner + i);
    for (int n_threads = 2; n_threads <= 4; n_threads++) {
        float *again = kc_zeros(n);
        for (int t = 0; t < n_threads; t++)
            ca_softmax_run(&s, again, x, t, n_threads);
        kc_true(!memcmp(again, y, n * sizeof *y), "threads change the result");
    }
    ca_softmax_run(&s, x, x, 0, 1);
    kc_true(!memcmp(x, y, n * sizeof *y), "in place differs");
    kc_free();
}

/* operators.md: NaN and +inf make a row NaN, as does -inf alone; -inf beside a number is 0. */
static void check_corners(const CaSoftmaxKernel *kernel, int axis, int inner, bool is_log)
{
    const float odd[] = {NAN, INFINITY, -INFINITY, -INFINITY};
    const CaSoftmax s = {kernel, 1, axis, inner, is_log};
    const size_t n = (size_t)(axis * inner);

    for (int kind = 0; kind < 4; kind++) {
        float *x = kc_floats(n), *y = kc_zeros(n);
        const bool is_all = kind == 3, is_nan = kind != 2 || axis == 1;
        const int at = kc_int(axis);
        kc_case("[1, %d, %d]%s with %s%g at %d", axis, inner, is_log ? " log" : "",
                is_all ? "all " : "", (double)odd[kind], at);
        for (int i = 0; i < axis; i++)
            if (i == at || is_all)
                x[i * inner] = odd[kind];
        ca_softmax_run(&s, y, x, 0, 1);
        for (int i = 0; i < axis; i++) {
            const float got = y[i * inner];
            kc_true((isnan(got) != 0) == is_nan, is_nan ? "should be NaN" : "became NaN");
            if (!is_nan && i == at)
                kc_close("y", (size_t)i, (double)got, is_log ? -INFINITY : 0, 0);
            if (inner > 1)
                kc_true(!isnan(y[i * inner + 1]), "NaN spread to another sum");
        }
        kc_free();
    }
}

void kcheck_softmax(void);
void kcheck_softmax(void)
{
    KC_EACH_KERNEL(k, ca_softmax_kernels) {
        for (int is_log = 0; is_log < 2; is_log++) {
            for (int axis = 1; axis <= 40; axis++)
                check(k, 3, axis, 1, is_log, 10);
            for (int inner = 2; inner <= 35; inner++)
                check(k, 2, 1 + kc_int(30), inner, is_log, 10);
            check(k, 5, 7, 150, is_log, 100);
            check(k, 2, 200, 3, is_log, 50);
            check(k, 2, 5000, 1, is_log, 3);
            check(k, 2, 1000, 1, is_log, 120);
            for (int axis = 1; axis <= 35; axis += 2) {
                check_corners(k, axis, 1, is_log);
                check_corners(k, axis, 1 + kc_int(20), is_log);
            }
        }
    }
}
