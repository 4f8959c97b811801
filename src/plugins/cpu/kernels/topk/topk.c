/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A heap of the k best so far, the worst on top: n log k at worst, near n for k much smaller than n.
 */
#include "topk.h"

#include <math.h>
#include <string.h>

/* The bits of a float with its sign first, in the order of the numbers: negative ones run backwards. */
static int64_t ordered(int64_t bits) { return bits < 0 ? bits ^ INT64_MAX : bits; }

int64_t ca_topk_key_f64(double x)
{
    int64_t bits = 0;
    if (isnan(x))
        return INT64_MAX;
    x = x == 0 ? 0 : x;
    memcpy(&bits, &x, sizeof bits);
    return ordered(bits);
}

int64_t ca_topk_key_f32(float x)
{
    int32_t bits = 0;
    if (isnan(x))
        return INT64_MAX;
    x = x == 0 ? 0 : x;
    memcpy(&bits, &x, sizeof bits);
    return bits < 0 ? bits ^ INT32_MAX : bits;
}

/* Is i worse than j: a lower key, or an equal one further behind? */
static bool is_worse(const int64_t *keys, int64_t i, int64_t j)
{
    return keys[i] != keys[j] ? keys[i] < keys[j] : i > j;
}

static void sink(int64_t *heap, const int64_t *keys, int64_t at, int64_t n, bool by_index)
{
    const int64_t x = heap[at];
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && (by_index ? heap[child + 1] > heap[child]
                                       : is_worse(keys, heap[child + 1], heap[child])))
            child++;
        if (by_index ? x >= heap[child] : !is_worse(keys, heap[child], x))
            break;
        heap[at] = heap[child];
    }
    heap[at] = x;
}

/* Heapsort: the top goes behind the others. */
static void sort(int64_t *heap, const int64_t *keys, int64_t k, bool by_index)
{
    for (int64_t i = k / 2; by_index && i-- > 0;)
        sink(heap, keys, i, k, true);
    for (int64_t i = k; i-- > 1;) {
        const int64_t t = heap[0];
        heap[0] = heap[i];
        heap[i] = t;
        sink(heap, keys, 0, i, by_index);
    }
}

void ca_topk_row(int64_t *best, const int64_t *keys, int64_t n, int64_t k, bool by_index)
{
    if (k == 0)
        return;
    for (int64_t i = 0; i < k; i++)
        best[i] = i;
    for (int64_t i = k / 2; i-- > 0;)
        sink(best, keys, i, k, false);
    for (int64_t i = k; i < n; i++)
        if (keys[i] > keys[best[0]]) {
            best[0] = i;
            sink(best, keys, 0, k, false);
        }
    sort(best, keys, k, by_index);
}
