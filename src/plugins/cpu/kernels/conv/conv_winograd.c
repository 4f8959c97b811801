/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Winograd: blocks of tiles. Each block's input is transformed, then group by group of results the
 * products, one for each of the (m + 2)^2 places xi, and the transform back.
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

/* Tiles [*begin, *end) are those that have the place xi. */
static void tiles_of(const Walk *w, int xi, int *begin, int *end)
{
    const int last = w->p->m + 1;
    const bool full_y = xi / (last + 1) == last, full_x = xi % (last + 1) == last;

    *begin = w->starts[full_x ? 2 : full_y ? 1 : 0];
    *end = w->starts[full_y ? 3 : 4];
}

/* Pieces [begin, stop) of blocks of channels times tiles. */
static void transform_in(const Walk *w, int64_t begin, int64_t stop)
{
    const CaConvPlan *p = w->p;
    const CaConvShape *s = &p->s;
    const CaActs *in = w->in;
    CaWinogradIn *transform = p->isa->winograd_in[p->m == 4];
    const ptrdiff_t v_block = (ptrdiff_t)w->n_tiles * 16;

    for (int64_t at = begin; at < stop; at++) {
        const int block = (int)(at / w->n_tiles), t = (int)(at % w->n_tiles);
        const Place o = w->places[t];
        const int y = o.y - s->pad_top, x = o.x - s->pad_left;
        const CaWinogradTile tile = {-in->halo - y, s->ih + in->halo - y,
                                     -in->halo - x, s->iw + in->halo - x,
                                     o.is_short_y,  o.is_short_x};
        transform(w->v + block * v_block + (ptrdiff_t)t * 16, p->ci_blocks * v_block,
                  in->data + block * in->block_stride + o.image * in->image_stride +
                      y * in->row_stride + (ptrdiff_t)x * 16,
                  in->row_stride, &tile);
    }
}

/* M of tiles [begin, begin + n) of the block and `blocks` blocks of results. */
static void products(const Walk *w, const float *u, int blocks, int begin, int n)
{
    const CaConvPlan *p = w->p;
    const int panel = p->isa->max_blocks;
    const ptrdiff_t v_block = (ptrdiff_t)w->n_tiles * 16, m_block = (ptrdiff_t)n * 16;
    CaConvGeo g = {.pixel = 16,
                   .block = v_block,
                   .out_block = m_block,
                   .kh = 1,
                   .kw = 1,
                   .n_blocks = p->ci_blocks,
                   .per_block = 16,
                   .last = p->ci_last};

    for (int xi = 0; xi < (p->m + 2) * (p->m + 2); xi++) {
        int from, to;
        tiles_of(w, xi, &from, &to);
        from = max_int(from - w->first, begin);
        to = min_int(to - w->first, begin + n);
        const int parts = (to - from + p->isa->max_pixels - 1) / p->isa->max_pixels;
        for (int b = 0; b < blocks; b += panel) {
            const int nb = min_int(panel, blocks - b);
            const ptrdiff_t size = (ptrdiff_t)p->ci * nb * 16;
            for (int i = 0; i < parts; i++) {
                const int x = from + (int)((int64_t)(to - from) * i / parts);
                const int pixels =
                    from + (int)((int64_t)(to - from) * (i + 1) / parts) - x;
                /* the next panel, while this one is used */
                g.lines = (16 * nb + parts - 1) / parts;
                g.next = u + size + (ptrdiff_t)i * g.lines * p->ci_blocks * 16;
                p->isa->product(nb, pixels)(
                    &g, w->m + (xi * blocks + b) * m_block + (ptrdiff_t)(x - begin) * 16,
                    w->v + xi * p->ci_blocks * v_block + (ptrdiff_t)x * 16, u);
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
    CaWinogradOut *transform = p->isa->winograd_out[p->m == 4];
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
    const int tiles = p->s.n * p->tile_rows * p->tile_cols, a = p->m + 2;
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
