/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan of short numbers costs.
 */
#include "../cost.h"
#include "base/cpu.h"
#include "dot_kernels.h"

typedef struct Cost {
    uint32_t needs;
    bool is_winograd;
    double product, in, out, filter, fixed;
} Cost;

static const Cost costs[] = {
#define CA_CONV_COST(needs, algorithm, product, in, out, filter, fixed)
#define CA_DOT_COST(needs, is_winograd, product, in, out, filter, fixed) \
    {needs, is_winograd, product, in, out, filter, fixed},
#include "../cost.def"
#undef CA_CONV_COST
#undef CA_DOT_COST
};

double ca_dot_operations(const CaDotPlan *p)
{
    const CaConvShape *s = &p->s;
    const double pairs = (double)s->co * (s->ci / s->groups);
    if (p->winograd)
        return 2 * pairs * s->n * p->tile_rows * p->tile_cols *
               (15 + 3); /* one of 16 is three products */
    return 2 * pairs * s->n * s->oh * s->ow * s->kh * s->kw;
}

double ca_dot_estimate(const CaDotPlan *p)
{
    const double results = 16.0 * p->co_blocks / p->s.co,
                 tiles = p->winograd ? (double)p->s.n * p->tile_rows * p->tile_cols : 0,
                 filter = (double)p->packed_size / 1024;
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
        const Cost *c = &costs[i];
        if (c->needs != p->isa->needs || c->is_winograd != p->winograd)
            continue;
        const double ns = c->product * 1e-3 * results * ca_dot_operations(p) +
                          tiles * 16 * (c->in * p->ci_blocks + c->out * p->co_blocks) +
                          c->filter * filter + c->fixed * 1e3;
        return 1e-9 * (ns > CA_COST_MEMORY * filter ? ns : CA_COST_MEMORY * filter);
    }
    return 0;
}
