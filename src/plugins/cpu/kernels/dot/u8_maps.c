/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps of u8, row by row; each row's part of the halo is set with it.
 */
#include "u8_maps.h"

#include "row_share.h"

#include <string.h>

#define CA_U8_ROWS(isa) extern const CaU8Rows ca_u8_rows_##isa;
#include "u8_rows.def"
#undef CA_U8_ROWS

const CaU8Rows *const ca_u8_rows[] = {
#define CA_U8_ROWS(isa) &ca_u8_rows_##isa,
#include "u8_rows.def"
#undef CA_U8_ROWS
};

static const CaU8Rows *rows_of(uint32_t cpu)
{
    const CaU8Rows *const *r = ca_u8_rows;
    while (((*r)->needs & cpu) != (*r)->needs)
        r++;
    return *r;
}

typedef struct Row {
    int block, image, y;
} Row;

static unsigned char *pixel_of(const CaMap *m, const Row *r)
{
    return m->data + r->block * m->block_stride + r->image * m->image_stride +
           r->y * m->row_stride;
}

/* Beside row y, and above the first or below the last. */
static void fill_beside(const CaMap *m, unsigned char *row, int y, int value)
{
    const size_t side = (size_t)m->halo * 16, whole = (size_t)(m->w + 2 * m->halo) * 16;
    unsigned char *start = row - side;
    memset(start, value, side);
    memset(row + (ptrdiff_t)m->w * 16, value, side);
    for (int h = 1; h <= m->halo; h++) {
        if (y == 0)
            memset(start - h * m->row_stride, value, whole);
        if (y == m->h - 1)
            memset(start + h * m->row_stride, value, whole);
    }
}

/* Rows [i, end) of the block from i on that lie without gaps in both maps. */
static int64_t without_gap(const CaMap *out, const CaMap *in, int64_t i, int64_t end)
{
    const int64_t of_image = out->h - i % out->h;
    if (out->halo || in->halo)
        return 1;
    return of_image < end - i ? of_image : end - i;
}

static void stages_of_block(const CaMap *out, const CaMap *in, const CaU8Stage *own,
                            int n_stages, int zero, const CaU8Rows *rows, int block,
                            int64_t begin, int64_t end)
{
    for (int64_t i = begin, n; i < end; i += n) {
        const Row r = {block, (int)(i / out->h), (int)(i % out->h)};
        n = without_gap(out, in, i, end);
        rows->stages(pixel_of(out, &r), pixel_of(in, &r), (int)(n * out->w), own,
                     n_stages);
        if (out->halo)
            fill_beside(out, pixel_of(out, &r), r.y, zero);
    }
}

void ca_u8_stages(const CaMap *out, const CaMap *in, const CaU8Stage *stages,
                  int n_stages, int zero, uint32_t cpu, int thread, int n_threads)
{
    const CaRowShare share = ca_row_share(out, thread, n_threads);
    for (int block = 0; block < (out->c + 15) / 16; block++) {
        CaU8Stage own[CA_U8_MOST_STAGES] = {{NULL, NULL, 0, 0}};
        int64_t begin = 0, end = 0;
        for (int k = 0; k < CA_U8_MOST_STAGES && k < n_stages; k++)
            own[k] = (CaU8Stage){stages[k].k + block * 16, stages[k].b + block * 16,
                                 stages[k].low, stages[k].high};
        ca_row_range(&begin, &end, &share, block);
        stages_of_block(out, in, own, n_stages, zero, rows_of(cpu), block, begin, end);
    }
}

static int clip(int x, int low, int high) { return x < low ? low : x > high ? high : x; }

static void mean_at(const CaMap *out, const CaMap *in, const CaU8Mean *m,
                    const CaU8Rows *rows, const Row *r, int x)
{
    const int y0 = r->y * m->stride_h - m->pad_top, x0 = x * m->stride_w - m->pad_left;
    const int y1 = y0 + m->kernel_h, x1 = x0 + m->kernel_w;
    const int ya = clip(y0, 0, in->h), yb = clip(y1, ya, in->h), xa = clip(x0, 0, in->w),
              xb = clip(x1, xa, in->w);
    const double n = (double)(yb - ya) * (xb - xa),
                 places = (double)(clip(y1, y0, in->h + m->pad_bottom) - y0) *
                          (clip(x1, x0, in->w + m->pad_right) - x0),
                 divisor = m->exclude_pad ? n : places,
                 k = divisor > 0 ? m->ratio / divisor : 0;
    rows->mean(out->data + r->block * out->block_stride + r->image * out->image_stride +
                   r->y * out->row_stride + (ptrdiff_t)x * 16,
               in->data + r->block * in->block_stride + r->image * in->image_stride +
                   ya * in->row_stride + (ptrdiff_t)xa * 16,
               yb - ya, xb - xa, in->row_stride, (float)k,
               (float)(m->zero - k * m->in_zero * n), m->low, m->high);
}

void ca_u8_mean(const CaMap *out, const CaMap *in, const CaU8Mean *how, uint32_t cpu,
                int thread, int n_threads)
{
    const CaU8Rows *rows = rows_of(cpu);
    const CaRowShare share = ca_row_share(out, thread, n_threads);
    for (int block = 0; block < (out->c + 15) / 16; block++) {
        int64_t i = 0, end = 0;
        ca_row_range(&i, &end, &share, block);
        for (; i < end; i++) {
            const Row r = {block, (int)(i / out->h), (int)(i % out->h)};
            for (int x = 0; x < out->w; x++)
                mean_at(out, in, how, rows, &r, x);
            fill_beside(out, pixel_of(out, &r), r.y, (int)how->zero);
        }
    }
}

void ca_u8_quantize(const CaMap *out, const float *in, const CaQuant *q, uint32_t cpu,
                    int thread, int n_threads)
{
    const CaU8Rows *rows = rows_of(cpu);
    const ptrdiff_t plane = (ptrdiff_t)out->h * out->w;
    const CaRowShare share = ca_row_share(out, thread, n_threads);
    for (int block = 0; block < (out->c + 15) / 16; block++) {
        const int left = out->c - block * 16;
        int64_t i = 0, end = 0;
        ca_row_range(&i, &end, &share, block);
        for (; i < end; i++) {
            const Row r = {block, (int)(i / out->h), (int)(i % out->h)};
            const ptrdiff_t channel = (ptrdiff_t)r.image * out->c + block * 16;
            rows->quantize(pixel_of(out, &r),
                           in + channel * plane + (ptrdiff_t)r.y * out->w, plane,
                           left < 16 ? left : 16, out->w, q);
            fill_beside(out, pixel_of(out, &r), r.y, (int)q->zero);
        }
    }
}
