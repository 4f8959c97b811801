/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processor offers and the operating system keeps.
 */
#ifndef CA_BASE_CPU_H
#define CA_BASE_CPU_H

#include <stdint.h>

enum {
    CA_CPU_AVX2 = 1 << 0,
    CA_CPU_FMA = 1 << 1,
    CA_CPU_F16C = 1 << 2,
    CA_CPU_AVX512 = 1 << 3, /* F, BW, VL and DQ together */
    CA_CPU_AVX512_BF16 = 1 << 4,
    CA_CPU_AVX512_VNNI = 1 << 5,
    CA_CPU_AVX_VNNI = 1 << 6,
    CA_CPU_NEON = 1 << 7
};

/* The words that detection looks at, so that it is tested with machines we lack. */
typedef struct CaCpuid {
    uint32_t max_leaf;
    uint32_t leaf1_ecx, leaf7_ebx, leaf7_ecx, leaf7_edx, leaf7_1_eax;
    uint64_t xcr0; /* 0 where OSXSAVE is off */
} CaCpuid;
uint32_t ca_cpu_decode(const CaCpuid *words);
/* This machine's flags, cut to limit: "avx512", "avx2", "neon" or "ref" (nothing); NULL, "" or another
 * word: all of them. */
uint32_t ca_cpu_flags(const char *limit);
/* "AMD EPYC", from the processor itself; at most 48 characters and a 0. */
void ca_cpu_name(char name[49]);

#endif
