/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views of plain buffers, and the step that copies one.
 */
#include "cpu_view.h"

#include "lower_parts.h"

CaCpuView ca_cpu_dense_view(int buffer, const CarinaShape *s)
{
    CaCpuView v = {.buffer = buffer, .n_in = ca_cpu_count(s), .rank = s->rank};
    int64_t stride = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        v.dims[i] = s->dims[i];
        v.strides[i] = stride;
        stride *= s->dims[i];
    }
    return v;
}

bool ca_cpu_is_view(const CaCpuBuild *b, const CarinaValue *v)
{
    const CaCpuValue *x = ca_cpu_value(b, v);
    return x->plain < 0 && x->view;
}

CarinaStatus ca_cpu_view(CaCpuBuild *b, CaCpuView *out, const CarinaValue *v)
{
    int buffer = 0;
    if (ca_cpu_is_view(b, v)) {
        *out = *ca_cpu_value(b, v)->view;
        return CARINA_OK;
    }
    CA_TRY(ca_cpu_plain(b, &buffer, v));
    *out = ca_cpu_dense_view(buffer, &v->shape);
    return CARINA_OK;
}

static bool plan_of(CaStrided *plan, const CaCpuView *view, CarinaType type)
{
    return ca_strided_plan(plan, view->rank, view->dims, view->strides, view->start,
                           view->n_in, ca_cpu_elem_size(type));
}

CarinaStatus ca_cpu_set_view(CaCpuBuild *b, const CarinaValue *v, const CaCpuView *view)
{
    CaCpuValue *x = ca_cpu_value(b, v);
    int64_t count = 1;
    CaStrided plan;
    for (int i = 0; i < view->rank; i++)
        if (__builtin_mul_overflow(count, view->dims[i], &count))
            return CARINA_ERR_UNSUPPORTED;
    if (count != ca_cpu_count(&v->shape) || !plan_of(&plan, view, v->type))
        return CARINA_ERR_UNSUPPORTED;
    if (ca_strided_is_whole(&plan) && view->n_in == count) {
        x->plain = view->buffer;
        return CARINA_OK;
    }
    CaCpuView *copy = ca_arena_alloc(b->p->arena, sizeof *copy);
    if (!copy)
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
    *copy = *view;
    x->view = copy;
    return CARINA_OK;
}

/* Axes of length 1 say nothing. */
static void drop_ones(CaCpuView *v)
{
    int rank = 0;
    for (int i = 0; i < v->rank; i++)
        if (v->dims[i] != 1) {
            v->dims[rank] = v->dims[i];
            v->strides[rank++] = v->strides[i];
        }
    v->rank = rank;
}

/* Do axes [first, end) go on in each other without a jump? */
static bool is_run(const CaCpuView *v, int first, int end)
{
    for (int i = first; i + 1 < end; i++) {
        int64_t reach = 0;
        if (__builtin_mul_overflow(v->strides[i + 1], v->dims[i + 1], &reach) ||
            v->strides[i] != reach)
            return false;
    }
    return true;
}

/* Old and new axes are taken in the smallest groups of the same product; a group of old ones must be one run. */
bool ca_cpu_reshape_view(CaCpuView *view, const CarinaShape *s)
{
    CaCpuView x = *view, y = *view;
    int first = 0;
    drop_ones(&x);
    y.rank = s->rank;
    for (int at = 0; at < s->rank;) {
        int end = first, stop = at + 1;
        int64_t old = 1, new = s->dims[at];
        while (old != new || (end == first && new != 1)) {
            if (new <= 0 || (old < new &&end == x.rank) || (old > new &&stop == s->rank))
                return false;
            if (old < new)
                old *= x.dims[end++];
            else
                new *= s->dims[stop++];
        }
        if (!is_run(&x, first, end))
            return false;
        int64_t stride = end > first ? x.strides[end - 1] : 0;
        for (int i = stop - 1; i >= at; i--) {
            y.dims[i] = s->dims[i];
            y.strides[i] = stride;
            if (__builtin_mul_overflow(stride, s->dims[i], &stride))
                return false;
        }
        first = end;
        at = stop;
    }
    if (first != x.rank)
        return false;
    *view = y;
    return true;
}

typedef struct CopyStep {
    CaStrided plan;
    int in, out;
} CopyStep;

static void run_copy(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const CopyStep *d = s->data;
    (void)phase;
    ca_strided_run(&d->plan, thread, n_threads, ca_cpu_at(r, d->out),
                   ca_cpu_at(r, d->in));
}

static CarinaStatus emit(CaCpuBuild *b, const CarinaNode *n, const CaStrided *plan,
                         int out, int in, int64_t n_elements)
{
    CaCpuStep *s = NULL;
    CA_TRY(ca_cpu_add_step(b, &s, n, "strided", run_copy, sizeof(CopyStep)));
    *(CopyStep *)s->data = (CopyStep){*plan, in, out};
    s->info.bytes = 2.0 * (double)n_elements * (double)plan->elem_size;
    ca_cpu_use(b, in);
    ca_cpu_use(b, out);
    return CARINA_OK;
}

CarinaStatus ca_cpu_plain_of_view(CaCpuBuild *b, int *buffer, const CarinaValue *v)
{
    const CaCpuView *view = ca_cpu_value(b, v)->view;
    CaStrided plan;
    if (view->same) {
        CA_TRY(ca_cpu_plain(b, buffer, view->same));
        ca_cpu_value(b, v)->plain = *buffer;
        return CARINA_OK;
    }
    if (!plan_of(&plan, view, v->type))
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(ca_cpu_new_plain(b, buffer, v));
    return emit(b, v->node, &plan, *buffer, view->buffer, ca_cpu_count(&v->shape));
}

CarinaStatus ca_cpu_copy_strided(CaCpuBuild *b, const CarinaNode *n, int *out, int in,
                                 int rank, const int64_t *dims, const int64_t *strides,
                                 int64_t n_in, size_t elem_size,
                                 const CarinaValue *result)
{
    CaStrided plan;
    size_t count = 1, size = 0;
    if (!ca_strided_plan(&plan, rank, dims, strides, 0, n_in, elem_size))
        return CARINA_ERR_UNSUPPORTED;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dims[i]; /* the plan has checked the product */
    const bool is_there = ca_strided_is_whole(&plan) && (int64_t)count == n_in;
    if (result && is_there) {
        ca_cpu_value(b, result)->plain = in;
        return CARINA_OK;
    }
    if (result) {
        CA_TRY(ca_cpu_new_plain(b, out, result));
        return emit(b, n, &plan, *out, in, ca_cpu_count(&result->shape));
    }
    *out = in;
    if (is_there)
        return CARINA_OK;
    if (!ca_mul_size(&size, count, elem_size))
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(ca_cpu_add_buffer(b, out, (CaCpuBuffer){.size = size}));
    return emit(b, n, &plan, *out, in, (int64_t)count);
}
