/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_avx2.h"

/* 6 x 2 vectors: 15 of 16 registers */
#define ISA avx2
#define NEEDS (CA_CPU_AVX2 | CA_CPU_FMA)
#define MAX_PIXELS 6
#define MAX_BLOCKS 1
#define WIDE_PIXELS 0
#define SPANS_ROWS 1
#include "conv_isa_tmpl.h"
