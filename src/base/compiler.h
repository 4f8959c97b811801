/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler's extensions, all of them: nothing outside this file names one.
 */
#ifndef CA_BASE_COMPILER_H
#define CA_BASE_COMPILER_H

#define CA_PRAGMA(x) _Pragma(#x)

/* A loop over [0, n) with n a constant of at most 64 that must become straight code. */
#define UNROLL_FOR(i, n) CA_PRAGMA(GCC unroll 64) for (int i = 0; i < (n); i++)

#define CA_INLINE static inline __attribute__((always_inline))
#define CA_NOINLINE __attribute__((noinline))
#define CA_UNUSED __attribute__((unused))
#define CA_PRINTF(text, args) __attribute__((format(printf, text, args)))
#define CA_LIKELY(x) __builtin_expect(!!(x), 1)
#define CA_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define CA_EXPORT __attribute__((visibility("default")))

/* Before main: how tests register themselves. */
#define CA_CONSTRUCTOR __attribute__((constructor))

/* Fetch a line for reading into L1 or L2, or for writing into L1. */
#define CA_PREFETCH(p) __builtin_prefetch((p), 0, 3)
#define CA_PREFETCH_L2(p) __builtin_prefetch((p), 0, 2)
#define CA_PREFETCH_W(p) __builtin_prefetch((p), 1, 3)

/* For functions that pack large constants, which lie in files at any address: the processors we run on load them
 * there as well. */
#define CA_READS_UNALIGNED __attribute__((no_sanitize("alignment")))

/* Has the processor this instruction set ("sse4.2")? For those that need nothing of the operating system. */
#define CA_CPU_HAS(name) __builtin_cpu_supports(name)

#define CA_CACHE_LINE 64

#endif
