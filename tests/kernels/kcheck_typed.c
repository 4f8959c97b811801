/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations in every element type against what they mean for small whole numbers, where no type wraps; and what the
 * types do at their ends.
 */
#include "kcheck.h"

#include "kernels/typed/typed.h"

#include <math.h>
#include <string.h>

static void put(CaTypedKind kind, void *p, int64_t i, int v)
{
    switch (kind) {
#define CA_TYPED(name, element)         \
    case CA_TYPED_KIND_##name:          \
        ((element *)p)[i] = (element)v; \
        break;
#include "kernels/typed/typed_types.def"
#undef CA_TYPED
    case CA_N_TYPED_KINDS: break;
    }
}

static double get(CaTypedKind kind, const void *p, int64_t i)
{
    switch (kind) {
#define CA_TYPED(name, element) \
    case CA_TYPED_KIND_##name:  \
        return (double)((const element *)p)[i];
#include "kernels/typed/typed_types.def"
#undef CA_TYPED
    case CA_N_TYPED_KINDS: break;
    }
    return NAN;
}

static double define(CaTypedOp op, double x, double y)
{
    switch (op) {
    case CA_TYPED_ADD: return x + y;
    case CA_TYPED_SUB: return x - y;
    case CA_TYPED_MUL: return x * y;
    case CA_TYPED_DIV: return trunc(x / y);
    case CA_TYPED_DIV_DOWN: return floor(x / y);
    case CA_TYPED_MOD: return fmod(x, y);
    case CA_TYPED_FLOOR_MOD: return x - y * floor(x / y);
    case CA_TYPED_POW: return pow(x, y);
    case CA_TYPED_MAX: return fmax(x, y);
    case CA_TYPED_MIN: return fmin(x, y);
    case CA_TYPED_SQUARED_DIFF: return (x - y) * (x - y);
    case CA_TYPED_PRELU: return x < 0 ? x * y : x;
    case CA_TYPED_EQUAL: return x == y;
    case CA_TYPED_NOT_EQUAL: return x != y;
    case CA_TYPED_LESS: return x < y;
    case CA_TYPED_LESS_EQUAL: return x <= y;
    case CA_TYPED_GREATER: return x > y;
    case CA_TYPED_GREATER_EQUAL: return x >= y;
    case CA_TYPED_AND: return x != 0 && y != 0;
    case CA_TYPED_OR: return x != 0 || y != 0;
    case CA_TYPED_XOR: return (x != 0) != (y != 0);
    case CA_N_TYPED_OPS: break;
    }
    return NAN;
}

static bool is_unsigned(CaTypedKind kind)
{
    return kind == CA_TYPED_KIND_u8 || kind == CA_TYPED_KIND_u16 ||
           kind == CA_TYPED_KIND_u32 || kind == CA_TYPED_KIND_u64;
}

/* Operands of [d0, d1, d2] of which any axis may be 1. */
static void check_op(CaTypedOp op, CaTypedKind kind)
{
    enum { RANK = 3 };
    int64_t dims[RANK], in_dims[2][RANK], n = 1, n_in[2] = {1, 1};
    const int64_t *const lists[2] = {in_dims[0], in_dims[1]};
    const int ranks[2] = {RANK, RANK}, n_threads = 1 + kc_int(3);
    const bool is_float = kind == CA_TYPED_KIND_f32 || kind == CA_TYPED_KIND_f64,
               divides = op >= CA_TYPED_DIV && op <= CA_TYPED_FLOOR_MOD;
    CaSpread plan;
    for (int i = 0; i < RANK; i++) {
        dims[i] = 1 + kc_int(i == RANK - 1 ? 70 : 4);
        n *= dims[i];
        for (int k = 0; k < 2; k++)
            n_in[k] *= in_dims[k][i] = kc_int(3) == 0 ? 1 : dims[i];
    }
    void *in[2];
    for (int k = 0; k < 2; k++) {
        in[k] = kc_bytes((size_t)n_in[k] * ca_typed_size(kind));
        for (int64_t i = 0; i < n_in[k]; i++)
            put(kind, in[k], i,
                is_unsigned(kind) || (op == CA_TYPED_POW && k) ? kc_int(4)
                                                               : kc_int(9) - 4);
        for (int64_t i = 0; i < n_in[k] && k == 1 && divides; i++)
            if (get(kind, in[k], i) == 0)
                put(kind, in[k], i, 3);
    }
    if (op == CA_TYPED_SUB || op == CA_TYPED_SQUARED_DIFF) /* no unsigned difference */
        for (int64_t i = 0; i < n_in[1] && is_unsigned(kind); i++)
            put(kind, in[1], i, 0);
    void *out = kc_bytes((size_t)n * ca_typed_out_size(op, kind));
    kc_case("operation %d, type %d", (int)op, (int)kind);
    kc_true(ca_spread_plan(&plan, RANK, dims, 2, ranks, lists), "plan refused");
    for (int t = 0; t < n_threads; t++)
        ca_typed_run(&plan, op, kind, out, in[0], in[1], t, n_threads);
    for (int64_t i = 0; i < n; i++) {
        double v[2];
        for (int k = 0; k < 2; k++) {
            int64_t rest = i, at = 0, stride = 1;
            for (int d = RANK - 1; d >= 0; rest /= dims[d], stride *= in_dims[k][d], d--)
                at += in_dims[k][d] == 1 ? 0 : rest % dims[d] * stride;
            v[k] = get(kind, in[k], at);
        }
        const bool is_quotient = op == CA_TYPED_DIV || op == CA_TYPED_DIV_DOWN;
        const double want =
            is_float && is_quotient ? v[0] / v[1] : define(op, v[0], v[1]);
        const double got = get(op >= CA_TYPED_EQUAL ? CA_TYPED_KIND_u8 : kind, out, i);
        kc_close("element", (size_t)i, got, want,
                 kind == CA_TYPED_KIND_f32 && is_quotient ? 0x1p-24 * fabs(want) : 0);
    }
    kc_free();
}

static void check_ends(void)
{
    const int64_t one[] = {1};
    const int64_t *const lists[2] = {one, one};
    const int ranks[2] = {1, 1};
    const int32_t low = INT32_MIN, high = INT32_MAX, minus = -1, zero = 0, plus = 1;
    const uint8_t u250 = 250, u10 = 10;
    int32_t out = 7;
    uint8_t small = 0;
    CaSpread plan;
    kc_case("ends of types");
    kc_true(ca_spread_plan(&plan, 1, one, 2, ranks, lists), "plan refused");
    ca_typed_run(&plan, CA_TYPED_ADD, CA_TYPED_KIND_i32, &out, &high, &plus, 0, 1);
    kc_true(out == INT32_MIN, "sums wrap");
    ca_typed_run(&plan, CA_TYPED_DIV, CA_TYPED_KIND_i32, &out, &low, &minus, 0, 1);
    kc_true(out == INT32_MIN, "the lowest over -1 wraps");
    ca_typed_run(&plan, CA_TYPED_MOD, CA_TYPED_KIND_i32, &out, &low, &minus, 0, 1);
    kc_true(out == 0, "and leaves nothing");
    ca_typed_run(&plan, CA_TYPED_DIV, CA_TYPED_KIND_i32, &out, &plus, &zero, 0, 1);
    kc_true(out == 0, "over zero is zero");
    ca_typed_run(&plan, CA_TYPED_ADD, CA_TYPED_KIND_u8, &small, &u250, &u10, 0, 1);
    kc_true(small == 4, "bytes wrap");
}

static void check_select(size_t size)
{
    const int64_t dims[] = {3, 5000}, row[] = {5000},
                  column[] = {3, 1}; /* two pieces a row */
    const int64_t *const lists[3] = {dims, row, column};
    const int ranks[3] = {2, 1, 2};
    uint8_t *condition = kc_bytes(15000);
    const char *a = kc_bytes(5000 * size), *b = kc_bytes(3 * size);
    char *out = kc_bytes(15000 * size);
    CaSpread plan;
    kc_case("select, %zu bytes", size);
    for (int i = 0; i < 15000; i++)
        condition[i] = (uint8_t)kc_int(2);
    kc_true(ca_spread_plan(&plan, 2, dims, 3, ranks, lists), "plan refused");
    for (int t = 0; t < 4; t++)
        ca_select_run(&plan, size, out, condition, a, b, t, 4);
    for (size_t i = 0; i < 15000; i++) {
        const char *want = condition[i] ? a + i % 5000 * size : b + i / 5000 * size;
        kc_true(memcmp(out + i * size, want, size) == 0, "element differs");
    }
    kc_free();
}

void kcheck_typed(void);
void kcheck_typed(void)
{
    KC_GUARDED("typed", 0)
    {
        for (int op = 0; op < CA_N_TYPED_OPS; op++)
            for (int kind = 0; kind < CA_N_TYPED_KINDS; kind++)
                check_op((CaTypedOp)op, (CaTypedKind)kind);
        check_ends();
        for (size_t size = 1; size <= 8; size *= 2)
            check_select(size);
    }
}
