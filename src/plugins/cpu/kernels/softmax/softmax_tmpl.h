/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SOFTMAX_ROWS and SOFTMAX_COLUMNS: three passes, the maximum, the sum of exponentials, the scale.
 *
 * A maximum may miss a NaN: the exponential does not, and the sum carries it to each result.
 * Sums stay short, so that long rows are as exact as short ones: those of a row join in
 * double each ROW_PART elements, those of columns each COLUMN_PART steps.
 *
 * Tolerance, u = 2^-24, d = |x - max|: an exponential has (d + 6) u, the sum of a row
 * ROW_PART / VF32_N + 6 u more, of a column COLUMN_PART + len / COLUMN_PART; scaling 3 u.
 */
#include "softmax_funcs.h"

#include "kernels/act_tmpl.h"

#include <math.h>

enum { ROW_PART = 1024, COLUMN_PART = 64 };

static float row_max(const float *x, ptrdiff_t len)
{
    if (len < VF32_N) {
        float most = -INFINITY;
        for (ptrdiff_t i = 0; i < len; i++)
            most = x[i] > most ? x[i] : most;
        return most;
    }
    vf32 most = vf32_load(x + len - VF32_N); /* the last overlap the others */
    for (ptrdiff_t i = 0; i + VF32_N <= len; i += VF32_N)
        most = vf32_max(vf32_load(x + i), most);
    return vf32_largest(most);
}

/* Sum of exp(x - most), each also stored to y where there is one. */
static double row_sum(float *y, const float *x, ptrdiff_t len, float most)
{
    const vf32 top = vf32_set1(most);
    double total = 0;

    for (ptrdiff_t i = 0; i < len;) {
        const ptrdiff_t end = len - i < ROW_PART ? len : i + ROW_PART;
        vf32 sum = vf32_zero();
        for (; i + VF32_N <= end; i += VF32_N) {
            const vf32 e = vf32_exp_neg(vf32_sub(vf32_load(x + i), top));
            if (y)
                vf32_store(y + i, e);
            sum = vf32_add(sum, e);
        }
        if (i < end) { /* lanes behind the end must not be summed: they load as zero */
            const int n = (int)(end - i);
            const vf32 e = vf32_exp_neg(vf32_sub(vf32_load_n(x + i, n), top));
            float part[VF32_N];
            vf32_store(part, e);
            if (y)
                vf32_store_n(y + i, e, n);
            sum = vf32_add(sum, vf32_load_n(part, n));
            i = end;
        }
        total += (double)vf32_sum(sum);
    }
    return total;
}

/* y = (x - shift) * scale - last */
static void row_map(float *y, const float *x, ptrdiff_t len, float shift, float scale,
                    float last)
{
    const vf32 a = vf32_set1(shift), b = vf32_set1(scale), c = vf32_set1(last);
    ptrdiff_t i = 0;

    for (; i + VF32_N <= len; i += VF32_N)
        vf32_store(y + i, vf32_sub(vf32_mul(vf32_sub(vf32_load(x + i), a), b), c));
    if (i < len) {
        const int n = (int)(len - i);
        const vf32 v = vf32_load_n(x + i, n);
        vf32_store_n(y + i, vf32_sub(vf32_mul(vf32_sub(v, a), b), c), n);
    }
}

void SOFTMAX_ROWS(float *y, const float *x, ptrdiff_t len, ptrdiff_t n_rows, bool is_log)
{
    for (; n_rows > 0; n_rows--, x += len, y += len) {
        const float most = row_max(x, len);
        const double sum = row_sum(is_log ? NULL : y, x, len, most);
        if (is_log)
            row_map(y, x, len, most, 1, (float)log(sum));
        else
            row_map(y, y, len, 0, (float)(1 / sum), 0);
    }
}

/* 0 < n <= VF32_N columns */
static void some_columns(float *y, const float *x, ptrdiff_t len, ptrdiff_t ld, int n,
                         bool is_log)
{
    vf32 most = vf32_set1(-INFINITY), total = vf32_zero();

    for (ptrdiff_t i = 0; i < len; i++)
        most = vf32_max(vf32_load_n(x + i * ld, n), most);
    for (ptrdiff_t i = 0; i < len;) {
        const ptrdiff_t end = len - i < COLUMN_PART ? len : i + COLUMN_PART;
        vf32 sum = vf32_zero();
        for (; i < end; i++) {
            const vf32 e = vf32_exp_neg(vf32_sub(vf32_load_n(x + i * ld, n), most));
            if (!is_log)
                vf32_store_n(y + i * ld, e, n);
            sum = vf32_add(sum, e);
        }
        total = vf32_add(total, sum);
    }
    if (is_log) {
        float logs[VF32_N];
        vf32_store(logs, total);
        for (int j = 0; j < VF32_N; j++)
            logs[j] = logf(logs[j]);
        total = vf32_load(logs);
        for (ptrdiff_t i = 0; i < len; i++) {
            const vf32 v = vf32_sub(vf32_load_n(x + i * ld, n), most);
            vf32_store_n(y + i * ld, vf32_sub(v, total), n);
        }
        return;
    }
    total = vf32_div(vf32_set1(1), total);
    for (ptrdiff_t i = 0; i < len; i++)
        vf32_store_n(y + i * ld, vf32_mul(vf32_load_n(y + i * ld, n), total), n);
}

void SOFTMAX_COLUMNS(float *y, const float *x, ptrdiff_t len, ptrdiff_t ld,
                     ptrdiff_t n_columns, bool is_log)
{
    for (ptrdiff_t j = 0; j < n_columns; j += VF32_N) {
        const int n = n_columns - j < VF32_N ? (int)(n_columns - j) : VF32_N;
        some_columns(y + j, x + j, len, ld, n, is_log);
    }
}
