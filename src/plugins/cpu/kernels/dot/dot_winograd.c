/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Winograd F(2,3) of bf16: the walk of conv/conv_winograd.c with V and the filter U in bf16, sums and M in f32.
 *
 *      V [plane][ci / 16][tiles of the block][16]       M [xi][blocks of the group][tiles][16]
 *      U [group][xi][panel][ci / 2][channels of the panel][2]
 *
 * Where maps are smooth and filters of one sign, the product at xi = 5 (sum of four numbers, sum of nine weights) is
 * nearly all of the result, and its two roundings are the error, which a direct sum averages over nine taps. There V and U
 * are two numbers of bf16 each, v + v' and u + u', and the product has three planes of channels: v u + v' u + v u'.
 *
 * Why not F(4,3), whose products are a quarter: README.md.
 *
 * Large filters: V is shared, phases 2b and 2b + 1 are the transform and the products of block b.
 */
#include "base/compiler.h"
#include "base/memory.h"
#include "base/threads.h"
#include "dot_kernels.h"

#include <limits.h>
#include <math.h>
#include <string.h>

enum {
    A = 4,                 /* numbers of a tile's row */
    SHARED_FROM = 2 << 20, /* filters of this size are read once for all threads */
    STREAM_FROM = 4 << 20, /* and of this size once for all tiles, V lying in L3 */
    V_IN_L2 = 272 << 10,   /* V of a block of tiles */
    V_IN_L3 = 8 << 20
};

typedef struct Walk {
    const CaDotPlan *p;
    const CaMap *out, *in;
    const float *bias;
    const unsigned char *filter;
    const CaDotEnd *end;
    CaDotGeo geo;
    bool after;
    unsigned char *v;
    float *m, *rows; /* rows: of one tile, before what the kernels do not have */
    int first, n_tiles;
} Walk;

static int up(int a, int b) { return (a + b - 1) / b; }
static int min_int(int a, int b) { return a < b ? a : b; }

/* --- Plan and pack. */

/* Bytes of U of place xi and one block of results. */
static size_t filter_size(const CaDotPlan *p, int xi)
{
    const size_t blocks = (size_t)p->ci_blocks;
    return 64 * (xi == CA_DOT_WINOGRAD_SUM ? 3 * 8 * blocks
                                           : 8 * (blocks - 1) + (size_t)p->last);
}

bool ca_dot_winograd_sizes(CaDotPlan *p)
{
    const CaConvShape *s = &p->s;
    size_t u = 0;
    p->group_size = filter_size(p, CA_DOT_WINOGRAD_SUM) + 15 * filter_size(p, 0);
    if (!ca_mul_size(&u, p->group_size, (size_t)p->co_blocks))
        return false;
    const size_t per_tile = (size_t)(CA_DOT_WINOGRAD_PLANES * 32) * (size_t)p->ci_blocks;
    const int64_t fit = (int64_t)((u > STREAM_FROM ? V_IN_L3 : V_IN_L2) / per_tile);
    const int64_t most = fit < 14 ? 14 : fit;
    size_t v = 0, m = 0;

    p->tile_rows = up(s->oh, 2);
    p->tile_cols = up(s->ow, 2);
    const int64_t tiles = (int64_t)s->n * p->tile_rows * p->tile_cols;
    if (tiles > INT_MAX)
        return false;
    const int64_t n_blocks = (tiles + most - 1) / most;
    p->block = (int)((tiles + n_blocks - 1) / n_blocks);
    p->by_group = u >= SHARED_FROM;
    p->n_phases = p->by_group ? 2 * up((int)tiles, p->block) : 1;
    if (!ca_mul_size(&v, per_tile, (size_t)p->block) ||
        !ca_mul_size(&m, (size_t)(A * A * 64 * p->group_blocks), (size_t)p->block) ||
        !ca_add_size(&m, m, 4 * 64) ||
        !ca_add_size(&p->thread_scratch, p->by_group ? 0 : v, m))
        return false;
    p->shared_scratch = p->by_group ? v : 0;
    return true;
}

/* G k of three numbers, G = (1 0 0), (1 1 1) / 2, (1 -1 1) / 2, (0 0 1). */
static void filter_1d(float y[A], float a, float b, float c)
{
    y[0] = a;
    y[1] = 0.5f * (a + b + c);
    y[2] = 0.5f * (a - b + c);
    y[3] = c;
}

static void put(unsigned char *u, uint32_t h)
{
    const uint16_t bits = (uint16_t)h;
    memcpy(u, &bits, sizeof bits);
}

/* What is left of x when it is rounded to h. */
static float left_of(float x, uint32_t h)
{
    const uint32_t bits = h << 16;
    float rounded;
    memcpy(&rounded, &bits, sizeof rounded);
    return x - rounded;
}

/* Of one filter k [9]: result o, input c of the panel of `width` results that begins at block b of n_blocks. */
CA_READS_UNALIGNED static void filter_transform(const CaDotPlan *p, unsigned char *u,
                                                const float *k, int n_blocks, int b,
                                                int width, int o, int c)
{
    const size_t at = ((size_t)(c / 2) * (size_t)width + (size_t)o) * 4 +
                      (size_t)(c % 2 * 2),
                 plane = (size_t)p->ci_blocks * 32 * (size_t)width;
    float t[3][A], y[A];
    for (int j = 0; j < 3; j++)
        filter_1d(t[j], k[j], k[3 + j], k[6 + j]);
    for (int xi = 0; xi < A * A; xi++) {
        unsigned char *to = u + (size_t)b * filter_size(p, xi) + at;
        if (xi % A == 0)
            filter_1d(y, t[0][xi / A], t[1][xi / A], t[2][xi / A]);
        const uint32_t h = ca_dot_bf16(y[xi % A]);
        put(to, h);
        if (xi == CA_DOT_WINOGRAD_SUM) {
            put(to + plane, h);
            put(to + 2 * plane, ca_dot_bf16(left_of(y[xi % A], h)));
        }
        u += (size_t)n_blocks * filter_size(p, xi);
    }
}

/* The group of n_blocks blocks of results from block `first` on; w: zeroed here. */
CA_READS_UNALIGNED void ca_dot_winograd_pack(const CaDotPlan *p, unsigned char *w,
                                             const float *oihw, int first, int n_blocks)
{
    const CaConvShape *s = &p->s;
    const int panel = p->isa->max_blocks;
    memset(w, 0, p->group_size * (size_t)n_blocks);
    for (int b = 0; b < n_blocks; b += panel) {
        const int width = min_int(panel, n_blocks - b) * 16;
        for (int o = 0; o < width; o++) {
            const int result = (first + b) * 16 + o;
            for (int c = 0; c < s->ci && result < s->co; c++)
                filter_transform(p, w,
                                 oihw + ((size_t)result * (size_t)s->ci + (size_t)c) * 9,
                                 n_blocks, b, width, o, c);
        }
    }
}

/* --- Run. */

typedef struct Place {
    int image, y, x; /* of the first result */
    int left;        /* tiles of its row from here on */
} Place;

static Place place_of(const CaDotPlan *p, int tile)
{
    const int per_image = p->tile_rows * p->tile_cols, t = tile % per_image;
    const int column = t % p->tile_cols;
    return (Place){tile / per_image, t / p->tile_cols * 2, column * 2,
                   p->tile_cols - column};
}

static unsigned char *pixel_of(const CaMap *m, int block, int image, int y, int x)
{
    return m->data + block * m->block_stride + image * m->image_stride +
           y * m->row_stride + (ptrdiff_t)x * 16 * ca_elem_size(m->elem);
}

/* Pieces [begin, stop) of blocks of channels times tiles. */
static void transform_in(const Walk *w, int64_t begin, int64_t stop)
{
    const CaDotPlan *p = w->p;
    const CaConvShape *s = &p->s;
    const CaMap *in = w->in;
    const ptrdiff_t v_block = (ptrdiff_t)w->n_tiles * 32;

    for (int64_t at = begin; at < stop;) {
        const int block = (int)(at / w->n_tiles), t = (int)(at % w->n_tiles);
        const Place o = place_of(p, w->first + t);
        const int y = o.y - s->pad_top, x = o.x - s->pad_left;
        int n = min_int(o.left, w->n_tiles - t);
        n = n < stop - at ? n : (int)(stop - at);
        p->isa->winograd->in(w->v + block * v_block + (ptrdiff_t)t * 32,
                             p->ci_blocks * v_block, pixel_of(in, block, o.image, y, x),
                             in->row_stride, n, -in->halo - y, s->ih + in->halo - y,
                             -in->halo - x, s->iw + in->halo - x);
        at += n;
    }
}

/* M of tiles [begin, begin + n) of the block and `blocks` blocks of results. */
static void products(const Walk *w, const unsigned char *u, int blocks, int begin, int n)
{
    const CaDotPlan *p = w->p;
    const int panel = p->isa->max_blocks, parts = (n - 1) / p->isa->max_pixels + 1;
    const ptrdiff_t v_block = (ptrdiff_t)w->n_tiles * 32, m_block = (ptrdiff_t)n * 16;
    CaDotProduct g = {.in_block = v_block, .out_block = m_block};

    for (int xi = 0; xi < A * A; xi++) {
        const bool is_sum = xi == CA_DOT_WINOGRAD_SUM;
        g.n_blocks = is_sum ? 3 * p->ci_blocks : p->ci_blocks;
        g.last = is_sum ? 8 : p->last;
        for (int b = 0; b < blocks; b += panel) {
            const int nb = min_int(panel, blocks - b);
            const size_t size = filter_size(p, xi) * (size_t)nb;
            g.lines = (8 * nb + parts - 1) / parts; /* the next panel */
            for (int i = 0; i < parts; i++) {
                const int x = (int)((int64_t)n * i / parts);
                const int pixels = (int)((int64_t)n * (i + 1) / parts) - x;
                g.next = u + size + (size_t)(i * g.lines * g.n_blocks * CA_CACHE_LINE);
                p->isa->winograd->product(nb, pixels)(
                    &g, w->m + (xi * blocks + b) * m_block + (ptrdiff_t)x * 16,
                    w->v + ca_dot_winograd_plane(xi) * p->ci_blocks * v_block +
                        (ptrdiff_t)(begin + x) * 32,
                    u);
            }
            u += size;
        }
    }
}

/* A tile whose end the kernels do not have: through w->rows. */
static void out_after(const Walk *w, int block, unsigned char *to, int ny, int nx,
                      const float *m, ptrdiff_t xi_stride, const unsigned char *add)
{
    const CaDotPlan *p = w->p;
    p->isa->winograd->out(&w->geo, (unsigned char *)w->rows, 2 * 64, ny, nx, m, xi_stride,
                          w->bias + block * 16, add, add ? w->end->add->row_stride : 0);
    for (int y = 0; y < ny; y++)
        ca_dot_finish(p, w->end, w->out->elem, block, to + y * w->out->row_stride,
                      w->rows + y * 32, nx);
}

static void transform_out(const Walk *w, int block, const float *m, int blocks, int begin,
                          int n)
{
    const CaDotPlan *p = w->p;
    const CaMap *add = w->end->add;
    const ptrdiff_t xi_stride = (ptrdiff_t)blocks * n * 16;

    for (int t = 0; t < n; t++, m += 16) {
        const Place o = place_of(p, w->first + begin + t);
        const int ny = min_int(2, p->s.oh - o.y), nx = min_int(2, p->s.ow - o.x);
        unsigned char *to = pixel_of(w->out, block, o.image, o.y, o.x);
        const unsigned char *more = add ? pixel_of(add, block, o.image, o.y, o.x) : NULL;
        if (w->after)
            out_after(w, block, to, ny, nx, m, xi_stride, more);
        else
            p->isa->winograd->out(&w->geo, to, w->out->row_stride, ny, nx, m, xi_stride,
                                  w->bias + block * 16, more, add ? add->row_stride : 0);
    }
}

/* One group of results, tiles [begin, begin + n) of the block. */
static void one_group(const Walk *w, int index, int begin, int n)
{
    const CaDotPlan *p = w->p;
    const int first = index * p->group_blocks;
    const int blocks = min_int(p->group_blocks, p->co_blocks - first);

    products(w, w->filter + (size_t)first * p->group_size, blocks, begin, n);
    for (int b = 0; b < blocks; b++)
        transform_out(w, first + b, w->m + (ptrdiff_t)b * n * 16, blocks, begin, n);
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

void ca_dot_winograd(const CaDotPlan *p, int phase, int thread, int n_threads,
                     const CaMap *out, const CaMap *in, const unsigned char *packed,
                     const CaDotEnd *end, unsigned char *shared, unsigned char *own)
{
    const int tiles = p->s.n * p->tile_rows * p->tile_cols;
    int64_t at = 0, stop = 0;
    Walk w = {.p = p,
              .out = out,
              .in = in,
              .bias = (const float *)(const void *)packed,
              .filter = packed + p->filter_at,
              .end = end,
              .rows = (float *)(void *)own,
              .v = p->by_group ? shared : own + 4 * 64,
              .m = (float *)(void *)(own + 4 * 64)};

    w.after = ca_dot_set_end(&w.geo, out, end);
    if (p->by_group) {
        w.first = phase / 2 * p->block;
        w.n_tiles = min_int(p->block, tiles - w.first);
        ca_share((int64_t)p->ci_blocks * w.n_tiles, thread, n_threads, &at, &stop);
        if (phase % 2 == 0)
            transform_in(&w, at, stop);
        else
            shared_products(&w, thread, n_threads);
        return;
    }
    w.m +=
        (ptrdiff_t)(CA_DOT_WINOGRAD_PLANES * 8) * p->ci_blocks * p->block; /* behind V */
    ca_share(tiles, thread, n_threads, &at, &stop);
    for (w.first = (int)at; w.first < stop; w.first += p->block) {
        w.n_tiles = min_int(p->block, (int)stop - w.first);
        transform_in(&w, 0, (int64_t)p->ci_blocks * w.n_tiles);
        for (int i = 0; i < p->n_groups; i++)
            one_group(&w, i, 0, w.n_tiles);
    }
}
