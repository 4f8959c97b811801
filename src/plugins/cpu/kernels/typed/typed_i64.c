/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of int64_t. */
#include <stdint.h>

#define T int64_t
#define IS_FLOAT 0
#define IS_SIGNED 1
#define KERNEL ca_i64_typed_row
#include "typed_tmpl.h"
