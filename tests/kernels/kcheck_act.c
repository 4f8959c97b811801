/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The activations that kernels end with: each against its definition in double, over the whole range
 * and at the edges, within the error that act_tmpl.h claims.
 */
#include "kcheck_act.h"

#include "base/cpu.h"
#include "kcheck.h"

#include <float.h>
#include <math.h>

typedef struct {
    const char *name;
    uint32_t needs;
    void (*run)(const CaAct *act, float *y, const float *x, int n);
} Row;

static const Row rows[] = {
#if defined(__x86_64__)
    {"act_avx512", CA_CPU_AVX512, kc_act_avx512},
    {"act_avx2", CA_CPU_AVX2 | CA_CPU_FMA, kc_act_avx2},
#elif defined(__aarch64__)
    {"act_neon", CA_CPU_NEON, kc_act_neon},
#endif
    {"act_ref", 0, kc_act_ref},
};

static const double u = 0.5 * FLT_EPSILON;

static double sigmoid(double x)
{
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static double gelu_argument(double x)
{
    return 2 * sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x);
}

static double limit(double x, double lo, double hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

static double value(const CaAct *act, double x)
{
    const double a = (double)act->a, b = (double)act->b;

    switch (act->kind) {
    case CA_ACT_RELU: return x < 0 ? 0 : x;
    case CA_ACT_CLAMP: return limit(x, a, b);
    case CA_ACT_LEAKY: return x < 0 ? a * x : x;
    case CA_ACT_SIGMOID: return sigmoid(x);
    case CA_ACT_TANH: return tanh(x);
    case CA_ACT_GELU_ERF: return 0.5 * x * erfc(-x * sqrt(0.5));
    case CA_ACT_GELU_TANH: return x * sigmoid(gelu_argument(x));
    case CA_ACT_SWISH: return x * sigmoid(a * x);
    case CA_ACT_HSWISH: return x * limit(x + 3, 0, 6) / 6;
    case CA_ACT_HSIGMOID: return limit(a * x + b, 0, 1);
    case CA_ACT_ELU: return x < 0 ? a * expm1(x) : x;
    case CA_ACT_MISH: return x * tanh(x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)));
    case CA_ACT_SOFTPLUS: return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
    case CA_ACT_EXP: return exp(x);
    case CA_ACT_NONE:
    case CA_N_ACTS: break;
    }
    return x;
}

/* Roundings of the result, in u: counted along act_tmpl.h, each operation 1 and exp 3, where the
 * derivative passes an error on at most as it is. fused: fma rounds once. */
static double roundings(const CaAct *act, double x, bool fused)
{
    switch (act->kind) {
    case CA_ACT_LEAKY: return 1;
    case CA_ACT_SIGMOID: return 4;
    case CA_ACT_TANH: return 6;
    /* z 2, 1 + 2z 1, polynomial and its argument 3, quotient 1, lost 1, exp 3, products 2, fit 1 */
    case CA_ACT_GELU_ERF: return 14 + (fused ? 0 : x * x / 2);
    case CA_ACT_GELU_TANH: /* the argument: two constants, square, sum, product */
        return 5 + (fused ? 5 : 6) * fabs(gelu_argument(x)) * sigmoid(-gelu_argument(x));
    case CA_ACT_SWISH: {
        const double argument = (double)act->a * x;
        return 4 + 2.5 * fabs(argument) * sigmoid(-argument);
    }
    case CA_ACT_HSWISH: return 3.5; /* x + 3, 1 / 6, two products */
    case CA_ACT_ELU: return 5;
    case CA_ACT_MISH:
        return 11; /* exp twice in e (e + 2), 2 there, quotient 2, product 1 */
    case CA_ACT_SOFTPLUS: return 9; /* exp 3, log1p 5, sum 1 */
    case CA_ACT_EXP: return 3;
    case CA_ACT_HSIGMOID: /* absolute, below */
    case CA_ACT_NONE:
    case CA_ACT_RELU:
    case CA_ACT_CLAMP:
    case CA_N_ACTS: break;
    }
    return 0;
}

/* What does not shrink with the result: subnormal exponentials, times x where x multiplies them. */
static double absolute(const CaAct *act, double x)
{
    switch (act->kind) {
    case CA_ACT_GELU_ERF:
    case CA_ACT_GELU_TANH:
    case CA_ACT_MISH: return 0x1p-148 * (1 + fabs(x));
    case CA_ACT_SWISH: return 0x1p-148 + 0x1p-128 * fabs(x);
    case CA_ACT_SIGMOID:
    case CA_ACT_SOFTPLUS:
    case CA_ACT_TANH:
    case CA_ACT_ELU:
    case CA_ACT_EXP:
    case CA_ACT_LEAKY:
    case CA_ACT_HSWISH: return 0x1p-148;
    case CA_ACT_HSIGMOID:
        return u * (2 * fabs((double)act->a * x) + fabs((double)act->b));
    case CA_ACT_NONE:
    case CA_ACT_RELU:
    case CA_ACT_CLAMP:
    case CA_N_ACTS: break;
    }
    return 0;
}

static void check(const Row *row, const CaAct *act, const float *x, int n)
{
    float *y = kc_zeros((size_t)n);

    row->run(act, y, x, n);
    for (int i = 0; i < n; i++) {
        const double at = (double)x[i], exact = value(act, at);
        const double want =
            fabs(exact) > (double)FLT_MAX ? copysign(INFINITY, exact) : exact;
        if (isnan(at))
            kc_true(isnan(y[i]) != 0, "NaN was lost");
        else if (!isnan(want)) { /* 0 * inf: either is right */
            const double slack =
                isinf(want) ? 0 : u * roundings(act, at, row->needs) * fabs(want);
            kc_case("act %d of %.9g", (int)act->kind, at);
            kc_close("y", (size_t)i, (double)y[i], want, slack + absolute(act, at));
        }
    }
}

static void check_kind(const Row *row, CaActKind kind)
{
    static const float edges[] = {
        0,        -0.0f,     1,      -1,      3,      -3,      6,       87.5f,
        -87.5f,   88.8f,     -88.8f, 104,     -104,   -103.5f, 200,     -200,
        1e-30f,   -1e-30f,   1e-40f, -1e-40f, 1e10f,  -1e10f,  FLT_MAX, -FLT_MAX,
        INFINITY, -INFINITY, NAN,    -14.6f,  -14.8f, 14.8f,   20,      20.5f};
    enum { N_EDGES = sizeof edges / sizeof *edges };
    /* Clamp's a must be below its b. */
    const CaAct act = {kind, kind == CA_ACT_CLAMP ? -1 : 0.75f, 0.5f};

    check(row, &act, edges, N_EDGES);
    for (int round = 0; round < 100; round++) {
        const int n = 1 + kc_int(70);
        float *x = kc_floats((size_t)n);
        for (int i = 0; i < n; i++)
            x[i] *= ldexpf(1, kc_int(16) - 8);
        check(row, &act, x, n);
        kc_free();
    }
    kc_free();
}

void kcheck_act(void);
void kcheck_act(void)
{
    KC_EACH_KERNEL(row, rows) {
        for (int kind = 0; kind < CA_N_ACTS; kind++)
            check_kind(row, (CaActKind)kind);
    }
}
