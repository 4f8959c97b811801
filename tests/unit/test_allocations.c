/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counting heap: every call goes on to glibc's own.
 */
#include "test_allocations.h"

#include <errno.h>
#include <stdlib.h>

static long n_calls, n_live;

long test_allocations(void) { return __atomic_load_n(&n_calls, __ATOMIC_SEQ_CST); }

long test_live_blocks(void) { return __atomic_load_n(&n_live, __ATOMIC_SEQ_CST); }

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);
void *memalign(size_t alignment, size_t size);

bool test_counts_allocations(void) { return true; }

static void *counted(void *p)
{
    __atomic_add_fetch(&n_calls, 1, __ATOMIC_SEQ_CST);
    if (p)
        __atomic_add_fetch(&n_live, 1, __ATOMIC_SEQ_CST);
    return p;
}

void *malloc(size_t size) { return counted(__libc_malloc(size)); }

void *calloc(size_t n, size_t size) { return counted(__libc_calloc(n, size)); }

void *memalign(size_t alignment, size_t size)
{
    return counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return counted(__libc_memalign(alignment, size));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *const p = counted(__libc_memalign(alignment, size));
    if (!p)
        return ENOMEM;
    *out = p;
    return 0;
}

void *realloc(void *p, size_t size)
{
    if (!p)
        return malloc(size);
    __atomic_add_fetch(&n_calls, 1, __ATOMIC_SEQ_CST);
    if (size == 0)
        __atomic_sub_fetch(&n_live, 1, __ATOMIC_SEQ_CST);
    return __libc_realloc(p, size);
}

void free(void *p)
{
    if (p)
        __atomic_sub_fetch(&n_live, 1, __ATOMIC_SEQ_CST);
    __libc_free(p);
}
#else
bool test_counts_allocations(void) { return false; }
#endif
