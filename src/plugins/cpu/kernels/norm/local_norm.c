/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of up to 64 neighbours along the inner axis keep their sums in the first cache; each loop over a run becomes
 * vectors. A sum adds its window afresh, so errors do not travel along the axis: size roundings.
 */
#include "local_norm.h"

#include "kernels/axis_runs.h"

#include <math.h>

/* x^-beta for x > 0; the powers that networks have are roots. */
static void apply(const CaLrn *lrn, float *y, const float *x, const float *sums,
                  ptrdiff_t n)
{
    if (lrn->beta == 0.75f)
        for (ptrdiff_t i = 0; i < n; i++) {
            const float root = sqrtf(lrn->bias + lrn->scale * sums[i]);
            y[i] = x[i] / (root * sqrtf(root));
        }
    else if (lrn->beta == 0.5f)
        for (ptrdiff_t i = 0; i < n; i++)
            y[i] = x[i] / sqrtf(lrn->bias + lrn->scale * sums[i]);
    else if (lrn->beta == 1)
        for (ptrdiff_t i = 0; i < n; i++)
            y[i] = x[i] / (lrn->bias + lrn->scale * sums[i]);
    else
        for (ptrdiff_t i = 0; i < n; i++)
            y[i] = x[i] / powf(lrn->bias + lrn->scale * sums[i], lrn->beta);
}

static void sum_window(const CaLrnPass *p, float *sums, const float *in, ptrdiff_t at,
                       ptrdiff_t n, bool is_first)
{
    const ptrdiff_t begin = at < p->half ? 0 : at - p->half;
    const ptrdiff_t end = p->axis - at <= p->half ? p->axis : at + p->half + 1;
    for (ptrdiff_t i = 0; i < n; i++)
        sums[i] = 0;
    for (ptrdiff_t k = begin; k < end; k++) {
        const float *from = in + k * p->inner;
        if (is_first)
            for (ptrdiff_t i = 0; i < n; i++)
                sums[i] += from[i] * from[i];
        else
            for (ptrdiff_t i = 0; i < n; i++)
                sums[i] += from[i];
    }
}

/* x NULL: sums are the result. */
static void run(const CaLrn *lrn, const CaLrnPass *p, float *out, const float *x,
                const float *in, bool is_first, int thread, int n_threads)
{
    const ptrdiff_t n_runs = ca_axis_n_runs(p->outer, p->inner) * p->axis;
    const ptrdiff_t end = ca_share(n_runs, thread + 1, n_threads);
    for (ptrdiff_t at = ca_share(n_runs, thread, n_threads); at < end; at++) {
        const CaAxisRun r = ca_axis_run(at / p->axis, p->inner);
        const ptrdiff_t from = r.outer * p->axis * p->inner + r.column,
                        to = from + at % p->axis * p->inner;
        float sums[CA_AXIS_RUN];
        sum_window(p, sums, in + from, at % p->axis, r.n, is_first);
        if (x)
            apply(lrn, out + to, x + to, sums, r.n);
        for (ptrdiff_t i = 0; i < r.n && !x; i++)
            out[to + i] = sums[i];
    }
}

void ca_lrn_sum(const CaLrnPass *pass, float *sums, const float *in, bool is_first,
                int thread, int n_threads)
{
    run(NULL, pass, sums, NULL, in, is_first, thread, n_threads);
}

void ca_lrn_finish(const CaLrn *lrn, const CaLrnPass *pass, float *y, const float *x,
                   const float *in, bool is_first, int thread, int n_threads)
{
    run(lrn, pass, y, x, in, is_first, thread, n_threads);
}
