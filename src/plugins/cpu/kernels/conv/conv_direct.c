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
 * cut into tiles of nearly equal width, which then stand for the rows. So it does where only the results have a halo and
 * the rows' ends would leave short tiles, if the instruction set's tiles can go on in the next row.
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
    bool flat, spans; /* spans: flat, but for the results */
    int64_t width;    /* of a row */
    int64_t rows;     /* units of work */
    int tiles;        /* of a row */
    CaConvStep step;
} Walk;

static int min_int(int a, int b) { return a < b ? a : b; }

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

    const bool one_row = p->one && s->stride_h == 1 && s->stride_w == 1 &&
                         s->pad_top == 0 && s->pad_left == 0 && s->ow == s->iw &&
                         s->oh == s->ih && ca_conv_is_flat(s, in) &&
                         (!w.add || ca_conv_is_flat(s, w.add));
    w.spans = one_row && !ca_conv_is_flat(s, out) && p->isa->spans_rows &&
              s->ow > max_pixels && s->ow % max_pixels != 0;
    w.flat = one_row && (ca_conv_is_flat(s, out) || w.spans);
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
    bool half; /* its last block has 8 results or fewer, and there is a tile for that */
} Group;

/* Of part `part` the blocks from j on. */
static Group group_at(const Walk *w, int part, int j)
{
    const CaConvPlan *p = w->p;
    const int first = part * p->co_blocks + j;
    const int n = min_int(p->group_blocks, p->co_blocks - j);

    return (Group){.first = first,
                   .n = n,
                   .half = p->one && w->step == CA_CONV_STEP_16 &&
                           n <= p->isa->max_blocks && p->co <= (j + n) * 16 - 8,
                   .input = (ptrdiff_t)part * p->ci_blocks,
                   .bias = w->bias + (ptrdiff_t)first * 16,
                   .filter =
                       w->filter + (ptrdiff_t)first * 16 * p->s.kh * p->s.kw * p->ci};
}

static Group group_of(const Walk *w, int index)
{
    const int per_part = w->p->n_groups / w->p->n_parts;

    return group_at(w, index / per_part, index % per_part * w->p->group_blocks);
}

/* Pixels of a tile; of `out` the first is at `to`, those from split on are `gap` further on. */
typedef struct {
    int image, y, pixels, split;
    int64_t x;
    ptrdiff_t to, gap;
} Span;

/* The results of a tile of the long row lie in one row or two. */
static void set_place(const Walk *w, Span *t)
{
    const CaConvShape *s = &w->p->s;
    const CaActs *out = w->out;
    const int64_t row = t->x / s->ow;
    const int x = (int)(t->x % s->ow), y = (int)(row % s->oh);

    t->to = row / s->oh * out->image_stride + y * out->row_stride + x * 16;
    t->split = s->ow - x;
    t->gap = out->row_stride - s->ow * 16;
    if (y + 1 == s->oh)
        t->gap += out->image_stride - s->oh * out->row_stride;
}

static Span span_of(const Walk *w, int64_t row, int tile)
{
    const int oh = w->p->s.oh;
    const int64_t of = w->flat ? w->rows : w->tiles, at = w->flat ? row : tile;
    const int64_t x = w->width * at / of;
    Span t = {.image = w->flat ? 0 : (int)(row / oh),
              .y = w->flat ? 0 : (int)(row % oh),
              .pixels = (int)(w->width * (at + 1) / of - x),
              .x = x};

    if (w->spans)
        set_place(w, &t);
    else
        t.to = t.image * w->out->image_stride + t.y * w->out->row_stride + x * 16;
    if (!w->spans || t.split >= t.pixels)
        t.split = t.pixels;
    return t;
}

static float *pixel_of(const CaActs *a, int block, int image, int y, int64_t x)
{
    return a->data + block * a->block_stride + image * a->image_stride +
           y * a->row_stride + x * 16;
}

/* A tile of one group: blocks [block, ..) of input channels, as w->geo says. */
static void run_tile(Walk *w, const Group *g, int block, const float *filter,
                     const Span *t, bool last)
{
    static const float zero[64];
    const CaConvPlan *p = w->p;
    const CaConvShape *s = &p->s;
    float *out = w->out->data + g->first * w->out->block_stride + t->to;
    const float *in = w->in->data + (g->input + block) * w->in->block_stride +
                      t->image * w->in->image_stride +
                      ((ptrdiff_t)t->y * s->stride_h - s->pad_top) * w->in->row_stride +
                      (t->x * s->stride_w - s->pad_left) * 16;
    CaConvTile *run = g->half ? p->isa->half_tile(g->n, t->pixels)
                              : p->isa->tile(p->one, g->n, t->pixels, w->step);

    w->geo.split = t->split;
    w->geo.gap = t->gap;
    run(&w->geo, out, in, filter, block > 0 ? zero : g->bias,
        last && w->add ? pixel_of(w->add, g->first, t->image, t->y, t->x) : NULL,
        block > 0 ? out : NULL);
    for (int b = 0; last && w->tail.after && b < g->n; b++) {
        float *to = out + b * w->out->block_stride;
        ca_conv_finish(p, w->end, to, t->split, g->first + b);
        if (t->split < t->pixels)
            ca_conv_finish(p, w->end, to + t->split * 16 + t->gap, t->pixels - t->split,
                           g->first + b);
    }
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
        for (int tile = 0; tile < w->tiles; tile++) {
            const Span t = span_of(w, row, tile);
            for (int part = 0; part < w->p->n_parts; part++)
                for (int j = 0; j < w->p->co_blocks; j += w->p->group_blocks) {
                    const Group g = group_at(w, part, j);
                    run_tile(w, &g, 0, g.filter, &t, true);
                }
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
                const Span t = span_of(w, row, tile);
                run_tile(w, &g, block, filter, &t, last);
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
