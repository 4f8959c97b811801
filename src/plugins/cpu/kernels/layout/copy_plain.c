/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boxes copied from tensor to tensor, and rows gathered.
 */
#include "copy_plain.h"

#include <assert.h>
#include <string.h>

/* The strides of a dense tensor; false if its size in bytes overflows. */
static bool dense(int rank, const int64_t *dims, size_t elem_size, int64_t *strides)
{
    int64_t size = 1;
    for (int i = rank - 1; i >= 0; i--) {
        const int64_t dim = dims[i] > 0 ? dims[i] : 1;
        if (dims[i] < 0 || size > INT64_MAX / (int64_t)elem_size / dim)
            return false;
        strides[i] = size;
        size *= dim;
    }
    return true;
}

/* First and last element of the box inside [0, size), without computing what may overflow. */
static bool fits(int64_t size, int64_t start, int64_t step, int64_t n)
{
    if (n == 0)
        return true;
    if (start < 0 || start >= size)
        return false;
    if (n == 1 || step == 0)
        return true;
    if (step > 0)
        return n - 1 <= (size - 1 - start) / step;
    return step != INT64_MIN && n - 1 <= start / -step;
}

static bool side(int rank, const int64_t *dims, const CaBoxSide *s, size_t elem_size,
                 int64_t *start, int64_t *strides)
{
    if (!dense(rank, s->dims, elem_size, strides))
        return false;
    *start = 0;
    for (int i = 0; i < rank; i++) {
        if (!fits(s->dims[i], s->start[i], s->step[i], dims[i]))
            return false;
        *start += dims[i] > 0 ? s->start[i] * strides[i] : 0;
        strides[i] = dims[i] > 1 ? strides[i] * s->step[i] : 0;
    }
    return true;
}

bool ca_box_plan(CaBox *plan, int rank, const int64_t *dims, const CaBoxSide *out,
                 const CaBoxSide *in, size_t elem_size)
{
    int64_t out_strides[CA_BOX_MAX_RANK], in_strides[CA_BOX_MAX_RANK];
    CaBox p = {.elem_size = elem_size, .n_rows = 1};
    bool empty = false;

    if (rank < 0 || rank > CA_BOX_MAX_RANK)
        return false;
    if (elem_size != 1 && elem_size != 2 && elem_size != 4 && elem_size != 8)
        return false;
    if (!dense(rank, dims, elem_size, out_strides) ||
        !side(rank, dims, out, elem_size, &p.out_start, out_strides) ||
        !side(rank, dims, in, elem_size, &p.in_start, in_strides))
        return false;
    for (int i = 0; i < rank;
         i++) { /* an axis joins the one outside it if neither jumps */
        const int k = p.rank - 1;
        empty = empty || dims[i] == 0;
        if (dims[i] <= 1)
            continue;
        if (k >= 0 && p.out_strides[k] == out_strides[i] * dims[i] &&
            p.in_strides[k] == in_strides[i] * dims[i]) {
            p.dims[k] *= dims[i];
            p.out_strides[k] = out_strides[i];
            p.in_strides[k] = in_strides[i];
            continue;
        }
        p.dims[p.rank] = dims[i];
        p.out_strides[p.rank] = out_strides[i];
        p.in_strides[p.rank++] = in_strides[i];
    }
    if (p.rank == 0) { /* one element */
        p.rank = 1;
        p.dims[0] = p.out_strides[0] = p.in_strides[0] = 1;
    }
    for (int i = 0; i < p.rank - 1; i++)
        p.n_rows *= p.dims[i];
    if (empty)
        p.n_rows = 0;
    *plan = p;
    return true;
}

/* Copies of a constant size become one load and one store. */
static void copy_row(char *out, const char *in, const CaBox *p)
{
    const int64_t size = (int64_t)p->elem_size, n = p->dims[p->rank - 1];
    const int64_t to = p->out_strides[p->rank - 1] * size;
    const int64_t from = p->in_strides[p->rank - 1] * size;

    if (to == size && from == size)
        memcpy(out, in, (size_t)(n * size));
    else if (size == 1)
        for (int64_t i = 0; i < n; i++)
            out[i * to] = in[i * from];
    else if (size == 2)
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * to, in + i * from, 2);
    else if (size == 4)
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * to, in + i * from, 4);
    else
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * to, in + i * from, 8);
}

static void share(int64_t n, int thread, int n_threads, int64_t *first, int64_t *end)
{
    const int64_t part = n / n_threads, extra = n % n_threads;
    assert(0 <= thread && thread < n_threads);
    *first = part * thread + (thread < extra ? thread : extra);
    *end = *first + part + (thread < extra);
}

void ca_box_run(const CaBox *plan, int thread, int n_threads, void *out, const void *in)
{
    const int64_t size = (int64_t)plan->elem_size;
    int64_t first, end;

    share(plan->n_rows, thread, n_threads, &first, &end);
    for (int64_t row = first; row < end; row++) {
        int64_t to = plan->out_start, from = plan->in_start, rest = row;
        for (int i = plan->rank - 2; i >= 0; i--) {
            to += rest % plan->dims[i] * plan->out_strides[i];
            from += rest % plan->dims[i] * plan->in_strides[i];
            rest /= plan->dims[i];
        }
        copy_row((char *)out + to * size, (const char *)in + from * size, plan);
    }
}

bool ca_gather_rows(void *out, const void *in, const int64_t *index, int64_t n_out,
                    int64_t n_in, size_t row_size, int thread, int n_threads)
{
    int64_t first, end;
    bool good = true;

    share(n_out, thread, n_threads, &first, &end);
    for (int64_t i = first; i < end; i++) {
        const int64_t at = index[i] < 0 ? index[i] + n_in : index[i];
        char *to = (char *)out + (size_t)i * row_size;
        if (at < 0 || at >= n_in) {
            memset(to, 0, row_size);
            good = false;
            continue;
        }
        memcpy(to, (const char *)in + (size_t)at * row_size, row_size);
    }
    return good;
}
