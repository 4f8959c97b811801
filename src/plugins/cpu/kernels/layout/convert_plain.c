/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions in two loops over a chunk in the first cache: to int64 or double, and from there. Each loop is one type
 * and becomes vectors; every pair of types is served.
 */
#include "convert_plain.h"

#include "base/half.h"
#include "kernels/axis_runs.h"

#include <string.h>

enum { CHUNK = 256 };

static bool is_real(CarinaType type)
{
    return type == CARINA_F32 || type == CARINA_F16 || type == CARINA_BF16 ||
           type == CARINA_F64;
}

void ca_load_whole(int64_t *out, const void *in, CarinaType type, int64_t first,
                   int64_t n)
{
    switch (type) {
#define CA_WHOLE(name, element)                         \
    case name: {                                        \
        const element *p = (const element *)in + first; \
        for (int64_t i = 0; i < n; i++)                 \
            out[i] = (int64_t)p[i];                     \
        break;                                          \
    }
#include "whole_types.def"
#undef CA_WHOLE
    case CARINA_BOOL: {
        const uint8_t *p = (const uint8_t *)in + first;
        for (int64_t i = 0; i < n; i++)
            out[i] = p[i] != 0;
        break;
    }
    case CARINA_F32:
    case CARINA_F16:
    case CARINA_BF16:
    case CARINA_F64:
    case CARINA_U1:
    case CARINA_I4:
    case CARINA_U4:
    case CARINA_UNKNOWN: break;
    }
}

void ca_store_whole(void *out, CarinaType type, const int64_t *in, int64_t first,
                    int64_t n)
{
    switch (type) {
#define CA_WHOLE(name, element)              \
    case name: {                             \
        element *p = (element *)out + first; \
        for (int64_t i = 0; i < n; i++)      \
            p[i] = (element)in[i];           \
        break;                               \
    }
#include "whole_types.def"
#undef CA_WHOLE
    case CARINA_BOOL: {
        uint8_t *p = (uint8_t *)out + first;
        for (int64_t i = 0; i < n; i++)
            p[i] = in[i] != 0;
        break;
    }
    case CARINA_F32:
    case CARINA_F16:
    case CARINA_BF16:
    case CARINA_F64:
    case CARINA_U1:
    case CARINA_I4:
    case CARINA_U4:
    case CARINA_UNKNOWN: break;
    }
}

static void load_real(double *out, const void *in, CarinaType type, int64_t first,
                      int64_t n)
{
    const uint16_t *half = (const uint16_t *)in + first;
    for (int64_t i = 0; i < n; i++)
        if (type == CARINA_F32)
            out[i] = (double)((const float *)in)[first + i];
        else if (type == CARINA_F64)
            out[i] = ((const double *)in)[first + i];
        else
            out[i] = (double)(type == CARINA_F16 ? ca_f16_to_f32(half[i])
                                                 : ca_bf16_to_f32(half[i]));
}

/* Half precision is rounded from f32, as everywhere in the plugin. */
static void store_real(void *out, CarinaType type, const double *in, int64_t first,
                       int64_t n)
{
    uint16_t *half = (uint16_t *)out + first;
    for (int64_t i = 0; i < n; i++)
        if (type == CARINA_F32)
            ((float *)out)[first + i] = (float)in[i];
        else if (type == CARINA_F64)
            ((double *)out)[first + i] = in[i];
        else
            half[i] = type == CARINA_F16 ? ca_f32_to_f16((float)in[i])
                                         : ca_f32_to_bf16((float)in[i]);
}

/* Toward zero; what does not fit, and NaN, is INT64_MIN. */
static int64_t cut(double v)
{
    return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN;
}

static void to_whole(int64_t *out, CarinaType to, const double *in, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const double v = in[i];
        const int64_t w = cut(v);
        if (to == CARINA_BOOL)
            out[i] = v != 0;
        else if (to == CARINA_U64 && v >= 0x1p63 && v < 0x1p64)
            out[i] = (int64_t)(uint64_t)v;
        else
            out[i] = to == CARINA_I32 && (w < INT32_MIN || w > INT32_MAX) ? INT32_MIN : w;
    }
}

/* The types that images and small integers come in, to f32 in one loop: through double it is the same number. */
static bool widens(float *out, const void *in, CarinaType from, int64_t at, int64_t n)
{
    out += at;
    if (from == CARINA_U8)
        for (int64_t i = 0; i < n; i++)
            out[i] = (float)((const uint8_t *)in)[at + i];
    else if (from == CARINA_I8)
        for (int64_t i = 0; i < n; i++)
            out[i] = (float)((const int8_t *)in)[at + i];
    else if (from == CARINA_I32)
        for (int64_t i = 0; i < n; i++)
            out[i] = (float)((const int32_t *)in)[at + i];
    return from == CARINA_U8 || from == CARINA_I8 || from == CARINA_I32;
}

static void chunk(void *out, CarinaType to, const void *in, CarinaType from, int64_t at,
                  int64_t n)
{
    int64_t whole[CHUNK];
    double real[CHUNK];
    if (to == CARINA_F32 && widens(out, in, from, at, n))
        return;
    if (is_real(from))
        load_real(real, in, from, at, n);
    else
        ca_load_whole(whole, in, from, at, n);
    if (is_real(from) && !is_real(to))
        to_whole(whole, to, real, n);
    for (int64_t i = 0; i < n && is_real(to) && !is_real(from); i++)
        real[i] = from == CARINA_U64 ? (double)(uint64_t)whole[i] : (double)whole[i];
    if (is_real(to))
        store_real(out, to, real, at, n);
    else
        ca_store_whole(out, to, whole, at, n);
}

void ca_convert_run(void *out, CarinaType to, const void *in, CarinaType from, int64_t n,
                    int thread, int n_threads)
{
    const int64_t end = ca_share(n, thread + 1, n_threads);
    for (int64_t i = ca_share(n, thread, n_threads); i < end; i += CHUNK)
        chunk(out, to, in, from, i, end - i < CHUNK ? end - i : CHUNK);
}
