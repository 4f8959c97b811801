/* SPDX-License-Identifier: Apache-2.0 */
/* Newton's method in fixed point. Numbers with n integer bits have 31 - n behind the point. */
#include "base/fixed_inverse.h"

int ca_fixed_leading_zeros(uint32_t x)
{
    int n = 0;
    while (n < 32 && !(x & (UINT32_C(1) << (31 - n))))
        n++;
    return n;
}

/* With 3 integer bits, from 1: x = 1.5 x - a / 2 * x^3, five times. */
CaFixed ca_fixed_inverse_root(int32_t x)
{
    enum { HALF_THREE = (1 << 28) + (1 << 27), HALF_ROOT_2 = 1518500250 };
    int shift = 11;
    if (x < 2)
        return (CaFixed){INT32_MAX, 0};
    while (x >= 1 << 29) {
        x /= 4;
        shift++;
    }
    const int pairs = (ca_fixed_leading_zeros((uint32_t)x) - 1) / 2 - 1;
    const int64_t a = (int64_t)x << (2 * pairs) >> 1, half = ca_fixed_right(a, 1);
    int64_t y = 1 << 28;
    shift -= pairs;
    for (int i = 0; i < 5; i++) {
        const int64_t cube = ca_fixed_left(ca_fixed_high(ca_fixed_high(y, y), y), 6);
        y = ca_fixed_left(ca_fixed_high(HALF_THREE, y) - ca_fixed_high(half, cube), 3);
    }
    y = ca_fixed_high(y, HALF_ROOT_2);
    if (shift < 0) {
        y = ca_fixed_held(y * (INT64_C(1) << -shift), INT32_MAX);
        shift = 0;
    }
    return (CaFixed){(int32_t)y, -shift};
}

/* With 2 integer bits from 48/17 - 32/17 d, d = (1 + a) / 2. */
int64_t ca_fixed_one_over_one_plus(int64_t a)
{
    enum { FIRST = 1515870810, SLOPE = -1010580540, ONE = 1 << 29 };
    const int64_t d = (a + INT32_MAX + 1) / 2;
    int64_t x = FIRST + ca_fixed_high(d, SLOPE);
    for (int i = 0; i < 3; i++)
        x += ca_fixed_left(ca_fixed_high(x, ONE - ca_fixed_high(d, x)), 2);
    return ca_fixed_left(x, 1);
}

int64_t ca_fixed_quotient(int32_t a, int32_t b, CaFixed f)
{
    int64_t x = a, y = b;
    if (y == 0)
        return 0;
    if (y < 0) {
        x = -x;
        y = -y;
    }
    const int zeros = ca_fixed_leading_zeros((uint32_t)y);
    const int64_t inverse =
        ca_fixed_one_over_one_plus((int64_t)((uint64_t)y << zeros) - (INT64_C(1) << 31));
    const int room = ca_fixed_leading_zeros((uint32_t)(x < 0 ? ~x : x)) - 1;
    const int64_t quotient = ca_fixed_high(x * (INT64_C(1) << room), inverse);
    const int shift = f.exponent - (31 - zeros) - room;
    const int64_t high = ca_fixed_high(quotient, f.mantissa);
    return shift > 0     ? ca_fixed_held(high * (INT64_C(1) << (shift < 31 ? shift : 31)),
                                         INT32_MAX)
           : shift < -31 ? 0
                         : ca_fixed_right(high, -shift);
}
