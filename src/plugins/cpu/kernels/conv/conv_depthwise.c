/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depthwise: the walk. Threads share rows, the same part of the picture as in the 1x1 layers before and behind, so that
 * each finds in its own cache what it wrote; of small maps they share blocks of channels, as those layers then do.
 */
#include "conv_kernels.h"

#include <limits.h>

enum { ROWS_IN_L1 = 6 }; /* at a time, where an end follows the kernel */

typedef struct {
    const CaConvPlan *p;
    const CaActs *out, *in;
    const float *packed;
    const CaConvEnd *end;
    CaConvTail tail;
    CaDepthwise geo;
    CaSlide slide;
    CaSlideRows *rows; /* 3x3; or NULL */
    CaDepthwiseRow *row;
} Walk;

static ptrdiff_t bytes(ptrdiff_t floats) { return floats * (ptrdiff_t)sizeof(float); }

static Walk walk_of(const CaConvPlan *p, const CaActs *out, const CaActs *in,
                    const float *packed, const CaConvEnd *end)
{
    const CaConvShape *s = &p->s;
    const CaConvTail tail = ca_conv_tail(end);
    const bool is_square = s->kh == s->kw && s->dilation_w == 1 && s->stride_w <= 2;
    Walk w = {.p = p,
              .out = out,
              .in = in,
              .packed = packed,
              .end = end,
              .tail = tail,
              .geo = {.pixel = s->stride_w * 16,
                      .filter_row = s->dilation_h * in->row_stride,
                      .filter_col = s->dilation_w * 16,
                      .kh = s->kh,
                      .kw = s->kw,
                      .lo = tail.lo,
                      .hi = tail.hi},
              .slide = {.in_row = bytes(in->row_stride),
                        .out_row = bytes(out->row_stride),
                        .add_row = end->add ? bytes(end->add->row_stride) : 0,
                        .lo = tail.lo,
                        .hi = tail.hi}};
    if (is_square && s->kw == 3 && s->dilation_h == 1 && s->stride_h == s->stride_w)
        w.rows = p->isa->slide[s->stride_w - 1];
    w.row = is_square && s->kw == 5 ? p->isa->depthwise_5[s->stride_w - 1]
                                    : p->isa->depthwise_any;
    return w;
}

static float *pixel_of(const CaActs *a, int block, int image, int y)
{
    return a->data + block * a->block_stride + image * a->image_stride +
           y * a->row_stride;
}

/* Rows [y, y + n) of a block of an image. */
static void run_strip(const Walk *w, int block, int image, int y, int n)
{
    const CaConvPlan *p = w->p;
    const CaConvShape *s = &p->s;
    const float *filter = ca_conv_filter(p, w->packed) + block * 16 * s->kh * s->kw,
                *bias = w->packed + block * 16;
    const CaActs *add = w->end->add;
    const float *in =
        w->in->data + block * w->in->block_stride + image * w->in->image_stride +
        ((ptrdiff_t)y * s->stride_h - s->pad_top) * w->in->row_stride - s->pad_left * 16;
    float *out = pixel_of(w->out, block, image, y);
    const float *more = add ? pixel_of(add, block, image, y) : NULL;

    if (w->rows)
        w->rows(&w->slide, (unsigned char *)out, n, s->ow, (const unsigned char *)in,
                filter, bias, (const unsigned char *)more);
    for (int i = 0; i < n; i++) {
        if (!w->rows)
            w->row(&w->geo, out + i * w->out->row_stride, s->ow,
                   in + (ptrdiff_t)i * s->stride_h * w->in->row_stride, filter, bias,
                   more ? more + i * add->row_stride : NULL);
        if (w->tail.after)
            ca_conv_finish(p, w->end, out + i * w->out->row_stride, s->ow, block);
    }
}

/* Rows [at, stop) of all images' rows, of one block. */
static void run_rows(const Walk *w, int block, int64_t at, int64_t stop)
{
    const int oh = w->p->s.oh, most = w->tail.after ? ROWS_IN_L1 : INT_MAX;

    while (at < stop) {
        const int y = (int)(at % oh), left = oh - y;
        const int64_t rows = stop - at < left ? stop - at : left;
        const int n = (int)(rows <= most            ? rows
                            : (rows + 1) / 2 < most ? (rows + 1) / 2
                                                    : most);
        run_strip(w, block, (int)(at / oh), y, n);
        at += n;
    }
}

void ca_conv_depthwise(const CaConvPlan *p, int thread, int n_threads, const CaActs *out,
                       const CaActs *in, const float *packed, const CaConvEnd *end)
{
    const Walk w = walk_of(p, out, in, packed, end);
    const int64_t rows = (int64_t)p->s.n * p->s.oh;
    int64_t at = 0, stop = 0;

    if (ca_is_by_rows(rows, n_threads, p->co_blocks)) {
        ca_share(rows, thread, n_threads, &at, &stop);
        for (int block = 0; block < p->co_blocks; block++)
            run_rows(&w, block, at, stop);
        return;
    }
    ca_share(rows * p->co_blocks, thread, n_threads, &at, &stop);
    while (at < stop) {
        const int64_t row = at % rows, left = stop - at,
                      n = rows - row < left ? rows - row : left;
        run_rows(&w, (int)(at / rows), row, row + n);
        at += n;
    }
}
