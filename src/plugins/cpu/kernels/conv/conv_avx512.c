/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_avx512.h"

/* 14 x 2 vectors: 31 of 32 registers */
#define ISA avx512
#define NEEDS CA_CPU_AVX512
#define MAX_PIXELS 14
#define MAX_BLOCKS 2
#define WIDE_PIXELS 7
#define EACH_PIXELS(X, blocks)                                                    \
    X(1, blocks)                                                                  \
    X(2, blocks)                                                                  \
    X(3, blocks)                                                                  \
    X(4, blocks) X(5, blocks) X(6, blocks) X(7, blocks) X(8, blocks) X(9, blocks) \
        X(10, blocks) X(11, blocks) X(12, blocks) X(13, blocks) X(14, blocks)
#include "conv_isa_tmpl.h"
