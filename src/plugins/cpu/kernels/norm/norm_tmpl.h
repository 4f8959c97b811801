/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NORM_ROWS and NORM_COLUMNS. Kinds with a mean take two passes before the last: with m the mean as
 * rounded, sums of x - m and (x - m)^2 give what m lacks, and the variance without cancellation:
 *
 *   lack = mean(x - m)      variance = mean((x - m)^2) - lack^2      y = (x - m - lack) / b
 *
 * Partial sums stay short: those of a row join in double each ROW_PART elements, those of
 * columns each COLUMN_PART steps: N = ROW_PART / VF32_N + 8 or COLUMN_PART + len / COLUMN_PART
 * + 3 roundings.
 *
 * Tolerance, u = 2^-24, d = |x - m|: u (d + |x - mean|) + (N + 2) u mean(d) for the difference,
 * (N + 4) u mean(d^2) for the variance (twice that where fma rounds twice), 6 u of the
 * quotient, 1 u each for gamma and beta.
 */
#include "norm_funcs.h"

#include <math.h>
#include <stdbool.h>

enum { ROW_PART = 1024, COLUMN_PART = 64, SIDE = 4 };

CA_INLINE bool has_mean(CaNormKind kind)
{
    return kind == CA_NORM_MVN || kind == CA_NORM_MVN_OUTSIDE || kind == CA_NORM_CENTER;
}

typedef struct Sums {
    double first, second; /* of x - m and (x - m)^2 */
} Sums;

/* SIDE sums side by side, for one waits longer for itself than for the numbers. */
typedef struct Lanes {
    vf32 first[SIDE], second[SIDE];
} Lanes;

CA_INLINE void add_number(Lanes *l, int j, vf32 x, vf32 shift)
{
    const vf32 d = vf32_sub(x, shift);
    l->first[j] = vf32_add(l->first[j], d);
    l->second[j] = vf32_fma(d, d, l->second[j]);
}

CA_INLINE vf32 joined(const vf32 v[SIDE])
{
    return vf32_add(vf32_add(v[0], v[1]), vf32_add(v[2], v[3]));
}

CA_INLINE Sums row_sums(const float *x, ptrdiff_t len, float m)
{
    const vf32 shift = vf32_set1(m);
    Sums total = {0, 0};

    for (ptrdiff_t i = 0; i < len;) {
        const ptrdiff_t end = len - i < ROW_PART ? len : i + ROW_PART;
        Lanes l;
        UNROLL_FOR(j, SIDE)
            l.first[j] = l.second[j] = vf32_zero();
        for (; i + SIDE * VF32_N <= end; i += SIDE * VF32_N)
            UNROLL_FOR(j, SIDE)
                add_number(&l, j, vf32_load(x + i + j * VF32_N), shift);
        for (; i + VF32_N <= end; i += VF32_N)
            add_number(&l, 0, vf32_load(x + i), shift);
        if (i < end) { /* the other lanes become m - m */
            float rest[VF32_N];
            vf32_store(rest, shift);
            for (int j = 0; i < end; i++, j++)
                rest[j] = x[i];
            add_number(&l, 1, vf32_load(rest), shift);
        }
        total.first += (double)vf32_sum(joined(l.first));
        total.second += (double)vf32_sum(joined(l.second));
    }
    return total;
}

/* 1 / b */
static double row_scale(const CaNorm *plan, Sums s)
{
    const double len = (double)plan->axis, eps = (double)plan->eps, lack = s.first / len;
    const double variance = s.second / len - lack * lack;

    switch (plan->kind) {
    case CA_NORM_MVN: return 1 / sqrt((variance < 0 ? 0 : variance) + eps);
    case CA_NORM_MVN_OUTSIDE: return 1 / (sqrt(variance < 0 ? 0 : variance) + eps);
    case CA_NORM_RMS: return 1 / sqrt(s.second / len + eps);
    case CA_NORM_L2_ADD: return 1 / sqrt(s.second + eps);
    case CA_NORM_L2_MAX: return 1 / sqrt(s.second < eps ? eps : s.second);
    case CA_NORM_CENTER:
    case CA_N_NORMS: break;
    }
    return 1;
}

/* ((x - m) - lack) * scale, in the order that loses nothing */
CA_INLINE vf32 normal(vf32 x, vf32 m, vf32 lack, vf32 scale)
{
    return vf32_mul(vf32_sub(vf32_sub(x, m), lack), scale);
}

static void row_map(float *y, const float *x, const float *gamma, const float *beta,
                    ptrdiff_t len, float m, float lack, float scale)
{
    const vf32 vm = vf32_set1(m), vl = vf32_set1(lack), vs = vf32_set1(scale);
    ptrdiff_t i = 0;

    for (; i + VF32_N <= len; i += VF32_N) {
        vf32 v = normal(vf32_load(x + i), vm, vl, vs);
        if (gamma)
            v = vf32_mul(v, vf32_load(gamma + i));
        if (beta)
            v = vf32_add(v, vf32_load(beta + i));
        vf32_store(y + i, v);
    }
    if (i < len) {
        const int n = (int)(len - i);
        vf32 v = normal(vf32_load_n(x + i, n), vm, vl, vs);
        if (gamma)
            v = vf32_mul(v, vf32_load_n(gamma + i, n));
        if (beta)
            v = vf32_add(v, vf32_load_n(beta + i, n));
        vf32_store_n(y + i, v, n);
    }
}

void NORM_ROWS(const CaNorm *plan, float *y, const float *x, const float *gamma,
               const float *beta, ptrdiff_t n_rows)
{
    const ptrdiff_t len = plan->axis;
    const bool centers = has_mean(plan->kind);

    for (; n_rows > 0; n_rows--, x += len, y += len) {
        const float m = centers ? (float)(row_sums(x, len, 0).first / (double)len) : 0;
        const Sums s = row_sums(x, len, m);
        const float lack = centers ? (float)(s.first / (double)len) : 0;
        row_map(y, x, gamma, beta, len, m, lack, (float)row_scale(plan, s));
    }
}

typedef struct ColumnSums {
    vf32 first, second; /* as Sums */
} ColumnSums;

static ColumnSums column_sums(const CaNorm *plan, const float *x, vf32 m, int n)
{
    ColumnSums total = {vf32_zero(), vf32_zero()};

    for (ptrdiff_t i = 0; i < plan->axis;) {
        const ptrdiff_t left = plan->axis - i;
        const ptrdiff_t end = left < COLUMN_PART ? plan->axis : i + COLUMN_PART;
        vf32 first = vf32_zero(), second = vf32_zero();
        for (; i < end; i++) {
            const vf32 d = vf32_sub(vf32_load_n(x + i * plan->inner, n), m);
            first = vf32_add(first, d);
            second = vf32_fma(d, d, second);
        }
        total.first = vf32_add(total.first, first);
        total.second = vf32_add(total.second, second);
    }
    return total;
}

/* 1 / b; a NaN stands second in vf32_max and stays. */
static vf32 column_scale(const CaNorm *plan, vf32 second, vf32 lack)
{
    const vf32 one = vf32_set1(1), eps = vf32_set1(plan->eps);
    const vf32 mean = vf32_div(second, vf32_set1((float)plan->axis));
    const vf32 variance = vf32_max(vf32_zero(), vf32_sub(mean, vf32_mul(lack, lack)));

    switch (plan->kind) {
    case CA_NORM_MVN: return vf32_div(one, vf32_sqrt(vf32_add(variance, eps)));
    case CA_NORM_MVN_OUTSIDE: return vf32_div(one, vf32_add(vf32_sqrt(variance), eps));
    case CA_NORM_RMS: return vf32_div(one, vf32_sqrt(vf32_add(mean, eps)));
    case CA_NORM_L2_ADD: return vf32_div(one, vf32_sqrt(vf32_add(second, eps)));
    case CA_NORM_L2_MAX: return vf32_div(one, vf32_sqrt(vf32_max(eps, second)));
    case CA_NORM_CENTER:
    case CA_N_NORMS: break;
    }
    return one;
}

/* 0 < n <= VF32_N columns */
static void some_columns(const CaNorm *plan, float *y, const float *x, const float *gamma,
                         const float *beta, int n)
{
    const vf32 len = vf32_set1((float)plan->axis);
    const bool centers = has_mean(plan->kind);
    vf32 m = vf32_zero(), lack = vf32_zero();

    if (centers)
        m = vf32_div(column_sums(plan, x, m, n).first, len);
    const ColumnSums s = column_sums(plan, x, m, n);
    if (centers)
        lack = vf32_div(s.first, len);
    const vf32 scale = column_scale(plan, s.second, lack);
    for (ptrdiff_t i = 0; i < plan->axis; i++) {
        vf32 v = normal(vf32_load_n(x + i * plan->inner, n), m, lack, scale);
        if (gamma)
            v = vf32_mul(v, vf32_set1(gamma[i]));
        if (beta)
            v = vf32_add(v, vf32_set1(beta[i]));
        vf32_store_n(y + i * plan->inner, v, n);
    }
}

void NORM_COLUMNS(const CaNorm *plan, float *y, const float *x, const float *gamma,
                  const float *beta, ptrdiff_t n_columns)
{
    for (ptrdiff_t j = 0; j < n_columns; j += VF32_N) {
        const int n = n_columns - j < VF32_N ? (int)(n_columns - j) : VF32_N;
        some_columns(plan, y + j, x + j, gamma, beta, n);
    }
}
