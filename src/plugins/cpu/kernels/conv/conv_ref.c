/* SPDX-License-Identifier: Apache-2.0 */
#include "../simd/simd_ref.h"

/* plain C */
#define ISA ref
#define NEEDS 0
#define MAX_PIXELS 4
#define MAX_BLOCKS 1
#define WIDE_PIXELS 0
#define EACH_PIXELS(X, blocks) X(1, blocks) X(2, blocks) X(3, blocks) X(4, blocks)
#include "conv_isa_tmpl.h"
