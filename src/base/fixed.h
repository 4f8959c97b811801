/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed-point factors as TensorFlow Lite multiplies by them: mantissa * 2^(exponent - 31), the mantissa of 31 bits.
 *
 * Its kernels round in three ways; models count on the very bits, so each has its function. What is multiplied is a
 * sum of int32 (of 47 bits: short); what does not fit is held at the ends, where theirs would overflow.
 */
#ifndef CA_BASE_FIXED_H
#define CA_BASE_FIXED_H

#include <math.h>
#include <stdint.h>

typedef struct CaFixed {
    int32_t mantissa;
    int32_t exponent;
} CaFixed;

enum { CA_FIXED_LOWEST_EXPONENT = -31, CA_FIXED_HIGHEST_EXPONENT = 30 };

/* The factor next to x >= 0; 0 where that is below 2^-32. */
static inline CaFixed ca_fixed_of(double x)
{
    int exponent = 0;
    int64_t mantissa = 0;
    if (!(x > 0 && x < 0x1p30))
        return (CaFixed){0, 0};
    mantissa = (int64_t)round(frexp(x, &exponent) * 0x1p31);
    if (mantissa == INT64_C(1) << 31) {
        mantissa /= 2;
        exponent++;
    }
    return exponent < CA_FIXED_LOWEST_EXPONENT ? (CaFixed){0, 0}
                                               : (CaFixed){(int32_t)mantissa, exponent};
}

static inline int64_t ca_fixed_held(int64_t x, int64_t most)
{
    return x < -most - 1 ? -most - 1 : x > most ? most : x;
}

/* The high half of twice the product of two int32, halves up. */
static inline int64_t ca_fixed_high(int64_t a, int64_t b)
{
    const int64_t product = a * b;
    const int64_t nudge = product >= 0 ? INT64_C(1) << 30 : 1 - (INT64_C(1) << 30);
    return (product + nudge) / (INT64_C(1) << 31);
}

/* x * 2^n, held within int32. */
static inline int64_t ca_fixed_left(int64_t x, int n)
{
    return ca_fixed_held(x * (INT64_C(1) << n), INT32_MAX);
}

/* x / 2^n, halves away from zero. */
static inline int64_t ca_fixed_right(int64_t x, int n)
{
    const int64_t mask = (INT64_C(1) << n) - 1;
    return (x >> n) + ((x & mask) > (mask >> 1) + (x < 0));
}

/* Rounded twice: the high half of the product, then the shift. */
static inline int64_t ca_fixed_twice(int64_t x, CaFixed f)
{
    const int left = f.exponent > 0 ? f.exponent : 0;
    const int64_t shifted =
        ca_fixed_held(ca_fixed_held(x, INT32_MAX) * (INT64_C(1) << left), INT32_MAX);
    return ca_fixed_right(ca_fixed_high(shifted, f.mantissa), left - f.exponent);
}

/* Rounded once, halves away from zero. */
static inline int64_t ca_fixed_once(int64_t x, CaFixed f)
{
    const int shift = 31 - f.exponent;
    const int64_t product = ca_fixed_held(x, INT32_MAX) * f.mantissa;
    return (product + (INT64_C(1) << (shift - 1)) - (product < 0)) >> shift;
}

/* Sums of 16-bit products: the mantissa cut to 15 bits, rounded once. */
static inline int64_t ca_fixed_short(int64_t x, CaFixed f)
{
    const int shift = 15 - (f.exponent > 14 ? 14 : f.exponent);
    const int64_t mantissa =
        f.mantissa < 0x7fff0000 ? (f.mantissa + (1 << 15)) >> 16 : 0x7fff;
    const int64_t product = ca_fixed_held(x, (INT64_C(1) << 47) - 1) * mantissa;
    return (product + (INT64_C(1) << (shift - 1))) >> shift;
}

typedef enum CaFixedRounding {
    CA_FIXED_TWICE,
    CA_FIXED_ONCE,
    CA_FIXED_SHORT
} CaFixedRounding;

static inline int64_t ca_fixed_times(CaFixedRounding how, int64_t x, CaFixed f)
{
    switch (how) {
    case CA_FIXED_TWICE: break;
    case CA_FIXED_ONCE: return ca_fixed_once(x, f);
    case CA_FIXED_SHORT: return ca_fixed_short(x, f);
    }
    return ca_fixed_twice(x, f);
}

#endif
