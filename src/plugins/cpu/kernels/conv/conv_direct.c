/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Direct convolution: the walk of the tile over a layer. Two orders.
 *
 * - A 1x1 filter that stays in L2: pixels outside, all groups of results inside; a tile's input is
 *   then read once.
 * - Else groups outside, then chunks of input channels whose panel of the filter stays in L2, then
 *   rows. From chunk to chunk the sums wait in the result.
 *
 * Rows are the rows of all images; a 1x1 of step 1 between maps without halo sees one long row,
 * cut into tiles of nearly equal width, which then stand for the rows.
 */
#include "conv_kernels.h"

#include <math.h>

typedef struct {
    const CaConvPlan *p;
    const CaActs *out, *in, *add;
    const float *bias, *filter;
    const CaConvEnd *end;
    CaConvTail tail;
    CaConvGeo geo;
    bool flat;
    int64_t width; /* of a row */
    int64_t rows;  /* units of work */
    int tiles;     /* of a row */
    CaConvStep step;
} Walk;

static int min_int(int a, int b) { return a < b ? a : b; }

/* All images' rows are one, without a gap. */
static bool is_flat(const CaConvShape *s, const CaActs *a)
{
    return a->row_stride == (ptrdiff_t)s->ow * 16 &&
           (s->n == 1 || a->image_stride == a->row_stride * s->oh);
}

static Walk walk_of(const CaConvPlan *p, const CaActs *out, const CaActs *in,
                    const float *packed, const CaConvEnd *end)
{
    const CaConvShape *s = &p->s;
    Walk w = {.p = p,
              .out = out,
              .in = in,
              .add = end->add,
              .bias = packed,
              .filter = ca_conv_filter(p, packed),
              .end = end,
              .tail = ca_conv_tail(end),
              .geo = {.pixel = (ptrdiff_t)s->stride_w * 16,
                      .block = in->block_stride,
                      .filter_row = s->dilation_h * in->row_stride,
                      .filter_col = (ptrdiff_t)s->dilation_w * 16,
                      .out_block = out->block_stride,
                      .sum_block = out->block_stride,
                      .add_block = end->add ? end->add->block_stride : 0,
                      .kh = s->kh,
                      .kw = s->kw}};
    const int64_t max_pixels =
        p->group_blocks == 4 ? p->isa->wide_pixels : p->isa->max_pixels;

    w.flat = p->one && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 &&
             s->pad_left == 0 && s->ow == s->iw && s->oh == s->ih && is_flat(s, out) &&
             is_flat(s, in) && (!w.add || is_flat(s, w.add));
    w.width = w.flat ? (int64_t)s->n * s->oh * s->ow : s->ow;
    w.rows = w.flat ? (w.width + max_pixels - 1) / max_pixels : (int64_t)s->n * s->oh;
    w.tiles = w.flat ? 1 : (int)((w.width + max_pixels - 1) / max_pixels);
    w.step = s->stride_w == 1   ? CA_CONV_STEP_16
             : s->stride_w == 2 ? CA_CONV_STEP_32
                                : CA_CONV_STEP_ANY;
    return w;
}

typedef struct {
    int first, n;    /* blocks of results */
    ptrdiff_t input; /* first block of its part's input */
    const float *bias, *filter;
} Group;

static Group group_of(const Walk *w, int index)
{
    const CaConvPlan *p = w->p;
    const int per_part = p->n_groups / p->n_parts, part = index / per_part;
    const int j = index % per_part * p->group_blocks, first = part * p->co_blocks + j;

    return (Group){.first = first,
                   .n = min_int(p->group_blocks, p->co_blocks - j),
                   .input = (ptrdiff_t)part * p->ci_blocks,
                   .bias = w->bias + (ptrdiff_t)first * 16,
                   .filter =
                       w->filter + (ptrdiff_t)first * 16 * p->s.kh * p->s.kw * p->ci};
}

static float *pixel_of(const CaActs *a, int block, int image, int y, int64_t x)
{
    return a->data + block * a->block_stride + image * a->image_stride +
           y * a->row_stride + x * 16;
}

/* A tile of one group: blocks [block, ..) of input channels, as w->geo says. */
static void run_tile(const Walk *w, const Group *g, int block, const float *filter,
                     int64_t row, int tile, bool last)
{
    static const float zero[64];
    const CaConvShape *s = &w->p->s;
    const int64_t of = w->flat ? w->rows : w->tiles, at = w->flat ? row : tile;
    const int64_t x = w->width * at / of;
    const int pixels = (int)(w->width * (at + 1) / of - x);
    const int image = w->flat ? 0 : (int)(row / s->oh),
              y = w->flat ? 0 : (int)(row % s->oh);
    float *out = pixel_of(w->out, g->first, image, y, x);
    const float *in = w->in->data + (g->input + block) * w->in->block_stride +
                      image * w->in->image_stride +
                      ((ptrdiff_t)y * s->stride_h - s->pad_top) * w->in->row_stride +
                      (x * s->stride_w - s->pad_left) * 16;

    w->p->isa->tile(w->p->one, g->n, pixels, w->step)(
        &w->geo, out, in, filter, block > 0 ? zero : g->bias,
        last && w->add ? pixel_of(w->add, g->first, image, y, x) : NULL,
        block > 0 ? out : NULL);
    if (last && w->tail.after)
        for (int b = 0; b < g->n; b++)
            ca_conv_finish(w->p, w->end, out + b * w->out->block_stride, pixels,
                           g->first + b);
}

/* Chunk [block, block + n) of the input channels; the last one has the end. */
static bool set_chunk(Walk *w, int block, int n)
{
    const CaConvPlan *p = w->p;
    const bool last = block + n >= p->ci_blocks;

    w->geo.n_blocks = n;
    w->geo.per_block = 16;
    w->geo.last = last ? p->ci_last : 16;
    w->geo.lo = last ? w->tail.lo : -INFINITY;
    w->geo.hi = last ? w->tail.hi : INFINITY;
    w->geo.lines = 0;
    return last;
}

static void pixels_outside(Walk *w, int64_t begin, int64_t stop)
{
    set_chunk(w, 0, w->p->ci_blocks);
    for (int64_t row = begin; row < stop; row++)
        for (int tile = 0; tile < w->tiles; tile++)
            for (int i = 0; i < w->p->n_groups; i++) {
                const Group g = group_of(w, i);
                run_tile(w, &g, 0, g.filter, row, tile, true);
            }
}

/* One group, rows [begin, stop). The panel is used `uses` times; meanwhile the next one, which
 * lies behind it, is fetched in as many parts. */
static void one_group(Walk *w, int index, int64_t begin, int64_t stop)
{
    const CaConvPlan *p = w->p;
    const Group g = group_of(w, index);
    const ptrdiff_t taps = (ptrdiff_t)p->s.kh * p->s.kw, row_size = g.n * 16;
    const int64_t uses = (stop - begin) * w->tiles;

    for (int block = 0; block < p->ci_blocks; block += p->chunk) {
        const int n = min_int(p->chunk, p->ci_blocks - block);
        const bool last = set_chunk(w, block, n);
        const float *filter = g.filter + block * 16 * taps * row_size;
        const ptrdiff_t panel = ((n - 1) * 16 + w->geo.last) * taps * row_size;
        const int lines = p->fetch_panels ? (int)((row_size + uses - 1) / uses) : 0;
        ptrdiff_t ahead = 0;
        for (int64_t row = begin; row < stop; row++)
            for (int tile = 0; tile < w->tiles; tile++) {
                w->geo.lines = ahead < panel ? lines : 0;
                w->geo.next = filter + panel + ahead;
                run_tile(w, &g, block, filter, row, tile, last);
                ahead += lines * 16 * taps * n;
            }
    }
}

void ca_conv_direct(const CaConvPlan *p, int thread, int n_threads, const CaActs *out,
                    const CaActs *in, const float *packed, const CaConvEnd *end)
{
    Walk w = walk_of(p, out, in, packed, end);

    int64_t at = 0, stop = 0;
    if (p->pixels_outside && ca_is_by_rows(w.rows, n_threads, p->n_groups)) {
        ca_share(w.rows, thread, n_threads, &at, &stop);
        pixels_outside(&w, at, stop);
        return;
    }
    /* Else by groups, the shares' ends falling on rows. */
    ca_share(w.rows * p->n_groups, thread, n_threads, &at, &stop);
    while (at < stop) {
        const int64_t row = at % w.rows, left = stop - at;
        const int64_t n = w.rows - row < left ? w.rows - row : left;
        one_group(&w, (int)(at / w.rows), row, row + n);
        at += n;
    }
}
