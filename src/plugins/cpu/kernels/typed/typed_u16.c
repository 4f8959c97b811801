/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of uint16_t. */
#include <stdint.h>

#define T uint16_t
#define IS_FLOAT 0
#define IS_SIGNED 0
#define KERNEL ca_u16_typed_row
#include "typed_tmpl.h"
