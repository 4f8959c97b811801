/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Broadcasting: two shapes, right-aligned, made one loop nest with as few axes as possible.
 */
#include "eltwise.h"

static int64_t dim_of(int rank, const int64_t *dims, int axis, int out_rank)
{
    const int i = axis - (out_rank - rank);
    return i < 0 ? 1 : dims[i];
}

/* Joins the axis to the one inside it if both inputs go on there without a jump. */
static void add_axis(CaBroadcast *p, int64_t dim, int64_t a_stride, int64_t b_stride)
{
    const int last = p->rank - 1;

    if (dim == 1)
        return;
    if (p->rank > 0 && a_stride == p->a_strides[last] * p->dims[last] &&
        b_stride == p->b_strides[last] * p->dims[last]) {
        p->dims[last] *= dim;
        return;
    }
    p->dims[p->rank] = dim;
    p->a_strides[p->rank] = a_stride;
    p->b_strides[p->rank++] = b_stride;
}

static void swap(int64_t *v, int i, int j)
{
    const int64_t t = v[i];
    v[i] = v[j];
    v[j] = t;
}

bool ca_broadcast_plan(CaBroadcast *plan, int a_rank, const int64_t *a_dims, int b_rank,
                       const int64_t *b_dims)
{
    const int rank = a_rank > b_rank ? a_rank : b_rank;
    int64_t a_size = 1, b_size = 1, size = 1;
    CaBroadcast p = {.n_rows = 1};
    bool empty = false;

    if (a_rank < 0 || b_rank < 0 || rank > CA_BROADCAST_MAX_RANK)
        return false;
    for (int i = rank - 1; i >= 0; i--) { /* innermost first; turned round below */
        const int64_t a = dim_of(a_rank, a_dims, i, rank);
        const int64_t b = dim_of(b_rank, b_dims, i, rank);
        const int64_t dim = a == 1 ? b : a, full = dim > 0 ? dim : 1;
        if (a < 0 || b < 0 || (a != b && a != 1 && b != 1))
            return false;
        if (size > INT64_MAX / (int64_t)sizeof(float) / full)
            return false;
        add_axis(&p, full, a == 1 ? 0 : a_size, b == 1 ? 0 : b_size);
        empty = empty || dim == 0;
        size *= full;
        a_size *= a > 0 ? a : 1;
        b_size *= b > 0 ? b : 1;
    }
    if (p.rank == 0) { /* one element */
        p.rank = 1;
        p.dims[0] = p.a_strides[0] = p.b_strides[0] = 1;
    }
    for (int i = 0, j = p.rank - 1; i < j; i++, j--) {
        swap(p.dims, i, j);
        swap(p.a_strides, i, j);
        swap(p.b_strides, i, j);
    }
    for (int i = 0; i < p.rank - 1; i++)
        p.n_rows *= p.dims[i];
    if (empty)
        p.n_rows = 0;
    *plan = p;
    return true;
}
