/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permute: plan (drop and merge axes) and run (rows copied whole, or gathered).
 */
#include "permute.h"

#include <assert.h>
#include <string.h>

static void append_axis(CaPermute *p, int64_t dim, int64_t stride)
{
    const int last = p->rank - 1;

    if (dim == 1)
        return;
    if (p->rank > 0 && p->strides[last] == stride * dim) {
        p->dims[last] *= dim;
        p->strides[last] = stride;
        return;
    }
    p->dims[p->rank] = dim;
    p->strides[p->rank++] = stride;
}

bool ca_permute_plan(CaPermute *plan, int rank, const int64_t *dims, const int *order,
                     size_t elem_size)
{
    int64_t strides[CA_PERMUTE_MAX_RANK];
    int64_t size = 1; /* of the axes, an empty one counted as 1 */
    unsigned seen = 0;
    CaPermute p = {.elem_size = elem_size, .n_rows = 1};

    if (rank < 0 || rank > CA_PERMUTE_MAX_RANK)
        return false;
    if (elem_size != 1 && elem_size != 2 && elem_size != 4 && elem_size != 8)
        return false;
    for (int i = rank - 1; i >= 0; i--) {
        const int64_t dim = dims[i] > 0 ? dims[i] : 1;
        if (dims[i] < 0 || size > INT64_MAX / (int64_t)elem_size / dim)
            return false;
        strides[i] = size;
        size *= dim;
    }
    for (int i = 0; i < rank; i++) {
        if (order[i] < 0 || order[i] >= rank || (seen >> order[i] & 1))
            return false;
        seen |= 1U << order[i];
        append_axis(&p, dims[order[i]], strides[order[i]]);
    }
    if (p.rank == 0) { /* one element */
        p.rank = 1;
        p.dims[0] = p.strides[0] = 1;
    }
    for (int i = 0; i < p.rank - 1; i++)
        p.n_rows *= p.dims[i];
    *plan = p;
    return true;
}

/* Copies of a constant size become one load and one store. */
static void gather_row(char *out, const char *in, int64_t n, int64_t stride, size_t size)
{
    const int64_t step = stride * (int64_t)size;

    if (size == 1)
        for (int64_t i = 0; i < n; i++)
            out[i] = in[i * step];
    else if (size == 2)
        for (int64_t i = 0; i < n; i++)
            memcpy(out + 2 * i, in + i * step, 2);
    else if (size == 4)
        for (int64_t i = 0; i < n; i++)
            memcpy(out + 4 * i, in + i * step, 4);
    else
        for (int64_t i = 0; i < n; i++)
            memcpy(out + 8 * i, in + i * step, 8);
}

static int64_t row_start(const CaPermute *p, int64_t row)
{
    int64_t at = 0;

    for (int i = p->rank - 2; i >= 0; i--) {
        at += row % p->dims[i] * p->strides[i];
        row /= p->dims[i];
    }
    return at;
}

void ca_permute_run(const CaPermute *plan, int thread, int n_threads, void *out,
                    const void *in)
{
    const int64_t n = plan->dims[plan->rank - 1], stride = plan->strides[plan->rank - 1];
    const int64_t size = (int64_t)plan->elem_size;
    const int64_t share = plan->n_rows / n_threads, extra = plan->n_rows % n_threads;
    const int64_t first = share * thread + (thread < extra ? thread : extra);
    const int64_t end = first + share + (thread < extra);

    assert(0 <= thread && thread < n_threads);
    if (n == 0)
        return;
    for (int64_t row = first; row < end; row++) {
        char *to = (char *)out + row * n * size;
        const char *from = (const char *)in + row_start(plan, row) * size;
        if (stride == 1)
            memcpy(to, from, (size_t)(n * size));
        else
            gather_row(to, from, n, stride, plan->elem_size);
    }
}
