/* SPDX-License-Identifier: Apache-2.0 */
/*
 * f16 and bf16 in plain C, exact.
 */
#include "base/half.h"

#include <math.h>
#include <string.h>

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static float float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

float ca_f16_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = (h >> 10) & 31, m = h & 1023;
    if (e == 31)
        return float_of(sign | 0x7f800000u | m << 13);
    if (e)
        return float_of(sign | (e + 112) << 23 | m << 13);
    const float f = (float)m * 0x1p-24f;
    return sign ? -f : f;
}

/* Nearest even to a step of 2^-k is what the addition of a large enough double does. */
uint16_t ca_f64_to_f16(double d)
{
    const uint16_t sign = signbit(d) ? 0x8000 : 0;
    const double a = fabs(d);
    if (isnan(d))
        return (uint16_t)(sign | 0x7e00);
    if (a >= 65520)
        return (uint16_t)(sign | 0x7c00);
    int e = 0;
    (void)frexp(a, &e);
    if (e < -13)
        e = -13;                                      /* subnormal: steps of 2^-24 */
    const double steps = nearbyint(ldexp(a, 11 - e)); /* 1024..2048 where normal */
    const double v = ldexp(steps, e - 11);
    if (v < 0x1p-14)
        return (uint16_t)(sign | (uint16_t)(v * 0x1p24));
    (void)frexp(v, &e);
    return (uint16_t)(sign | (uint32_t)(e + 14) << 10 |
                      ((uint32_t)ldexp(v, 11 - e) & 1023));
}

uint16_t ca_f32_to_f16(float f) { return ca_f64_to_f16(f); }

float ca_bf16_to_f32(uint16_t b) { return float_of((uint32_t)b << 16); }

uint16_t ca_f32_to_bf16(float f)
{
    const uint32_t u = bits_of(f);
    if (isnan(f))
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
