/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies and conversions between plain tensors: every element exactly, by its coordinates.
 */
#include "kcheck.h"

#include "kernels/layout/convert_plain.h"
#include "kernels/layout/copy_plain.h"

#include <math.h>
#include <string.h>

enum { MAX_RANK = 4 };

/* A tensor in which the box lies somewhere, with any step. */
static int64_t around(CaBoxSide *s, int rank, const int64_t *dims)
{
    int64_t size = 1;
    for (int i = 0; i < rank; i++) {
        const int64_t step = 1 + kc_int(3), before = kc_int(3), after = kc_int(3);
        const int64_t length = (dims[i] - 1) * step + 1;
        const bool backwards = kc_int(3) == 0, whole = kc_int(2) == 0;
        s->dims[i] = whole ? dims[i] : before + length + after;
        s->step[i] = whole ? 1 : backwards ? -step : step;
        s->start[i] = whole ? 0 : before + (backwards ? length - 1 : 0);
        size *= s->dims[i];
    }
    return size;
}

static int64_t place(const CaBoxSide *s, int rank, const int64_t *at)
{
    int64_t p = 0;
    for (int i = 0; i < rank; i++)
        p = p * s->dims[i] + s->start[i] + at[i] * s->step[i];
    return p;
}

static void check_box(size_t size)
{
    const int rank = kc_int(MAX_RANK + 1), n_threads = 1 + kc_int(3);
    int64_t dims[MAX_RANK], n = 1;
    CaBoxSide out, in;
    CaBox plan;

    for (int i = 0; i < rank; i++)
        n *= dims[i] = 1 + kc_int(5);
    const size_t n_out = (size_t)around(&out, rank, dims),
                 n_in = (size_t)around(&in, rank, dims);
    char *to = kc_bytes(n_out * size), *want = kc_bytes(n_out * size);
    const char *from = kc_bytes(n_in * size);
    kc_case("box of rank %d, %zu bytes", rank, size);
    memcpy(want, to, n_out * size);
    for (int64_t i = 0; i < n; i++) {
        int64_t at[MAX_RANK], rest = i;
        for (int k = rank - 1; k >= 0; rest /= dims[k], k--)
            at[k] = rest % dims[k];
        memcpy(want + (size_t)place(&out, rank, at) * size,
               from + (size_t)place(&in, rank, at) * size, size);
    }
    kc_true(ca_box_plan(&plan, rank, dims, &out, &in, size), "plan refused");
    for (int t = 0; t < n_threads; t++)
        ca_box_run(&plan, t, n_threads, to, from);
    kc_true(memcmp(to, want, n_out * size) == 0, "copy differs");
    kc_free();
}

static void check_refusals(void)
{
    const int64_t four[] = {4}, huge[] = {INT64_MAX};
    const CaBoxSide good = {{4}, {0}, {1}}, late = {{4}, {1}, {1}},
                    back = {{4}, {2}, {-1}};
    const CaBoxSide far = {{4}, {0}, {INT64_MAX}}, reverse = {{4}, {3}, {-1}};
    CaBox p;

    kc_case("box plans");
    kc_true(ca_box_plan(&p, 1, four, &good, &reverse, 4), "a good one");
    kc_true(!ca_box_plan(&p, 1, four, &good, &late, 4), "ends outside");
    kc_true(!ca_box_plan(&p, 1, four, &good, &back, 4), "ends before the start");
    kc_true(!ca_box_plan(&p, 1, four, &good, &far, 4), "step overflows");
    kc_true(!ca_box_plan(&p, 1, huge, &good, &good, 4), "size overflows");
    kc_true(!ca_box_plan(&p, 1, four, &good, &good, 3), "3 byte elements");
    kc_true(!ca_box_plan(&p, 9, four, &good, &good, 4), "rank 9");
}

static void check_gather(void)
{
    static const int64_t index[] = {2, 0, -1, 3, -4, -3};
    const float *in = kc_floats(3 * 5);
    float *out = kc_floats(6 * 5);
    bool good = true;

    kc_case("gather");
    for (int t = 0; t < 2; t++)
        good = ca_gather_rows(out, in, index, 6, 3, 5 * sizeof *in, t, 2) && good;
    kc_true(!good, "3 and -4 of 3 rows must be told");
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 5; j++) {
            const int64_t at = index[i] < 0 ? index[i] + 3 : index[i];
            const float want = at < 0 || at > 2 ? 0 : in[at * 5 + j];
            kc_close("row", (size_t)i, out[i * 5 + j], want, 0);
        }
    kc_true(ca_gather_rows(out, in, index, 3, 3, 5 * sizeof *in, 0, 1), "all in range");
    kc_free();
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
    ca_convert_from_f32(out, x, CA_PLAIN_I8, 9, 0, 1);
    kc_true(memcmp(out, i8, sizeof i8) == 0, "i8");
    ca_convert_from_f32(out, x, CA_PLAIN_U8, 9, 0, 1);
    kc_true(memcmp(out, u8, sizeof u8) == 0, "u8");
    ca_convert_from_f32(out, x, CA_PLAIN_I32, 9, 0, 1);
    kc_true(memcmp(out, i32, sizeof i32) == 0, "i32");
    ca_convert_from_f32(out, x, CA_PLAIN_I64, 9, 0, 1);
    kc_true(memcmp(out, i64, sizeof i64) == 0, "i64");
}

/* Whole numbers that each type holds come back. */
static void check_round_trip(CaPlainType type)
{
    enum { N = 37 };
    float *x = kc_floats(N), *back = kc_floats(N);
    int64_t *there = kc_bytes(N * sizeof *there);

    kc_case("type %d there and back", type);
    for (int i = 0; i < N; i++)
        x[i] = (float)(kc_int(128) - (type == CA_PLAIN_U8 ? 0 : 64));
    for (int t = 0; t < 3; t++)
        ca_convert_from_f32(there, x, type, N, t, 3);
    for (int t = 0; t < 3; t++)
        ca_convert_to_f32(back, there, type, N, t, 3);
    kc_true(memcmp(x, back, N * sizeof *x) == 0, "differs");
    kc_free();
}

void kcheck_copy(void);
void kcheck_copy(void)
{
    KC_GUARDED("copy_plain", 0)
    {
        for (int i = 0; i < 400; i++)
            check_box((size_t)1 << i % 4);
        check_refusals();
        check_gather();
    }
    KC_GUARDED("convert", 0)
    {
        check_known();
        for (int type = CA_PLAIN_F16; type <= CA_PLAIN_F64; type++)
            check_round_trip((CaPlainType)type);
    }
}
