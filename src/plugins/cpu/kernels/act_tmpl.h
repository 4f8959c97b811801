/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The activations of act.h as inline functions of one vector; include it after simd_<isa>.h.
 *
 * u below is half an ulp, 2^-24; errors are relative. Where an exponential becomes subnormal
 * (left tails of sigmoid, Mish, GELU tanh) the bound is |x| times 2^-149 instead.
 * GELU tanh also counts the rounding of sigmoid's argument, |argument| times u each.
 * The plain C vf32_fma rounds twice: there GELU erf loses x^2 u / 2 and HardSigmoid's bound is
 * absolute, u (|a x| + |b|). Functions are written so that nothing else cancels.
 * vf32_max(a, b) is a > b ? a : b, so NaN survives where the constant stands first.
 */
#ifndef CA_CPU_ACT_TMPL_H
#define CA_CPU_ACT_TMPL_H

#include "act.h"

/* exp(r) - 1 for |r| <= ln 2 / 2: Taylor to r^7, the rest is below 1.5e-8 = u / 4 of the result. */
CA_INLINE vf32 vf32_expm1_small(vf32 r)
{
    vf32 p = vf32_set1(1.0f / 5040);
    p = vf32_fma(p, r, vf32_set1(1.0f / 720));
    p = vf32_fma(p, r, vf32_set1(1.0f / 120));
    p = vf32_fma(p, r, vf32_set1(1.0f / 24));
    p = vf32_fma(p, r, vf32_set1(1.0f / 6));
    p = vf32_fma(p, r, vf32_set1(0.5f));
    return vf32_fma(vf32_mul(r, r), p, r);
}

/* x = n ln 2 + r. ln 2 in two parts, the first of 15 bits, so that n times it is exact. */
CA_INLINE vf32 vf32_reduce_ln2(vf32 x, vf32 *r)
{
    const vf32 n = vf32_round(vf32_mul(x, vf32_set1(0x1.715476p+0f)));
    *r = vf32_fma(n, vf32_set1(-0x1.62e4p-1f), x);
    *r = vf32_fma(n, vf32_set1(-0x1.7f7d1cp-20f), *r);
    return n;
}

/* exp(x) for -104 <= x <= 89, 2u + 1u of the polynomial. n reaches from -150 to 128, so results become subnormal,
 * zero or infinite where they should. */
CA_INLINE vf32 vf32_exp_within(vf32 x)
{
    vf32 r;
    const vf32 n = vf32_reduce_ln2(x, &r);
    return vf32_scale(vf32_add(vf32_expm1_small(r), vf32_set1(1)), n);
}

CA_INLINE vf32 vf32_exp(vf32 x)
{
    return vf32_exp_within(vf32_min(vf32_set1(89), vf32_max(vf32_set1(-104), x)));
}

/* The same for x <= 0. */
CA_INLINE vf32 vf32_exp_neg(vf32 x)
{
    return vf32_exp_within(vf32_max(vf32_set1(-104), x));
}

/* exp(x) - 1 for x <= 0, 4u: 2^n (p + 1) - 1 = 2^n p + (2^n - 1), and 2^n - 1 is exact. */
CA_INLINE vf32 vf32_expm1_neg(vf32 x)
{
    const vf32 y = vf32_max(vf32_set1(-20), x); /* exp(-20) is below u */
    vf32 r;
    const vf32 n = vf32_reduce_ln2(y, &r);
    const vf32 s = vf32_pow2(n);
    return vf32_fma(vf32_expm1_small(r), s, vf32_sub(s, vf32_set1(1)));
}

/* 4u. With e = exp(-|x|): 1 / (1 + e) on the right, e / (1 + e) on the left. */
CA_INLINE vf32 vf32_sigmoid(vf32 x)
{
    const vf32 one = vf32_set1(1), zero = vf32_zero();
    const vf32 e = vf32_exp_neg(vf32_minus_abs(x));
    return vf32_div(vf32_select_lt(x, zero, e, one), vf32_add(one, e));
}

/* 2^t for -150 <= t <= 129, 2u: a polynomial of r = t - round(t) that is 1 at 0, by Remez' exchange, its coefficients
 * rounded: u / 4 of the result. One fma's rounding, and 0.35 of the one before. */
CA_INLINE vf32 vf32_exp2_within(vf32 t)
{
    const vf32 n = vf32_round(t), r = vf32_sub(t, n);
    vf32 p = vf32_set1(0x1.41d334p-13f);
    p = vf32_fma(p, r, vf32_set1(0x1.5f456ap-10f));
    p = vf32_fma(p, r, vf32_set1(0x1.3b2dbcp-7f));
    p = vf32_fma(p, r, vf32_set1(0x1.c6aed4p-5f));
    p = vf32_fma(p, r, vf32_set1(0x1.ebfbdap-3f));
    p = vf32_fma(p, r, vf32_set1(0x1.62e430p-1f));
    p = vf32_fma(p, r, vf32_set1(1));
    return vf32_scale(p, n);
}

/* x / (1 + e) with e = exp(-a x) = 2^(c x), c = -a / ln 2: 4u, and |a x| e / (1 + e) times the 2.5u of c x (ln 2's
 * constant 0.5, c 1, the product 1). The shortest of its kind, for it ends every convolution of some networks. Where e
 * overflows the result is 0, by less than |x| 2^-128 too much. */
CA_INLINE vf32 vf32_swish(float a, vf32 x)
{
    const vf32 t = vf32_mul(vf32_set1(a * -0x1.715476p+0f), x);
    const vf32 within = vf32_min(vf32_set1(129), vf32_max(vf32_set1(-150), t));
    return vf32_div(x, vf32_add(vf32_set1(1), vf32_exp2_within(within)));
}

/* 6u. With m = exp(-2|x|) - 1: tanh|x| = -m / (2 + m). */
CA_INLINE vf32 vf32_tanh(vf32 x)
{
    const vf32 a = vf32_abs(x);
    const vf32 m = vf32_expm1_neg(vf32_mul(a, vf32_set1(-2)));
    const vf32 t = vf32_div(m, vf32_add(vf32_set1(2), m));
    return vf32_select_lt(x, vf32_zero(), t, vf32_sub(vf32_zero(), t));
}

/* log(1 + e) for 0 <= e <= 1, 5u: 1 + e is brought to (1/sqrt 2, sqrt 2) as 1 + f, f exact,
 * then 2 atanh(f / (2 + f)); the series is cut where the rest is below 2e-9. */
CA_INLINE vf32 vf32_log1p_unit(vf32 e)
{
    const vf32 limit = vf32_set1(0x1.a8279ap-2f); /* sqrt 2 - 1 */
    const vf32 halved = vf32_mul(vf32_sub(e, vf32_set1(1)), vf32_set1(0.5f));
    const vf32 f = vf32_select_lt(limit, e, halved, e);
    const vf32 k = vf32_select_lt(limit, e, vf32_set1(0x1.62e43p-1f), vf32_zero());
    const vf32 s = vf32_div(f, vf32_add(vf32_set1(2), f)), q = vf32_mul(s, s);
    vf32 p = vf32_set1(2.0f / 9);
    p = vf32_fma(p, q, vf32_set1(2.0f / 7));
    p = vf32_fma(p, q, vf32_set1(2.0f / 5));
    p = vf32_fma(p, q, vf32_set1(2.0f / 3));
    p = vf32_fma(vf32_mul(p, q), s, vf32_add(s, s));
    return vf32_add(k, p);
}

CA_INLINE vf32 vf32_softplus(vf32 x)
{
    const vf32 e = vf32_exp_neg(vf32_minus_abs(x));
    return vf32_add(vf32_max(vf32_zero(), x), vf32_log1p_unit(e));
}

/* erfc(|x| / sqrt 2) / e, where e = exp(-x^2 / 2) as stored in *e. exp(-x^2 / 2) takes the square's rounding error along to first order; (1 + 2z)
 * times the rest is a polynomial in (z - K) / (z + K) (Shepherd and Laframboise 1981), fitted
 * for 0 <= z <= 10.4, where erfc underflows. */
CA_INLINE vf32 vf32_erfc_scaled(vf32 x, vf32 *e)
{
    const vf32 a = vf32_min(vf32_set1(14.7f), vf32_abs(x));
    const vf32 z = vf32_mul(a, vf32_set1(0x1.6a09e6p-1f));
    const vf32 sq = vf32_mul(a, a), half = vf32_set1(-0.5f);
    const vf32 lost = vf32_mul(vf32_fma(a, a, vf32_sub(vf32_zero(), sq)), half);
    *e = vf32_exp_neg(vf32_mul(sq, half));
    const vf32 t = vf32_div(vf32_sub(z, vf32_set1(3.75f)), vf32_add(z, vf32_set1(3.75f)));
    vf32 p = vf32_set1(0x1.1d5ccap-10f);
    p = vf32_fma(p, t, vf32_set1(0x1.2ba800p-9f));
    p = vf32_fma(p, t, vf32_set1(-0x1.45e354p-7f));
    p = vf32_fma(p, t, vf32_set1(0x1.cb8042p-6f));
    p = vf32_fma(p, t, vf32_set1(-0x1.e10978p-5f));
    p = vf32_fma(p, t, vf32_set1(0x1.7a50dep-4f));
    p = vf32_fma(p, t, vf32_set1(-0x1.bd9edcp-4f));
    p = vf32_fma(p, t, vf32_set1(0x1.50fd1ap-4f));
    p = vf32_fma(p, t, vf32_set1(0x1.d5de9ap-9f));
    p = vf32_fma(p, t, vf32_set1(-0x1.1f366ap-3f));
    p = vf32_fma(p, t, vf32_set1(0x1.3ccda0p+0f));
    p = vf32_div(p, vf32_fma(z, vf32_set1(2), vf32_set1(1)));
    return vf32_fma(p, lost, p);
}

/* On the left x enters before e does: e alone is subnormal sooner than the result. */
CA_INLINE vf32 vf32_gelu_erf(vf32 x)
{
    vf32 e;
    const vf32 h = vf32_mul(vf32_erfc_scaled(x, &e), vf32_set1(0.5f));
    const vf32 left = vf32_mul(vf32_mul(x, h), e);
    const vf32 right = vf32_mul(x, vf32_sub(vf32_set1(1), vf32_mul(h, e)));
    return vf32_select_lt(x, vf32_zero(), left, right);
}

/* x * sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)). The argument's rounding counts |argument| times. */
CA_INLINE vf32 vf32_gelu_tanh(vf32 x)
{
    const vf32 sq = vf32_mul(x, x);
    const vf32 q = vf32_fma(sq, vf32_set1(0.071354816f), vf32_set1(1.5957692f));
    return vf32_mul(x, vf32_sigmoid(vf32_mul(x, q)));
}

/* With e = exp(x): x (e^2 + 2e) / (e^2 + 2e + 2), which is x from 20 on. */
CA_INLINE vf32 vf32_mish(vf32 x)
{
    const vf32 e = vf32_exp(vf32_min(vf32_set1(20), x));
    const vf32 q = vf32_mul(e, vf32_add(e, vf32_set1(2)));
    return vf32_mul(x, vf32_div(q, vf32_add(q, vf32_set1(2))));
}

CA_INLINE vf32 vf32_hswish(vf32 x)
{
    const vf32 three = vf32_set1(3), six = vf32_set1(6);
    const vf32 r = vf32_min(six, vf32_max(vf32_zero(), vf32_add(x, three)));
    /* x * r may overflow. A sixth as a number is half u too large; six of it are 1 again. */
    return vf32_mul(x, vf32_mul(r, vf32_set1(1.0f / 6)));
}

CA_INLINE vf32 vf32_act(const CaAct *act, vf32 x)
{
    const vf32 a = vf32_set1(act->a), b = vf32_set1(act->b), zero = vf32_zero();
    switch (act->kind) {
    case CA_ACT_RELU: return vf32_max(zero, x);
    case CA_ACT_CLAMP: return vf32_min(b, vf32_max(a, x));
    case CA_ACT_LEAKY: return vf32_select_lt(x, zero, vf32_mul(a, x), x);
    case CA_ACT_SIGMOID: return vf32_sigmoid(x);
    case CA_ACT_TANH: return vf32_tanh(x);
    case CA_ACT_GELU_ERF: return vf32_gelu_erf(x);
    case CA_ACT_GELU_TANH: return vf32_gelu_tanh(x);
    case CA_ACT_SWISH: return vf32_swish(act->a, x);
    case CA_ACT_HSWISH: return vf32_hswish(x);
    case CA_ACT_HSIGMOID:
        return vf32_min(vf32_set1(1), vf32_max(zero, vf32_fma(a, x, b)));
    case CA_ACT_ELU: return vf32_select_lt(x, zero, vf32_mul(a, vf32_expm1_neg(x)), x);
    case CA_ACT_MISH: return vf32_mish(x);
    case CA_ACT_SOFTPLUS: return vf32_softplus(x);
    case CA_ACT_EXP: return vf32_exp(x);
    case CA_ACT_NONE:
    case CA_N_ACTS: break;
    }
    return x;
}

#endif
