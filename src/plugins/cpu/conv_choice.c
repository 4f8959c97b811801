/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions with several algorithms get the one with the least estimate.
 */
#include "conv_choice.h"

#include "base/text.h"
#include "kernels/conv/conv_cost.h"

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
    if (c.n > 1)
        *why = reason(b, "estimate", &c, c.seconds);
    else
        *why = !b->allow_winograd &&
                       ca_conv_candidates(&c, s, b->host->cpu_flags, true) && c.n > 1
                   ? "exact"
                   : "only";
    return true;
}
