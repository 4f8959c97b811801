/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators that only move elements: most of them move nothing.
 */
#include "cpu_view.h"
#include "kernels/layout/blocked.h"

#include <string.h>

/* The same elements under another shape: of a view, a view, where they need not move for it. */
CarinaStatus ca_cpu_lower_alias(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value, *y = &n->outputs[0];
    if (ca_cpu_is_view(b, x) && x->type == y->type) {
        CaCpuView v = *ca_cpu_value(b, x)->view;
        v.same = v.same ? v.same : x;
        if (ca_cpu_reshape_view(&v, &y->shape))
            return ca_cpu_set_view(b, y, &v);
    }
    return ca_cpu_plain(b, &ca_cpu_value(b, y)->plain, x);
}

/* Floating types are all held as f32. */
CarinaStatus ca_cpu_lower_convert(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *in = n->inputs[0].value;
    CaCpuValue *out = ca_cpu_value(b, &n->outputs[0]);
    if (!(ca_cpu_is_float(in->type) && ca_cpu_is_float(n->outputs[0].type)) &&
        in->type != n->outputs[0].type)
        return CARINA_ERR_UNSUPPORTED;
    if (ca_cpu_has_blocked(b, in)) {
        out->blocked = ca_cpu_value(b, in)->blocked;
        out->plain = ca_cpu_value(b, in)->plain;
        return CARINA_OK;
    }
    return ca_cpu_plain(b, &out->plain, in);
}

/* Parts of one axis: rows of each part lie in rows of the whole. */
typedef struct Part {
    int buffer;
    int64_t begin, size; /* bytes in a row of the whole */
} Part;
typedef struct PartsStep {
    int whole, n_parts;
    int64_t n_rows, row_size;
    Part *parts;
} PartsStep;

static void run_parts(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                      int n_threads)
{
    const PartsStep *d = s->data;
    unsigned char *whole = ca_cpu_at(r, d->whole);
    const int64_t begin = d->n_rows * thread / n_threads,
                  end = d->n_rows * (thread + 1) / n_threads;
    (void)phase;
    for (int i = 0; i < d->n_parts; i++) {
        const Part *p = &d->parts[i];
        const unsigned char *part = ca_cpu_at(r, p->buffer);
        for (int64_t row = begin; row < end; row++)
            memcpy(whole + row * d->row_size + p->begin, part + row * p->size,
                   (size_t)p->size);
    }
}

static CarinaStatus emit_parts(CaCpuBuild *b, const CarinaNode *n, PartsStep d,
                               const CarinaShape *whole, int axis,
                               const CarinaShape *const *shapes, size_t elem_size)
{
    CaCpuStep *s = NULL;
    int64_t inner = (int64_t)elem_size, at = 0;
    d.n_rows = 1;
    for (int i = 0; i < axis; i++)
        d.n_rows *= whole->dims[i];
    for (int i = axis + 1; i < whole->rank; i++)
        inner *= whole->dims[i];
    d.row_size = whole->dims[axis] * inner;
    for (int i = 0; i < d.n_parts; i++) {
        d.parts[i].begin = at;
        d.parts[i].size = shapes[i]->dims[axis] * inner;
        at += d.parts[i].size;
    }
    CA_TRY(ca_cpu_add_step(b, &s, n, "copy", run_parts, sizeof d));
    *(PartsStep *)s->data = d;
    ca_cpu_use(b, d.whole);
    for (int i = 0; i < d.n_parts; i++)
        ca_cpu_use(b, d.parts[i].buffer);
    return CARINA_OK;
}

/* --- Concatenation of blocked values: those that were written in their place are skipped. */

typedef struct JoinStep {
    CaCpuRef out;
    int n_parts;
    CaCpuRef *parts;
    int *first; /* channel of out */
} JoinStep;

static void run_join(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const JoinStep *d = s->data;
    const CaActs out = ca_cpu_acts(r, &d->out), in = ca_cpu_acts(r, &d->parts[phase]);
    ca_acts_copy(&out, d->first[phase], &in, 0, in.c, thread, n_threads);
}

static CarinaStatus join_blocked(CaCpuBuild *b, const CarinaNode *n)
{
    JoinStep d = {.n_parts = 0};
    CaCpuStep *s = NULL;
    int channel = 0;
    d.parts = ca_arena_array(b->p->arena, (size_t)n->n_inputs, sizeof *d.parts);
    d.first = ca_arena_array(b->p->arena, (size_t)n->n_inputs, sizeof *d.first);
    if (!d.parts || !d.first)
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
    CA_TRY(ca_cpu_new_blocked(b, &d.out, &n->outputs[0]));
    for (int i = 0; i < n->n_inputs; i++) {
        CaCpuRef part;
        CA_TRY(ca_cpu_blocked(b, &part, n->inputs[i].value, 0));
        if (part.buffer != d.out.buffer ||
            part.first_block != d.out.first_block + channel / 16) {
            d.parts[d.n_parts] = part;
            d.first[d.n_parts++] = channel;
        }
        channel += part.c;
    }
    if (!d.n_parts)
        return CARINA_OK;
    CA_TRY(ca_cpu_add_step(b, &s, n, "copy_blocks", run_join, sizeof d));
    *(JoinStep *)s->data = d;
    s->n_phases = d.n_parts;
    ca_cpu_use(b, d.out.buffer);
    for (int i = 0; i < d.n_parts; i++)
        ca_cpu_use(b, d.parts[i].buffer);
    return CARINA_OK;
}

static CarinaStatus shapes_of(CaCpuBuild *b, const CarinaShape *const **out, Part **parts,
                              int n)
{
    const CarinaShape **shapes =
        ca_arena_array(b->p->arena, (size_t)n + 1, sizeof *shapes);
    *parts = ca_arena_array(b->p->arena, (size_t)n + 1, sizeof **parts);
    *out = shapes;
    return shapes && *parts
               ? CARINA_OK
               : ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
}

CarinaStatus ca_cpu_lower_concat(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *out = &n->outputs[0].shape;
    PartsStep d = {.n_parts = 0};
    const CarinaShape *const *shapes = NULL;
    int64_t axis = carina_node_int(n, "axis", 0);
    bool is_blocked = ca_cpu_value(b, &n->outputs[0])->root >= 0;
    axis += axis < 0 ? out->rank : 0;
    if (axis < 0 || axis >= out->rank)
        return CARINA_ERR_UNSUPPORTED;
    for (int i = 0; i < n->n_inputs && axis == 1 && out->rank == 4 &&
                    ca_cpu_is_float(n->outputs[0].type);
         i++)
        is_blocked = is_blocked || ca_cpu_has_blocked(b, n->inputs[i].value);
    if (is_blocked)
        return join_blocked(b, n);
    CA_TRY(shapes_of(b, &shapes, &d.parts, n->n_inputs));
    for (int i = 0; i < n->n_inputs; i++) {
        const CarinaValue *v = n->inputs[i].value;
        if (!ca_cpu_count(&v->shape))
            continue;
        CA_TRY(ca_cpu_plain(b, &d.parts[d.n_parts].buffer, v));
        ((const CarinaShape **)(uintptr_t)shapes)[d.n_parts++] = &v->shape;
    }
    CA_TRY(ca_cpu_new_plain(b, &d.whole, &n->outputs[0]));
    return emit_parts(b, n, d, out, (int)axis, shapes,
                      ca_cpu_elem_size(n->outputs[0].type));
}

/* Each part is a view: who reads it knows best whether it must be copied. */
CarinaStatus ca_cpu_lower_split(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value, *v = ca_cpu_in(n, 1);
    CaCpuView whole;
    int64_t at = 0;
    int axis = 0, count = 0;
    if (!ca_cpu_is_bytes(x->type) || !ca_cpu_ints(v, &at, 1, &count) ||
        !ca_cpu_axis(at, x->shape.rank, &axis))
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(ca_cpu_view(b, &whole, x));
    whole.same = NULL;
    for (int i = 0; i < n->n_outputs; i++) {
        CaCpuView part = whole;
        part.dims[axis] = n->outputs[i].shape.dims[axis];
        CA_TRY(ca_cpu_set_view(b, &n->outputs[i], &part));
        whole.start += part.dims[axis] * whole.strides[axis];
    }
    return CARINA_OK;
}
