/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Top k along the middle of [outer, n, inner], for numbers of any type turned into keys: int64 that stand in the
 * numbers' order. Of equals the one with the lower index comes first.
 */
#ifndef CA_CPU_TOPK_H
#define CA_CPU_TOPK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keys of floats: NaN above all, -0 the same as 0. */
int64_t ca_topk_key_f32(float x);
int64_t ca_topk_key_f64(double x);

/* Indices of the k largest of n keys into best, largest first or in the order of the index. best: k numbers. */
void ca_topk_row(int64_t *best, const int64_t *keys, int64_t n, int64_t k, bool by_index);

#endif
