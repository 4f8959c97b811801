/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions with several algorithms get the one with the least estimate, or the fastest where they are tuned.
 */
#include "conv_choice.h"

#include "base/text.h"
#include "conv_tune.h"
#include "lower_conv.h"

/* "estimate: direct 0.812 ms, winograd4 0.351 ms" */
static const char *reason(CaCpuBuild *b, const char *word, const CaConvCandidates *c,
                          const double *seconds)
{
    CaText t = {.limit = 256};
    ca_text_add(&t, "%s:", word);
    for (int i = 0; i < c->n; i++)
        if (seconds[i] > 0)
            ca_text_add(&t, "%s %s %.3g ms", i ? "," : "",
                        ca_conv_algorithm_name(c->plans[i].algorithm), seconds[i] * 1e3);
    const char *text = t.failed ? NULL : ca_arena_copy(b->p->arena, t.data);
    ca_text_free(&t);
    return text;
}

bool ca_cpu_choose_conv(CaCpuBuild *b, CaConvPlan *plan, const char **why,
                        const CaConvShape *s)
{
    CaConvCandidates c;
    if (!ca_conv_candidates(&c, s, b->host->cpu_flags, b->allow_winograd))
        return false;
    *plan = c.plans[c.best];
    if (c.n > 1 && b->tune) {
        double seconds[CA_MOST_CANDIDATES] = {0};
        const int best = ca_cpu_tuned(b, seconds, &c);
        *plan = c.plans[best];
        *why = seconds[best] > 0 ? reason(b, "measured", &c, seconds) : "tuned";
    } else if (c.n > 1)
        *why = reason(b, "estimate", &c, c.seconds);
    else
        *why = !b->allow_winograd &&
                       ca_conv_candidates(&c, s, b->host->cpu_flags, true) && c.n > 1
                   ? b->is_low ? "low memory" : "exact"
                   : "only";
    return true;
}

void ca_cpu_choose_all(CaCpuBuild *b)
{
    for (const CarinaNode *n = b->graph->first; b->tune && n; n = n->next) {
        CaConvShape s;
        CaConvPlan plan;
        const char *why = NULL;
        if (b->precision != CA_ELEM_F32 || !ca_cpu_is(n, "Convolution") ||
            !ca_cpu_constant(n->inputs[1].value) || !ca_cpu_conv_shape(&s, n) ||
            ca_conv_plan_planes(&plan, &s, b->host->cpu_flags) ||
            !ca_cpu_choose_conv(b, &plan, &why, &s))
            continue;
        b->choices = ca_hash(&plan.algorithm, sizeof plan.algorithm, b->choices + 1);
    }
}
