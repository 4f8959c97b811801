/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of uint8_t. */
#include <stdint.h>

#define T uint8_t
#define IS_FLOAT 0
#define IS_SIGNED 0
#define KERNEL ca_u8_typed_row
#include "typed_tmpl.h"
