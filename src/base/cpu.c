/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detection from CPUID words and XCR0 (Intel SDM vol. 1 §13.3, §14.3).
 */
#include "base/cpu.h"

#include <string.h>

enum { OSXSAVE = 1 << 27, AVX = 1 << 28, FMA = 1 << 12, F16C = 1 << 29 };
enum { AVX2 = 1 << 5, F = 1 << 16, DQ = 1 << 17, BW = 1 << 30 };
#define VL (1u << 31)

uint32_t ca_cpu_decode(const CaCpuid *w)
{
    const uint64_t ymm = 6,
                   zmm =
                       0xe6; /* state the system saves: XMM, YMM; and masks, upper ZMM */
    uint32_t flags = 0;
    if (w->max_leaf < 7 || !(w->leaf1_ecx & OSXSAVE) || !(w->leaf1_ecx & AVX) ||
        (w->xcr0 & ymm) != ymm)
        return 0;
    if (w->leaf7_ebx & AVX2)
        flags |= CA_CPU_AVX2;
    if (w->leaf1_ecx & FMA)
        flags |= CA_CPU_FMA;
    if (w->leaf1_ecx & F16C)
        flags |= CA_CPU_F16C;
    if (w->leaf7_1_eax & 1u << 4)
        flags |= CA_CPU_AVX_VNNI;
    const uint32_t need = (uint32_t)F | (uint32_t)DQ | (uint32_t)BW | VL;
    if ((w->xcr0 & zmm) == zmm && (w->leaf7_ebx & need) == need) {
        flags |= CA_CPU_AVX512;
        if (w->leaf7_1_eax & 1u << 5)
            flags |= CA_CPU_AVX512_BF16;
        if (w->leaf7_ecx & 1u << 11)
            flags |= CA_CPU_AVX512_VNNI;
    }
    return flags;
}

#if defined(__x86_64__)
#    include <cpuid.h>

static uint32_t detect(void)
{
    CaCpuid w = {0};
    uint32_t a = 0, b = 0, c = 0, d = 0;
    w.max_leaf = (uint32_t)__get_cpuid_max(0, NULL);
    if (w.max_leaf < 7)
        return 0;
    __cpuid(1, a, b, c, d);
    w.leaf1_ecx = c;
    __cpuid_count(7, 0, a, b, c, d);
    w.leaf7_ebx = b, w.leaf7_ecx = c, w.leaf7_edx = d;
    if (a >= 1) {
        __cpuid_count(7, 1, a, b, c, d);
        w.leaf7_1_eax = a;
    }
    if (w.leaf1_ecx & OSXSAVE) {
        uint32_t lo = 0, hi = 0;
        __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
        w.xcr0 = (uint64_t)hi << 32 | lo;
    }
    return ca_cpu_decode(&w);
}

void ca_cpu_name(char name[49])
{
    uint32_t r[12] = {0};
    if ((uint32_t)__get_cpuid_max(0x80000000u, NULL) >= 0x80000004u)
        for (uint32_t i = 0; i < 3; i++)
            __cpuid(0x80000002u + i, r[4 * i], r[4 * i + 1], r[4 * i + 2], r[4 * i + 3]);
    memcpy(name, r, 48);
    name[48] = 0;
    for (size_t n = strlen(name); n && name[n - 1] == ' ';)
        name[--n] = 0;
    const char *p = name + strspn(name, " ");
    memmove(name, p, strlen(p) + 1);
    if (!*name)
        memcpy(name, "x86-64", 7);
}
#else
static uint32_t detect(void)
{
#    if defined(__aarch64__)
    return CA_CPU_NEON;
#    else
    return 0;
#    endif
}

void ca_cpu_name(char name[49])
{
#    if defined(__aarch64__)
    memcpy(name, "Arm 64-bit", 11);
#    else
    memcpy(name, "unknown processor", 18);
#    endif
}
#endif

uint32_t ca_cpu_flags(const char *limit)
{
    const uint32_t all = detect();
    if (limit && strcmp(limit, "ref") == 0)
        return 0;
    if (limit && strcmp(limit, "avx2") == 0)
        return all & (CA_CPU_AVX2 | CA_CPU_FMA | CA_CPU_F16C);
    return all;
}
