/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends in whole numbers: plan, what is packed for them, and the steps between convolutions that quantised models of
 * TensorFlow Lite have.
 */
#include "base/threads.h"
#include "dot_kernels.h"

#include <string.h>

/* So that sums, and what is added to them on the way, stay within int32, and depthwise ones within what f32 counts. */
enum { MOST_TERMS = 8192, MOST_DEPTHWISE = 128 };

bool ca_dot_plan_fixed_as(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa)
{
    const size_t list = (size_t)((s->co + 15) / 16) * 64;
    if (!isa->fixed || !ca_dot_plan_direct(p, s, isa, false))
        return false;
    p->fixed = true;
    p->filter_at += list;
    p->packed_size += list;
    return p->depthwise ? s->kh * s->kw <= MOST_DEPTHWISE
                        : (int64_t)s->ci * s->kh * s->kw <= MOST_TERMS;
}

bool ca_dot_plan_fixed(CaDotPlan *p, const CaConvShape *s, uint32_t cpu)
{
    const CaDotIsa *const *isa = ca_dot_isas;
    while (!(*isa)->fixed || ((*isa)->needs & cpu) != (*isa)->needs)
        isa++; /* stops at ref, which needs nothing */
    return ca_dot_plan_fixed_as(p, s, *isa);
}

void ca_dot_pack_fixed(const CaDotPlan *p, void *packed, const int32_t *bias,
                       const int32_t *mantissa, const int32_t *exponent, int in_zero,
                       int filter_zero)
{
    const int n = p->co_blocks * 16;
    const int32_t taps = p->s.ci / p->s.groups * p->s.kh * p->s.kw;
    int32_t *start = packed, *mantissas = start + n, *rights = mantissas + n,
            *biases = rights + n;
    for (int o = 0; o < n; o++) {
        const bool is_there = o < p->s.co;
        const int32_t b = is_there ? bias[o] + taps * in_zero * filter_zero : 0;
        mantissas[o] = is_there ? mantissa[o] : 0;
        rights[o] = is_there ? -exponent[o] : 0;
        biases[o] = b;
        if (!p->depthwise)
            start[o] += b;
    }
}

static const unsigned char *pixel_at(const CaMap *m, int block, int image, int64_t y,
                                     int64_t x)
{
    return m->data + block * m->block_stride + image * m->image_stride +
           y * m->row_stride + x * 16;
}

void ca_dot_pixel_sums(const CaDotPlan *p, int32_t *out, const CaMap *in, int filter_zero,
                       int thread, int n_threads)
{
    const CaConvShape *s = &p->s;
    const CaDotGeo g = {.pixel = (ptrdiff_t)s->stride_w * 16,
                        .block = in->block_stride,
                        .filter_row = s->dilation_h * in->row_stride,
                        .filter_col = (ptrdiff_t)s->dilation_w * 16,
                        .kh = s->kh,
                        .kw = s->kw,
                        .n_blocks = p->ci_blocks};
    int64_t at = 0, stop = 0;
    ca_share((int64_t)s->n * s->oh, thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        int32_t *row = out + at * s->ow;
        p->isa->sums(&g, row, s->ow,
                     pixel_at(in, 0, (int)(at / s->oh),
                              at % s->oh * s->stride_h - s->pad_top, -s->pad_left),
                     s->ci - (p->ci_blocks - 1) * 16);
        for (int x = 0; x < s->ow; x++)
            row[x] *= -filter_zero;
    }
}

/* --- Maps. */

typedef struct Row {
    int block, image, y;
} Row;

static Row row_at(const CaMap *m, int64_t i)
{
    return (Row){(int)(i / m->h / m->n), (int)(i / m->h % m->n), (int)(i % m->h)};
}

static int64_t n_rows(const CaMap *m)
{
    return (int64_t)((m->c + 15) / 16) * m->n * m->h;
}

static unsigned char *row_of(const CaMap *m, const Row *r)
{
    return m->data + r->block * m->block_stride + r->image * m->image_stride +
           r->y * m->row_stride;
}

void ca_map_fixed(const CaMap *out, const CaMap *a, const CaMap *b, const CaMapFixed *how,
                  int zero, uint32_t cpu, int thread, int n_threads)
{
    const CaDotIsa *const *isa = ca_dot_isas;
    int64_t at = 0, stop = 0;
    while (!(*isa)->fixed || ((*isa)->needs & cpu) != (*isa)->needs)
        isa++;
    ca_share(n_rows(out), thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const Row r = row_at(out, at);
        (*isa)->fixed(row_of(out, &r), row_of(a, &r), row_of(b, &r), out->w * 16, how);
    }
    ca_map_fill_halo(out, zero, thread, n_threads);
}

static int mean_of(int sum, int n, const CaMapMean *how)
{
    if (n == 0)
        return how->less;
    sum -= n * how->less;
    const int mean = sum > 0 ? (sum + n / 2) / n : (sum - n / 2) / n;
    const int y = mean + how->less;
    return y < how->low ? how->low : y > how->high ? how->high : y;
}

static void mean_pixel(unsigned char *to, const CaMap *in, const Row *r,
                       const CaMapMean *how, int x)
{
    const CaMapPool *p = &how->pool;
    int sum[16] = {0}, n = 0;
    for (int ky = 0; ky < p->kernel_h; ky++) {
        const int iy = r->y * p->stride_h + ky - p->pad_top;
        for (int kx = 0; kx < p->kernel_w; kx++) {
            const int ix = x * p->stride_w + kx - p->pad_left;
            if (iy < 0 || iy >= in->h || ix < 0 || ix >= in->w)
                continue;
            const unsigned char *v = pixel_at(in, r->block, r->image, iy, ix);
            for (int i = 0; i < 16; i++)
                sum[i] += v[i];
            n++;
        }
    }
    for (int i = 0; i < 16; i++)
        to[i] = (unsigned char)mean_of(sum[i], n, how);
}

void ca_map_mean_pool(const CaMap *out, const CaMap *in, const CaMapMean *how, int zero,
                      int thread, int n_threads)
{
    int64_t at = 0, stop = 0;
    ca_share(n_rows(out), thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const Row r = row_at(out, at);
        for (int x = 0; x < out->w; x++)
            mean_pixel(row_of(out, &r) + (ptrdiff_t)x * 16, in, &r, how, x);
    }
    ca_map_fill_halo(out, zero, thread, n_threads);
}

void ca_map_table(const CaMap *out, const CaMap *in, const unsigned char *table, int zero,
                  int thread, int n_threads)
{
    int64_t at = 0, stop = 0;
    ca_share(n_rows(out), thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const Row r = row_at(out, at);
        const unsigned char *from = row_of(in, &r);
        unsigned char *to = row_of(out, &r);
        for (ptrdiff_t i = 0; i < (ptrdiff_t)out->w * 16; i++)
            to[i] = table[from[i]];
    }
    ca_map_fill_halo(out, zero, thread, n_threads);
}

void ca_map_pack(const CaMap *out, const unsigned char *in, int flip, int zero,
                 int thread, int n_threads)
{
    const int64_t plane = (int64_t)out->h * out->w;
    int64_t at = 0, stop = 0;
    ca_share(n_rows(out), thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const Row r = row_at(out, at);
        const int n = out->c - r.block * 16 < 16 ? out->c - r.block * 16 : 16;
        const unsigned char *from = in +
                                    ((int64_t)r.image * out->c + r.block * 16) * plane +
                                    (int64_t)r.y * out->w;
        unsigned char *to = row_of(out, &r);
        for (ptrdiff_t x = 0; x < out->w; x++, to += 16) {
            memset(to, zero, 16);
            for (int c = 0; c < n; c++)
                to[c] = (unsigned char)(from[c * plane + x] ^ flip);
        }
    }
    ca_map_fill_halo(out, zero, thread, n_threads);
}

void ca_map_unpack(unsigned char *out, const CaMap *in, int flip, int thread,
                   int n_threads)
{
    const int64_t plane = (int64_t)in->h * in->w;
    int64_t at = 0, stop = 0;
    ca_share(n_rows(in), thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const Row r = row_at(in, at);
        const int n = in->c - r.block * 16 < 16 ? in->c - r.block * 16 : 16;
        unsigned char *to = out + ((int64_t)r.image * in->c + r.block * 16) * plane +
                            (int64_t)r.y * in->w;
        const unsigned char *from = row_of(in, &r);
        for (int c = 0; c < n; c++)
            for (ptrdiff_t x = 0; x < in->w; x++)
                to[c * plane + x] = (unsigned char)(from[x * 16 + c] ^ flip);
    }
}
