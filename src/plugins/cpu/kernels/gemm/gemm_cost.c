/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which product of matrices is faster: sums of measured terms (cost.def).
 */
#include "gemm_strassen.h"

#include "../cost.h"
#include "base/cpu.h"

typedef struct Cost {
    uint32_t needs;
    double product, strassen, rows, panels, sums;
} Cost;

static const Cost costs[] = {
#define CA_CONV_COST(needs, algorithm, product, in, out, filter, fixed)
#define CA_DOT_COST(needs, is_winograd, product, in, out, filter, fixed)
#define CA_GEMM_COST(needs, product, strassen, rows, panels, sums) \
    {needs, product, strassen, rows, panels, sums},
#include "../cost.def"
#undef CA_CONV_COST
#undef CA_DOT_COST
};

/* Of whole panels in pairs, and of the last one, in whole columns. */
static double pairs_of(const CaStrassen *s) { return (double)(s->plan.n_panels / 2); }
static double single_of(const CaStrassen *s) { return (double)(s->plan.n_panels % 2); }

static double panel_operations(const CaStrassen *s)
{
    return 2.0 * (double)s->plan.m * (double)s->plan.k * s->plan.kernel->nr;
}

double ca_strassen_operations(const CaStrassen *s)
{
    return panel_operations(s) * (pairs_of(s) * 2 * 7 / 8 + single_of(s));
}

void ca_strassen_estimate(double seconds[2], const CaStrassen *s)
{
    const Cost *c = costs;
    while (c->needs != s->plan.kernel->needs) /* the last needs nothing */
        c++;
    const double packed = (double)s->plan.packed_size / 1024,
                 taken = (double)(s->plan.m * s->plan.k) / 16,
                 groups = pairs_of(s) * (double)(s->n_pairs * s->n_chunks),
                 all = panel_operations(s) * (pairs_of(s) * 2 + single_of(s));
    seconds[0] = 1e-12 * c->product * all;
    seconds[1] = 1e-12 * c->strassen * ca_strassen_operations(s) +
                 1e-9 * (c->rows * taken + c->panels * packed + c->sums * groups);
}

bool ca_strassen_pays(const CaStrassen *s)
{
    double seconds[2];
    ca_strassen_estimate(seconds, s);
    return !s->plan.a_transposed && seconds[1] * CA_WINOGRAD_MARGIN < seconds[0];
}
