/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row in each element type: n elements; an operand with step 0 is one element for all.
 */
#ifndef CA_TYPED_ROWS_H
#define CA_TYPED_ROWS_H

#include "typed.h"

typedef void CaTypedRow(CaTypedOp op, void *out, const void *a, const void *b, int64_t n,
                        int a_step, int b_step);
#define CA_TYPED(name, element) CaTypedRow ca_##name##_typed_row;
#include "typed_types.def"
#undef CA_TYPED

#endif
