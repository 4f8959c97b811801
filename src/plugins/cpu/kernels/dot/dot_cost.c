/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan of short numbers costs.
 */
#include "dot.h"

double ca_dot_operations(const CaDotPlan *p)
{
    const CaConvShape *s = &p->s;
    const double pairs = (double)s->co * (s->ci / s->groups);
    if (p->winograd)
        return 2 * pairs * s->n * p->tile_rows * p->tile_cols * 16;
    return 2 * pairs * s->n * s->oh * s->ow * s->kh * s->kw;
}
