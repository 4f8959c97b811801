/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element types converted to and from float.
 */
#ifndef CA_CONVERT_H
#define CA_CONVERT_H

#include <stdint.h>

typedef enum CaPlainType {
    CA_PLAIN_F16,
    CA_PLAIN_BF16,
    CA_PLAIN_I8,
    CA_PLAIN_U8,
    CA_PLAIN_I32,
    CA_PLAIN_I64,
    CA_PLAIN_F64,
} CaPlainType;

/* Thread's share of n elements. Narrower floats: to the nearest, ties to even. Towards integers: cut towards zero; NaN and what int64 cannot hold become
 * INT64_MIN; i32 gives INT32_MIN for what it cannot hold, i8 and u8 the low bits. */
void ca_convert_to_f32(float *out, const void *in, CaPlainType type, int64_t n,
                       int thread, int n_threads);
void ca_convert_from_f32(void *out, const float *in, CaPlainType type, int64_t n,
                         int thread, int n_threads);

#endif
