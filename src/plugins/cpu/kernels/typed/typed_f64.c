/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of double. */
#include <stdint.h>

#define T double
#define IS_FLOAT 1
#define IS_SIGNED 1
#define KERNEL ca_f64_typed_row
#include "typed_tmpl.h"
