/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plans cost: a sum of measured terms (cost.def), and never less than reading the filter.
 */
#include "conv_cost.h"

#include "../cost.h"
#include "base/cpu.h"
#include "conv_kernels.h"

typedef struct Cost {
    uint32_t needs;
    CaConvAlgorithm algorithm;
    double product, in, out, filter, fixed;
} Cost;

static const Cost costs[] = {
#define CA_CONV_COST(needs, algorithm, product, in, out, filter, fixed) \
    {needs, algorithm, product, in, out, filter, fixed},
#define CA_DOT_COST(needs, is_winograd, product, in, out, filter, fixed)
#include "../cost.def"
#undef CA_CONV_COST
#undef CA_DOT_COST
};

static bool is_winograd(const CaConvPlan *p)
{
    return p->algorithm == CA_CONV_WINOGRAD_2 || p->algorithm == CA_CONV_WINOGRAD_4;
}

/* Products of Winograd for a pair of channels. */
static double winograd_places(const CaConvPlan *p)
{
    const int whole = ca_winograd_places(p), less = p->s.stride_h;
    return (double)p->s.n * (p->tile_rows * whole - p->short_rows * less) *
           (p->tile_cols * whole - p->short_cols * less);
}

/* Pixels of all images, with those that both tiles of a pair have. */
static double strassen_pixels(const CaConvPlan *p)
{
    const int64_t pixels = (int64_t)p->s.n * p->s.oh * p->s.ow,
                  each = pixels / p->n_pairs, larger = pixels % p->n_pairs;
    return (double)(pixels + (each & 1 ? p->n_pairs - larger : larger));
}

double ca_conv_operations(const CaConvPlan *p)
{
    const CaConvShape *s = &p->s;
    const double pairs = (double)s->co * (s->ci / s->groups);
    if (is_winograd(p))
        return 2 * pairs * winograd_places(p);
    if (p->algorithm == CA_CONV_STRASSEN)
        return 2 * pairs * strassen_pixels(p) * 7 / 8;
    return 2 * pairs * s->n * s->oh * s->ow * s->kh * s->kw;
}

const char *ca_conv_algorithm_name(int algorithm)
{
    static const char *const names[CA_N_CONV_ALGORITHMS] = {
        [CA_CONV_DIRECT] = "direct",        [CA_CONV_WINOGRAD_2] = "winograd2",
        [CA_CONV_WINOGRAD_4] = "winograd4", [CA_CONV_DEPTHWISE] = "depthwise",
        [CA_CONV_PLANES] = "planes",        [CA_CONV_STRASSEN] = "strassen",
    };
    return names[algorithm];
}

/* Places with vectors of channels that are transformed. */
static double transformed(const CaConvPlan *p)
{
    if (p->algorithm == CA_CONV_STRASSEN)
        return strassen_pixels(p);
    return is_winograd(p) ? winograd_places(p) : 0;
}

/* Seconds; all that ca_conv_candidates compares, of one part. */
static double estimate(const CaConvPlan *p)
{
    const Cost *c = costs;
    const double results = 16.0 * p->co_blocks / p->s.co, places = transformed(p),
                 filter = (double)p->packed_size / 1024;
    while (c->needs != p->isa->needs || (int)c->algorithm != p->algorithm)
        c++; /* ref has all four */
    const double ns = c->product * 1e-3 * results * ca_conv_operations(p) +
                      places * (c->in * p->ci_blocks + c->out * p->co_blocks) +
                      c->filter * filter + c->fixed * 1e3;
    return 1e-9 * (ns > CA_COST_MEMORY * filter ? ns : CA_COST_MEMORY * filter);
}

static double margin_of(const CaConvPlan *p)
{
    return p->algorithm == CA_CONV_STRASSEN ? CA_STRASSEN_MARGIN : CA_WINOGRAD_MARGIN;
}

bool ca_conv_candidates(CaConvCandidates *c, const CaConvShape *s, uint32_t cpu,
                        bool allow_winograd)
{
    static const CaConvAlgorithm in_turn[] = {CA_CONV_DIRECT, CA_CONV_WINOGRAD_2,
                                              CA_CONV_WINOGRAD_4, CA_CONV_STRASSEN};
    enum { N_TURNS = sizeof in_turn / sizeof *in_turn };
    const CaConvIsa *const *isa = ca_conv_isas;

    while (((*isa)->needs & cpu) != (*isa)->needs) /* stops at ref, which needs nothing */
        isa++;
    c->n = c->best = 0;
    c->seconds[0] = 0;
    if (ca_conv_plan_as(&c->plans[0], s, *isa, CA_CONV_DEPTHWISE))
        return (c->n = 1) > 0;
    for (int i = 0; i < (allow_winograd ? N_TURNS : 1); i++)
        if (ca_conv_plan_as(&c->plans[c->n], s, *isa, in_turn[i]))
            c->n++;
        else if (i == 0)
            return false;
    for (int i = 0; i < c->n && c->n > 1; i++) {
        c->seconds[i] = estimate(&c->plans[i]);
        if (i && c->seconds[i] * margin_of(&c->plans[i]) < c->seconds[c->best])
            c->best = i;
    }
    return c->n > 0;
}

bool ca_conv_plan(CaConvPlan *p, const CaConvShape *s, uint32_t cpu, bool allow_winograd)
{
    CaConvCandidates c;

    if (!ca_conv_candidates(&c, s, cpu, allow_winograd))
        return false;
    *p = c.plans[c.best];
    return true;
}

bool ca_conv_plan_before(CaConvPlan *p, const CaConvShape *s, uint32_t cpu)
{
    CaConvPlan direct;
    const CaConvIsa *const *isa = ca_conv_isas;

    while (((*isa)->needs & cpu) != (*isa)->needs) /* stops at ref, which needs nothing */
        isa++;
    if (!ca_conv_plan_as(p, s, *isa, CA_CONV_STRASSEN) ||
        !ca_conv_plan_as(&direct, s, *isa, CA_CONV_DIRECT))
        return false;
    const double vectors = (double)p->ci_blocks * s->n * s->ih * s->iw;
    return estimate(p) * CA_STRASSEN_MARGIN <
           estimate(&direct) + 1e-9 * CA_COST_BEFORE * vectors;
}
