/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run: to the algorithm's walk, and the ends that all walks share.
 */
#include "conv_kernels.h"

#include <math.h>

/* act(0) = 0 and two comparisons are enough: the kernels have them. */
CaConvTail ca_conv_tail(const CaConvEnd *end)
{
    const CaAct *act = &end->act;

    if (!end->slope && act->kind == CA_ACT_NONE)
        return (CaConvTail){-INFINITY, INFINITY, false};
    if (!end->slope && act->kind == CA_ACT_RELU)
        return (CaConvTail){0, INFINITY, false};
    if (!end->slope && act->kind == CA_ACT_CLAMP && act->a <= 0 && act->b >= 0)
        return (CaConvTail){act->a, act->b, false};
    return (CaConvTail){-INFINITY, INFINITY, true};
}

void ca_conv_finish(const CaConvPlan *p, const CaConvEnd *end, float *out, int pixels,
                    int out_block)
{
    const int left = p->s.co - out_block * 16;

    p->isa->finish(out, pixels, &end->act,
                   end->slope ? end->slope + out_block * 16 : NULL,
                   left < 16 ? left : 16);
}

void ca_conv_run(const CaConvPlan *p, int phase, int thread, int n_threads,
                 const CaActs *out, const CaActs *in, const void *packed,
                 const CaConvEnd *end, void *shared, void *own)
{
    if (p->algorithm == CA_CONV_DIRECT)
        ca_conv_direct(p, thread, n_threads, out, in, packed, end);
    else if (p->algorithm == CA_CONV_PLANES)
        ca_conv_planes(p, thread, n_threads, out, in, packed, end, own);
    else if (p->algorithm == CA_CONV_DEPTHWISE)
        ca_conv_depthwise(p, thread, n_threads, out, in, packed, end);
    else if (p->algorithm == CA_CONV_STRASSEN)
        ca_conv_strassen(p, phase, thread, n_threads, out, in, packed, end, shared, own);
    else
        ca_conv_winograd(p, phase, thread, n_threads, out, in, packed, end, shared, own);
}
