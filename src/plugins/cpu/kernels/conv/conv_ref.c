/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_ref.h"

/* plain C */
#define ISA ref
#define NEEDS 0
#define MAX_PIXELS 4
#define MAX_BLOCKS 1
#define WIDE_PIXELS 0
#define SPANS_ROWS 1
#include "conv_isa_tmpl.h"
