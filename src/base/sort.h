/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorting without the heap: libc's qsort may allocate, and what runs a network must not.
 */
#ifndef CA_BASE_SORT_H
#define CA_BASE_SORT_H

#include <stddef.h>

/* As qsort, in place. compare is a total order: equal elements end up in any order. */
void ca_sort(void *base, size_t n, size_t size,
             int (*compare)(const void *, const void *));

#endif
