/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_neon.h"

/* 6 x 4 vectors: 29 of 32 registers */
#define ISA neon
#define NEEDS CA_CPU_NEON
#define MAX_PIXELS 6
#define MAX_BLOCKS 1
#define WIDE_PIXELS 0
#define SPANS_ROWS 1
#include "conv_isa_tmpl.h"
