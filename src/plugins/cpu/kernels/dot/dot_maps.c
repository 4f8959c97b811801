/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What else happens to maps of short numbers: conversion, sums, pooling, copies. Rows of all images and blocks are
 * shared among the threads; each row's part of the halo is set with it.
 */
#include "base/threads.h"
#include "dot_kernels.h"

#include <math.h>
#include <string.h>

static unsigned char *pixel_of(const CaMap *m, int block, int image, int y)
{
    return m->data + block * m->block_stride + image * m->image_stride +
           y * m->row_stride;
}

static const CaDotIsa *isa_of(CaElem type, uint32_t cpu)
{
    const CaDotIsa *const *isa = ca_dot_isas;
    while ((*isa)->type != type || ((*isa)->needs & cpu) != (*isa)->needs)
        isa++;
    return *isa;
}

static void fill(const CaMap *m, unsigned char *at, int64_t pixels, int value)
{
    memset(at, value, (size_t)pixels * 16 * (size_t)ca_elem_size(m->elem));
}

/* Beside row y, and above the first or below the last. */
static void fill_beside(const CaMap *m, unsigned char *row, int y, int value)
{
    const ptrdiff_t side = (ptrdiff_t)m->halo * 16 * ca_elem_size(m->elem);
    fill(m, row - side, m->halo, value);
    fill(m, row + (ptrdiff_t)m->w * 16 * ca_elem_size(m->elem), m->halo, value);
    for (int h = 1; h <= m->halo; h++) {
        if (y == 0)
            fill(m, row - side - h * m->row_stride, m->w + 2 * m->halo, value);
        if (y == m->h - 1)
            fill(m, row - side + h * m->row_stride, m->w + 2 * m->halo, value);
    }
}

void ca_map_fill_halo(const CaMap *m, int value, int thread, int n_threads)
{
    int64_t at = 0, stop = 0;
    if (!m->halo)
        return;
    ca_share((int64_t)((m->c + 15) / 16) * m->n * m->h, thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const int y = (int)(at % m->h);
        const int64_t image = at / m->h;
        fill_beside(m, pixel_of(m, (int)(image / m->n), (int)(image % m->n), y), y,
                    value);
    }
}

void ca_map_convert(const CaMap *out, const CaMap *in, const CaQuant *q, uint32_t cpu,
                    int thread, int n_threads)
{
    const bool narrows = in->elem == CA_ELEM_F32;
    const CaDotIsa *isa = isa_of(narrows ? out->elem : in->elem, cpu);
    int64_t at = 0, stop = 0;
    ca_share((int64_t)((out->c + 15) / 16) * out->n * out->h, thread, n_threads, &at,
             &stop);
    for (; at < stop; at++) {
        const int y = (int)(at % out->h), image = (int)(at / out->h % out->n),
                  block = (int)(at / out->h / out->n);
        unsigned char *to = pixel_of(out, block, image, y);
        const unsigned char *from = pixel_of(in, block, image, y);
        if (narrows)
            isa->narrow(to, (const float *)(const void *)from, out->w, q);
        else
            isa->widen((float *)(void *)to, from, out->w, q);
        const int left = out->c - block * 16;
        for (int x = 0; !narrows && left < 16 && x < out->w; x++)
            memset(to + ((ptrdiff_t)x * 16 + left) * (ptrdiff_t)sizeof(float), 0,
                   (size_t)(16 - left) * sizeof(float));
        fill_beside(out, to, y, out->elem == CA_ELEM_U8 ? (int)q->zero : 0);
    }
}

/* Row i of all: block, image, y. */
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

void ca_map_add(const CaMap *out, const CaMap *a, const CaMap *b, const CaMapAdd *how,
                int zero, uint32_t cpu, int thread, int n_threads)
{
    const CaDotIsa *isa = isa_of(CA_ELEM_U8, cpu);
    int64_t at = 0, stop = 0;
    ca_share(n_rows(out), thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const Row r = row_at(out, at);
        unsigned char *to = pixel_of(out, r.block, r.image, r.y);
        isa->add(to, pixel_of(a, r.block, r.image, r.y),
                 pixel_of(b, r.block, r.image, r.y), out->w * 16, how);
        fill_beside(out, to, r.y, zero);
    }
}

static void largest(unsigned char *to, const unsigned char *from)
{
    for (int i = 0; i < 16; i++)
        to[i] = from[i] > to[i] ? from[i] : to[i];
}

static void max_pixel(unsigned char *to, const CaMap *in, const Row *r,
                      const CaMapPool *p, int x)
{
    unsigned char best[16] = {0};
    for (int ky = 0; ky < p->kernel_h; ky++) {
        const int iy = r->y * p->stride_h + ky * p->dilation_h - p->pad_top;
        if (iy < 0 || iy >= in->h)
            continue;
        const unsigned char *row = pixel_of(in, r->block, r->image, iy);
        for (int kx = 0; kx < p->kernel_w; kx++) {
            const int ix = x * p->stride_w + kx * p->dilation_w - p->pad_left;
            if (ix >= 0 && ix < in->w)
                largest(best, row + (ptrdiff_t)ix * 16);
        }
    }
    memcpy(to, best, 16);
}

void ca_map_max_pool(const CaMap *out, const CaMap *in, const CaMapPool *how, int zero,
                     int thread, int n_threads)
{
    int64_t at = 0, stop = 0;
    ca_share(n_rows(out), thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const Row r = row_at(out, at);
        unsigned char *to = pixel_of(out, r.block, r.image, r.y);
        for (int x = 0; x < out->w; x++)
            max_pixel(to + (ptrdiff_t)x * 16, in, &r, how, x);
        fill_beside(out, to, r.y, zero);
    }
}

void ca_map_copy(const CaMap *out, const CaMap *in, int zero, int thread, int n_threads)
{
    int64_t at = 0, stop = 0;
    ca_share(n_rows(out), thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const Row r = row_at(out, at);
        unsigned char *to = pixel_of(out, r.block, r.image, r.y);
        memcpy(to, pixel_of(in, r.block, r.image, r.y),
               (size_t)out->w * 16 * (size_t)ca_elem_size(out->elem));
        fill_beside(out, to, r.y, zero);
    }
}

/* --- Pixels with their channels side by side. */

size_t ca_map_pack_scratch(const CaMap *out)
{
    return ((size_t)out->w * (size_t)out->c + 16) * 2 * sizeof(float);
}

/* One row: floats pixel by pixel, then rounded, then what is not padding is kept. */
static void pack_row(const CaDotIsa *isa, unsigned char *to, const CaMap *out,
                     const float *from, const CaQuant *q, float *own)
{
    const ptrdiff_t plane = (ptrdiff_t)out->h * out->w, n = (ptrdiff_t)out->w * out->c;
    unsigned char *rounded = (unsigned char *)(own + (n + 15) / 16 * 16);
    for (int c = 0; c < out->c; c++)
        for (ptrdiff_t x = 0; x < out->w; x++)
            own[x * out->c + c] = from[c * plane + x];
    for (ptrdiff_t i = n; i % 16; i++)
        own[i] = 0;
    isa->narrow(rounded, own, (int)((n + 15) / 16), q);
    memcpy(to, rounded, (size_t)n * (size_t)ca_elem_size(out->elem));
}

void ca_map_pack_pixels(const CaMap *out, const float *nchw, const CaQuant *q,
                        uint32_t cpu, int thread, int n_threads, void *own)
{
    const CaDotIsa *isa = isa_of(out->elem, cpu);
    const int value = out->elem == CA_ELEM_U8 ? (int)q->zero : 0;
    const size_t pixel = (size_t)out->c * (size_t)ca_elem_size(out->elem),
                 side = (size_t)out->halo * pixel,
                 all = (size_t)out->w * pixel + 2 * side;
    int64_t at = 0, stop = 0;
    ca_share((int64_t)out->n * out->h, thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const int64_t image = at / out->h, y = at % out->h;
        unsigned char *to = out->data + image * out->image_stride + y * out->row_stride;
        pack_row(isa, to, out, nchw + (image * out->c * out->h + y) * out->w, q, own);
        memset(to - side, value, side);
        memset(to + (size_t)out->w * pixel, value, side);
        for (int h = 1; h <= out->halo; h++) {
            if (y == 0)
                memset(to - side - h * out->row_stride, value, all);
            if (y == out->h - 1)
                memset(to - side + h * out->row_stride, value, all);
        }
    }
}

/* --- Matrices. */

void ca_map_pack_matrix(const CaMap *out, const float *x, uint32_t cpu, int thread,
                        int n_threads)
{
    static const CaQuant as_it_is = {1, 0, 0, 0};
    const CaDotIsa *isa = isa_of(out->elem, cpu);
    const int blocks = (out->c + 15) / 16;
    int64_t at = 0, stop = 0;
    ca_share((int64_t)out->w * blocks, thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const int block = (int)(at % blocks), left = out->c - block * 16;
        const int64_t row = at / blocks;
        const float *from = x + row * out->c + block * 16;
        unsigned char *to =
            pixel_of(out, block, 0, 0) + row * 16 * ca_elem_size(out->elem);
        float last[16] = {0};
        if (left < 16)
            memcpy(last, from, (size_t)left * sizeof *from);
        isa->narrow(to, left < 16 ? last : from, 1, &as_it_is);
    }
}

void ca_map_unpack_matrix(float *y, const CaMap *in, int thread, int n_threads)
{
    const int blocks = (in->c + 15) / 16;
    int64_t at = 0, stop = 0;
    ca_share((int64_t)in->w * blocks, thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const int block = (int)(at % blocks), left = in->c - block * 16;
        const int64_t row = at / blocks;
        memcpy(y + row * in->c + block * 16, pixel_of(in, block, 0, 0) + row * 64,
               (size_t)(left < 16 ? left : 16) * sizeof *y);
    }
}
