/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing by index in plain C: what is moved is rows or single elements.
 */
#include "gather_plain.h"

#include "kernels/axis_runs.h"

#include <string.h>

/* -1: out of range */
CA_INLINE int64_t place(int64_t index, int64_t n)
{
    index += index < 0 ? n : 0;
    return index < n ? index : -1;
}

bool ca_gather_rows(const CaRows *r, void *out, const void *in, const int64_t *index,
                    int thread, int n_threads)
{
    const int64_t n_rows = r->n_batches * r->n_outer * r->n_index;
    const int64_t end = ca_share(n_rows, thread + 1, n_threads);
    const size_t size = r->row_size;
    bool good = true;
    for (int64_t row = ca_share(n_rows, thread, n_threads); row < end;) {
        const int64_t plane = row / r->n_index, batch = plane / r->n_outer;
        const int64_t *at = index + batch * r->n_index;
        const char *from = (const char *)in + (size_t)(plane * r->n) * size;
        char *to = (char *)out + (size_t)(plane * r->n_index) * size;
        int64_t i = row % r->n_index;
        const int64_t stop =
            end - plane * r->n_index < r->n_index ? end - plane * r->n_index : r->n_index;
        row += stop - i;
        for (; i < stop; i++) {
            const int64_t k = place(at[i], r->n);
            if (k < 0)
                memset(to + (size_t)i * size, 0, size);
            else if (size == 4)
                memcpy(to + (size_t)i * 4, from + (size_t)k * 4, 4);
            else
                memcpy(to + (size_t)i * size, from + (size_t)k * size, size);
            good = good && k >= 0;
        }
    }
    return good;
}

/* Threads share planes or, where there is one, bytes of each row: each place is written by one of them. */
bool ca_scatter_rows(const CaRows *r, void *out, const void *in, const int64_t *index,
                     int thread, int n_threads)
{
    const int64_t n_planes = r->n_batches * r->n_outer;
    const bool by_planes = n_planes > 1;
    const int64_t end = by_planes ? ca_share(n_planes, thread + 1, n_threads) : n_planes;
    const size_t begin = by_planes ? 0
                                   : (size_t)ca_share((ptrdiff_t)r->row_size, thread,
                                                      n_threads),
                 size = by_planes ? r->row_size
                                  : (size_t)ca_share((ptrdiff_t)r->row_size, thread + 1,
                                                     n_threads) -
                                        begin;
    bool good = true;
    for (int64_t plane = by_planes ? ca_share(n_planes, thread, n_threads) : 0;
         plane < end; plane++) {
        const int64_t *at = index + plane / r->n_outer * r->n_index;
        for (int64_t i = 0; i < r->n_index; i++) {
            const int64_t k = place(at[i], r->n);
            good = good && k >= 0;
            if (k >= 0)
                memcpy((char *)out + (size_t)(plane * r->n + k) * r->row_size + begin,
                       (const char *)in + (size_t)(plane * r->n_index + i) * r->row_size +
                           begin,
                       size);
        }
    }
    return good;
}

CA_INLINE bool elements(const CaAxisElements *a, char *out, const char *in,
                        const int64_t *index, int64_t row, size_t size)
{
    const int64_t outer = row / a->n_index;
    bool good = true;
    out += (size_t)(row * a->inner) * size;
    in += (size_t)(outer * a->n * a->inner) * size;
    index += row * a->inner;
    for (int64_t j = 0; j < a->inner; j++) {
        const int64_t k = place(index[j], a->n);
        if (k < 0)
            memset(out + (size_t)j * size, 0, size);
        else
            memcpy(out + (size_t)j * size, in + (size_t)(k * a->inner + j) * size, size);
        good = good && k >= 0;
    }
    return good;
}

bool ca_gather_elements(const CaAxisElements *a, void *out, const void *in,
                        const int64_t *index, int thread, int n_threads)
{
    const int64_t n = a->outer * a->n_index;
    const int64_t end = ca_share(n, thread + 1, n_threads);
    bool good = true;
    for (int64_t row = ca_share(n, thread, n_threads); row < end; row++) {
        bool ok = false;
        if (a->elem_size == 1)
            ok = elements(a, out, in, index, row, 1);
        else if (a->elem_size == 2)
            ok = elements(a, out, in, index, row, 2);
        else if (a->elem_size == 4)
            ok = elements(a, out, in, index, row, 4);
        else
            ok = elements(a, out, in, index, row, 8);
        good = good && ok;
    }
    return good;
}

void ca_one_hot(const CaAxisElements *a, void *out, const int64_t *index, const void *on,
                const void *off, bool wraps, int thread, int n_threads)
{
    const int64_t n = a->outer * a->n, end = ca_share(n, thread + 1, n_threads);
    const size_t size = a->elem_size;
    for (int64_t row = ca_share(n, thread, n_threads); row < end; row++) {
        char *to = (char *)out + (size_t)(row * a->inner) * size;
        const int64_t *at = index + row / a->n * a->inner;
        const int64_t i = row % a->n;
        for (int64_t j = 0; j < a->inner; j++) {
            const bool is_on = at[j] == i || (wraps && at[j] == i - a->n);
            memcpy(to + (size_t)j * size, is_on ? on : off, size);
        }
    }
}
