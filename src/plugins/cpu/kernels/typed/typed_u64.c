/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of uint64_t. */
#include <stdint.h>

#define T uint64_t
#define IS_FLOAT 0
#define IS_SIGNED 0
#define KERNEL ca_u64_typed_row
#include "typed_tmpl.h"
