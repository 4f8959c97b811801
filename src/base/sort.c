/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heapsort (Williams, "Algorithm 232", 1964): n log n whatever the data, and no memory.
 */
#include "base/sort.h"

static void swap(unsigned char *a, unsigned char *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const unsigned char t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

/* The element at `at` sinks below those that come after it, within the first n. */
static void sink(unsigned char *base, size_t at, size_t n, size_t size,
                 int (*compare)(const void *, const void *))
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && compare(base + child * size, base + (child + 1) * size) < 0)
            child++;
        if (compare(base + at * size, base + child * size) >= 0)
            return;
        swap(base + at * size, base + child * size, size);
    }
}

void ca_sort(void *base, size_t n, size_t size,
             int (*compare)(const void *, const void *))
{
    unsigned char *const p = base;
    for (size_t i = n / 2; i-- > 0;)
        sink(p, i, n, size, compare);
    for (size_t i = n; i-- > 1;) {
        swap(p, p + i * size, size);
        sink(p, 0, i, size, compare);
    }
}
