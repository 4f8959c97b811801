/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory plan: buffers that live at the same time never overlap.
 *
 * Largest first, each at the lowest place that is free during its life (greedy by size: Pisarchyk and Lee,
 * "Efficient Memory Management for Deep Neural Net Inference", 2020, section 4.3).
 */
#include "cpu_program.h"

#include <stdlib.h>
#include <string.h>

static bool blocked_size(CaCpuBuffer *u)
{
    size_t pixels = 0, floats = 0; /* elements */
    const size_t row = (size_t)(u->w + 2 * u->halo), rows = (size_t)(u->h + 2 * u->halo);
    return ca_mul_size(&pixels, row, rows) &&
           ca_mul_size(&floats, pixels, (size_t)u->n * 16) &&
           ca_mul_size(&floats, floats, (size_t)(u->c + 15) / 16) &&
           ca_mul_size(&u->size, floats, (size_t)ca_elem_size(u->elem));
}

static int larger_first(const void *a, const void *b)
{
    const CaCpuBuffer *x = *(CaCpuBuffer *const *)a, *y = *(CaCpuBuffer *const *)b;
    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    return x->first - y->first; /* a fixed order whatever qsort does */
}

/* The lowest offset at which u fits beside the n buffers placed so far that live with it. */
static size_t lowest(const CaCpuBuffer *u, CaCpuBuffer *const *placed, int n)
{
    size_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < n; i++) {
            const CaCpuBuffer *o = placed[i];
            if (o->last >= u->first && o->first <= u->last && o->offset < at + u->size &&
                at < o->offset + o->size) {
                at = o->offset + o->size;
                moved = true;
            }
        }
    }
    return at;
}

CarinaStatus ca_cpu_plan_memory(CarinaProgram *p, CarinaError *err)
{
    CaCpuBuffer **order = ca_alloc((size_t)p->n_buffers * sizeof *order + 1);
    int n = 0;
    if (!order)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory while compiling");
    for (int i = 0; i < p->n_buffers; i++) {
        CaCpuBuffer *u = &p->buffers[i];
        if (u->place != CA_CPU_SCRATCH || u->first < 0)
            continue;
        if (u->is_blocked && !blocked_size(u)) {
            ca_free(order);
            return ca_err(err, CARINA_ERR_LIMIT,
                          "an activation is too large for this machine");
        }
        u->size = (u->size + 63) & ~(size_t)63;
        order[n++] = u;
    }
    qsort(order, (size_t)n, sizeof *order, larger_first);
    for (int i = 0; i < n; i++) {
        order[i]->offset = lowest(order[i], order, i);
        const size_t end = order[i]->offset + order[i]->size;
        p->acts_size = end > p->acts_size ? end : p->acts_size;
    }
    ca_free(order);
    for (int i = 0; i < p->n_steps; i++) {
        const CaCpuStep *s = &p->steps[i];
        p->shared_work =
            s->shared_work > p->shared_work ? s->shared_work : p->shared_work;
        p->thread_work =
            s->thread_work > p->thread_work ? s->thread_work : p->thread_work;
    }
    p->shared_work = (p->shared_work + 63) & ~(size_t)63;
    p->thread_work = (p->thread_work + 63) & ~(size_t)63;
    return CARINA_OK;
}
