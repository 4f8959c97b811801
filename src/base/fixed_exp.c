/* SPDX-License-Identifier: Apache-2.0 */
/* Constants have 31 bits behind the point where nothing else is said. */
#include "base/fixed_exp.h"

#include "base/fixed_inverse.h"

/* From -1/4 to 0: the series of exp to the fourth power around -1/8. */
static int64_t exp_near_0(int64_t a)
{
    enum { EXP_EIGHTH = 1895147668, THIRD = 715827883 };
    const int64_t x = a + (1 << 28), x2 = ca_fixed_high(x, x), x3 = ca_fixed_high(x2, x),
                  x4 = ca_fixed_high(x2, x2);
    const int64_t more =
        ca_fixed_right(ca_fixed_high(ca_fixed_right(x4, 2) + x3, THIRD) + x2, 1);
    return EXP_EIGHTH + ca_fixed_high(EXP_EIGHTH, x + more);
}

int64_t ca_fixed_exp(int64_t x)
{
    /* exp of -1/4, -1/2, -1 ... -16 */
    static const int32_t powers[] = {1672461947, 1302514674, 790015084, 290630308,
                                     39332535,   720401,     242};
    enum { QUARTER = 1 << 24 };
    if (x == 0)
        return INT32_MAX;
    const int64_t part = (x & (QUARTER - 1)) - QUARTER, rest = part - x;
    int64_t y = exp_near_0(ca_fixed_left(part, 5));
    for (int i = 0; i < 7; i++)
        if (rest >> (24 + i) & 1)
            y = ca_fixed_high(y, powers[i]);
    return y;
}

/* The quotient of polynomials near 1, r in [1/2, 1) around the root of the root of 1/2; 25 bits behind the point. */
static int64_t log_near_1(int64_t r)
{
    enum {
        MIDDLE = 1805811301,
        ALPHA_N = 117049297,
        ALPHA_D = 127690142,
        ALPHA_I = 1057819769,
        ALPHA_F = 638450708
    };
    const int64_t p = (r + MIDDLE + 1) / 2, q = 2 * (r - MIDDLE),
                  q2 = ca_fixed_high(q, q);
    const int64_t over =
        ca_fixed_high(q, r) + ca_fixed_high(ca_fixed_high(q, q2), ALPHA_N);
    const int64_t under = ca_fixed_high(p, ALPHA_I + q + ca_fixed_high(ALPHA_D, q2)) +
                          ca_fixed_high(ALPHA_F, q);
    return ca_fixed_high(ca_fixed_right(over, 6), ca_fixed_one_over_one_plus(under));
}

int64_t ca_fixed_log(int64_t x)
{
    enum { LOG_2 = 1488522236, ROOT_HALF = 1518500250, QUARTER = 1 << 23, BITS = 12 };
    const int zeros = ca_fixed_leading_zeros((uint32_t)x);
    const int64_t a =
        ca_fixed_left(ca_fixed_high(ca_fixed_left(x, zeros - 1), ROOT_HALF), 1);
    const int64_t power_a =
        ca_fixed_held(ca_fixed_left(BITS - zeros, 25) + QUARTER, INT32_MAX);
    const int room = ca_fixed_leading_zeros((uint32_t)ca_fixed_high(x, ROOT_HALF)) - 1;
    const int64_t b = ca_fixed_left(x, room),
                  power_b =
                      ca_fixed_held(ca_fixed_left(BITS - room, 25) - QUARTER, INT32_MAX);
    const int64_t power = power_a > power_b ? power_a : power_b;
    return ca_fixed_left(ca_fixed_high(power, LOG_2) + log_near_1(a < b ? a : b), 1);
}

void ca_fixed_exps(int32_t exps[256], CaFixed f)
{
    const int64_t most = (int64_t)floor(ldexp(31, 26 - f.exponent));
    for (int i = 0; i < 256; i++)
        exps[i] = i <= most ? (int32_t)ca_fixed_exp(ca_fixed_twice(-i, f)) : 0;
}

CaFixedShare ca_fixed_share_of(int64_t sum)
{
    const int64_t held = ca_fixed_held(sum, INT32_MAX);
    const int zeros = ca_fixed_leading_zeros((uint32_t)held);
    return (CaFixedShare){
        ca_fixed_one_over_one_plus((held << zeros) - (INT64_C(1) << 31)), 35 - zeros};
}
