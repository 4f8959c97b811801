/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plan, pack and run of convolutions by dot products. The walk is conv_direct.c's: 1x1 filters that stay in L2 read
 * each tile's input once; else a group of results at a time, whose panel of the filter, a quarter or half of
 * f32's, stays in L2 whole.
 */
#include "base/half.h"
#include "base/memory.h"
#include "base/threads.h"
#include "dot_kernels.h"

#include <math.h>
#include <string.h>

#define CA_DOT_ISA(type, isa) extern const CaDotIsa ca_dot_##type##_##isa;
#include "dot.def"
#undef CA_DOT_ISA

const CaDotIsa *const ca_dot_isas[] = {
#define CA_DOT_ISA(type, isa) &ca_dot_##type##_##isa,
#include "dot.def"
#undef CA_DOT_ISA
    NULL};

enum { PANEL_SIZE = 320 << 10, MOST_TERMS = 65000, LARGEST = 1 << 24 };

static int up(int a, int b) { return (a + b - 1) / b; }
static int min_int(int a, int b) { return a < b ? a : b; }
static int word_of(CaElem type) { return 4 / ca_elem_size(type); }

/* --- Plan. */

/* conv/ knows shapes and halos. */
static bool set_shape(CaDotPlan *p, const CaConvShape *s)
{
    CaConvPlan like;
    if (!ca_conv_plan(&like, s, 0, false) || (s->groups != 1 && s->groups != s->ci))
        return false;
    p->depthwise = s->groups == s->ci && s->co == s->ci && s->groups > 1;
    p->in_halo = like.in_halo;
    return p->depthwise ? s->kh * s->kw <= 512
                        : s->groups == 1 && (int64_t)s->ci * s->kh * s->kw <= MOST_TERMS;
}

bool ca_dot_plan_as(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa)
{
    const int words = 16 / word_of(isa->type), taps = s->kh * s->kw;
    size_t filter = 0, biases = 0;

    *p = (CaDotPlan){.s = *s, .isa = isa, .type = isa->type, .kernel = isa->name};
    if (!set_shape(p, s))
        return false;
    p->ci_blocks = up(s->ci, 16);
    p->co_blocks = up(s->co, 16);
    p->last = up(s->ci - 16 * (p->ci_blocks - 1), word_of(isa->type));
    p->one = taps == 1 && s->stride_w <= 2;
    p->group_blocks = s->stride_w > 2 ? 1 : isa->max_blocks;
    if (isa->wide_pixels == s->ow && p->co_blocks % 4 == 0 && s->stride_w <= 2)
        p->group_blocks = 4;
    if (p->depthwise) {
        p->kernel = isa->name_depthwise;
        p->group_blocks = 1;
    }
    p->n_groups = p->n_pack_items = up(p->co_blocks, p->group_blocks);
    /* of one block of 16 results */
    p->group_size =
        p->depthwise ? (size_t)taps * 64
                     : (size_t)taps * 64 * (size_t)((p->ci_blocks - 1) * words + p->last);
    if (!ca_mul_size(&filter, p->group_size, (size_t)p->co_blocks) ||
        !ca_mul_size(&biases, (size_t)p->co_blocks, 3 * 64) ||
        !ca_add_size(&p->packed_size, filter, biases) || p->packed_size > SIZE_MAX / 4)
        return false;
    p->filter_at = biases;
    p->thread_scratch = (size_t)(p->depthwise ? s->ow : 4 * 14) * 16 * sizeof(float);
    return true;
}

bool ca_dot_plan(CaDotPlan *p, const CaConvShape *s, CaElem type, uint32_t cpu)
{
    for (const CaDotIsa *const *isa = ca_dot_isas; *isa; isa++)
        if ((*isa)->type == type && ((*isa)->needs & cpu) == (*isa)->needs)
            return ca_dot_plan_as(p, s, *isa);
    return false;
}

/* --- Pack: [start][scale][bias] of 16 * co_blocks each, then the filter. With an end in whole numbers scale and bias
 * are mantissas and shifts, and a fourth list holds what depthwise sums do not begin with. */

static void put(const CaDotPlan *p, unsigned char *to, float w)
{
    if (p->type == CA_ELEM_U8) {
        const int8_t q = (int8_t)w;
        memcpy(to, &q, 1);
    } else {
        const uint16_t h = ca_f32_to_bf16(w);
        memcpy(to, &h, 2);
    }
}

CA_READS_UNALIGNED static void pack_direct(const CaDotPlan *p, unsigned char *w,
                                           const float *oihw, int first, int width)
{
    const CaConvShape *s = &p->s;
    const int d = word_of(p->type), e = ca_elem_size(p->type), taps = s->kh * s->kw;
    for (int block = 0; block < p->ci_blocks; block++) {
        const int words = block + 1 < p->ci_blocks ? 16 / d : p->last;
        for (int t = 0; t < taps; t++)
            for (int q = 0; q < words; q++)
                for (int o = 0; o < width; o++)
                    for (int k = 0; k < d; k++, w += e) {
                        const int c = block * 16 + q * d + k;
                        const bool is_there = c < s->ci && first + o < s->co;
                        put(p, w,
                            is_there
                                ? oihw[((size_t)(first + o) * (size_t)s->ci + (size_t)c) *
                                           (size_t)taps +
                                       (size_t)t]
                                : 0);
                    }
    }
}

CA_READS_UNALIGNED static void pack_depthwise(const CaDotPlan *p, float *w,
                                              const float *oihw, int first)
{
    const int taps = p->s.kh * p->s.kw;
    for (int t = 0; t < taps; t++)
        for (int o = first; o < first + 16; o++) {
            float x = o < p->s.co ? oihw[(size_t)o * (size_t)taps + (size_t)t] : 0;
            *w++ = p->type == CA_ELEM_BF16 ? ca_bf16_to_f32(ca_f32_to_bf16(x)) : x;
        }
}

CA_READS_UNALIGNED static int32_t sum_of(const CaDotPlan *p, const float *oihw, int o)
{
    const CaConvShape *s = &p->s;
    const size_t n = (size_t)(s->ci / s->groups) * (size_t)(s->kh * s->kw);
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (int32_t)oihw[(size_t)o * n + i];
    return sum;
}

CA_READS_UNALIGNED static void pack_channel(const CaDotPlan *p, void *packed, int o,
                                            const float *oihw, const float *scale,
                                            const float *bias, int in_zero)
{
    const size_t n = (size_t)p->co_blocks * 16;
    int32_t *start = packed;
    float *start_f = packed, *scales = start_f + n, *biases = scales + n;
    const bool is_there = o < p->s.co;
    const float b = is_there && bias ? bias[o] : 0;
    scales[o] = is_there ? scale ? scale[o] : 1 : 0;
    biases[o] = b;
    if (p->type == CA_ELEM_U8)
        start[o] = is_there ? -in_zero * sum_of(p, oihw, o) : 0;
    else
        start_f[o] = b;
}

void ca_dot_pack(const CaDotPlan *p, void *packed, const float *oihw, const float *scale,
                 const float *bias, int in_zero, int item_begin, int item_end)
{
    unsigned char *filter = (unsigned char *)packed + p->filter_at;
    for (int item = item_begin; item < item_end; item++) {
        const int block = item * p->group_blocks;
        const int n = min_int(p->group_blocks, p->co_blocks - block);
        unsigned char *w = filter + (size_t)block * p->group_size;
        for (int o = block * 16; o < (block + n) * 16; o++)
            pack_channel(p, packed, o, oihw, scale, bias, in_zero);
        if (p->depthwise)
            pack_depthwise(p, (float *)(void *)w, oihw, block * 16);
        else
            pack_direct(p, w, oihw, block * 16, n * 16);
    }
}

/* --- Run. */

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
} Walk;

/* All images' rows are one, without a gap. */
static bool is_flat(const CaConvShape *s, const CaMap *m)
{
    return m->row_stride == (ptrdiff_t)s->ow * 16 * ca_elem_size(m->elem) &&
           (s->n == 1 || m->image_stride == m->row_stride * s->oh);
}

/* Two comparisons are enough, and what is stored needs no other scale: the kernels have them. */
static void set_end(Walk *w)
{
    const CaDotEnd *e = w->end;
    const bool is_none = e->act.kind == CA_ACT_NONE, is_relu = e->act.kind == CA_ACT_RELU,
               is_clamp = e->act.kind == CA_ACT_CLAMP;
    const bool scaled =
        w->out->elem == CA_ELEM_U8 && (e->out.scale != 1 || e->out.zero != 0);
    const bool pads =
        w->out->elem == CA_ELEM_F32 && is_clamp && (e->act.a > 0 || e->act.b < 0);
    w->geo.lo = is_relu ? 0 : is_clamp ? e->act.a : -INFINITY;
    w->geo.hi = is_clamp ? e->act.b : INFINITY;
    w->geo.out = w->out->elem;
    w->geo.out_block = w->out->block_stride;
    w->geo.add = e->add ? e->add->elem : CA_ELEM_F32;
    w->geo.add_block = e->add ? e->add->block_stride : 0;
    w->geo.add_scale = e->add_scale;
    w->geo.has_mid = e->mid != NULL;
    w->geo.fixed = e->fixed;
    if (e->mid)
        w->geo.mid = *e->mid;
    w->after =
        !e->fixed && (e->slope || scaled || pads || !(is_none || is_relu || is_clamp));
    if (w->after) {
        w->geo.lo = -INFINITY;
        w->geo.hi = INFINITY;
        w->geo.out = CA_ELEM_F32;
    }
}

static Walk walk_of(const CaDotPlan *p, const CaMap *out, const CaMap *in,
                    const void *packed, const CaDotEnd *end, void *own)
{
    const CaConvShape *s = &p->s;
    const ptrdiff_t lane = 16 * ca_elem_size(in->elem);
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
                      .kw = s->kw,
                      .n_blocks = p->ci_blocks,
                      .last = p->last}};
    const int64_t most = p->group_blocks == 4 ? p->isa->wide_pixels : p->isa->max_pixels;
    set_end(&w);
    w.flat = p->one && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 &&
             s->pad_left == 0 && s->ow == s->iw && s->oh == s->ih && is_flat(s, out) &&
             is_flat(s, in) && (!end->add || is_flat(s, end->add));
    w.width = w.flat ? (int64_t)s->n * s->oh * s->ow : s->ow;
    w.rows = w.flat ? (w.width + most - 1) / most : (int64_t)s->n * s->oh;
    w.tiles = w.flat ? 1 : (int)((w.width + most - 1) / most);
    w.step = s->stride_w == 1   ? CA_DOT_STEP_1
             : s->stride_w == 2 ? CA_DOT_STEP_2
                                : CA_DOT_STEP_ANY;
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

/* What the kernels do not have: the rest of the end, from floats in own to out. */
static void after(const Walk *w, int block, unsigned char *to, float *x, int n)
{
    const CaDotEnd *e = w->end;
    const int left = w->p->s.co - block * 16;
    w->p->isa->finish(x, n, &e->act, e->slope ? e->slope + block * 16 : NULL,
                      left < 16 ? left : 16);
    if (w->out->elem == CA_ELEM_F32)
        memcpy(to, x, (size_t)n * 16 * sizeof *x);
    else
        w->p->isa->narrow(to, x, n, &e->out);
}

static void run_tile(Walk *w, int group, int64_t row, int tile)
{
    const CaDotPlan *p = w->p;
    const CaConvShape *s = &p->s;
    const int64_t of = w->flat ? w->rows : w->tiles, at = w->flat ? row : tile;
    const int64_t x = w->width * at / of;
    const int pixels = (int)(w->width * (at + 1) / of - x);
    const int image = w->flat ? 0 : (int)(row / s->oh),
              y = w->flat ? 0 : (int)(row % s->oh);
    const int first = group * p->group_blocks,
              n = min_int(p->group_blocks, p->co_blocks - first);
    const CaDotChannel c = channels(w, first);
    const unsigned char *in =
        w->in->data + image * w->in->image_stride +
        ((ptrdiff_t)y * s->stride_h - s->pad_top) * w->in->row_stride +
        (x * s->stride_w - s->pad_left) * 16 * ca_elem_size(w->in->elem);
    unsigned char *out = pixel_of(w->out, first, image, y, x);
    if (w->end->fixed && w->end->fixed->pixel_sums)
        w->geo.pixel_sums =
            w->end->fixed->pixel_sums + x + ((int64_t)image * s->oh + y) * s->ow;
    if (w->after)
        w->geo.out_block = (ptrdiff_t)pixels * 16 * (ptrdiff_t)sizeof(float);
    p->isa->tile(p->one, n, pixels,
                 w->step)(&w->geo, w->after ? w->own : out, in,
                          w->packed + p->filter_at + (size_t)first * p->group_size, &c,
                          w->end->add ? pixel_of(w->end->add, first, image, y, x) : NULL);
    for (int i = 0; w->after && i < n; i++)
        after(w, first + i, out + i * w->out->block_stride,
              (float *)(void *)(w->own + i * w->geo.out_block), pixels);
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
    unsigned char *out = pixel_of(w->out, block, image, y, 0);
    p->isa->depthwise(&w->geo, w->after ? w->own : out, s->ow, in,
                      (const float *)(const void *)(w->packed + p->filter_at +
                                                    (size_t)block * p->group_size),
                      &c, w->end->add ? pixel_of(w->end->add, block, image, y, 0) : NULL);
    if (w->after)
        after(w, block, out, (float *)(void *)w->own, s->ow);
}

void ca_dot_run(const CaDotPlan *p, int thread, int n_threads, const CaMap *out,
                const CaMap *in, const void *packed, const CaDotEnd *end, void *own)
{
    Walk w = walk_of(p, out, in, packed, end, own);
    const bool inside =
        !p->depthwise && p->one && p->group_size * (size_t)p->co_blocks <= PANEL_SIZE;
    int64_t at = 0, stop = 0;
    if (inside &&
        (w.rows % n_threads == 0 || w.rows >= 8 * n_threads || p->n_groups < n_threads)) {
        ca_share(w.rows, thread, n_threads, &at, &stop);
        for (; at < stop; at++)
            for (int tile = 0; tile < w.tiles; tile++)
                for (int g = 0; g < p->n_groups; g++)
                    run_tile(&w, g, at, tile);
        return;
    }
    ca_share(w.rows * p->n_groups, thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const int64_t row = at % w.rows;
        if (p->depthwise)
            run_depthwise(&w, (int)(at / w.rows), (int)(row / p->s.oh),
                          (int)(row % p->s.oh));
        for (int tile = 0; !p->depthwise && tile < w.tiles; tile++)
            run_tile(&w, (int)(at / w.rows), row, tile);
    }
}
