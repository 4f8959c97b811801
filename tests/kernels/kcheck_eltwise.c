/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element-wise chains: each operation against its definition in double, on ordinary, special and
 * awkward numbers; chains, operands, aliases and broadcasting against the same operations
 * one number at a time.
 */
#include "kcheck.h"
#include "kcheck_acts.h"

#include "kernels/eltwise/eltwise.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double u = 0x1p-24; /* half an ulp of 1 */

static const struct {
    const char *name;
    int n_operands;
} ops[] = {
#define CA_CHAIN_OP(name, n_operands, result) {#name, n_operands},
#include "kernels/eltwise/chain_ops.def"
#undef CA_CHAIN_OP
};

typedef struct {
    double y, tolerance;
} Want;

/* Exact, or wrong by k half ulps of the result; a subnormal one may lose half of the smallest
 * number in each of at most four operations. */
static Want within(double y, double k)
{
    return (Want){y, k > 0 ? k * u * fabs(y) + 0x1p-148 : 0};
}

/* x * f(x): tails lose what is below the smallest subnormal of f, times x. */
static Want gated(double x, double y, double k)
{
    return (Want){y, k * u * fabs(y) + (1 + fabs(x)) * 0x1p-148};
}

static double either_nan(double x, double y, double otherwise)
{
    return isnan(x) || isnan(y) ? (double)NAN : otherwise;
}

static double away(double x) { return x < 0 ? -floor(-x + 0.5) : floor(x + 0.5); }

static double clamped(double x, double lo, double hi)
{
    return isnan(x) ? x : fmin(fmax(x, lo), hi);
}

/* The bounds of the second half are act_tmpl.h's, rounded up. */
static Want want_of(CaChainOp op, double x, double y, double a, double b)
{
    const double cube = sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x);
    switch (op) {
    case CA_CHAIN_ADD: return within(x + y, 1);
    case CA_CHAIN_SUB: return within(x - y, 1);
    case CA_CHAIN_RSUB: return within(y - x, 1);
    case CA_CHAIN_MUL: return within(x * y, 1);
    case CA_CHAIN_DIV: return within(x / y, 1);
    case CA_CHAIN_RDIV: return within(y / x, 1);
    case CA_CHAIN_MAX: return within(either_nan(x, y, fmax(x, y)), 0);
    case CA_CHAIN_MIN: return within(either_nan(x, y, fmin(x, y)), 0);
    case CA_CHAIN_POW: return within(pow(x, y), 2); /* glibc: below 1 ulp */
    case CA_CHAIN_RPOW: return within(pow(y, x), 2);
    case CA_CHAIN_SQUARED_DIFF: return within((x - y) * (x - y), 3.1);
    case CA_CHAIN_PRELU: return within(x < 0 ? x * y : x, 1);
    case CA_CHAIN_ABS: return within(fabs(x), 0);
    case CA_CHAIN_NEG: return within(-x, 0);
    case CA_CHAIN_SQRT: return within(sqrt(x), 1);
    case CA_CHAIN_LOG: return within(log(x), 2);
    case CA_CHAIN_ERF: return within(erf(x), 2);
    case CA_CHAIN_FLOOR: return within(floor(x), 0);
    case CA_CHAIN_CEIL: return within(ceil(x), 0);
    case CA_CHAIN_ROUND: return within(rint(x), 0);
    case CA_CHAIN_ROUND_AWAY: return within(away(x), 0);
    case CA_CHAIN_RECIPROCAL: return within(1 / x, 1);
    case CA_CHAIN_RELU: return within(x < 0 ? 0 : x, 0);
    case CA_CHAIN_CLAMP: return within(clamped(x, a, b), 0);
    case CA_CHAIN_LEAKY: return within(x < 0 ? a * x : x, 1);
    case CA_CHAIN_SIGMOID: return gated(1, 1 / (1 + exp(-x)), 5);
    case CA_CHAIN_TANH: return within(tanh(x), 7);
    case CA_CHAIN_GELU_ERF: return gated(x, x / 2 * erfc(-x / sqrt(2)), 16 + x * x);
    case CA_CHAIN_GELU_TANH:
        return gated(x, x / (1 + exp(-2 * cube)), 8 + fmin(6 * fabs(cube), 600));
    case CA_CHAIN_SWISH:
        return gated(x, x / (1 + exp(-a * x)), 6 + fmin(fabs(a * x), 110));
    case CA_CHAIN_HSWISH: return within(x * (clamped(x + 3, 0, 6) / 6), 4);
    case CA_CHAIN_HSIGMOID: /* a x and the sum are rounded */
        return (Want){clamped(a * x + b, 0, 1),
                      u * (fmin(fabs(a * x), 2) * 2 + fabs(b) + 1e-30)};
    case CA_CHAIN_ELU: return within(x < 0 ? a * expm1(x) : x, 6);
    case CA_CHAIN_MISH: return gated(x, x * tanh(log1p(exp(x))), 20);
    case CA_CHAIN_SOFTPLUS: return gated(1, fmax(x, 0) + log1p(exp(-fabs(x))), 10);
    case CA_CHAIN_EXP: return gated(1, exp(x), 4);
    case CA_CHAIN_FAKE_QUANTIZE:
    case CA_N_CHAIN_OPS: break;
    }
    return (Want){(double)NAN, 0};
}

/* x f(x) at -inf is NaN by its formula and 0 as a limit: neither is asked for. */
static bool is_gated(CaChainOp op)
{
    return op == CA_CHAIN_GELU_ERF || op == CA_CHAIN_GELU_TANH || op == CA_CHAIN_SWISH ||
           op == CA_CHAIN_HSWISH || op == CA_CHAIN_MISH;
}

static float number(CaChainOp op, int i)
{
    static const float special[] = {
        0,   -0.0f,  0.5f,   -0.5f, 1.5f,     -1.5f,     2.5f,  -2.5f, 0.49999997f,
        1,   -1,     1e-20f, -30,   1e-8f,    30,        -3,    3,     -90,
        100, -110,   6,      1e4f,  8388609,  -1e-6f,    1e30f, -0.3f, -1e30f,
        NAN, 1e-40f, 2,      88.5f, INFINITY, -INFINITY,
    };
    const int n = (int)(sizeof special / sizeof *special);
    if (i % 3 == 0)
        return special[kc_int(is_gated(op) ? n - 2 : n)];
    return kc_uniform(-8, 8);
}

static void check_number(CaChainOp op, size_t at, float got, float x, float y, float a,
                         float b)
{
    Want w = want_of(op, x, y, a, b);

    if (isinf(w.y))
        w.tolerance = 0;
    /* what float cannot hold becomes infinite */
    if (fabs(w.y) > (double)FLT_MAX &&
        fabs((double)got) >= (double)FLT_MAX * (1 - w.tolerance / fabs(w.y)))
        kc_true((w.y > 0) == (got > 0), "sign of infinity");
    else
        kc_close(ops[op].name, at, got, w.y, w.tolerance);
}

static void check_op(const CaEltwise *e, CaChainOp op)
{
    enum { N = 1500 };
    const float b = 0.5f + (float)kc_int(3), a = op == CA_CHAIN_CLAMP ? -b : 0.2f;
    CaChain chain = {1, {{.op = op, .operand = CA_OPERAND_PLAIN, .a = a, .b = b}}};
    float *x = kc_floats(N), *y = kc_floats(N), *out = kc_floats(N);

    kc_case("%s", ops[op].name);
    if (ops[op].n_operands == 0)
        chain.steps[0].operand = CA_OPERAND_NONE;
    for (int i = 0; i < N; i++) {
        x[i] = number(op, i);
        y[i] = number(op, i / 2);
    }
    chain.steps[0].y = y;
    for (int t = 0; t < 2; t++)
        e->run_plain(&chain, out, x, 1, 1, N, t, 2);
    for (size_t i = 0; i < N; i++)
        check_number(op, i, out[i], x[i], y[i], a, b);
    if (ops[op].n_operands == 1) {
        chain.steps[0] = (CaStep){.op = op, .operand = CA_OPERAND_SCALAR, .a = 3};
        memcpy(y, x, N * sizeof *x);
        e->run_plain(&chain, y, y, 1, 1, N, 0, 1); /* in place */
        for (size_t i = 0; i < N; i++)
            check_number(op, i, y[i], x[i], 3, 0, 0);
    }
    kc_free();
}

static void check_square(const CaEltwise *e)
{
    const CaChain chain = {1,
                           {{.op = CA_CHAIN_POW, .operand = CA_OPERAND_SCALAR, .a = 2}}};
    float *x = kc_floats(37), *out = kc_floats(37);

    kc_case("x to the 2, as a scalar");
    e->run_plain(&chain, out, x, 1, 1, 37, 0, 1);
    for (size_t i = 0; i < 37; i++)
        check_number(CA_CHAIN_POW, i, out[i], x[i], 2, 0, 0);
    kc_free();
}

/* relu(x * scale[c] + other), max with a 1x1 image, minus a number: the last rounding of each
 * operation is the float one, so plain C gives the same bits. */
static float plain_chain(float x, float scale, float other, float image, float least)
{
    const float product = x * scale, sum = product + other;
    const float r = sum > 0 ? sum : 0, m = r > image ? r : image;
    return m - least;
}

/* is_dense: no halos, and blocks enough for all threads: rows that lie one behind the other are one. */
static void check_blocked(const CaEltwise *e, bool in_place, bool one_image,
                          bool is_dense)
{
    const int c = 1 + kc_int(is_dense ? 200 : 40), h = 1 + kc_int(4),
              w = 1 + kc_int(is_dense ? 30 : 90), n_threads = 1 + kc_int(4),
              any = is_dense ? 1 : 3;
    const CaActs x = kc_acts(2, c, h, w, kc_int(any)),
                 y = kc_acts(one_image ? 1 : 2, c, h, w, kc_int(is_dense ? 1 : 2));
    const CaActs image = kc_acts(2, c, 1, 1, kc_int(2)),
                 dirty = kc_acts_dirty(2, c, h, w, kc_int(any));
    const CaActs start = kc_acts(2, c, h, w, 0), out = in_place ? x : dirty;
    const float *scale = kc_floats((size_t)c);
    const CaChain chain = {
        5,
        {{.op = CA_CHAIN_MUL, .operand = CA_OPERAND_CHANNEL, .y = scale},
         {.op = CA_CHAIN_ADD, .operand = CA_OPERAND_ACTS, .acts = &y},
         {.op = CA_CHAIN_RELU},
         {.op = CA_CHAIN_MAX, .operand = CA_OPERAND_ACTS, .acts = &image},
         {.op = CA_CHAIN_SUB, .operand = CA_OPERAND_SCALAR, .a = 0.375f}},
    };

    kc_case("blocked chain on %dx%dx%d%s%s", c, h, w, in_place ? ", in place" : "",
            one_image ? ", one image for all" : "");
    e->run(&(CaChain){0}, &start, &x, 0, 1);
    for (int t = 0; t < n_threads; t++)
        e->run(&chain, &out, &x, t, n_threads);
    for (int n = 0; n < 2; n++)
        for (int i = 0; i < c * h * w; i++) {
            const int ch = i / (h * w), yy = i / w % h, xx = i % w;
            const float want =
                plain_chain(*kc_acts_cell(&start, n, ch, yy, xx), scale[ch],
                            *kc_acts_cell(&y, one_image ? 0 : n, ch, yy, xx),
                            *kc_acts_cell(&image, n, ch, 0, 0), 0.375f);
            kc_close("cell", (size_t)i, (double)*kc_acts_cell(&out, n, ch, yy, xx),
                     (double)want, 0);
        }
    kc_acts_sealed(&out);
    kc_free();
}

/* Any of scale, shift and bounds in this order, with what surrounds them: more than one are one pass of the kernel. */
static int fold_steps(CaStep *steps, const float *vectors, int c)
{
    int n = 0;
    if (kc_int(4) == 0)
        steps[n++] = (CaStep){.op = CA_CHAIN_NEG};
    for (int i = 0; i < 2; i++)
        if (kc_int(3)) {
            const bool by_channel = kc_int(2) != 0;
            steps[n++] =
                (CaStep){.op = i ? CA_CHAIN_ADD : CA_CHAIN_MUL,
                         .operand = by_channel ? CA_OPERAND_CHANNEL : CA_OPERAND_SCALAR,
                         .a = i ? -0.25f : 1.75f,
                         .y = by_channel ? vectors + i * c : NULL};
        }
    if (kc_int(3))
        steps[n++] = kc_int(2) ? (CaStep){.op = CA_CHAIN_RELU}
                               : (CaStep){.op = CA_CHAIN_CLAMP, .a = -0.5f, .b = 2};
    if (kc_int(4) == 0)
        steps[n++] = (CaStep){.op = CA_CHAIN_ABS};
    return n;
}

/* Bit for bit what its steps give one by one, NaN, infinities and the sign of zero included. */
static void check_fold(const CaEltwise *e)
{
    const int c = kc_int(2) ? 16 * (1 + kc_int(4)) : 1 + kc_int(60), h = 1 + kc_int(3),
              w = kc_int(3) ? 1 + kc_int(70) : 250 + kc_int(300), halo = kc_int(2),
              n_threads = 1 + kc_int(4);
    const size_t size = (size_t)(c * h * w);
    const CaActs x = kc_acts(1, c, h, w, halo), out = kc_acts_dirty(1, c, h, w, halo),
                 one = kc_acts_dirty(1, c, h, w, halo);
    const float *vectors = kc_floats(2 * (size_t)c);
    float *px = kc_floats(size), *po = kc_floats(size), *pone = kc_floats(size);
    CaChain chain = {0};

    kc_case("fold on %dx%dx%d, halo %d", c, h, w, halo);
    chain.n_steps = fold_steps(chain.steps, vectors, c);
    for (int i = 0; i < (int)size; i++)
        px[i] = *kc_acts_cell(&x, 0, i / (h * w), i / w % h, i % w) =
            number(CA_CHAIN_ADD, i);
    for (int t = 0; t < n_threads; t++) {
        e->run(&chain, &out, &x, t, n_threads);
        e->run_plain(&chain, po, px, 1, c, h * w, t, n_threads);
    }
    e->run(&(CaChain){0}, &one, &x, 0, 1);
    e->run_plain(&(CaChain){0}, pone, px, 1, c, h * w, 0, 1);
    for (int k = 0; k < chain.n_steps; k++) {
        const CaChain step = {1, {chain.steps[k]}};
        e->run(&step, &one, &one, 0, 1);
        e->run_plain(&step, pone, pone, 1, c, h * w, 0, 1);
    }
    for (int i = 0; i < (int)size; i++)
        kc_true(memcmp(kc_acts_cell(&out, 0, i / (h * w), i / w % h, i % w),
                       kc_acts_cell(&one, 0, i / (h * w), i / w % h, i % w),
                       sizeof(float)) == 0,
                "blocked cell");
    kc_true(memcmp(po, pone, size * sizeof *po) == 0, "plain numbers");
    kc_acts_sealed(&out);
    kc_free();
}

static void check_plain(const CaEltwise *e, int inner)
{
    const int n = 2, c = 1 + kc_int(40), n_threads = 1 + kc_int(4);
    const size_t size = (size_t)n * (size_t)c * (size_t)inner;
    float *x = kc_floats(size), *start = kc_floats(size), *scale = kc_floats((size_t)c),
          *y = kc_floats(size);
    const CaChain chain = {
        4,
        {{.op = CA_CHAIN_MUL, .operand = CA_OPERAND_CHANNEL, .y = scale},
         {.op = CA_CHAIN_ADD, .operand = CA_OPERAND_PLAIN, .y = y},
         {.op = CA_CHAIN_RELU},
         {.op = CA_CHAIN_SUB, .operand = CA_OPERAND_SCALAR, .a = 0.375f}},
    };

    kc_case("plain chain on %dx%dx%d in place", n, c, inner);
    memcpy(start, x, size * sizeof(float));
    for (int t = 0; t < n_threads; t++)
        e->run_plain(&chain, x, x, n, c, inner, t, n_threads);
    for (size_t i = 0; i < size; i++)
        kc_close("x", i, (double)x[i],
                 (double)plain_chain(start[i], scale[i / (size_t)inner % (size_t)c], y[i],
                                     -1, 0.375f),
                 0);
    kc_free();
}

/* The level by the formula in double; its neighbour is right too where the value before rounding
 * is as close to a half as its three roundings reach. */
static void check_quantized(size_t at, double got, double x, const double r[4],
                            int levels)
{
    const double top = levels - 1, lo = fmin(r[0], r[1]), hi = fmax(r[0], r[1]);
    const double raw = (x - r[0]) / (r[1] - r[0]) * top;
    const double slack = 6 * u * (fabs(r[2]) + fabs(r[3]));
    const double reach = 6 * u * (fabs(raw) + 1), level = rint(raw);
    double want = level / top * (r[3] - r[2]) + r[2];

    if (isnan(x) || x <= lo || x > hi)
        want = isnan(x) ? x : x <= lo ? r[2] : r[3];
    else if (fabs(fabs(raw - level) - 0.5) <= reach && fabs(got - want) > slack)
        want = (level + (raw > level ? 1 : -1)) / top * (r[3] - r[2]) + r[2];
    kc_close("quantized", at, got, want, slack);
}

static void check_fake_quantize(const CaEltwise *e, bool per_channel, bool blocked)
{
    const int c = 1 + kc_int(35), s = 1 + kc_int(40),
              levels = kc_int(2) ? 256 : 2 + kc_int(20);
    const CaActs x = kc_acts(1, c, 1, s, 0), out = kc_acts_dirty(1, c, 1, s, 1);
    float *px = kc_floats((size_t)(c * s)), *po = kc_floats((size_t)(c * s)), *r[4];
    CaChain chain = {1, {{.op = CA_CHAIN_FAKE_QUANTIZE, .levels = levels}}};

    kc_case("fake quantize, %d levels, %dx%d, %d %d", levels, c, s, per_channel, blocked);
    for (int i = 0; i < 4; i++)
        chain.steps[0].range[i] = r[i] = kc_floats(per_channel ? (size_t)c : 1);
    for (int i = 0; i < (per_channel ? c : 1); i++)
        r[1][i] += r[1][i] < r[0][i] ? -0.25f : 0.25f; /* reversed ranges too */
    chain.steps[0].operand = per_channel ? CA_OPERAND_CHANNEL : CA_OPERAND_SCALAR;
    for (int i = 0; i < c * s; i++) {
        const int k = per_channel ? i / s : 0;
        if (i % 7 < 2)
            px[i] = r[i % 7][k];
        else if (i % 7 == 2)
            px[i] = NAN;
        *kc_acts_cell(&x, 0, i / s, 0, i % s) = px[i];
    }
    if (blocked)
        e->run(&chain, &out, &x, 0, 1);
    else
        e->run_plain(&chain, po, px, 1, c, s, 0, 1);
    for (int i = 0; i < c * s; i++) {
        const int k = per_channel ? i / s : 0;
        const double range[4] = {(double)r[0][k], (double)r[1][k], (double)r[2][k],
                                 (double)r[3][k]};
        const float got = blocked ? *kc_acts_cell(&out, 0, i / s, 0, i % s) : po[i];
        check_quantized((size_t)i, (double)got, (double)px[i], range, levels);
    }
    if (blocked)
        kc_acts_sealed(&out);
    kc_free();
}

static void check_broadcast(const CaEltwise *e, CaChainOp op)
{
    int64_t da[8], db[8], dims[8], n = 1, na = 1, nb = 1;
    const int rank = 1 + kc_int(6), a_rank = 1 + kc_int(rank), n_threads = 1 + kc_int(4);
    CaBroadcast plan;

    for (int i = 0; i < rank; i++) {
        dims[i] = 1 + kc_int(i == rank - 1 ? 40 : 4);
        db[i] = kc_int(3) ? dims[i] : 1;
        da[i] = db[i] == 1 || kc_int(3) ? dims[i] : 1;
        if (i < rank - a_rank)
            db[i] = dims[i];
        else
            na *= da[i];
        nb *= db[i];
        n *= dims[i];
    }
    const float *a = kc_floats((size_t)na), *b = kc_floats((size_t)nb);
    float *out = kc_floats((size_t)n);
    kc_case("%s broadcast, rank %d and %d", ops[op].name, a_rank, rank);
    kc_true(ca_broadcast_plan(&plan, a_rank, da + rank - a_rank, rank, db),
            "plan refused");
    for (int t = 0; t < n_threads; t++)
        e->binary(&plan, op, out, a, b, t, n_threads);
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = i, ia = 0, ib = 0, sa = 1, sb = 1;
        for (int k = rank - 1; k >= 0; rest /= dims[k], k--) {
            const int64_t at = rest % dims[k];
            ib += (db[k] == 1 ? 0 : at) * sb;
            sb *= db[k];
            if (k < rank - a_rank)
                continue;
            ia += (da[k] == 1 ? 0 : at) * sa;
            sa *= da[k];
        }
        check_number(op, (size_t)i, out[i], a[ia], b[ib], 0, 0);
    }
    kc_free();
}

static void check_refusals(void)
{
    static const int64_t two[] = {2, 3}, other[] = {2, 2}, none[] = {2, 0},
                         huge[] = {INT64_MAX / 2, 4};
    CaBroadcast p;

    kc_case("broadcast plans");
    kc_true(!ca_broadcast_plan(&p, 2, two, 2, other), "3 against 2");
    kc_true(!ca_broadcast_plan(&p, 2, two, 2, none), "3 against 0");
    kc_true(!ca_broadcast_plan(&p, 2, huge, 2, huge), "overflow");
    kc_true(!ca_broadcast_plan(&p, 9, huge, 2, two), "rank 9");
    kc_true(ca_broadcast_plan(&p, 2, none, 0, NULL) && p.n_rows == 0, "empty");
    kc_true(ca_broadcast_plan(&p, 2, two, 2, two) && p.rank == 1 && p.dims[0] == 6,
            "merged");
}

void kcheck_eltwise(void);
void kcheck_eltwise(void)
{
    KC_EACH_KERNEL(e, ca_eltwise_kernels) {
        for (int op = 0; op < CA_N_CHAIN_OPS; op++)
            if (op != CA_CHAIN_FAKE_QUANTIZE)
                check_op(e, (CaChainOp)op);
        check_square(e);
        for (int i = 0; i < 24; i++)
            check_blocked(e, i % 2 == 1, i % 3 == 0, i % 5 < 2);
        for (int i = 0; i < 60; i++)
            check_fold(e);
        for (int i = 0; i < 8; i++)
            check_plain(e, i < 3 ? 1 : 1 + kc_int(1200));
        for (int i = 0; i < 40; i++)
            check_fake_quantize(e, i % 2 == 1, i % 4 < 2);
        for (int i = 0; i < 60; i++)
            check_broadcast(e, (CaChainOp)(i % CA_CHAIN_FAKE_QUANTIZE));
        check_refusals();
    }
}
