/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalisations against their definitions in double, with large offsets and constant rows;
 * thread counts to the bit; in place.
 */
#include "kcheck.h"

#include "kernels/norm/norm.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double u = 0.5 * FLT_EPSILON;

typedef struct {
    double mean, lack, spread, square; /* lack bounds |mean - m|; means of d and d^2 */
    double b, b_slack;                 /* relative */
    double n;                          /* roundings of a sum */
} Stats;

/* Sums with 4 lanes at least, as the template counts; the plain C fma rounds twice. */
static Stats stats(const CaNorm *s, const float *x)
{
    const ptrdiff_t len = s->axis, ld = s->inner;
    const bool centers = s->kind <= CA_NORM_CENTER;
    Stats t = {.n = ld == 1 ? fmin((double)len, 256) + 8
                            : fmin((double)len, 64) + ceil((double)len / 64) + 3};
    double size = 0, squares = 0;

    for (ptrdiff_t i = 0; i < len; i++)
        t.mean += centers ? (double)x[i * ld] / (double)len : 0,
            size += fabs((double)x[i * ld]) / (double)len;
    t.lack = centers ? (t.n + 2) * u * size : 0;
    for (ptrdiff_t i = 0; i < len; i++) {
        const double d = fabs((double)x[i * ld] - t.mean);
        squares += d * d;
        t.spread += (d + t.lack) / (double)len;
        t.square += (d + t.lack) * (d + t.lack) / (double)len;
    }
    const double eps = (double)s->eps, var = squares / (double)len;
    /* of the variance: its sum and the square of lack with its error, halved by the root */
    const double error = (t.n + 4) * u * t.square * (s->kernel->needs ? 1 : 2) +
                         2 * t.lack * (t.n + 2) * u * t.spread;
    const double root[CA_N_NORMS] = {
        sqrt(var + eps), sqrt(var) + eps,     1,
        sqrt(var + eps), sqrt(squares + eps), sqrt(fmax(squares, eps))};
    t.b = root[s->kind];
    if (s->kind == CA_NORM_MVN || s->kind == CA_NORM_RMS)
        t.b_slack = 0.5 * error / (var + eps);
    else if (s->kind == CA_NORM_CENTER)
        t.b_slack = 0;
    else /* what is added or compared can only make it less */
        t.b_slack = var > 0 ? 0.5 * error / var : 0;
    return t;
}

static void check_sum(const CaNorm *s, const float *y, const float *x, const float *gamma,
                      const float *beta)
{
    const Stats t = stats(s, x);

    for (ptrdiff_t i = 0; i < s->axis; i++) {
        const double d = (double)x[i * s->inner] - t.mean,
                     g = gamma ? (double)gamma[i] : 1;
        const double plain = d / t.b, want = plain * g + (beta ? (double)beta[i] : 0);
        const double difference =
            u * (2 * fabs(d) + 2 * t.lack) + (t.n + 2) * u * t.spread;
        double slack = difference / t.b + fabs(plain) * (t.b_slack + 6 * u);
        slack = slack * (1 + t.b_slack) * fabs(g);
        slack += u * (fabs(plain * g) + fabs(want)) + u * slack;
        if (s->kind >= CA_NORM_RMS) /* no difference was taken */
            slack -= fabs(g) * difference / t.b;
        kc_close("y", (size_t)i, (double)y[i * s->inner], want, slack);
    }
}

static void check(const CaNorm *s, float offset, bool has_gamma, bool has_beta)
{
    const size_t n = (size_t)(s->outer * s->axis * s->inner);
    float *x = kc_floats(n), *y = kc_zeros(n);
    const float *gamma = has_gamma ? kc_floats((size_t)s->axis) : NULL;
    const float *beta = has_beta ? kc_floats((size_t)s->axis) : NULL;

    kc_case("kind %d [%td, %td, %td] offset %g%s%s", (int)s->kind, s->outer, s->axis,
            s->inner, (double)offset, has_gamma ? " gamma" : "", has_beta ? " beta" : "");
    for (size_t i = 0; i < n; i++)
        x[i] += offset;
    ca_norm_run(s, y, x, gamma, beta, 0, 1);
    for (ptrdiff_t o = 0; o < s->outer; o++)
        for (ptrdiff_t i = 0; i < s->inner; i++) {
            const ptrdiff_t at = o * s->axis * s->inner + i;
            check_sum(s, y + at, x + at, gamma, beta);
        }
    for (int n_threads = 2; n_threads <= 4; n_threads++) {
        float *again = kc_zeros(n);
        for (int t = 0; t < n_threads; t++)
            ca_norm_run(s, again, x, gamma, beta, t, n_threads);
        kc_true(!memcmp(again, y, n * sizeof *y), "threads change the result");
    }
    ca_norm_run(s, x, x, gamma, beta, 0, 1);
    kc_true(!memcmp(x, y, n * sizeof *y), "in place differs");
    kc_free();
}

/* A constant has no variance: what remains is rounding, divided by sqrt(eps). */
static void check_constant(const CaNormKernel *kernel, ptrdiff_t axis, ptrdiff_t inner)
{
    const CaNorm s = {kernel, CA_NORM_MVN, 1e-5f, 1, axis, inner};
    const size_t n = (size_t)(axis * inner);
    float *x = kc_zeros(n), *y = kc_zeros(n);

    kc_case("constant [1, %td, %td]", axis, inner);
    for (size_t i = 0; i < n; i++)
        x[i] = 1234.567f;
    ca_norm_run(&s, y, x, NULL, NULL, 0, 1);
    for (ptrdiff_t i = 0; i < inner; i++)
        check_sum(&s, y + i, x + i, NULL, NULL);
    kc_free();
}

static void check_nan(const CaNormKernel *kernel, CaNormKind kind, ptrdiff_t axis,
                      ptrdiff_t inner)
{
    const CaNorm s = {kernel, kind, 1e-3f, 1, axis, inner};
    const size_t n = (size_t)(axis * inner);
    float *x = kc_floats(n), *y = kc_zeros(n);

    kc_case("kind %d [1, %td, %td] with NaN", (int)kind, axis, inner);
    x[kc_int((int)axis) * inner] = NAN;
    ca_norm_run(&s, y, x, NULL, NULL, 0, 1);
    for (ptrdiff_t i = 0; i < axis; i++) {
        kc_true(isnan(y[i * inner]) != 0, "NaN was lost");
        if (inner > 1)
            kc_true(isnan(y[i * inner + 1]) == 0, "NaN spread to another sum");
    }
    kc_free();
}

void kcheck_norm(void);
void kcheck_norm(void)
{
    KC_EACH_KERNEL(k, ca_norm_kernels) {
        for (int i = 0; i < CA_N_NORMS; i++) {
            const CaNormKind kind = (CaNormKind)i;
            const float eps =
                kind == CA_NORM_L2_MAX ? 3 : 1e-3f; /* on both sides of the sum */
            for (int axis = 2; axis <= 35; axis++)
                check(&(CaNorm){k, kind, eps, 3, axis, 1}, 0, axis % 2 > 0, axis % 3 > 0);
            for (int inner = 2; inner <= 35; inner++)
                check(&(CaNorm){k, kind, eps, 2, 2 + kc_int(30), inner}, 0, inner % 2 > 0,
                      inner % 3 > 0);
            check(&(CaNorm){k, kind, eps, 2, 3000, 1}, 0, true, true);
            check(&(CaNorm){k, kind, eps, 2, 3000, 1}, 1000, true, true);
            check(&(CaNorm){k, kind, eps, 2, 300, 70}, 1000, true, true);
            check_nan(k, kind, 50, 1);
            check_nan(k, kind, 7, 20);
        }
        check_constant(k, 77, 1);
        check_constant(k, 77, 5);
    }
}
