/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan drops axes of length 1 and merges neighbours that no operand tells apart.
 */
#include "spread.h"

#include "kernels/axis_runs.h"

static bool may_merge(const CaSpread *p, int64_t dim, const int64_t *strides)
{
    for (int k = 0; k < p->n_in; k++)
        if (p->strides[k][p->rank - 1] != strides[k] * dim)
            return false;
    return true;
}

/* Outermost first. */
static void add_axis(CaSpread *p, int64_t dim, const int64_t *strides)
{
    const bool merges = p->rank > 0 && may_merge(p, dim, strides);
    if (dim == 1)
        return;
    if (!merges)
        p->dims[p->rank++] = 1;
    p->dims[p->rank - 1] *= dim;
    for (int k = 0; k < p->n_in; k++)
        p->strides[k][p->rank - 1] = strides[k];
}

bool ca_spread_plan(CaSpread *plan, int rank, const int64_t *dims, int n_in,
                    const int *ranks, const int64_t *const *in_dims)
{
    int64_t strides[CA_SPREAD_MAX_RANK][CA_SPREAD_MAX_IN] = {{0}};
    CaSpread p = {.n_in = n_in, .n_pieces = 1};
    bool is_empty = false;
    if (rank > CA_SPREAD_MAX_RANK || n_in > CA_SPREAD_MAX_IN)
        return false;
    for (int k = 0; k < n_in; k++) {
        int64_t stride = 1;
        if (ranks[k] > rank)
            return false;
        for (int i = rank - 1, j = ranks[k] - 1; j >= 0; i--, j--) {
            if (in_dims[k][j] != dims[i] && in_dims[k][j] != 1)
                return false;
            strides[i][k] = in_dims[k][j] == 1 ? 0 : stride;
            stride *= in_dims[k][j];
        }
    }
    for (int i = 0; i < rank; i++) {
        is_empty = is_empty || dims[i] == 0;
        add_axis(&p, dims[i], strides[i]);
    }
    if (p.rank == 0)
        p.dims[p.rank++] = 1;
    for (int i = 0; i < p.rank - 1; i++)
        p.n_pieces *= p.dims[i];
    p.n_pieces *= (p.dims[p.rank - 1] + CA_SPREAD_PIECE - 1) / CA_SPREAD_PIECE;
    p.n_pieces = is_empty ? 0 : p.n_pieces;
    *plan = p;
    return true;
}

static CaPiece piece_of(const CaSpread *p, int64_t at)
{
    const int64_t row_n = p->dims[p->rank - 1],
                  each = (row_n + CA_SPREAD_PIECE - 1) / CA_SPREAD_PIECE;
    const int64_t first = at % each * CA_SPREAD_PIECE, left = row_n - first;
    int64_t row = at / each;
    CaPiece x = {.out = row * row_n + first,
                 .n = left < CA_SPREAD_PIECE ? left : CA_SPREAD_PIECE};
    for (int k = 0; k < p->n_in; k++) {
        x.step[k] = p->strides[k][p->rank - 1] != 0;
        x.in[k] = first * x.step[k];
    }
    for (int i = p->rank - 2; i >= 0; row /= p->dims[i], i--)
        for (int k = 0; k < p->n_in; k++)
            x.in[k] += row % p->dims[i] * p->strides[k][i];
    return x;
}

void ca_spread_run(const CaSpread *p, int thread, int n_threads, CaPieceFn *fn, void *arg)
{
    const int64_t end = ca_share(p->n_pieces, thread + 1, n_threads);
    for (int64_t at = ca_share(p->n_pieces, thread, n_threads); at < end; at++) {
        const CaPiece x = piece_of(p, at);
        fn(arg, &x);
    }
}
