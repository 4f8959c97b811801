/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REDUCE_ROWS and REDUCE_COLUMNS. The kind is a constant in each copy of the loops.
 *
 * vf32_max and vf32_min lose a NaN, so a second vector collects them: 0 * min(1, |x|) is 0 or NaN.
 * Partial sums stay short: those of a row join in double each ROW_PART elements, those of
 * columns each COLUMN_PART steps.
 *
 * Tolerance, in halves of an ulp of the sum of magnitudes: ROW_PART / VF32_N + 8 for a row,
 * COLUMN_PART + len / COLUMN_PART + 3 for columns; L2 also rounds squares where fma rounds
 * twice. Products: len + 1 of the result. Squares beyond the range of float overflow.
 */
#include "reduce_funcs.h"

#include <math.h>

enum { ROW_PART = 1024, COLUMN_PART = 64 };

typedef struct State {
    vf32 value, poison;
} State;

CA_INLINE float neutral(const CaReduceKind kind)
{
    switch (kind) {
    case CA_REDUCE_MAX: return -INFINITY;
    case CA_REDUCE_MIN: return INFINITY;
    case CA_REDUCE_PROD: return 1;
    case CA_REDUCE_SUM:
    case CA_REDUCE_MEAN:
    case CA_REDUCE_L1:
    case CA_REDUCE_L2:
    case CA_N_REDUCES: break;
    }
    return 0;
}

CA_INLINE void begin(const CaReduceKind kind, State *s)
{
    s->value = vf32_set1(neutral(kind));
    s->poison = vf32_zero();
}

CA_INLINE void take(const CaReduceKind kind, State *s, vf32 x)
{
    switch (kind) {
    case CA_REDUCE_MAX: s->value = vf32_max(x, s->value); break;
    case CA_REDUCE_MIN: s->value = vf32_min(x, s->value); break;
    case CA_REDUCE_PROD: s->value = vf32_mul(s->value, x); return;
    case CA_REDUCE_L1: s->value = vf32_add(s->value, vf32_abs(x)); return;
    case CA_REDUCE_L2: s->value = vf32_fma(x, x, s->value); return;
    case CA_REDUCE_SUM:
    case CA_REDUCE_MEAN:
    case CA_N_REDUCES: s->value = vf32_add(s->value, x); return;
    }
    const vf32 unit = vf32_min(vf32_set1(1), vf32_abs(x));
    s->poison = vf32_fma(unit, vf32_zero(), s->poison);
}

/* Lanes and parts meet. */
CA_INLINE double join(const CaReduceKind kind, double total, const State *s)
{
    float lane[VF32_N], bad[VF32_N];

    vf32_store(lane, s->value);
    vf32_store(bad, s->poison);
    for (int i = 0; i < VF32_N; i++) {
        const double v = (double)lane[i], sick = (double)bad[i];
        switch (kind) {
        case CA_REDUCE_MAX: total = (v > total ? v : total) + sick; break; /* NaN stays */
        case CA_REDUCE_MIN: total = (v < total ? v : total) + sick; break;
        case CA_REDUCE_PROD: total *= v; break;
        case CA_REDUCE_SUM:
        case CA_REDUCE_MEAN:
        case CA_REDUCE_L1:
        case CA_REDUCE_L2:
        case CA_N_REDUCES: total += v; break;
        }
    }
    return total;
}

CA_INLINE float reduce_row(const CaReduceKind kind, const float *x, ptrdiff_t len)
{
    double total = (double)neutral(kind);

    for (ptrdiff_t i = 0; i < len;) {
        const ptrdiff_t end = len - i < ROW_PART ? len : i + ROW_PART;
        State s;
        begin(kind, &s);
        for (; i + VF32_N <= end; i += VF32_N)
            take(kind, &s, vf32_load(x + i));
        if (i < end) { /* the other lanes take what changes nothing */
            float rest[VF32_N];
            vf32_store(rest, vf32_set1(neutral(kind)));
            for (int j = 0; i < end; i++, j++)
                rest[j] = x[i];
            take(kind, &s, vf32_load(rest));
        }
        total = join(kind, total, &s);
    }
    if (kind == CA_REDUCE_MEAN && len > 0)
        total /= (double)len;
    return (float)(kind == CA_REDUCE_L2 ? sqrt(total) : total);
}

/* 0 < n <= VF32_N columns */
CA_INLINE void reduce_columns(const CaReduceKind kind, float *y, const float *x,
                              ptrdiff_t len, ptrdiff_t ld, int n)
{
    vf32 total = vf32_set1(neutral(kind)), sick = vf32_zero();

    for (ptrdiff_t i = 0; i < len;) {
        const ptrdiff_t end = len - i < COLUMN_PART ? len : i + COLUMN_PART;
        State s;
        begin(kind, &s);
        for (; i < end; i++)
            take(kind, &s, vf32_load_n(x + i * ld, n));
        sick = vf32_add(sick, s.poison);
        if (kind == CA_REDUCE_MAX)
            total = vf32_max(s.value, total);
        else if (kind == CA_REDUCE_MIN)
            total = vf32_min(s.value, total);
        else if (kind == CA_REDUCE_PROD)
            total = vf32_mul(total, s.value);
        else
            total = vf32_add(total, s.value);
    }
    if (kind == CA_REDUCE_MAX || kind == CA_REDUCE_MIN)
        total = vf32_add(total, sick);
    if (kind == CA_REDUCE_MEAN && len > 0)
        total = vf32_div(total, vf32_set1((float)len));
    vf32_store_n(y, kind == CA_REDUCE_L2 ? vf32_sqrt(total) : total, n);
}

CA_INLINE void all_rows(const CaReduceKind kind, float *y, const float *x, ptrdiff_t len,
                        ptrdiff_t n_rows)
{
    for (; n_rows > 0; n_rows--, x += len)
        *y++ = reduce_row(kind, x, len);
}

CA_INLINE void all_columns(const CaReduceKind kind, float *y, const float *x,
                           ptrdiff_t len, ptrdiff_t ld, ptrdiff_t n_columns)
{
    for (ptrdiff_t j = 0; j < n_columns; j += VF32_N) {
        const int n = n_columns - j < VF32_N ? (int)(n_columns - j) : VF32_N;
        reduce_columns(kind, y + j, x + j, len, ld, n);
    }
}

/* A copy of the loops for each kind. */
void REDUCE_ROWS(float *y, const float *x, ptrdiff_t len, ptrdiff_t n_rows,
                 CaReduceKind kind)
{
    switch (kind) {
    case CA_REDUCE_SUM: all_rows(CA_REDUCE_SUM, y, x, len, n_rows); break;
    case CA_REDUCE_MEAN: all_rows(CA_REDUCE_MEAN, y, x, len, n_rows); break;
    case CA_REDUCE_MAX: all_rows(CA_REDUCE_MAX, y, x, len, n_rows); break;
    case CA_REDUCE_MIN: all_rows(CA_REDUCE_MIN, y, x, len, n_rows); break;
    case CA_REDUCE_PROD: all_rows(CA_REDUCE_PROD, y, x, len, n_rows); break;
    case CA_REDUCE_L1: all_rows(CA_REDUCE_L1, y, x, len, n_rows); break;
    case CA_REDUCE_L2: all_rows(CA_REDUCE_L2, y, x, len, n_rows); break;
    case CA_N_REDUCES: break;
    }
}

void REDUCE_COLUMNS(float *y, const float *x, ptrdiff_t len, ptrdiff_t ld,
                    ptrdiff_t n_columns, CaReduceKind kind)
{
    switch (kind) {
    case CA_REDUCE_SUM: all_columns(CA_REDUCE_SUM, y, x, len, ld, n_columns); break;
    case CA_REDUCE_MEAN: all_columns(CA_REDUCE_MEAN, y, x, len, ld, n_columns); break;
    case CA_REDUCE_MAX: all_columns(CA_REDUCE_MAX, y, x, len, ld, n_columns); break;
    case CA_REDUCE_MIN: all_columns(CA_REDUCE_MIN, y, x, len, ld, n_columns); break;
    case CA_REDUCE_PROD: all_columns(CA_REDUCE_PROD, y, x, len, ld, n_columns); break;
    case CA_REDUCE_L1: all_columns(CA_REDUCE_L1, y, x, len, ld, n_columns); break;
    case CA_REDUCE_L2: all_columns(CA_REDUCE_L2, y, x, len, ld, n_columns); break;
    case CA_N_REDUCES: break;
    }
}
