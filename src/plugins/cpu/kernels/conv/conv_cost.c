/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan costs, from its shape.
 */
#include "conv_cost.h"

static bool is_winograd(const CaConvPlan *p)
{
    return p->algorithm == CA_CONV_WINOGRAD_2 || p->algorithm == CA_CONV_WINOGRAD_4;
}

double ca_conv_operations(const CaConvPlan *p)
{
    const CaConvShape *s = &p->s;
    const double pairs = (double)s->co * (s->ci / s->groups);
    if (is_winograd(p))
        return 2 * pairs * s->n * p->tile_rows * p->tile_cols * (p->m + 2) * (p->m + 2);
    return 2 * pairs * s->n * s->oh * s->ow * s->kh * s->kw;
}
