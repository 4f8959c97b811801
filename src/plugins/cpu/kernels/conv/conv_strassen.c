/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 1x1 convolution by one level of Winograd's variant of Strassen's product: 7 products of half the sums instead of 8.
 * The filter W is cut in halves of results and of input channels, the input X in halves of channels and in pairs of
 * tiles of pixels, all pixels of all images being one row.
 *
 *      S1 = W21 + W22   S2 = S1 - W11   S3 = W11 - W21   S4 = W12 - S2        packed once
 *      T1 = X12 - X11   T2 = X22 - T1   T3 = X22 - X12   T4 = T2 - X21        once a pair of tiles
 *      A = W11 X11      C = A + S2 T2   D = C + S3 T3    B = S1 T1
 *      Y11 = A + W12 X21   Y21 = D - W22 T4   Y12 = C + B + S4 X22   Y22 = D + B
 *
 * A to D lie in L1: each product is a run of the register tile that begins with what is there. Y have the bias, and the
 * layer's end. A pair of odd size has a pixel in both tiles.
 *
 * Two orders. A filter that L2 and L3 hold: pairs outside, T is the thread's and stays in L2 (1024 to 256 channels on 14x14, two
 * threads: 0.43 ms, 0.46 the other way). Else T of all pairs is made first, for all threads; then groups outside, each reading its
 * panels for all pairs.
 *
 * Tiles that are no piece of a row of the map (its halo is between) are copied: X beside T, Y on its way out. So is X where
 * something is done to it before.
 */
#include "conv_kernels.h"

#include <math.h>

enum { MOST_PIXELS = CA_STRASSEN_PIXELS, MOST_BLOCKS = CA_STRASSEN_BLOCKS };
static const float zero[MOST_BLOCKS * 16];

/* What the products read, in order: panels of the filter are packed in this order too (conv_pack.c). */
typedef enum { X11, T2, T3, T4, X21, T1, X22, N_OPERANDS } Operand;
/* Sums. */
typedef enum { A, B, C, D, Y11, Y12, Y21, Y22, NOTHING } Sum;

/* A step goes on with the sums that the one before left in the registers, unless those were a result. */
typedef struct {
    Operand x; /* N_OPERANDS: none */
    Sum plus, to;
} Step;
static const Step steps[] = {
    {X11, NOTHING, A},    {T2, NOTHING, C}, {T3, NOTHING, D}, {T4, NOTHING, Y21},
    {X21, A, Y11},        {T1, NOTHING, B}, {X22, C, Y12},    {N_OPERANDS, D, NOTHING},
    {N_OPERANDS, B, Y22},
};
enum { N_STEPS = sizeof steps / sizeof *steps, MOST_MORE = 3 };

static bool is_result(Sum s) { return s >= Y11 && s <= Y22; }

/* Where strassen_in puts the operands. */
static const int place_of[N_OPERANDS] = {
    [T1] = 0, [T2] = 1, [T3] = 2, [T4] = 3, [X11] = 4, [X21] = 5, [X22] = 6};

typedef struct {
    const CaConvPlan *p;
    const CaActs *out, *in, *add;
    const float *bias, *filter;
    const CaConvEnd *end;
    bool is_long_end;
    bool is_in_flat,
        is_out_flat; /* all pixels are one row in memory; out: and those of add */
    int half;        /* blocks of input channels */
    float *t;        /* of all pairs (shared) or of one */
    float *sums;     /* A .. D and one Y that is to be copied */
    CaConvGeo geo;
    CaConvMore more[MOST_MORE];
} Walk;

typedef struct {
    int image, y, x; /* of the first pixel */
} Tile;

/* Two tiles of n pixels each; the last pixel of the first may be the first of the last, which then does not write it. */
typedef struct {
    int n, n_both;
    Tile tiles[2];
    bool is_in_row,
        is_out_row
            [2]; /* pieces of a row of the input, both; of the result, and all written */
    float *t;    /* [N_OPERANDS][half][n][16] */
} Pair;

static Tile tile_at(const CaConvShape *s, int64_t pixel)
{
    const int64_t row = pixel / s->ow;
    return (Tile){(int)(row / s->oh), (int)(row % s->oh), (int)(pixel % s->ow)};
}

static ptrdiff_t offset_of(const CaActs *a, Tile t)
{
    return t.image * a->image_stride + t.y * a->row_stride + (ptrdiff_t)t.x * 16;
}

/* n pixels on, n being at most what is left of the row. */
static Tile after(const CaConvShape *s, Tile t, int n)
{
    t.x += n;
    if (t.x == s->ow) {
        t.x = 0;
        if (++t.y == s->oh) {
            t.y = 0;
            t.image++;
        }
    }
    return t;
}

static Pair pair_of(const Walk *w, int64_t index)
{
    const CaConvShape *s = &w->p->s;
    const int64_t pixels = (int64_t)s->n * s->oh * s->ow;
    const int64_t begin = pixels * index / w->p->n_pairs,
                  end = pixels * (index + 1) / w->p->n_pairs;
    Pair q = {.n = (int)(end - begin + 1) / 2, .t = w->t};

    q.n_both = 2 * q.n - (int)(end - begin);
    q.tiles[0] = tile_at(s, begin);
    q.tiles[1] = tile_at(s, end - q.n);
    q.is_in_row = !w->end->before;
    for (int i = 0; i < 2; i++) {
        const bool is_row = q.tiles[i].x + q.n <= s->ow;
        q.is_in_row &= s->stride_w == 1 && s->stride_h == 1 && (is_row || w->is_in_flat);
        q.is_out_row[i] = (is_row || w->is_out_flat) && !(i && q.n_both);
    }
    if (w->p->by_group)
        q.t += (ptrdiff_t)index * N_OPERANDS * w->half * 16 * w->p->isa->max_pixels;
    return q;
}

/* T of blocks [begin, stop) of half the input channels. */
static void make_t(const Walk *w, const Pair *q, int begin, int stop)
{
    const CaConvShape *s = &w->p->s;
    const ptrdiff_t block = w->in->block_stride;
    ptrdiff_t offsets[2][MOST_PIXELS];

    for (int i = 0; i < 2; i++) {
        Tile t = q->tiles[i];
        for (int j = 0; j < q->n; j++, t = after(s, t, 1)) {
            const Tile from = {t.image, t.y * s->stride_h, t.x * s->stride_w};
            offsets[i][j] = offset_of(w->in, from);
        }
    }
    const CaConvBefore *before = w->end->before;
    CaStrassenFrom from = {
        .at = {offsets[0], offsets[1]}, .copies = !q->is_in_row, .before = before};
    for (int i = begin; i < stop; i++) {
        for (int h = 0; h < 2; h++) {
            const int at = h * w->half + i;
            from.half[h] = w->in->data + at * block;
            from.scale[h] = before ? before->scale + (ptrdiff_t)at * 16 : NULL;
            from.shift[h] = before ? before->shift + (ptrdiff_t)at * 16 : NULL;
        }
        w->p->isa->strassen_in(q->t + (ptrdiff_t)i * q->n * 16,
                               (ptrdiff_t)w->half * q->n * 16, &from, q->n);
    }
}

/* The operand's first block, and the step from block to block. */
static const float *operand_of(const Walk *w, const Pair *q, Operand x, ptrdiff_t *block)
{
    if (x == N_OPERANDS) {
        *block = 0;
        return w->sums; /* nothing of it is read */
    }
    if (q->is_in_row && (x == X11 || x == X21 || x == X22)) {
        *block = w->in->block_stride;
        return w->in->data + (x == X11 ? 0 : w->half) * w->in->block_stride +
               offset_of(w->in, q->tiles[x == X22]);
    }
    *block = (ptrdiff_t)q->n * 16;
    return q->t + (ptrdiff_t)place_of[x] * w->half * *block;
}

static float *sum_of(const Walk *w, Sum s)
{
    return s == NOTHING ? NULL : w->sums + (ptrdiff_t)s * MOST_BLOCKS * MOST_PIXELS * 16;
}

static int min_int(int a, int b) { return a < b ? a : b; }

/* Y, but the first `skip` pixels, of `blocks` blocks from first on, piece by piece of a row. */
static void place(const Walk *w, const CaActs *add, Tile at, int n, int skip, int first,
                  int blocks)
{
    const CaConvShape *s = &w->p->s;
    const float *from = sum_of(w, Y11);

    for (int b = first; b < first + blocks; b++, from += (ptrdiff_t)n * 16) {
        Tile t = after(s, at, skip);
        for (int i = skip, piece = 0; i < n; i += piece, t = after(s, t, piece)) {
            piece = min_int(s->ow - t.x, n - i);
            w->p->isa->strassen_place(
                w->out->data + b * w->out->block_stride + offset_of(w->out, t),
                from + (ptrdiff_t)i * 16,
                add ? add->data + b * add->block_stride + offset_of(add, t) : NULL, piece,
                w->geo.lo, w->geo.hi);
        }
    }
}

typedef struct {
    int first, n; /* blocks of the upper half of the results */
    const float *filter;
} Group;

static Group group_of(const Walk *w, int index)
{
    const CaConvPlan *p = w->p;
    const int first = index * p->group_blocks, left = p->co_blocks / 2 - first;
    return (Group){first, left < p->group_blocks ? left : p->group_blocks,
                   w->filter + (ptrdiff_t)first * 16 * N_OPERANDS * w->half * 16};
}

/* The tile for one result of a pair and a group: straight to the map, or through a buffer where the map has gaps. */
static void run_to_map(Walk *w, CaConvTile *tile, const Pair *q, const Group *g, Sum to,
                       const float *x, const float *filter, const float *start)
{
    const int right = to == Y12 || to == Y22;
    const Tile at = q->tiles[right];
    const int first = g->first + (to == Y21 || to == Y22 ? w->p->co_blocks / 2 : 0);
    const CaActs *add = w->add;
    const float *bias = w->bias + (ptrdiff_t)first * 16;
    CaConvGeo geo = w->geo;

    if (geo.n_more) { /* at the last step, as the others are no results */
        w->more[geo.n_more - 1].bias = bias;
        bias = zero;
    }
    if (q->is_out_row[right]) {
        geo.out_block = w->out->block_stride;
        geo.add_block = add ? add->block_stride : 0;
        tile(&geo, w->out->data + first * w->out->block_stride + offset_of(w->out, at), x,
             filter, bias,
             add ? add->data + first * add->block_stride + offset_of(add, at) : NULL,
             start);
        return;
    }
    geo.lo = -INFINITY;
    geo.hi = INFINITY;
    geo.out_block = geo.sum_block;
    tile(&geo, sum_of(w, Y11), x, filter, bias, NULL, start);
    place(w, add, at, q->n, right ? q->n_both : 0, first, g->n);
}

/* The long ends, on what both tiles have written. */
static void finish(const Walk *w, const Pair *q, const Group *g)
{
    const CaConvShape *s = &w->p->s;

    for (int i = 0; i < 2 * g->n; i++) {
        const int b = g->first + (i < g->n ? i : w->p->co_blocks / 2 + i - g->n);
        Tile t = q->tiles[0];
        for (int left = 2 * q->n - q->n_both, piece = 0; left > 0;
             left -= piece, t = after(s, t, piece)) {
            piece = min_int(s->ow - t.x, left);
            ca_conv_finish(w->p, w->end,
                           w->out->data + b * w->out->block_stride + offset_of(w->out, t),
                           piece, b);
        }
    }
}

/* `next`: the filter's lines that are to be fetched. */
static void run_pair(Walk *w, const Pair *q, const Group *g, const float *next)
{
    CaConvTile *tile = w->p->isa->tile(true, g->n, q->n, CA_CONV_STEP_16);
    const ptrdiff_t panel = (ptrdiff_t)w->half * 16 * g->n * 16;
    const float *filter = g->filter;

    w->geo.sum_block = (ptrdiff_t)q->n * 16;
    w->geo.more = w->more;
    for (const Step *s = steps; s < steps + N_STEPS; s++) {
        const float *x = operand_of(w, q, s->x, &w->geo.block);
        const float *start = sum_of(w, s->plus), *from = filter;
        w->geo.n_blocks = s->x == N_OPERANDS ? 0 : w->half;
        w->geo.next = next;
        w->geo.n_more = 0;
        for (;; s++) {
            filter += panel;
            next += (ptrdiff_t)w->geo.lines * w->half * 16;
            if (is_result(s->to))
                break;
            CaConvMore *m = &w->more[w->geo.n_more++];
            m->to = sum_of(w, s->to);
            m->plus = sum_of(w, s[1].plus);
            m->bias = NULL;
            m->in = operand_of(w, q, s[1].x, &m->block);
        }
        run_to_map(w, tile, q, g, s->to, x, from, start);
    }
    if (w->is_long_end)
        finish(w, q, g);
}

static void pairs_outside(Walk *w, int64_t at, int64_t stop)
{
    const int n_groups = w->p->n_groups;
    Pair q = {0};

    for (int64_t pair = -1; at < stop; at++) {
        const Group g = group_of(w, (int)(at % n_groups));
        if (pair != at / n_groups) {
            pair = at / n_groups;
            q = pair_of(w, pair);
            make_t(w, &q, 0, w->half);
        }
        run_pair(w, &q, &g, g.filter);
    }
}

/* One group, pairs [begin, stop): while its panels are used, the next ones, which lie behind them, are fetched in as many
 * parts. */
static void one_group(Walk *w, int index, int64_t begin, int64_t stop)
{
    const Group g = group_of(w, index);
    const ptrdiff_t row = (ptrdiff_t)g.n * 16, block = 16 * row * N_OPERANDS,
                    uses = stop - begin;
    const int lines = w->p->fetch_panels ? (int)((row + uses - 1) / uses) : 0;

    for (int64_t i = begin; i < stop; i++) {
        const Pair q = pair_of(w, i);
        const ptrdiff_t done = (ptrdiff_t)(i - begin) * lines;
        w->geo.lines = done < row ? lines : 0;
        run_pair(w, &q, &g, g.filter + w->half * (block + done * 16 * N_OPERANDS));
    }
}

static void all_t(const Walk *w, int64_t at, int64_t stop)
{
    while (at < stop) {
        const int begin = (int)(at % w->half);
        const int64_t left = stop - at;
        const int n = w->half - begin < left ? w->half - begin : (int)left;
        const Pair q = pair_of(w, at / w->half);
        make_t(w, &q, begin, begin + n);
        at += n;
    }
}

void ca_conv_strassen(const CaConvPlan *p, int phase, int thread, int n_threads,
                      const CaActs *out, const CaActs *in, const float *packed,
                      const CaConvEnd *end, float *shared, float *own)
{
    const CaConvTail tail = ca_conv_tail(end);
    Walk w = {.p = p,
              .out = out,
              .in = in,
              .add = end->add,
              .bias = packed,
              .filter = ca_conv_filter(p, packed),
              .end = end,
              .is_long_end = tail.after,
              .is_in_flat = ca_conv_is_flat(&p->s, in),
              .is_out_flat = ca_conv_is_flat(&p->s, out) &&
                             (!end->add || ca_conv_is_flat(&p->s, end->add)),
              .half = p->ci_blocks / 2,
              .t = p->by_group ? shared : own + CA_STRASSEN_SUMS,
              .sums = own,
              .geo = {.pixel = 16,
                      .by_block = true,
                      .kh = 1,
                      .kw = 1,
                      .per_block = 16,
                      .last = 16,
                      .lo = tail.lo,
                      .hi = tail.hi}};

    int64_t at = 0, stop = 0;
    if (p->by_group && phase == 0) {
        ca_share((int64_t)p->n_pairs * w.half, thread, n_threads, &at, &stop);
        all_t(&w, at, stop);
        return;
    }
    ca_share((int64_t)p->n_pairs * p->n_groups, thread, n_threads, &at, &stop);
    if (!p->by_group) {
        pairs_outside(&w, at, stop);
        return;
    }
    while (at < stop) {
        const int64_t pair = at % p->n_pairs, left = stop - at;
        const int64_t n = p->n_pairs - pair < left ? p->n_pairs - pair : left;
        one_group(&w, (int)(at / p->n_pairs), pair, pair + n);
        at += n;
    }
}
