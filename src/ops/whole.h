/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integers in references: two's complement that wraps, whatever the type; u64 above 2^63 comes as a negative.
 */
#ifndef CA_OPS_WHOLE_H
#define CA_OPS_WHOLE_H

#include "graph/op.h"

#include <math.h>

static inline int64_t ca_wrap_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static inline int64_t ca_wrap_sub(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}
static inline int64_t ca_wrap_mul(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

/* Toward zero; what does not fit, and NaN, is INT64_MIN. */
static inline int64_t ca_whole_trunc(double v)
{
    return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN;
}
/* To the nearest, halves away from zero. */
static inline int64_t ca_whole_round(double v) { return ca_whole_trunc(round(v)); }
static inline double ca_whole_real(CarinaType type, int64_t v)
{
    return type == CARINA_U64 ? (double)(uint64_t)v : (double)v;
}
static inline bool ca_whole_less(CarinaType type, int64_t a, int64_t b)
{
    return type == CARINA_U64 ? (uint64_t)a < (uint64_t)b : a < b;
}

static inline int64_t ca_whole_lowest(CarinaType type)
{
    const int bits = carina_type_bits(type);
    return ca_type_is_unsigned(type) || type == CARINA_BOOL || bits < 1
               ? 0
               : -(int64_t)(UINT64_MAX >> (65 - bits)) - 1;
}
static inline int64_t ca_whole_highest(CarinaType type)
{
    const int bits = carina_type_bits(type);
    if (type == CARINA_BOOL || bits < 1)
        return 1;
    return (int64_t)(UINT64_MAX >> ((ca_type_is_unsigned(type) ? 64 : 65) - bits));
}

#endif
