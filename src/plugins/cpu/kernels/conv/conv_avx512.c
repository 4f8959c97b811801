/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_avx512.h"

/* 14 x 2 vectors: 31 of 32 registers */
#define ISA avx512
#define NEEDS CA_CPU_AVX512
#define MAX_PIXELS 14
#define MAX_BLOCKS 2
#define WIDE_PIXELS 7
#define SPANS_ROWS 0
#include "conv_isa_tmpl.h"
