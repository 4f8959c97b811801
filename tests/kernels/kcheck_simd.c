/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector types, each that this processor can run.
 */
#include "kcheck_simd.h"

#include "base/cpu.h"
#include "kcheck.h"

typedef struct {
    const char *name;
    uint32_t needs;
    void (*run)(void);
} Row;

static const Row rows[] = {
#if defined(__x86_64__)
    {"simd_avx512", CA_CPU_AVX512, kc_simd_avx512},
    {"simd_avx2", CA_CPU_AVX2 | CA_CPU_FMA, kc_simd_avx2},
#endif
    {"simd_ref", 0, kc_simd_ref},
};

void kcheck_simd(void);
void kcheck_simd(void)
{
    KC_EACH_KERNEL(row, rows) {
        row->run();
    }
}
