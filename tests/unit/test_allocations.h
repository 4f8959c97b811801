/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts what the process takes from the heap, plugins included: the test program's own malloc stands before the
 * C library's. Not with a sanitizer, which has its own, nor with another C library: then there is no count.
 */
#ifndef CA_TEST_ALLOCATIONS_H
#define CA_TEST_ALLOCATIONS_H

#include <stdbool.h>

bool test_counts_allocations(void);
long test_allocations(void); /* calls so far */
long test_live_blocks(void); /* taken and not yet given back */

#endif
