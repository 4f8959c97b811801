/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reductions against their definitions in double; NaN; of nothing; thread counts to the bit.
 */
#include "kcheck.h"

#include "kernels/reduce/reduce.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double u = 0.5 * FLT_EPSILON;

static double step(CaReduceKind kind, double total, double x)
{
    switch (kind) {
    case CA_REDUCE_MAX: return fmax(total, x);
    case CA_REDUCE_MIN: return fmin(total, x);
    case CA_REDUCE_PROD: return total * x;
    case CA_REDUCE_L1: return total + fabs(x);
    case CA_REDUCE_L2: return total + x * x;
    case CA_REDUCE_SUM:
    case CA_REDUCE_MEAN:
    case CA_N_REDUCES: break;
    }
    return total + x;
}

static double of_nothing(CaReduceKind kind)
{
    const double values[CA_N_REDUCES] = {
        [CA_REDUCE_MAX] = -INFINITY, [CA_REDUCE_MIN] = INFINITY, [CA_REDUCE_PROD] = 1};
    return values[kind];
}

static void check_one(const CaReduce *r, float got, const float *x, size_t at)
{
    const ptrdiff_t len = r->axis, ld = r->inner;
    double want = of_nothing(r->kind), size = 0, slack = 0;

    for (ptrdiff_t i = 0; i < len; i++) {
        const double v = (double)x[i * ld];
        want = step(r->kind, want, v);
        size += r->kind == CA_REDUCE_L2 ? v * v : fabs(v);
    }
    /* The template's count; 4 lanes at least, and twice where fma rounds twice. */
    const double n = ld == 1 ? fmin((double)len, 256) + 8
                             : fmin((double)len, 64) + ceil((double)len / 64) + 3;
    if (r->kind == CA_REDUCE_PROD)
        slack = (double)(len + 1) * u * fabs(want);
    else if (r->kind != CA_REDUCE_MAX && r->kind != CA_REDUCE_MIN)
        slack = n * u * size * (r->kernel->needs ? 1 : 2);
    if (r->kind == CA_REDUCE_MEAN && len > 0)
        want /= (double)len, slack /= (double)len;
    if (r->kind == CA_REDUCE_L2) { /* sqrt halves a relative error, then rounds */
        want = sqrt(want);
        slack = want > 0 ? 0.5 * slack / want + u * want : 0;
    }
    kc_close("y", at, (double)got, want, slack);
}

/* For products near 1, so that long ones stay in range. */
static float *numbers(CaReduceKind kind, size_t n)
{
    float *x = kc_floats(n);
    for (size_t i = 0; kind == CA_REDUCE_PROD && i < n; i++)
        x[i] = 1 + 0.05f * x[i];
    return x;
}

static void check(const CaReduceKernel *kernel, CaReduceKind kind, int outer, int axis,
                  int inner)
{
    const CaReduce r = {kernel, kind, outer, axis, inner};
    const size_t n = (size_t)outer * (size_t)inner, n_x = n * (size_t)axis;
    const float *x = numbers(kind, n_x);
    float *y = kc_floats(n);

    kc_case("kind %d [%d, %d, %d]", (int)kind, outer, axis, inner);
    ca_reduce_run(&r, y, x, 0, 1);
    for (int o = 0; o < outer; o++)
        for (int i = 0; i < inner; i++)
            check_one(&r, y[o * inner + i], x + o * axis * inner + i,
                      (size_t)(o * inner + i));
    for (int n_threads = 2; n_threads <= 4; n_threads++) {
        float *again = kc_zeros(n);
        for (int t = 0; t < n_threads; t++)
            ca_reduce_run(&r, again, x, t, n_threads);
        kc_true(!memcmp(again, y, n * sizeof *y), "threads change the result");
    }
    kc_free();
}

static void check_nan(const CaReduceKernel *kernel, CaReduceKind kind, int axis,
                      int inner)
{
    const CaReduce r = {kernel, kind, 1, axis, inner};
    float *x = numbers(kind, (size_t)(axis * inner)), *y = kc_zeros((size_t)inner);
    const int at = kc_int(axis), infinite = kc_int(axis);

    kc_case("kind %d [1, %d, %d], NaN at %d", (int)kind, axis, inner, at);
    x[at * inner] = NAN;
    if (inner > 1) /* infinities are numbers to a maximum */
        x[infinite * inner + 1] = kind == CA_REDUCE_MIN ? -INFINITY : INFINITY;
    ca_reduce_run(&r, y, x, 0, 1);
    kc_true(isnan(y[0]) != 0, "NaN was lost");
    if (inner > 1)
        kc_true(isinf(y[1]) != 0, "infinity was lost");
    kc_free();
}

void kcheck_reduce(void);
void kcheck_reduce(void)
{
    KC_EACH_KERNEL(k, ca_reduce_kernels) {
        for (int i = 0; i < CA_N_REDUCES; i++) {
            const CaReduceKind kind = (CaReduceKind)i;
            for (int axis = 0; axis <= 35; axis++)
                check(k, kind, 3, axis, 1);
            for (int inner = 2; inner <= 35; inner++)
                check(k, kind, 2, kc_int(30), inner);
            check(k, kind, 3, 200, 130);
            check(k, kind, 2, 3001, 1);
            for (int axis = 1; axis < 300; axis += 7) {
                check_nan(k, kind, axis, 1);
                check_nan(k, kind, axis, 1 + kc_int(20));
            }
        }
    }
}
