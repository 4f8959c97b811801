/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What else happens to maps of short numbers: conversion, sums, pooling, copies. Rows of all images and blocks are
 * shared among the threads; each row's part of the halo is set with it.
 */
#include "base/threads.h"
#include "dot_kernels.h"
#include "row_share.h"

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
    const CaRowShare share = ca_row_share(m, thread, n_threads);
    for (int block = 0; m->halo && block < (m->c + 15) / 16; block++) {
        int64_t i = 0, end = 0;
        ca_row_range(&i, &end, &share, block);
        for (; i < end; i++)
            fill_beside(m, pixel_of(m, block, (int)(i / m->h), (int)(i % m->h)),
                        (int)(i % m->h), value);
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

void ca_map_add(const CaMap *out, const CaMap *a, const CaMap *b, const CaMapAdd *how,
                int zero, uint32_t cpu, int thread, int n_threads)
{
    const CaDotIsa *isa = isa_of(CA_ELEM_U8, cpu);
    const CaRowShare share = ca_row_share(out, thread, n_threads);
    for (int block = 0; block < (out->c + 15) / 16; block++) {
        int64_t i = 0, end = 0;
        ca_row_range(&i, &end, &share, block);
        for (; i < end; i++) {
            const int image = (int)(i / out->h), y = (int)(i % out->h);
            unsigned char *to = pixel_of(out, block, image, y);
            isa->add(to, pixel_of(a, block, image, y), pixel_of(b, block, image, y),
                     out->w * 16, how);
            fill_beside(out, to, y, zero);
        }
    }
}

/* --- The largest of windows: of the window's rows first, all columns at once, then of the columns of each result. */

enum { STRIP_COLS = 2 * CA_MAP_POOL_WIDEST }; /* of a row on the stack */

static int clip(int x, int low, int high) { return x < low ? low : x > high ? high : x; }

/* Results [x0, x1) of a row, whose input columns [first, last) fit in the strip. */
static void max_strip(const CaDotIsa *isa, unsigned char *to, const CaMap *in,
                      const CaMapPool *p, int block, int image, int y, int x0, int x1)
{
    uint16_t strip[STRIP_COLS * 16]; /* of u8 or bf16 */
    const ptrdiff_t pixel = 16 * ca_elem_size(in->elem);
    const int left = x0 * p->stride_w - p->pad_left,
              right = (x1 - 1) * p->stride_w - p->pad_left +
                      (p->kernel_w - 1) * p->dilation_w + 1;
    const int first = clip(left, 0, in->w), last = clip(right, first, in->w);
    bool is_first = true;
    for (int ky = 0; ky < p->kernel_h; ky++) {
        const int iy = y * p->stride_h + ky * p->dilation_h - p->pad_top;
        if (iy < 0 || iy >= in->h)
            continue;
        isa->max_rows(strip, pixel_of(in, block, image, iy) + first * pixel, is_first,
                      (last - first) * 16);
        is_first = false;
    }
    for (int x = x0; x < x1; x++) {
        int at = x * p->stride_w - p->pad_left;
        const int stop = at + p->kernel_w * p->dilation_w;
        while (at < 0)
            at += p->dilation_w;
        const int limit = is_first ? at : stop < in->w ? stop : in->w;
        isa->max_columns(to + x * pixel, strip, at - first, p->dilation_w, limit - first);
    }
}

void ca_map_max_pool(const CaMap *out, const CaMap *in, const CaMapPool *how, int zero,
                     uint32_t cpu, int thread, int n_threads)
{
    const CaDotIsa *isa = isa_of(in->elem, cpu);
    const CaRowShare share = ca_row_share(out, thread, n_threads);
    const int room = STRIP_COLS - (how->kernel_w - 1) * how->dilation_w,
              most = room > how->stride_w ? (room - 1) / how->stride_w + 1 : 1;
    for (int block = 0; block < (out->c + 15) / 16; block++) {
        int64_t i = 0, end = 0;
        ca_row_range(&i, &end, &share, block);
        for (; i < end; i++) {
            const int image = (int)(i / out->h), y = (int)(i % out->h);
            unsigned char *to = pixel_of(out, block, image, y);
            for (int x = 0; x < out->w; x += most)
                max_strip(isa, to, in, how, block, image, y, x,
                          x + most < out->w ? x + most : out->w);
            fill_beside(out, to, y, zero);
        }
    }
}

void ca_map_copy(const CaMap *out, const CaMap *in, int zero, int thread, int n_threads)
{
    const CaRowShare share = ca_row_share(out, thread, n_threads);
    for (int block = 0; block < (out->c + 15) / 16; block++) {
        int64_t i = 0, end = 0;
        ca_row_range(&i, &end, &share, block);
        for (; i < end; i++) {
            const int image = (int)(i / out->h), y = (int)(i % out->h);
            unsigned char *to = pixel_of(out, block, image, y);
            memcpy(to, pixel_of(in, block, image, y),
                   (size_t)out->w * 16 * (size_t)ca_elem_size(out->elem));
            fill_beside(out, to, y, zero);
        }
    }
}

/* --- Pixels with their channels side by side. */

/* A row of each channel, rounded. */
static ptrdiff_t rounded_row(const CaMap *out)
{
    return (ptrdiff_t)(out->w + 15) / 16 * 16 * ca_elem_size(out->elem);
}

size_t ca_map_pack_scratch(const CaMap *out)
{
    return (size_t)rounded_row(out) * (size_t)out->c;
}

/* n floats, read to the last one only. */
static void round_row(const CaDotIsa *isa, unsigned char *to, const float *from, int n,
                      const CaQuant *q)
{
    const int whole = n / 16, left = n % 16;
    float last[16] = {0};
    isa->narrow(to, from, whole, q);
    if (!left)
        return;
    memcpy(last, from + whole * 16, (size_t)left * sizeof *last);
    isa->narrow(to + (ptrdiff_t)whole * 16 * ca_elem_size(isa->type), last, 1, q);
}

/* One row: each channel's is rounded, then they go pixel by pixel. */
static void pack_row(const CaDotIsa *isa, unsigned char *to, const CaMap *out,
                     const float *from, const CaQuant *q, unsigned char *own)
{
    const ptrdiff_t plane = (ptrdiff_t)out->h * out->w, row = rounded_row(out);
    for (int c = 0; c < out->c; c++)
        round_row(isa, own + c * row, from + c * plane, out->w, q);
    isa->interleave(to, own, row, out->c, out->w);
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
