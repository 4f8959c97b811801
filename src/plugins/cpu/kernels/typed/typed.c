/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of all types, over the pieces of a spread.
 */
#include "typed.h"

#include "base/compiler.h"
#include "typed_rows.h"

#include <string.h>

static const struct {
    CaTypedRow *row;
    size_t size;
} types[] = {
#define CA_TYPED(name, element) {ca_##name##_typed_row, sizeof(element)},
#include "typed_types.def"
#undef CA_TYPED
};

size_t ca_typed_size(CaTypedKind kind) { return types[kind].size; }

size_t ca_typed_out_size(CaTypedOp op, CaTypedKind kind)
{
    return op >= CA_TYPED_EQUAL ? 1 : types[kind].size;
}

void ca_typed_combine(CaTypedOp op, CaTypedKind kind, void *y, const void *u, int64_t n)
{
    types[kind].row(op, y, y, u, n, 1, 1);
}

typedef struct Job {
    CaTypedOp op;
    CaTypedKind kind;
    unsigned char *out;
    const unsigned char *in[3];
    size_t size;
} Job;

static void binary_piece(void *arg, const CaPiece *x)
{
    const Job *j = arg;
    const size_t size = types[j->kind].size;
    types[j->kind].row(j->op, j->out + (size_t)x->out * ca_typed_out_size(j->op, j->kind),
                       j->in[0] + (size_t)x->in[0] * size,
                       j->in[1] + (size_t)x->in[1] * size, x->n, x->step[0], x->step[1]);
}

void ca_typed_run(const CaSpread *plan, CaTypedOp op, CaTypedKind kind, void *out,
                  const void *a, const void *b, int thread, int n_threads)
{
    Job job = {.op = op, .kind = kind, .out = out, .in = {a, b}};
    ca_spread_run(plan, thread, n_threads, binary_piece, &job);
}

CA_INLINE void select_row(const CaPiece *x, unsigned char *out, const uint8_t *condition,
                          const unsigned char *a, const unsigned char *b, size_t size)
{
    for (int64_t i = 0; i < x->n; i++) {
        const int64_t k = i * x->step[0];
        const unsigned char *from = condition[k] ? a + (size_t)(i * x->step[1]) * size
                                                 : b + (size_t)(i * x->step[2]) * size;
        memcpy(out + (size_t)i * size, from, size);
    }
}

static void select_piece(void *arg, const CaPiece *x)
{
    const Job *j = arg;
    unsigned char *out = j->out + (size_t)x->out * j->size;
    const uint8_t *condition = j->in[0] + x->in[0];
    const unsigned char *a = j->in[1] + (size_t)x->in[1] * j->size,
                        *b = j->in[2] + (size_t)x->in[2] * j->size;
    if (j->size == 1)
        select_row(x, out, condition, a, b, 1);
    else if (j->size == 2)
        select_row(x, out, condition, a, b, 2);
    else if (j->size == 4)
        select_row(x, out, condition, a, b, 4);
    else
        select_row(x, out, condition, a, b, 8);
}

void ca_select_run(const CaSpread *plan, size_t elem_size, void *out,
                   const uint8_t *condition, const void *a, const void *b, int thread,
                   int n_threads)
{
    Job job = {.out = out, .in = {condition, a, b}, .size = elem_size};
    ca_spread_run(plan, thread, n_threads, select_piece, &job);
}
