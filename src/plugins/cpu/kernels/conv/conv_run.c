/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run: to the algorithm's walk, and the ends that all walks share. Depthwise is short enough to
 * have its walk here.
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

void ca_conv_depthwise(const CaConvPlan *p, int thread, int n_threads, const CaActs *out,
                       const CaActs *in, const float *packed, const CaConvEnd *end)
{
    const CaConvShape *s = &p->s;
    const CaConvTail tail = ca_conv_tail(end);
    const CaDepthwise g = {.pixel = s->stride_w * 16,
                           .filter_row = s->dilation_h * in->row_stride,
                           .filter_col = s->dilation_w * 16,
                           .kh = s->kh,
                           .kw = s->kw,
                           .lo = tail.lo,
                           .hi = tail.hi};
    const bool square = s->kh == s->kw && s->dilation_w == 1 && s->stride_w <= 2;
    CaDepthwiseRow *row = square && s->kw == 3   ? p->isa->depthwise[0][s->stride_w - 1]
                          : square && s->kw == 5 ? p->isa->depthwise[1][s->stride_w - 1]
                                                 : p->isa->depthwise_any;
    const int64_t rows = (int64_t)s->n * s->oh;
    int64_t at = 0, stop = 0;

    ca_share(rows * p->co_blocks, thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const int block = (int)(at / rows), image = (int)(at % rows / s->oh);
        const int y = (int)(at % s->oh);
        float *to = out->data + block * out->block_stride + image * out->image_stride +
                    y * out->row_stride;
        const float *from =
            in->data + block * in->block_stride + image * in->image_stride +
            ((ptrdiff_t)y * s->stride_h - s->pad_top) * in->row_stride - s->pad_left * 16;
        const CaActs *add = end->add;
        row(&g, to, s->ow, from,
            ca_conv_filter(p, packed) + (ptrdiff_t)block * s->kh * s->kw * 16,
            packed + (ptrdiff_t)block * 16,
            add ? add->data + block * add->block_stride + image * add->image_stride +
                      y * add->row_stride
                : NULL);
        if (tail.after)
            ca_conv_finish(p, end, to, s->ow, block);
    }
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
