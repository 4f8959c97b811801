/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pad: rows of the last axis, their middle copied whole and their ends element by element.
 */
#include "pad_plain.h"

#include <assert.h>
#include <string.h>

/* The furthest that one end of an axis may grow. */
static int64_t reach(CaPadMode mode, int64_t dim)
{
    switch (mode) {
    case CA_PAD_CONSTANT: return INT32_MAX;
    case CA_PAD_EDGE: return dim > 0 ? INT32_MAX : 0;
    case CA_PAD_REFLECT: return dim > 0 ? dim - 1 : 0;
    case CA_PAD_SYMMETRIC: return dim;
    }
    return 0;
}

bool ca_pad_plan(CaPad *plan, CaPadMode mode, int rank, const int64_t *dims,
                 const int64_t *begin, const int64_t *end, size_t elem_size)
{
    CaPad p = {.rank = rank, .mode = mode, .elem_size = elem_size, .n_rows = 1};
    int64_t size = 1, in_size = 1; /* an empty axis counted as 1 */

    if (rank < 1 || rank > CA_PAD_MAX_RANK)
        return false;
    if (elem_size != 1 && elem_size != 2 && elem_size != 4 && elem_size != 8)
        return false;
    for (int i = 0; i < rank; i++) {
        const int64_t limit = reach(mode, dims[i]);
        if (dims[i] < 0 || dims[i] > INT64_MAX / 4 || begin[i] > limit || end[i] > limit)
            return false;
        if (begin[i] < -dims[i] || end[i] < -dims[i] || dims[i] + begin[i] + end[i] < 0)
            return false;
        p.dims[i] = dims[i];
        p.begin[i] = begin[i];
        p.out_dims[i] = dims[i] + begin[i] + end[i];
        const int64_t n = p.out_dims[i] > 0 ? p.out_dims[i] : 1,
                      m = dims[i] > 0 ? dims[i] : 1;
        if (size > INT64_MAX / 8 / n || in_size > INT64_MAX / 8 / m)
            return false;
        size *= n;
        in_size *= m;
        if (i < rank - 1)
            p.n_rows *= p.out_dims[i];
    }
    *plan = p;
    return true;
}

/* Where output index i of an axis comes from; -1: the constant. */
static int64_t source(const CaPad *p, int axis, int64_t i)
{
    const int64_t n = p->dims[axis], j = i - p->begin[axis];

    if (0 <= j && j < n)
        return j;
    switch (p->mode) {
    case CA_PAD_CONSTANT: return -1;
    case CA_PAD_EDGE: return j < 0 ? 0 : n - 1;
    case CA_PAD_REFLECT: return j < 0 ? -j : 2 * n - 2 - j;
    case CA_PAD_SYMMETRIC: return j < 0 ? -j - 1 : 2 * n - 1 - j;
    }
    return -1;
}

/* First input element of an output row; -1: the row holds only the constant. */
static int64_t row_source(const CaPad *p, int64_t row)
{
    const int last = p->rank - 1;
    int64_t at = 0, stride = p->dims[last];

    for (int i = last - 1; i >= 0; i--) {
        const int64_t j = source(p, i, row % p->out_dims[i]);
        if (j < 0)
            return -1;
        row /= p->out_dims[i];
        at += j * stride;
        stride *= p->dims[i];
    }
    return at;
}

static void fill(char *out, int64_t n, const char *value, size_t size)
{
    if (size == 4)
        for (int64_t i = 0; i < n; i++)
            memcpy(out + 4 * i, value, 4);
    else
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * (int64_t)size, value, size);
}

static void pad_row(const CaPad *p, char *out, const char *in, const char *value)
{
    const int last = p->rank - 1;
    const int64_t n = p->out_dims[last], begin = p->begin[last],
                  stop = begin + p->dims[last];
    const size_t size = p->elem_size;
    int64_t i = 0;

    if (!in || p->mode == CA_PAD_CONSTANT) { /* value, a piece of the input, value */
        const int64_t first = !in || begin > n ? n : begin > 0 ? begin : 0;
        const int64_t end = !in || stop > n ? n : stop > first ? stop : first;
        fill(out, first, value, size);
        if (end > first)
            memcpy(out + first * (int64_t)size, in + (first - begin) * (int64_t)size,
                   (size_t)(end - first) * size);
        fill(out + end * (int64_t)size, n - end, value, size);
        return;
    }
    while (i < n) {
        const int64_t j = source(p, last, i);
        if (begin <= i && i < stop) {
            const int64_t run = (stop < n ? stop : n) - i;
            memcpy(out + i * (int64_t)size, in + j * (int64_t)size, (size_t)run * size);
            i += run;
            continue;
        }
        memcpy(out + i * (int64_t)size, in + j * (int64_t)size, size);
        i++;
    }
}

void ca_pad_run(const CaPad *plan, int thread, int n_threads, void *out, const void *in,
                const void *value)
{
    const int64_t row_size = plan->out_dims[plan->rank - 1] * (int64_t)plan->elem_size;
    const int64_t share = plan->n_rows / n_threads, extra = plan->n_rows % n_threads;
    const int64_t first = share * thread + (thread < extra ? thread : extra);
    const int64_t end = first + share + (thread < extra);

    assert(0 <= thread && thread < n_threads);
    for (int64_t row = first; row < end; row++) {
        const int64_t at = row_source(plan, row);
        const char *from =
            at < 0 ? NULL : (const char *)in + at * (int64_t)plan->elem_size;
        pad_row(plan, (char *)out + row * row_size, from, value);
    }
}
