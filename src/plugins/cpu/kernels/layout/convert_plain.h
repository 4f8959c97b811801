/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element types converted to each other; f16 and bf16 too.
 */
#ifndef CA_CONVERT_H
#define CA_CONVERT_H

#include <carina/plugin.h>
#include <stdbool.h>
#include <stdint.h>

/* Thread's share of n elements; types of whole bytes. Narrower floats: to the nearest, ties to even. Floats become
 * integers cut towards zero; NaN and what int64 cannot hold become INT64_MIN, i32 gives INT32_MIN for what it
 * cannot hold; then, and from integer to integer, the low bits stay. Boolean: is not zero. out and in do not
 * overlap. */
void ca_convert_run(void *out, CarinaType to, const void *in, CarinaType from, int64_t n,
                    int thread, int n_threads);

/* Elements [first, first + n) of integers to and from int64; the low bits are stored, boolean as is not zero. */
void ca_load_whole(int64_t *out, const void *in, CarinaType type, int64_t first,
                   int64_t n);
void ca_store_whole(void *out, CarinaType type, const int64_t *in, int64_t first,
                    int64_t n);

#endif
