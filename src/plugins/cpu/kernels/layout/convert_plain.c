/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions in plain C, one number at a time.
 */
#include "convert_plain.h"

#include "base/half.h"

#include <assert.h>
#include <math.h>

static int64_t whole(float x)
{
    return fabsf(x) < 0x1p63f ? (int64_t)x : INT64_MIN; /* NaN is not below */
}

static int32_t whole32(float x)
{
    return x >= -0x1p31f && x < 0x1p31f ? (int32_t)x : INT32_MIN;
}

static int64_t share(int64_t n, int thread, int n_threads, int64_t *first)
{
    const int64_t part = n / n_threads, extra = n % n_threads;
    assert(0 <= thread && thread < n_threads);
    *first = part * thread + (thread < extra ? thread : extra);
    return *first + part + (thread < extra);
}

void ca_convert_to_f32(float *out, const void *in, CaPlainType type, int64_t n,
                       int thread, int n_threads)
{
    int64_t first;
    const int64_t end = share(n, thread, n_threads, &first);

    for (int64_t i = first; i < end; i++)
        switch (type) {
        case CA_PLAIN_F16: out[i] = ca_f16_to_f32(((const uint16_t *)in)[i]); break;
        case CA_PLAIN_BF16: out[i] = ca_bf16_to_f32(((const uint16_t *)in)[i]); break;
        case CA_PLAIN_I8: out[i] = ((const int8_t *)in)[i]; break;
        case CA_PLAIN_U8: out[i] = ((const uint8_t *)in)[i]; break;
        case CA_PLAIN_I32: out[i] = (float)((const int32_t *)in)[i]; break;
        case CA_PLAIN_I64: out[i] = (float)((const int64_t *)in)[i]; break;
        case CA_PLAIN_F64: out[i] = (float)((const double *)in)[i]; break;
        }
}

void ca_convert_from_f32(void *out, const float *in, CaPlainType type, int64_t n,
                         int thread, int n_threads)
{
    int64_t first;
    const int64_t end = share(n, thread, n_threads, &first);

    for (int64_t i = first; i < end; i++)
        switch (type) {
        case CA_PLAIN_F16: ((uint16_t *)out)[i] = ca_f32_to_f16(in[i]); break;
        case CA_PLAIN_BF16: ((uint16_t *)out)[i] = ca_f32_to_bf16(in[i]); break;
        case CA_PLAIN_I8: ((uint8_t *)out)[i] = (uint8_t)whole(in[i]); break;
        case CA_PLAIN_U8: ((uint8_t *)out)[i] = (uint8_t)whole(in[i]); break;
        case CA_PLAIN_I32: ((int32_t *)out)[i] = whole32(in[i]); break;
        case CA_PLAIN_I64: ((int64_t *)out)[i] = whole(in[i]); break;
        case CA_PLAIN_F64: ((double *)out)[i] = (double)in[i]; break;
        }
}
