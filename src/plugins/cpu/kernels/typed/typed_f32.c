/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of float. */
#include <stdint.h>

#define T float
#define IS_FLOAT 1
#define IS_SIGNED 1
#define KERNEL ca_f32_typed_row
#include "typed_tmpl.h"
