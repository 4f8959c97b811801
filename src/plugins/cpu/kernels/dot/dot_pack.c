/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed filters: [start][scale][bias] of 16 * co_blocks each, then the filter. With an end in whole numbers scale and bias
 * are mantissas and shifts, and a fourth list holds what depthwise sums do not begin with.
 */
#include "base/half.h"
#include "base/text.h"
#include "dot_kernels.h"

#include <math.h>
#include <string.h>

static int min_int(int a, int b) { return a < b ? a : b; }

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
    const int d = ca_dot_word(p->type), e = ca_elem_size(p->type);
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
    const int d = ca_dot_word(p->type), taps = p->s.kh * p->s.kw;
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
    const int d = ca_dot_word(p->type), e = ca_elem_size(p->type);
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
