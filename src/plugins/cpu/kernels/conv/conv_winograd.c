/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Winograd: blocks of tiles. Each block's input is transformed, then group by group of results the
 * products, one for each of the (m + 2)^2 places xi, and the transform back. Step 2 (conv_polyphase_tmpl.h) has
 * (2m + 1)^2 places and as many filters as step 1: places of odd inputs share one.
 *
 *      V [xi][ci / 16][tiles of the block][16]       M [xi][blocks of the group][tiles][16]
 *
 * A product is the 1x1 tile of direct convolution, with tiles for pixels. Small filters: each
 * thread has its own tiles, V and M. Large ones: V is shared, phases 2b and 2b + 1 are the
 * transform and the products of block b; so the filter is read once for all.
 * Tiles at the lower and right edges read zeros beyond the halo and are cut when written.
 *
 * Where m does not divide the result, the last rows and columns of tiles are a result shorter (14 = 4 + 4 + 3 + 3):
 * a tile of m - 1 results does without the point infinity, all else is the same, the filter too. Tiles lie in the order
 * (short y, short x), (whole y, short x), whole, (short y, whole x), so that those which have a place xi are neighbours.
 */
#include "conv_kernels.h"

typedef struct {
    int image, y, x; /* of the first result */
    bool is_short_y, is_short_x;
} Place;
_Static_assert(sizeof(Place) == CA_WINOGRAD_PLACE, "as the plan counts them");

typedef struct {
    const CaConvPlan *p;
    const CaActs *out, *in;
    const float *bias, *filter;
    const CaConvEnd *end;
    CaConvTail tail;
    float *v, *m;
    Place *places;      /* of the block's tiles */
    int starts[5];      /* of each kind of tile, all */
    int first, n_tiles; /* of the block */
} Walk;

static int min_int(int a, int b) { return a < b ? a : b; }

static int max_int(int a, int b) { return a > b ? a : b; }

/* starts[i]: the first of the tiles of kind i; starts[4]: how many there are. */
static void set_starts(int starts[5], const CaConvPlan *p)
{
    const int full_rows = p->tile_rows - p->short_rows;
    const int full_cols = p->tile_cols - p->short_cols;
    const int n[] = {p->short_rows * p->short_cols, full_rows * p->short_cols,
                     full_rows * full_cols, p->short_rows * full_cols};

    starts[0] = 0;
    for (int i = 0; i < 4; i++)
        starts[i + 1] = starts[i] + p->s.n * n[i];
}

static Place place_of(const CaConvPlan *p, const int *starts, int tile)
{
    const int full_rows = p->tile_rows - p->short_rows;
    const int full_cols = p->tile_cols - p->short_cols;
    int kind = 3;

    while (tile < starts[kind])
        kind--;
    Place o = {.is_short_y = kind == 0 || kind == 3, .is_short_x = kind < 2};
    const int rows = o.is_short_y ? p->short_rows : full_rows;
    const int cols = o.is_short_x ? p->short_cols : full_cols;
    const int t = tile - starts[kind], row = t / cols % rows, col = t % cols;
    o.image = t / (rows * cols);
    o.y = o.is_short_y ? full_rows * p->m + row * (p->m - 1) : row * p->m;
    o.x = o.is_short_x ? full_cols * p->m + col * (p->m - 1) : col * p->m;
    return o;
}

static void set_places(const Walk *w)
{
    for (int t = 0; t < w->n_tiles; t++)
        w->places[t] = place_of(w->p, w->starts, w->first + t);
}

typedef struct {
    int from, to; /* tiles */
} Range;

/* Those of the block's tiles [begin, begin + n) that have the place (y, x). */
static Range tiles_of(const Walk *w, int y, int x, int begin, int n)
{
    const int infinity = w->p->m + 2 - w->p->s.stride_h;
    const int last = ca_winograd_places(w->p) - 1;
    const bool full_y = y == infinity || y == last, full_x = x == infinity || x == last;
    const int from = w->starts[full_x ? 2 : full_y ? 1 : 0] - w->first;
    const int to = w->starts[full_y ? 3 : 4] - w->first;
    const Range r = {max_int(from, begin), min_int(to, begin + n)};

    return r.from < r.to ? r : (Range){begin, begin};
}

/* Pieces [begin, stop) of blocks of channels times tiles. */
static void transform_in(const Walk *w, int64_t begin, int64_t stop)
{
    const CaConvPlan *p = w->p;
    const CaConvShape *s = &p->s;
    const CaActs *in = w->in;
    CaWinogradIn *transform = p->isa->winograd_in[s->stride_h - 1][p->m == 4];
    const ptrdiff_t v_block = (ptrdiff_t)w->n_tiles * 16;

    for (int64_t at = begin; at < stop; at++) {
        const int block = (int)(at / w->n_tiles), t = (int)(at % w->n_tiles);
        const Place o = w->places[t];
        const int y = o.y * s->stride_h - s->pad_top, x = o.x * s->stride_h - s->pad_left;
        const CaWinogradTile tile = {-in->halo - y, s->ih + in->halo - y,
                                     -in->halo - x, s->iw + in->halo - x,
                                     o.is_short_y,  o.is_short_x};
        transform(w->v + block * v_block + (ptrdiff_t)t * 16, p->ci_blocks * v_block,
                  in->data + block * in->block_stride + o.image * in->image_stride +
                      y * in->row_stride + (ptrdiff_t)x * 16,
                  in->row_stride, &tile);
    }
}

/* Places along an axis that use row i of the filters. */
static int uses_of(const CaConvPlan *p, int i)
{
    return p->s.stride_h == 2 && i == p->m + 1 ? p->m : 1;
}

static int parts_of(const Walk *w, Range r)
{
    return (r.to - r.from + w->p->isa->max_pixels - 1) / w->p->isa->max_pixels;
}

/* M of a panel of nb blocks of results in one place. */
static void product(const Walk *w, CaConvGeo *g, float *m, const float *v, const float *u,
                    int nb, Range r)
{
    const int parts = parts_of(w, r);

    for (int i = 0; i < parts; i++) {
        const int x = (int)((int64_t)(r.to - r.from) * i / parts);
        const int pixels = (int)((int64_t)(r.to - r.from) * (i + 1) / parts) - x;
        w->p->isa->product(nb, pixels)(g, m + (ptrdiff_t)x * 16, v + (ptrdiff_t)x * 16,
                                       u);
        g->next += (ptrdiff_t)g->lines * w->p->ci_blocks * 16;
    }
}

/* M of tiles [begin, begin + n) of the block and `blocks` blocks of results. */
static void products(const Walk *w, const float *u, int blocks, int begin, int n)
{
    const CaConvPlan *p = w->p;
    const int panel = p->isa->max_blocks, a = p->m + 2, places = ca_winograd_places(p);
    const ptrdiff_t v_block = (ptrdiff_t)w->n_tiles * 16, m_block = (ptrdiff_t)n * 16;
    CaConvGeo g = {.pixel = 16,
                   .block = v_block,
                   .out_block = m_block,
                   .kh = 1,
                   .kw = 1,
                   .n_blocks = p->ci_blocks,
                   .per_block = 16,
                   .last = p->ci_last};

    for (int filter = 0; filter < a * a; filter++) {
        const int y = filter / a, x = filter % a, nx = uses_of(p, x);
        const int uses = uses_of(p, y) * nx;
        int parts = 0;
        for (int i = 0; i < uses; i++)
            parts += parts_of(w, tiles_of(w, y + i / nx, x + i % nx, begin, n));
        for (int b = 0; b < blocks; b += panel) {
            const int nb = min_int(panel, blocks - b);
            const ptrdiff_t size = (ptrdiff_t)p->ci * nb * 16;
            /* the next panel, while this one is used */
            g.lines = parts ? (16 * nb + parts - 1) / parts : 0;
            g.next = u + size;
            for (int i = 0; i < uses; i++) {
                const ptrdiff_t xi = (y + i / nx) * places + x + i % nx;
                const Range r = tiles_of(w, y + i / nx, x + i % nx, begin, n);
                product(w, &g, w->m + (xi * blocks + b) * m_block + (r.from - begin) * 16,
                        w->v + xi * p->ci_blocks * v_block + r.from * 16, u, nb, r);
            }
            u += size;
        }
    }
}

static void transform_out(const Walk *w, int block, int b, int blocks, int begin, int n)
{
    const CaConvPlan *p = w->p;
    const CaConvShape *s = &p->s;
    const CaActs *out = w->out, *add = w->end->add;
    CaWinogradOut *transform = p->isa->winograd_out[s->stride_h - 1][p->m == 4];
    const ptrdiff_t m_block = (ptrdiff_t)n * 16;

    for (int t = 0; t < n; t++) {
        const Place o = w->places[begin + t];
        const int ny = min_int(p->m - o.is_short_y, s->oh - o.y);
        const int nx = min_int(p->m - o.is_short_x, s->ow - o.x);
        float *to = out->data + block * out->block_stride + o.image * out->image_stride +
                    o.y * out->row_stride + (ptrdiff_t)o.x * 16;
        const CaWinogradEnd end = {.bias = w->bias + (ptrdiff_t)block * 16,
                                   .add = add ? add->data + block * add->block_stride +
                                                    o.image * add->image_stride +
                                                    o.y * add->row_stride +
                                                    (ptrdiff_t)o.x * 16
                                              : NULL,
                                   .add_row_stride = add ? add->row_stride : 0,
                                   .is_short_y = o.is_short_y,
                                   .is_short_x = o.is_short_x,
                                   .lo = w->tail.lo,
                                   .hi = w->tail.hi};
        transform(to, out->row_stride, ny, nx, w->m + b * m_block + (ptrdiff_t)t * 16,
                  blocks * m_block, &end);
        for (int y = 0; w->tail.after && y < ny; y++)
            ca_conv_finish(p, w->end, to + y * out->row_stride, nx, block);
    }
}

/* One group of results, tiles [begin, begin + n) of the block. */
static void one_group(const Walk *w, int index, int begin, int n)
{
    const CaConvPlan *p = w->p;
    const int first = index * p->group_blocks, a = p->m + 2;
    const int blocks = min_int(p->group_blocks, p->co_blocks - first);

    products(w, w->filter + (ptrdiff_t)first * 16 * p->ci * a * a, blocks, begin, n);
    for (int b = 0; b < blocks; b++)
        transform_out(w, first + b, b, blocks, begin, n);
}

static void shared_products(const Walk *w, int thread, int n_threads)
{
    int64_t at = 0, stop = 0;

    ca_share((int64_t)w->n_tiles * w->p->n_groups, thread, n_threads, &at, &stop);
    while (at < stop) {
        const int tile = (int)(at % w->n_tiles);
        const int64_t left = stop - at;
        const int n = w->n_tiles - tile < left ? w->n_tiles - tile : (int)left;
        one_group(w, (int)(at / w->n_tiles), tile, n);
        at += n;
    }
}

void ca_conv_winograd(const CaConvPlan *p, int phase, int thread, int n_threads,
                      const CaActs *out, const CaActs *in, const float *packed,
                      const CaConvEnd *end, float *shared, float *own)
{
    const int tiles = p->s.n * p->tile_rows * p->tile_cols, a = ca_winograd_places(p);
    Walk w = {.p = p,
              .out = out,
              .in = in,
              .bias = packed,
              .filter = ca_conv_filter(p, packed),
              .end = end,
              .tail = ca_conv_tail(end),
              .places = (Place *)(void *)own};

    int64_t at = 0, stop = 0;
    set_starts(w.starts, p);
    own += p->places_size / sizeof(float);
    if (p->by_group) {
        w.v = shared;
        w.m = own;
        w.first = phase / 2 * p->block;
        w.n_tiles = min_int(p->block, tiles - w.first);
        set_places(&w);
        if (phase % 2 == 0) {
            ca_share((int64_t)p->ci_blocks * w.n_tiles, thread, n_threads, &at, &stop);
            transform_in(&w, at, stop);
        } else {
            shared_products(&w, thread, n_threads);
        }
        return;
    }
    w.v = own;
    w.m = own + (ptrdiff_t)(a * a) * p->ci_blocks * p->block * 16;
    ca_share(tiles, thread, n_threads, &at, &stop);
    for (w.first = (int)at; w.first < (int)stop; w.first += p->block) {
        w.n_tiles = min_int(p->block, (int)stop - w.first);
        set_places(&w);
        transform_in(&w, 0, (int64_t)p->ci_blocks * w.n_tiles);
        for (int i = 0; i < p->n_groups; i++)
            one_group(&w, i, 0, w.n_tiles);
    }
}
