/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plan, pack and run of convolutions by dot products. The walk is conv_direct.c's: 1x1 filters that stay in L2 read
 * each tile's input once; else a group of results at a time, whose panel of the filter, a quarter or half of
 * f32's, stays in L2 whole.
 */
#include "../cost.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/threads.h"
#include "dot_kernels.h"
#include "row_share.h"

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

enum { SLIDE_STRIP = 3 }; /* rows at a time, where an end follows the kernel */
enum {
    PANEL_SIZE = CA_PANEL_SIZE,
    MOST_TERMS = 65000,
    LARGEST = 1 << 24,
    MOST_STRIP_STEPS = 64,
    STRIP_ROWS = 14
};

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

/* Windows start at each phase that the stride gives within 4 pixels, and touch one or two words. */
static int n_words(int stride, int kw)
{
    int n = 0;
    for (int phase = 0; phase < 4; phase += stride)
        n += up(phase + kw, 4);
    return n;
}

/* Packed: start, scale and bias of each channel, then the filter, group_size bytes for each block of results. */
static bool set_packed(CaDotPlan *p)
{
    size_t filter = 0, biases = 0;
    if (!ca_mul_size(&filter, p->group_size, (size_t)p->co_blocks) ||
        !ca_mul_size(&biases, (size_t)p->co_blocks, 3 * 64) ||
        !ca_add_size(&p->packed_size, filter, biases) || p->packed_size > SIZE_MAX / 4)
        return false;
    p->filter_at = biases;
    p->n_groups = p->n_pack_items = up(p->co_blocks, p->group_blocks);
    return true;
}

static bool start_plan(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa)
{
    *p = (CaDotPlan){
        .s = *s, .isa = isa, .type = isa->type, .kernel = isa->name, .n_phases = 1};
    if (!set_shape(p, s))
        return false;
    p->ci_blocks = up(s->ci, 16);
    p->co_blocks = up(s->co, 16);
    p->last = up(s->ci - 16 * (p->ci_blocks - 1), word_of(isa->type));
    return true;
}

/* 32-bit words of all input channels. */
static size_t words_of(const CaDotPlan *p)
{
    return (size_t)((p->ci_blocks - 1) * (16 / word_of(p->type)) + p->last);
}

bool ca_dot_plan_direct(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa,
                        bool by_words)
{
    const int taps = s->kh * s->kw;

    if (!start_plan(p, s, isa))
        return false;
    p->result_step = (size_t)(s->ci / s->groups) * (size_t)taps;
    p->channel_step = (size_t)taps;
    p->one = taps == 1 && s->stride_w <= 2;
    p->group_blocks = s->stride_w > 2 ? 1 : isa->max_blocks;
    if (isa->wide_pixels == s->ow && p->co_blocks % 4 == 0 && s->stride_w <= 2)
        p->group_blocks = 4;
    if (p->depthwise) {
        p->kernel = isa->name_depthwise;
        p->group_blocks = 1;
        if (by_words && isa->words && s->dilation_w == 1 &&
            isa->words(s->stride_w, s->kw))
            p->words = n_words(s->stride_w, s->kw);
    }
    /* of one block of 16 results */
    p->group_size = p->words ? (size_t)s->kh * (size_t)p->words * 64
                             : (size_t)taps * 64 * (p->depthwise ? 1 : words_of(p));
    p->thread_scratch =
        (size_t)(p->depthwise ? SLIDE_STRIP * s->ow : 4 * 14) * 16 * sizeof(float);
    return set_packed(p);
}

bool ca_dot_plan_as(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa)
{
    return ca_dot_plan_direct(p, s, isa, true);
}

bool ca_dot_plan_before_as(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa)
{
    size_t tile = 0;
    if (!ca_dot_plan_as(p, s, isa) || !p->one || s->groups != 1 || s->stride_h != 1 ||
        s->stride_w != 1 || s->pad_top || s->pad_left || s->oh != s->ih || s->ow != s->iw)
        return false;
    p->before = true;
    p->tile_at = p->thread_scratch;
    return ca_mul_size(&tile, (size_t)p->ci_blocks * 14 * 16,
                       (size_t)ca_elem_size(p->type)) &&
           ca_add_size(&p->thread_scratch, p->thread_scratch, tile);
}

bool ca_dot_plan_before(CaDotPlan *p, const CaConvShape *s, CaElem type, uint32_t cpu)
{
    for (const CaDotIsa *const *isa = ca_dot_isas; *isa; isa++)
        if ((*isa)->type == type && ((*isa)->needs & cpu) == (*isa)->needs)
            return ca_dot_plan_before_as(p, s, *isa);
    return false;
}

bool ca_dot_plan_packed_as(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa)
{
    if (!start_plan(p, s, isa) || s->groups != 1 || s->dilation_w != 1 || s->ci > 4)
        return false;
    p->kernel = isa->name_packed;
    p->packed_pixels = true;
    p->group_blocks = s->ci == 3 && s->stride_w <= 2 ? isa->max_blocks : 1;
    p->ci_blocks = 1;
    p->last = up(s->kw * s->ci, word_of(isa->type));
    p->group_size = (size_t)s->kh * 64 * (size_t)p->last;
    p->thread_scratch = (size_t)isa->max_pixels * 2 * 16 * sizeof(float);
    return set_packed(p);
}

bool ca_dot_plan_packed(CaDotPlan *p, const CaConvShape *s, CaElem type, uint32_t cpu)
{
    for (const CaDotIsa *const *isa = ca_dot_isas; *isa; isa++)
        if ((*isa)->type == type && ((*isa)->needs & cpu) == (*isa)->needs)
            return ca_dot_plan_packed_as(p, s, *isa);
    return false;
}

bool ca_dot_plan_winograd(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa)
{
    if (!isa->winograd || !start_plan(p, s, isa) || s->kh != 3 || s->kw != 3 ||
        s->stride_h != 1 || s->stride_w != 1 || s->dilation_h != 1 ||
        s->dilation_w != 1 || s->groups != 1)
        return false;
    p->kernel = isa->name_winograd;
    p->winograd = true;
    p->group_blocks = p->co_blocks >= 16 ? 4 : 2;
    return ca_dot_winograd_sizes(p) && set_packed(p);
}

/* Winograd where the estimates say so. */
static bool plan_best(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa,
                      bool allow_winograd)
{
    CaDotPlan other;
    if (!ca_dot_plan_as(p, s, isa))
        return false;
    p->why = "only";
    if (!ca_dot_plan_winograd(&other, s, isa))
        return true;
    if (allow_winograd &&
        ca_dot_estimate(&other) * CA_WINOGRAD_MARGIN < ca_dot_estimate(p))
        *p = other;
    p->why = allow_winograd ? "estimate" : "exact";
    return true;
}

bool ca_dot_plan(CaDotPlan *p, const CaConvShape *s, CaElem type, uint32_t cpu,
                 bool allow_winograd)
{
    for (const CaDotIsa *const *isa = ca_dot_isas; *isa; isa++)
        if ((*isa)->type == type && ((*isa)->needs & cpu) == (*isa)->needs)
            return plan_best(p, s, *isa, allow_winograd);
    return false;
}

/* --- Pack: [start][scale][bias] of 16 * co_blocks each, then the filter. With an end in whole numbers scale and bias
 * are mantissas and shifts, and a fourth list holds what depthwise sums do not begin with. */

/* [co][ci / groups][kh][kw]: floats, or s8. */
typedef struct Filter {
    const float *reals;
    const int8_t *integers;
} Filter;

CA_READS_UNALIGNED static void put(const CaDotPlan *p, unsigned char *to, const Filter *f,
                                   size_t at)
{
    if (p->type == CA_ELEM_U8) {
        const int8_t q = f->integers ? f->integers[at] : (int8_t)f->reals[at];
        memcpy(to, &q, 1);
    } else {
        const uint16_t h = ca_f32_to_bf16(f->reals[at]);
        memcpy(to, &h, 2);
    }
}

/* A word of tap t: result o's weights of D channels from c on. */
static uint32_t word_at(const CaDotPlan *p, const Filter *f, int o, int c, int t)
{
    const int d = word_of(p->type), e = ca_elem_size(p->type);
    const size_t at =
        (size_t)o * p->result_step + (size_t)c * p->channel_step + (size_t)t;
    unsigned char bytes[4] = {0};
    uint32_t word = 0;
    for (int k = 0; k < d && c + k < p->s.ci && o < p->s.co; k++)
        put(p, bytes + k * e, f, at + (size_t)k * p->channel_step);
    memcpy(&word, bytes, sizeof word);
    return word;
}

static void pack_direct(const CaDotPlan *p, unsigned char *w, const Filter *f, int first,
                        int width)
{
    const int d = word_of(p->type), taps = p->s.kh * p->s.kw;
    for (int block = 0; block < p->ci_blocks; block++) {
        const int words = block + 1 < p->ci_blocks ? 16 / d : p->last;
        for (int t = 0; t < taps; t++)
            for (int q = 0; q < words; q++)
                for (int o = 0; o < width; o++, w += 4) {
                    const uint32_t word = word_at(p, f, first + o, block * 16 + q * d, t);
                    memcpy(w, &word, sizeof word);
                }
    }
}

/* A row of the filter is kw * ci numbers, as a row of the input has them. */
static void pack_rows(const CaDotPlan *p, unsigned char *w, const Filter *f, int first,
                      int width)
{
    const CaConvShape *s = &p->s;
    const int d = word_of(p->type), e = ca_elem_size(p->type);
    for (int ky = 0; ky < s->kh; ky++)
        for (int q = 0; q < p->last; q++)
            for (int o = first; o < first + width; o++)
                for (int i = q * d; i < (q + 1) * d; i++, w += e) {
                    const size_t row = (size_t)o * (size_t)s->ci + (size_t)(i % s->ci);
                    memset(w, 0, (size_t)e);
                    if (o < s->co && i < s->kw * s->ci)
                        put(p, w, f,
                            (row * (size_t)s->kh + (size_t)ky) * (size_t)s->kw +
                                (size_t)(i / s->ci));
                }
}

CA_READS_UNALIGNED static float real_at(const Filter *f, size_t at)
{
    return f->integers ? (float)f->integers[at] : f->reals[at];
}

static void pack_depthwise(const CaDotPlan *p, float *w, const Filter *f, int first)
{
    const int taps = p->s.kh * p->s.kw;
    for (int t = 0; t < taps; t++)
        for (int o = first; o < first + 16; o++) {
            const float x =
                o < p->s.co ? real_at(f, (size_t)o * (size_t)taps + (size_t)t) : 0;
            *w++ = p->type == CA_ELEM_BF16 ? ca_bf16_to_f32(ca_f32_to_bf16(x)) : x;
        }
}

static void pack_words(const CaDotPlan *p, unsigned char *w, const Filter *f, int first)
{
    const CaConvShape *s = &p->s;
    for (int ky = 0; ky < s->kh; ky++)
        for (int phase = 0; phase < 4; phase += s->stride_w)
            for (int at = -phase; at < s->kw; at += 4)
                for (int o = first; o < first + 16; o++)
                    for (int kx = at; kx < at + 4; kx++, w++) {
                        *w = 0;
                        if (kx >= 0 && kx < s->kw && o < s->co)
                            put(p, w, f,
                                ((size_t)o * (size_t)s->kh + (size_t)ky) * (size_t)s->kw +
                                    (size_t)kx);
                    }
}

CA_READS_UNALIGNED static int32_t sum_of(const CaDotPlan *p, const Filter *f, int o)
{
    const CaConvShape *s = &p->s;
    const size_t n = (size_t)(s->ci / s->groups) * (size_t)(s->kh * s->kw),
                 first = (size_t)o * n;
    int32_t sum = 0;
    for (size_t i = first; f->integers && i < first + n; i++)
        sum += f->integers[i];
    for (size_t i = first; !f->integers && i < first + n; i++)
        sum += (int32_t)f->reals[i];
    return sum;
}

static void pack_channel(const CaDotPlan *p, void *packed, int o, const Filter *f,
                         const float *scale, const float *bias, int in_zero)
{
    const size_t n = (size_t)p->co_blocks * 16;
    int32_t *start = packed;
    float *start_f = packed, *scales = start_f + n, *biases = scales + n;
    const bool is_there = o < p->s.co;
    const float b = is_there && bias ? bias[o] : 0;
    scales[o] = is_there ? scale ? scale[o] : 1 : 0;
    biases[o] = b;
    if (p->type == CA_ELEM_U8)
        start[o] = is_there ? -in_zero * sum_of(p, f, o) : 0;
    else
        start_f[o] = b;
}

static void pack(const CaDotPlan *p, void *packed, const Filter *f, const float *scale,
                 const float *bias, int in_zero, int item_begin, int item_end)
{
    unsigned char *filter = (unsigned char *)packed + p->filter_at;
    for (int item = item_begin; item < item_end; item++) {
        const int block = item * p->group_blocks;
        const int n = min_int(p->group_blocks, p->co_blocks - block);
        unsigned char *w = filter + (size_t)block * p->group_size;
        for (int o = block * 16; o < (block + n) * 16; o++)
            pack_channel(p, packed, o, f, scale, bias, in_zero);
        if (p->winograd)
            ca_dot_winograd_pack(p, w, f->reals, block, n);
        else if (p->packed_pixels)
            pack_rows(p, w, f, block * 16, n * 16);
        else if (p->words)
            pack_words(p, w, f, block * 16);
        else if (p->depthwise)
            pack_depthwise(p, (float *)(void *)w, f, block * 16);
        else
            pack_direct(p, w, f, block * 16, n * 16);
    }
}

void ca_dot_pack(const CaDotPlan *p, void *packed, const float *oihw, const float *scale,
                 const float *bias, int in_zero, int item_begin, int item_end)
{
    pack(p, packed, &(Filter){oihw, NULL}, scale, bias, in_zero, item_begin, item_end);
}

void ca_dot_pack_s8(const CaDotPlan *p, void *packed, const int8_t *oihw,
                    const float *scale, const float *bias, int in_zero, int item_begin,
                    int item_end)
{
    pack(p, packed, &(Filter){NULL, oihw}, scale, bias, in_zero, item_begin, item_end);
}

uint64_t ca_dot_pack_key(const CaDotPlan *p)
{
    const CaConvShape *s = &p->s;
    const int64_t what[] = {p->type,
                            s->ci,
                            s->co,
                            s->kh,
                            s->kw,
                            s->stride_w,
                            s->groups,
                            p->depthwise,
                            p->winograd,
                            p->packed_pixels,
                            p->fixed,
                            p->words,
                            p->co_blocks,
                            p->group_blocks,
                            p->n_groups,
                            p->last,
                            (int64_t)p->result_step,
                            (int64_t)p->channel_step,
                            (int64_t)p->filter_at,
                            (int64_t)p->group_size,
                            (int64_t)p->packed_size};
    return ca_hash(what, sizeof what, (uint64_t)(uintptr_t)p->isa);
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
                  steps = (int64_t)words_of(p);
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
        if (w->after && n > SLIDE_STRIP)
            n = n == SLIDE_STRIP + 1 ? 2 : SLIDE_STRIP;
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

static int64_t rows_at_once(const Walk *w, int64_t row, int64_t end)
{
    const int64_t most = w->strip && w->flat ? STRIP_ROWS : 1;
    return end - row < most ? end - row : most;
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
