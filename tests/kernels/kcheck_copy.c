/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies and conversions between plain tensors: every element exactly, by its coordinates.
 */
#include "kcheck.h"

#include "kernels/layout/convert_plain.h"
#include "kernels/layout/gather_plain.h"
#include "kernels/layout/pad_plain.h"
#include "kernels/layout/strided.h"
#include "kernels/topk/topk.h"

#include <math.h>
#include <string.h>

enum { MAX_RANK = 5 };

/* Any strides around a start, in a tensor that just holds what they reach; the two last axes are long now and then, and
 * turned. */
static void check_strided(size_t size)
{
    const int rank = kc_int(MAX_RANK + 1), n_threads = 1 + kc_int(3);
    const bool turned = rank >= 2 && kc_int(3) == 0, is_long = turned && kc_int(4) == 0;
    int64_t dims[MAX_RANK], strides[MAX_RANK], n = 1, lo = 0, hi = 0;
    CaStrided plan;
    for (int i = 0; i < rank; i++) {
        dims[i] = 1 + kc_int(i == rank - 2 && turned ? 40 : 5);
        if (i == rank - 1 && is_long)
            dims[i] += 400 + kc_int(900);
        strides[i] = kc_int(12) - 4;
        if (turned && i >= rank - 2)
            strides[i] = i == rank - 2 ? 1 : 41;
        n *= dims[i];
        lo += strides[i] < 0 ? (dims[i] - 1) * strides[i] : 0;
        hi += strides[i] > 0 ? (dims[i] - 1) * strides[i] : 0;
    }
    char *to = kc_bytes((size_t)n * size), *want = kc_bytes((size_t)n * size);
    const char *from = kc_bytes((size_t)(hi - lo + 1) * size);
    kc_case("strided of rank %d, %zu bytes", rank, size);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = -lo, rest = i;
        for (int k = rank - 1; k >= 0; rest /= dims[k], k--)
            at += rest % dims[k] * strides[k];
        memcpy(want + (size_t)i * size, from + (size_t)at * size, size);
    }
    kc_true(ca_strided_plan(&plan, rank, dims, strides, -lo, hi - lo + 1, size),
            "plan refused");
    for (int t = 0; t < n_threads; t++)
        ca_strided_run(&plan, t, n_threads, to, from);
    kc_true(memcmp(to, want, (size_t)n * size) == 0, "copy differs");
    kc_free();
}

static void check_refusals(void)
{
    const int64_t four[] = {4}, huge[] = {INT64_MAX}, one[] = {1}, back[] = {-1},
                  far[] = {INT64_MAX};
    CaStrided p;

    kc_case("strided plans");
    kc_true(ca_strided_plan(&p, 1, four, back, 3, 4, 4), "a good one");
    kc_true(!ca_strided_plan(&p, 1, four, one, 1, 4, 4), "ends outside");
    kc_true(!ca_strided_plan(&p, 1, four, back, 2, 4, 4), "ends before the start");
    kc_true(!ca_strided_plan(&p, 1, four, far, 0, 4, 4), "step overflows");
    kc_true(!ca_strided_plan(&p, 1, huge, one, 0, 4, 4), "size overflows");
    kc_true(!ca_strided_plan(&p, 1, four, one, 0, 4, 3), "3 byte elements");
    kc_true(!ca_strided_plan(&p, 17, four, one, 0, 4, 4), "rank 17");
}

enum { N_ROWS = 3, N_INDEX = 6, N_OUTER = 2, ROW = 5 };
static const int64_t index_some[] = {2, 0, -1, 3, -4, -3};

static void check_gather(int n_threads)
{
    const CaRows rows = {1, N_OUTER, N_ROWS, N_INDEX, ROW * sizeof(float)};
    const float *in = kc_floats(N_OUTER * N_ROWS * ROW);
    float *out = kc_floats(N_OUTER * N_INDEX * ROW);
    bool good = true;

    kc_case("gather, %d threads", n_threads);
    for (int t = 0; t < n_threads; t++)
        good = ca_gather_rows(&rows, out, in, index_some, t, n_threads) && good;
    kc_true(!good, "3 and -4 of 3 rows must be told");
    for (int i = 0; i < N_OUTER * N_INDEX; i++)
        for (int j = 0; j < ROW; j++) {
            const int64_t k = index_some[i % N_INDEX], at = k < 0 ? k + N_ROWS : k;
            const int64_t row = i / N_INDEX * N_ROWS + at;
            const float want = at < 0 || at >= N_ROWS ? 0 : in[row * ROW + j];
            kc_close("row", (size_t)i, out[i * ROW + j], want, 0);
        }
    kc_free();
}

/* Rows 2, 0, 2, 0: the later ones stay, and row 1 is as it was. */
static void check_scatter(int64_t n_outer, int n_threads)
{
    const int64_t index[] = {2, 0, -1, -3, 9};
    const CaRows rows = {1, n_outer, N_ROWS, 5, ROW * sizeof(float)};
    const float *in = kc_floats((size_t)n_outer * 5 * ROW);
    float *out = kc_zeros((size_t)n_outer * N_ROWS * ROW);
    bool good = true;

    kc_case("scatter %d, %d threads", (int)n_outer, n_threads);
    for (int t = 0; t < n_threads; t++)
        good = ca_scatter_rows(&rows, out, in, index, t, n_threads) && good;
    kc_true(!good, "9 of 3 rows must be told");
    for (int64_t o = 0; o < n_outer; o++)
        for (int j = 0; j < ROW; j++) {
            const float *to = out + o * N_ROWS * ROW + j, *from = in + o * 5 * ROW + j;
            kc_close("row 0", (size_t)j, to[0], from[3 * ROW], 0);
            kc_close("row 1", (size_t)j, to[ROW], 0, 0);
            kc_close("row 2", (size_t)j, to[2 * ROW], from[2 * ROW], 0);
        }
    kc_free();
}

/* Where element i of a padded axis comes from, by walking there; -1: the value. */
static int64_t walk(CaPadMode mode, int64_t i, int64_t n)
{
    int64_t step = 1;
    if (mode == CA_PAD_CONSTANT)
        return i >= 0 && i < n ? i : -1;
    if (mode == CA_PAD_EDGE)
        return i < 0 ? 0 : i >= n ? n - 1 : i;
    int64_t at = 0; /* mirrors at both ends, from 0 on */
    for (int64_t k = 0; k < (i < 0 ? -i : i); k++) {
        const bool turns = at + step < 0 || at + step >= n;
        if (i < 0 && k == 0)
            step = mode == CA_PAD_SYMMETRIC ? 0 : 1;
        else if (turns && mode == CA_PAD_SYMMETRIC)
            step = 0;
        else if (turns)
            step = -step;
        at += step;
        if (step == 0)
            step = at == 0 ? 1 : -1;
    }
    return at;
}

static void check_pad(CaPadMode mode, size_t size)
{
    enum { RANK = 3 };
    int64_t dims[RANK], begin[RANK], end[RANK], out_dims[RANK], n = 1, n_in = 1;
    const int n_threads = 1 + kc_int(3);
    CaPad plan;
    for (int i = 0; i < RANK; i++) {
        dims[i] = 4 + kc_int(5);
        begin[i] = kc_int(6) - 2;
        end[i] = kc_int(6) - 2;
        out_dims[i] = dims[i] + begin[i] + end[i];
        n *= out_dims[i];
        n_in *= dims[i];
    }
    char *to = kc_bytes((size_t)n * size);
    const char *from = kc_bytes((size_t)n_in * size), *value = kc_bytes(size);
    kc_case("pad mode %d, %zu bytes", (int)mode, size);
    kc_true(ca_pad_plan(&plan, mode, RANK, dims, begin, end, size), "plan refused");
    for (int t = 0; t < n_threads; t++)
        ca_pad_run(&plan, t, n_threads, to, from, value);
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = i, at = 0, stride = 1;
        for (int k = RANK - 1; k >= 0; rest /= out_dims[k], stride *= dims[k], k--) {
            const int64_t j = walk(mode, rest % out_dims[k] - begin[k], dims[k]);
            at = j < 0 || at < 0 ? -1 : at + j * stride;
        }
        const char *want = at < 0 ? value : from + (size_t)at * size;
        kc_true(memcmp(to + (size_t)i * size, want, size) == 0, "element differs");
    }
    kc_free();
}

/* Numbers with many equals, against picking the best again and again. */
static void check_topk(int n, int k)
{
    int64_t *keys = kc_bytes((size_t)n * sizeof *keys),
            *best = kc_bytes((size_t)k * sizeof *best),
            *sorted = kc_bytes((size_t)k * sizeof *best);
    bool *used = kc_bytes((size_t)n);
    memset(used, 0, (size_t)n);
    kc_case("top %d of %d", k, n);
    for (int i = 0; i < n; i++)
        keys[i] = ca_topk_key_f32((float)(kc_int(9) - 4));
    ca_topk_row(best, keys, n, k, false);
    ca_topk_row(sorted, keys, n, k, true);
    for (int i = 0; i < k; i++) {
        int top = -1;
        for (int j = 0; j < n; j++)
            if (!used[j] && (top < 0 || keys[j] > keys[top]))
                top = j;
        used[top] = true;
        kc_true(best[i] == top, "another element");
    }
    for (int i = 0, at = 0; i < n; i++)
        if (used[i])
            kc_true(sorted[at++] == i, "not by index");
    kc_free();
}

static void check_keys(void)
{
    static const float x[] = {-INFINITY, -2, -1e-40f, 0, 1e-40f, 1, 3e38f, INFINITY, NAN};
    kc_case("keys of floats");
    for (int i = 0; i + 1 < 9; i++) {
        kc_true(ca_topk_key_f32(x[i]) < ca_topk_key_f32(x[i + 1]), "f32");
        kc_true(ca_topk_key_f64((double)x[i]) < ca_topk_key_f64((double)x[i + 1]), "f64");
    }
    kc_true(ca_topk_key_f32(-0.0f) == ca_topk_key_f32(0.0f), "-0 is 0");
}

/* operators.md, section 1: what OpenVINO gives, or what to take where it is unspecified. */
static void check_known(void)
{
    static const float x[] = {300, -300, 1.9f, -1.9f, NAN, INFINITY, -1, 255.7f, 3e9f};
    static const int8_t i8[] = {44, -44, 1, -1, 0, 0, -1, -1, 0};
    static const uint8_t u8[] = {44, 212, 1, 255, 0, 0, 255, 255, 0};
    static const int32_t i32[] = {300,       -300, 1,   -1,       INT32_MIN,
                                  INT32_MIN, -1,   255, INT32_MIN};
    static const int64_t i64[] = {300,       -300, 1,   -1,        INT64_MIN,
                                  INT64_MIN, -1,   255, 3000000000};
    int64_t out[9];

    kc_case("floats to integers");
    ca_convert_run(out, CARINA_I8, x, CARINA_F32, 9, 0, 1);
    kc_true(memcmp(out, i8, sizeof i8) == 0, "i8");
    ca_convert_run(out, CARINA_U8, x, CARINA_F32, 9, 0, 1);
    kc_true(memcmp(out, u8, sizeof u8) == 0, "u8");
    ca_convert_run(out, CARINA_I32, x, CARINA_F32, 9, 0, 1);
    kc_true(memcmp(out, i32, sizeof i32) == 0, "i32");
    ca_convert_run(out, CARINA_I64, x, CARINA_F32, 9, 0, 1);
    kc_true(memcmp(out, i64, sizeof i64) == 0, "i64");
}

/* Whole numbers that both types hold go there and back. */
static void check_round_trip(CarinaType from, CarinaType to)
{
    enum { N = 700 }; /* more than two chunks */
    double *x = kc_bytes(N * sizeof *x), *back = kc_bytes(N * sizeof *back);
    int64_t *first = kc_bytes(N * sizeof *first), *second = kc_bytes(N * sizeof *second);

    kc_case("type %d to %d and back", (int)from, (int)to);
    for (int i = 0; i < N; i++)
        x[i] = from == CARINA_BOOL || to == CARINA_BOOL ? kc_int(2) : kc_int(128);
    ca_convert_run(first, from, x, CARINA_F64, N, 0, 1);
    for (int t = 0; t < 3; t++)
        ca_convert_run(second, to, first, from, N, t, 3);
    ca_convert_run(back, CARINA_F64, second, to, N, 0, 1);
    kc_true(memcmp(x, back, N * sizeof *x) == 0, "differs");
    kc_free();
}

void kcheck_copy(void);
void kcheck_copy(void)
{
    KC_GUARDED("strided", 0)
    {
        for (int i = 0; i < 400; i++)
            check_strided((size_t)1 << i % 4);
        check_refusals();
    }
    KC_GUARDED("gather", 0)
    {
        for (int n_threads = 1; n_threads <= 4; n_threads++) {
            check_gather(n_threads);
            check_scatter(1, n_threads);
            check_scatter(2, n_threads);
        }
    }
    KC_GUARDED("pad", 0)
    {
        for (int i = 0; i < 100; i++)
            check_pad((CaPadMode)(i % 4), (size_t)1 << i / 4 % 4);
    }
    KC_GUARDED("topk", 0)
    {
        check_keys();
        for (int n = 1; n <= 40; n = 2 * n + 1)
            for (int k = 1; k <= n; k++)
                check_topk(n, k);
    }
    KC_GUARDED("convert", 0)
    {
        check_known();
        for (int from = CARINA_F32; from <= CARINA_BOOL; from++)
            for (int to = CARINA_F32; to <= CARINA_BOOL; to++)
                check_round_trip((CarinaType)from, (CarinaType)to);
    }
}
