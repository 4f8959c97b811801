/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two plain operands of one element type, element by element, with broadcasting.
 */
#ifndef CA_TYPED_H
#define CA_TYPED_H

#include "spread.h"

typedef enum CaTypedOp {
#define CA_TYPED_OP(name, element, result) CA_TYPED_##name,
#include "typed_ops.def"
#undef CA_TYPED_OP
    CA_N_TYPED_OPS
} CaTypedOp;

typedef enum CaTypedKind {
#define CA_TYPED(name, element) CA_TYPED_KIND_##name,
#include "typed_types.def"
#undef CA_TYPED
    CA_N_TYPED_KINDS
} CaTypedKind;

/* Element size of a kind; of what op gives. */
size_t ca_typed_size(CaTypedKind kind);
size_t ca_typed_out_size(CaTypedOp op, CaTypedKind kind);

/* Thread's share of out = a op b. plan: of two operands. out may be one that is not stretched, where its elements
 * are of the same size. */
void ca_typed_run(const CaSpread *plan, CaTypedOp op, CaTypedKind kind, void *out,
                  const void *a, const void *b, int thread, int n_threads);

/* y = y op u, n elements each. */
void ca_typed_combine(CaTypedOp op, CaTypedKind kind, void *y, const void *u, int64_t n);

/* out = condition ? a : b, elements of 1, 2, 4 or 8 bytes; plan: of three operands. */
void ca_select_run(const CaSpread *plan, size_t elem_size, void *out,
                   const uint8_t *condition, const void *a, const void *b, int thread,
                   int n_threads);

#endif
