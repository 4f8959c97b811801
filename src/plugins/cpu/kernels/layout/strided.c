/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the last axis are copied whole, filled with one element, gathered, or, where the axis before goes along
 * the input, transposed in bands of 16 rows: 16 neighbours are read at once and one written to each row. Fewer rows than
 * a band (channels of pictures that lie pixel by pixel) are cut into pieces, which all rows take while the input is in
 * the first cache.
 */
#include "strided.h"

#include "kernels/axis_runs.h"

#include <string.h>

enum { BAND = 16, PIECE = 512 };

static void append_axis(CaStrided *p, int64_t dim, int64_t stride)
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

static void insert_axis(CaStrided *p)
{
    for (int i = p->rank++; i > 0; i--) {
        p->dims[i] = p->dims[i - 1];
        p->strides[i] = p->strides[i - 1];
    }
    p->dims[0] = 1;
    p->strides[0] = 0;
}

/* First and last element of the input that is read, without computing what may overflow. */
static bool fits(int rank, const int64_t *dims, const int64_t *strides, int64_t start,
                 int64_t n_in)
{
    int64_t lo = start, hi = start;
    for (int i = 0; i < rank; i++) {
        int64_t reach = 0;
        if (__builtin_mul_overflow(dims[i] - 1, strides[i], &reach) ||
            __builtin_add_overflow(reach < 0 ? lo : hi, reach, reach < 0 ? &lo : &hi))
            return false;
    }
    return lo >= 0 && hi < n_in;
}

bool ca_strided_plan(CaStrided *plan, int rank, const int64_t *dims,
                     const int64_t *strides, int64_t start, int64_t n_in,
                     size_t elem_size)
{
    CaStrided p = {.elem_size = elem_size, .n_rows = 1, .start = start};
    int64_t size = (int64_t)elem_size;
    bool is_empty = false;
    if (rank < 0 || rank > CA_STRIDED_MAX_RANK ||
        (elem_size != 1 && elem_size != 2 && elem_size != 4 && elem_size != 8))
        return false;
    for (int i = 0; i < rank; i++) {
        is_empty = is_empty || dims[i] == 0;
        if (dims[i] < 0 || __builtin_mul_overflow(size, dims[i] ? dims[i] : 1, &size))
            return false;
    }
    if (!is_empty && !fits(rank, dims, strides, start, n_in))
        return false;
    for (int i = 0; i < rank && !is_empty; i++)
        append_axis(&p, dims[i], strides[i]);
    while (p.rank < 2)
        insert_axis(&p);
    if (p.rank == 2 && p.dims[1] == 1) /* one element */
        p.strides[1] = 1;
    for (int i = 0; i < p.rank - 1; i++)
        p.n_rows *= p.dims[i];
    p.n_rows = is_empty ? 0 : p.n_rows;
    *plan = p;
    return true;
}

bool ca_strided_is_whole(const CaStrided *p)
{
    return p->rank == 2 && p->dims[0] == 1 && p->strides[1] == 1 && p->start == 0;
}

/* n elements from every step-th of in. Copies of a constant size become one load and one store. */
CA_INLINE void gather_row(char *out, const char *in, int64_t n, int64_t step, size_t size)
{
    const int64_t bytes = step * (int64_t)size;
    for (int64_t i = 0; i < n; i++)
        memcpy(out + i * (int64_t)size, in + i * bytes, size);
}

static void copy_row(char *out, const char *in, int64_t n, int64_t step, size_t size)
{
    if (step == 1)
        memcpy(out, in, (size_t)n * size);
    else if (step == 0 && size == 1)
        memset(out, *in, (size_t)n);
    else if (size == 1)
        gather_row(out, in, n, step, 1);
    else if (size == 2)
        gather_row(out, in, n, step, 2);
    else if (size == 4)
        gather_row(out, in, n, step, 4);
    else
        gather_row(out, in, n, step, 8);
}

/* BAND rows of n elements: row r, column i is in[i * step + r]. */
CA_INLINE void turn(char *out, const char *in, int64_t n, int64_t step, size_t size)
{
    const int64_t row = n * (int64_t)size, bytes = step * (int64_t)size;
    for (int64_t i = 0; i < n; i++)
        for (int64_t r = 0; r < BAND; r++)
            memcpy(out + r * row + i * (int64_t)size, in + i * bytes + r * (int64_t)size,
                   size);
}

static void turn_band(char *out, const char *in, int64_t n, int64_t step, size_t size)
{
    if (size == 1)
        turn(out, in, n, step, 1);
    else if (size == 2)
        turn(out, in, n, step, 2);
    else if (size == 4)
        turn(out, in, n, step, 4);
    else
        turn(out, in, n, step, 8);
}

typedef struct Place {
    int64_t at[CA_STRIDED_MAX_RANK]; /* along all axes but the last */
    int64_t from;                    /* element of the input */
} Place;

static Place place_of(const CaStrided *p, int64_t row)
{
    Place x = {.from = p->start};
    for (int i = p->rank - 2; i >= 0; i--) {
        x.at[i] = row % p->dims[i];
        row /= p->dims[i];
        x.from += x.at[i] * p->strides[i];
    }
    return x;
}

/* n rows on, all of them in one run of the axis before the last. */
static void advance(const CaStrided *p, Place *x, int64_t n)
{
    int i = p->rank - 2;
    x->at[i] += n;
    x->from += n * p->strides[i];
    for (; i > 0 && x->at[i] == p->dims[i]; i--) {
        x->from += p->strides[i - 1] - p->dims[i] * p->strides[i];
        x->at[i] = 0;
        x->at[i - 1]++;
    }
}

/* Does the axis before the last one go along the input? */
static bool is_turned(const CaStrided *p)
{
    const int64_t step = p->strides[p->rank - 1];
    return p->strides[p->rank - 2] == 1 && step != 1 && step != 0;
}

static void run_pieces(const CaStrided *p, int thread, int n_threads, char *out,
                       const char *in)
{
    const int last = p->rank - 1;
    const int64_t n = p->dims[last], step = p->strides[last], few = p->dims[last - 1],
                  size = (int64_t)p->elem_size, n_pieces = (n + PIECE - 1) / PIECE,
                  n_units = p->n_rows / few * n_pieces;
    const int64_t end = ca_share(n_units, thread + 1, n_threads);
    for (int64_t at = ca_share(n_units, thread, n_threads); at < end; at++) {
        const int64_t row = at / n_pieces * few, column = at % n_pieces * PIECE,
                      left = n - column;
        const int64_t from = place_of(p, row).from + column * step;
        for (int64_t i = 0; i < few; i++)
            copy_row(out + ((row + i) * n + column) * size, in + (from + i) * size,
                     left < PIECE ? left : PIECE, step, p->elem_size);
    }
}

static void run_rows(const CaStrided *p, int thread, int n_threads, char *out,
                     const char *in)
{
    const int last = p->rank - 1;
    const int64_t n = p->dims[last], step = p->strides[last],
                  size = (int64_t)p->elem_size;
    const bool turns = is_turned(p);
    int64_t row = ca_share(p->n_rows, thread, n_threads);
    const int64_t end = ca_share(p->n_rows, thread + 1, n_threads);
    Place x = place_of(p, row);
    while (row < end) {
        char *to = out + row * n * size;
        const char *from = in + x.from * size;
        const bool is_band =
            turns && row + BAND <= end && x.at[last - 1] + BAND <= p->dims[last - 1];
        if (is_band)
            turn_band(to, from, n, step, p->elem_size);
        else
            copy_row(to, from, n, step, p->elem_size);
        row += is_band ? BAND : 1;
        advance(p, &x, is_band ? BAND : 1);
    }
}

void ca_strided_run(const CaStrided *p, int thread, int n_threads, void *out,
                    const void *in)
{
    if (is_turned(p) && p->dims[p->rank - 2] < BAND && p->dims[p->rank - 1] > PIECE)
        run_pieces(p, thread, n_threads, out, in);
    else
        run_rows(p, thread, n_threads, out, in);
}
