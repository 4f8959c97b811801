/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run of convolutions by dot products. The walk is conv_direct.c's: 1x1 filters that stay in L2 read
 * each tile's input once; else a group of results at a time, whose panel of the filter, a quarter or half of
 * f32's, stays in L2 whole.
 */
#include "../cost.h"
#include "base/threads.h"
#include "dot_kernels.h"
#include "row_share.h"

#include <math.h>
#include <string.h>

enum { PANEL_SIZE = CA_PANEL_SIZE, MOST_STRIP_STEPS = 64, STRIP_ROWS = 14 };

static int min_int(int a, int b) { return a < b ? a : b; }

typedef struct Walk {
    const CaDotPlan *p;
    const CaMap *out, *in;
    const CaDotEnd *end;
    const unsigned char *packed;
    unsigned char *own;
    CaDotGeo geo;
    bool after; /* the tile writes floats to own, the end follows */
    bool flat;
    int64_t width, rows;
    int tiles;
    CaDotStep step;
    CaDotStrip *strip; /* or NULL: tiles */
} Walk;

/* All images' rows are one, without a gap. */
static bool is_flat(const CaConvShape *s, const CaMap *m)
{
    return m->row_stride == (ptrdiff_t)s->ow * 16 * ca_elem_size(m->elem) &&
           (s->n == 1 || m->image_stride == m->row_stride * s->oh);
}

static unsigned char byte_of(float x)
{
    return (unsigned char)(x > 0 ? x < 255 ? rintf(x) : 255 : 0);
}

/* Does int32 hold what follows the sum's own steps? */
static bool is_sum_bounded(const CaDotEnd *e)
{
    return fabsf(e->mid->scale) < 1e6f && fabsf(e->mid->zero) < 1e8f &&
           fabsf(e->add_scale) < 1e6f && e->mid->low >= 0 && e->mid->high <= 255;
}

static void set_fast(Walk *w)
{
    const CaDotEnd *e = w->end;
    if (w->geo.out != CA_ELEM_U8 || e->fixed)
        return;
    if (!e->add && !e->mid && e->is_bounded)
        w->geo.fast = CA_DOT_FAST_PLAIN;
    if (!e->add && e->mid && is_sum_bounded(e))
        w->geo.fast = CA_DOT_FAST_MID;
    if (e->add && e->mid && e->add->elem == CA_ELEM_U8 && is_sum_bounded(e))
        w->geo.fast = CA_DOT_FAST_SUM;
    memset(w->geo.low_bytes, byte_of(w->geo.lo), sizeof w->geo.low_bytes);
    memset(w->geo.high_bytes, byte_of(w->geo.hi), sizeof w->geo.high_bytes);
}

/* Two comparisons are enough, and what is stored needs no other scale: the kernels have them. */
bool ca_dot_set_end(CaDotGeo *g, const CaMap *out, const CaDotEnd *e)
{
    const bool is_none = e->act.kind == CA_ACT_NONE, is_relu = e->act.kind == CA_ACT_RELU,
               is_clamp = e->act.kind == CA_ACT_CLAMP;
    const bool scaled =
        out->elem == CA_ELEM_U8 && (e->out.scale != 1 || e->out.zero != 0);
    const bool pads =
        out->elem == CA_ELEM_F32 && is_clamp && (e->act.a > 0 || e->act.b < 0);
    const bool after =
        !e->fixed && (e->slope || scaled || pads || !(is_none || is_relu || is_clamp));
    g->lo = is_relu && !after ? 0 : is_clamp && !after ? e->act.a : -INFINITY;
    g->hi = is_clamp && !after ? e->act.b : INFINITY;
    g->out = after ? CA_ELEM_F32 : out->elem;
    g->out_block = out->block_stride;
    g->add = e->add ? e->add->elem : CA_ELEM_F32;
    g->add_block = e->add ? e->add->block_stride : 0;
    g->add_scale = e->add_scale;
    g->has_mid = e->mid != NULL;
    g->fixed = e->fixed;
    if (e->mid)
        g->mid = *e->mid;
    return after;
}

/* Numbers of a pixel in the input's row. */
static int channels_of(const CaDotPlan *p) { return p->packed_pixels ? p->s.ci : 16; }

static CaDotStep step_of(const CaDotPlan *p)
{
    const int step = p->s.stride_w;
    if (p->packed_pixels && p->s.ci == 3 && step <= 2)
        return step == 1 ? CA_DOT_STEP_RGB_1 : CA_DOT_STEP_RGB_2;
    if (p->packed_pixels || step > 2)
        return CA_DOT_STEP_ANY;
    return step == 1 ? CA_DOT_STEP_1 : CA_DOT_STEP_2;
}

/* Has the tile this end within it? */
static bool is_end_in_tile(const Walk *w)
{
    const CaElem type = w->p->type;
    return type == CA_ELEM_U8
               ? w->geo.fast != CA_DOT_FAST_NONE
               : w->geo.out == type && (!w->end->add || w->geo.add == type);
}

/* Strips for short sums, where few pixels are computed twice: a pixel's end is two steps shorter. Of a flat map a row is then
 * 4 pixels, the last one up to 7. */
static void set_strip(Walk *w)
{
    const CaDotPlan *p = w->p;
    const int64_t least = CA_DOT_STRIP_PIXELS, again = (least - w->width % least) % least,
                  steps = (int64_t)ca_dot_input_words(p);
    if (!p->one || !p->isa->strip || p->before || p->group_blocks != 2 ||
        !is_end_in_tile(w) || steps > MOST_STRIP_STEPS || w->width < least ||
        again * steps >= w->width)
        return;
    w->strip = p->isa->strip(w->step);
    if (!w->strip)
        return;
    w->tiles = 1;
    if (w->flat)
        w->rows = w->width / least;
}

static Walk walk_of(const CaDotPlan *p, const CaMap *out, const CaMap *in,
                    const void *packed, const CaDotEnd *end, void *own)
{
    const CaConvShape *s = &p->s;
    const ptrdiff_t lane = channels_of(p) * ca_elem_size(p->type);
    Walk w = {.p = p,
              .out = out,
              .in = in,
              .end = end,
              .packed = packed,
              .own = own,
              .geo = {.pixel = s->stride_w * lane,
                      .block = in->block_stride,
                      .filter_row = s->dilation_h * in->row_stride,
                      .filter_col = s->dilation_w * lane,
                      .kh = s->kh,
                      .kw = p->packed_pixels ? 1 : s->kw,
                      .n_blocks = p->ci_blocks,
                      .last = p->last}};
    const int64_t most = p->group_blocks == 4 ? p->isa->wide_pixels : p->isa->max_pixels;
    w.after = ca_dot_set_end(&w.geo, out, end);
    set_fast(&w);
    w.flat = p->one && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 &&
             s->pad_left == 0 && s->ow == s->iw && s->oh == s->ih && is_flat(s, out) &&
             is_flat(s, in) && (!end->add || is_flat(s, end->add));
    w.width = w.flat ? (int64_t)s->n * s->oh * s->ow : s->ow;
    w.rows = w.flat ? (w.width + most - 1) / most : (int64_t)s->n * s->oh;
    w.tiles = w.flat ? 1 : (int)((w.width + most - 1) / most);
    w.step = step_of(p);
    set_strip(&w);
    return w;
}

static unsigned char *pixel_of(const CaMap *m, int block, int image, int y, int64_t x)
{
    return m->data + block * m->block_stride + image * m->image_stride +
           y * m->row_stride + x * 16 * ca_elem_size(m->elem);
}

static CaDotChannel channels(const Walk *w, int block)
{
    const size_t n = (size_t)w->p->co_blocks * 16;
    const float *start = (const float *)(const void *)w->packed + block * 16;
    CaDotChannel c = {.start = start, .scale = start + n, .bias = start + 2 * n};
    if (w->p->fixed) {
        c.mantissa = (const int32_t *)(const void *)c.scale;
        c.right = c.mantissa + n;
        c.whole_bias = c.mantissa + 2 * n;
    }
    return c;
}

void ca_dot_finish(const CaDotPlan *p, const CaDotEnd *e, CaElem out, int block,
                   unsigned char *to, float *x, int n)
{
    const int left = p->s.co - block * 16;
    p->isa->finish(x, n, &e->act, e->slope ? e->slope + block * 16 : NULL,
                   left < 16 ? left : 16);
    if (out == CA_ELEM_F32)
        memcpy(to, x, (size_t)n * 16 * sizeof *x);
    else
        p->isa->narrow(to, x, n, &e->out);
}

/* Pixels of a tile. */
typedef struct Span {
    int image, y, pixels;
    int64_t x;
} Span;

/* n rows of a strip, or one tile. */
static Span span_of(const Walk *w, int64_t row, int64_t n, int tile)
{
    const int oh = w->p->s.oh;
    const int64_t least = CA_DOT_STRIP_PIXELS;
    if (w->strip && w->flat)
        return (Span){.x = row * least,
                      .pixels =
                          (int)(row + n < w->rows ? n * least : w->width - row * least)};
    const int64_t of = w->flat ? w->rows : w->tiles, at = w->flat ? row : tile;
    const int64_t x = w->width * at / of;
    return (Span){.image = w->flat ? 0 : (int)(row / oh),
                  .y = w->flat ? 0 : (int)(row % oh),
                  .pixels = (int)(w->width * (at + 1) / of - x),
                  .x = x};
}

/* The last group may be one block of results, which tiles do. */
static void run_strip(const Walk *w, int n_blocks, unsigned char *out,
                      const unsigned char *in, const unsigned char *filter,
                      const CaDotChannel *c, const unsigned char *add, int pixels)
{
    const CaDotIsa *isa = w->p->isa;
    const ptrdiff_t pixel = 16 * ca_elem_size(w->p->type);
    if (n_blocks == 2) {
        w->strip(&w->geo, out, in, filter, c, add, pixels);
        return;
    }
    for (int x = 0; x < pixels; x += isa->max_pixels)
        isa->tile(true, n_blocks, min_int(isa->max_pixels, pixels - x),
                  w->step)(&w->geo, out + x * pixel, in + x * w->geo.pixel, filter, c,
                           add ? add + x * pixel : NULL);
}

static void run_tile(Walk *w, int group, int64_t row, int64_t n_rows, int tile)
{
    const CaDotPlan *p = w->p;
    const CaConvShape *s = &p->s;
    const Span t = span_of(w, row, n_rows, tile);
    const int image = t.image, y = t.y, pixels = t.pixels;
    const int64_t x = t.x;
    const int first = group * p->group_blocks,
              n = min_int(p->group_blocks, p->co_blocks - first);
    const CaDotChannel c = channels(w, first);
    const unsigned char *in =
        p->before ? w->own + p->tile_at
                  : w->in->data + image * w->in->image_stride +
                        ((ptrdiff_t)y * s->stride_h - s->pad_top) * w->in->row_stride +
                        (x * s->stride_w - s->pad_left) * channels_of(p) *
                            ca_elem_size(w->in->elem);
    unsigned char *out = pixel_of(w->out, first, image, y, x);
    if (w->end->fixed && w->end->fixed->pixel_sums)
        w->geo.pixel_sums =
            w->end->fixed->pixel_sums + x + ((int64_t)image * s->oh + y) * s->ow;
    const unsigned char *filter =
                            w->packed + p->filter_at + (size_t)first * p->group_size,
                        *add = w->end->add ? pixel_of(w->end->add, first, image, y, x)
                                           : NULL;
    if (w->strip) {
        run_strip(w, n, out, in, filter, &c, add, pixels);
        return;
    }
    if (w->after)
        w->geo.out_block = (ptrdiff_t)pixels * 16 * (ptrdiff_t)sizeof(float);
    p->isa->tile(p->one, n, pixels, w->step)(&w->geo, w->after ? w->own : out, in, filter,
                                             &c, add);
    for (int i = 0; w->after && i < n; i++)
        ca_dot_finish(p, w->end, w->out->elem, first + i, out + i * w->out->block_stride,
                      (float *)(void *)(w->own + i * w->geo.out_block), pixels);
}

/* The tile's pixels of all input channels, short, in w->own. */
static void prepare(Walk *w, int64_t row, int tile)
{
    const CaDotPlan *p = w->p;
    const CaDotBefore *b = w->end->before;
    const Span t = span_of(w, row, 1, tile);
    w->geo.block = (ptrdiff_t)t.pixels * w->geo.pixel;
    for (int i = 0; i < p->ci_blocks; i++)
        p->isa->before(w->own + p->tile_at + i * w->geo.block,
                       (const float *)(const void *)pixel_of(w->in, i, t.image, t.y, t.x),
                       t.pixels, b->scale + i * 16, b->shift + i * 16, b->lo, b->hi);
}

/* All groups of a tile before the next tile, and where threads share a tile each prepares it. */
static void run_before(Walk *w, int thread, int n_threads)
{
    const int n_groups = w->p->n_groups;
    int64_t at = 0, stop = 0, ready = -1;
    ca_share(w->rows * w->tiles * n_groups, thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const int64_t i = at / n_groups;
        if (i != ready)
            prepare(w, i / w->tiles, (int)(i % w->tiles));
        ready = i;
        run_tile(w, (int)(at % n_groups), i / w->tiles, 1, (int)(i % w->tiles));
    }
}

static void run_depthwise(Walk *w, int block, int image, int y)
{
    const CaDotPlan *p = w->p;
    const CaConvShape *s = &p->s;
    const CaDotChannel c = channels(w, block);
    const unsigned char *in =
        w->in->data + block * w->in->block_stride + image * w->in->image_stride +
        ((ptrdiff_t)y * s->stride_h - s->pad_top) * w->in->row_stride -
        s->pad_left * 16 * ca_elem_size(w->in->elem);
    unsigned char *out = pixel_of(w->out, block, image, y, 0),
                  *to = w->after ? w->own : out;
    const unsigned char *filter =
                            w->packed + p->filter_at + (size_t)block * p->group_size,
                        *add = w->end->add ? pixel_of(w->end->add, block, image, y, 0)
                                           : NULL;
    if (p->words)
        p->isa->words(s->stride_w, s->kw)(&w->geo, to, s->ow, in, filter, &c, add);
    else
        p->isa->depthwise(&w->geo, to, s->ow, in, (const float *)(const void *)filter, &c,
                          add);
    if (w->after)
        ca_dot_finish(p, w->end, w->out->elem, block, out, (float *)(void *)w->own,
                      s->ow);
}

static int64_t rows_at_once(const Walk *w, int64_t row, int64_t end)
{
    const int64_t most = w->strip && w->flat ? STRIP_ROWS : 1;
    return end - row < most ? end - row : most;
}

/* Rows of one block by slide.h; where an end follows, as many at a time as lie in w->own. */
static void run_slide(const Walk *w, CaSlideRows *slide, int block, int64_t at,
                      int64_t end)
{
    const CaDotPlan *p = w->p;
    const CaConvShape *s = &p->s;
    const CaMap *add = w->end->add;
    const ptrdiff_t own_row = (ptrdiff_t)s->ow * 16 * (ptrdiff_t)sizeof(float);
    const CaSlide g = {.in_row = w->in->row_stride,
                       .out_row = w->after ? own_row : w->out->row_stride,
                       .add_row = add ? add->row_stride : 0,
                       .lo = w->geo.lo,
                       .hi = w->geo.hi,
                       .add_scale = w->geo.add_scale,
                       .add = w->geo.add};
    const CaDotChannel c = channels(w, block);
    const unsigned char *filter =
        w->packed + p->filter_at + (size_t)block * p->group_size;
    while (at < end) {
        const int image = (int)(at / s->oh), y = (int)(at % s->oh), left = s->oh - y;
        int n = end - at < left ? (int)(end - at) : left;
        if (w->after && n > CA_DOT_SLIDE_ROWS)
            n = n == CA_DOT_SLIDE_ROWS + 1 ? 2 : CA_DOT_SLIDE_ROWS;
        const unsigned char *in =
            w->in->data + block * w->in->block_stride + image * w->in->image_stride +
            ((ptrdiff_t)y * s->stride_h - s->pad_top) * w->in->row_stride -
            s->pad_left * 16 * ca_elem_size(w->in->elem);
        unsigned char *out = pixel_of(w->out, block, image, y, 0);
        slide(&g, w->after ? w->own : out, n, s->ow, in,
              (const float *)(const void *)filter, c.start,
              add ? pixel_of(add, block, image, y, 0) : NULL);
        for (int i = 0; w->after && i < n; i++)
            ca_dot_finish(p, w->end, w->out->elem, block, out + i * w->out->row_stride,
                          (float *)(void *)(w->own + i * own_row), s->ow);
        at += n;
    }
}

/* NULL: not for these. */
static CaSlideRows *slide_of(const Walk *w)
{
    const CaConvShape *s = &w->p->s;
    const bool is_3x3 = s->kh == 3 && s->kw == 3 && s->dilation_h == 1 &&
                        s->dilation_w == 1 && s->stride_h == s->stride_w &&
                        s->stride_w <= 2;
    return w->p->depthwise && is_3x3
               ? w->p->isa->slide[w->geo.out == CA_ELEM_F32][s->stride_w - 1]
               : NULL;
}

/* Rows of one group, or of one block where each channel has its own filter. */
static void run_rows(Walk *w, int group, int64_t begin, int64_t end)
{
    const CaDotPlan *p = w->p;
    CaSlideRows *slide = slide_of(w);
    if (slide) {
        run_slide(w, slide, group, begin, end);
        return;
    }
    for (int64_t row = begin, n; row < end; row += n) {
        n = rows_at_once(w, row, end);
        if (p->depthwise)
            run_depthwise(w, group, (int)(row / p->s.oh), (int)(row % p->s.oh));
        for (int tile = 0; !p->depthwise && tile < w->tiles; tile++)
            run_tile(w, group, row, n, tile);
    }
}

/* Threads take rows, so that what one writes it mostly reads in the next layer, where there are enough of them and the
 * filter is small; else groups of results, so that each reads its part of the filter. */
static void run_direct(const CaDotPlan *p, int thread, int n_threads, const CaMap *out,
                       const CaMap *in, const void *packed, const CaDotEnd *end,
                       void *own)
{
    Walk w = walk_of(p, out, in, packed, end, own);
    const bool is_small =
        p->depthwise || p->group_size * (size_t)p->co_blocks <= PANEL_SIZE;
    int64_t at = 0, stop = 0;
    if (p->before) {
        run_before(&w, thread, n_threads);
        return;
    }
    if (is_small && ca_is_by_rows(w.rows, n_threads, p->n_groups)) {
        ca_share(w.rows, thread, n_threads, &at, &stop);
        for (int g = 0; (p->depthwise || !p->one) && g < p->n_groups; g++)
            run_rows(&w, g, at, stop);
        for (int64_t n; !p->depthwise && p->one && at < stop; at += n) {
            n = rows_at_once(&w, at, stop);
            for (int tile = 0; tile < w.tiles; tile++)
                for (int g = 0; g < p->n_groups; g++)
                    run_tile(&w, g, at, n, tile);
        }
        return;
    }
    ca_share(w.rows * p->n_groups, thread, n_threads, &at, &stop);
    while (at < stop) {
        const int64_t row = at % w.rows, left = stop - at,
                      n = left < w.rows - row ? left : w.rows - row;
        run_rows(&w, (int)(at / w.rows), row, row + n);
        at += n;
    }
}

void ca_dot_run(const CaDotPlan *p, int phase, int thread, int n_threads,
                const CaMap *out, const CaMap *in, const void *packed,
                const CaDotEnd *end, void *shared, void *own)
{
    if (p->winograd)
        ca_dot_winograd(p, phase, thread, n_threads, out, in, packed, end, shared, own);
    else
        run_direct(p, thread, n_threads, out, in, packed, end, own);
}
