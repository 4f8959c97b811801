/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Direct convolution from planes, for the few channels of a picture: the input is read as it lies, row-major. For
 * each row of results, the rows that it needs are copied beside each other with their padding, which costs 2 to
 * 5 % of the sums and stays in L1; to the tile of conv_tile_tmpl.h they are blocks of one channel.
 */
#include "conv_kernels.h"

#include <string.h>

/* rows [ci][kh][row_width]: what row y of the results reads. */
static void copy_rows(const CaConvPlan *p, float *rows, const CaActs *in, int image,
                      int y)
{
    const CaConvShape *s = &p->s;
    const int left = s->pad_left < p->row_width ? s->pad_left : p->row_width;
    const int most = p->row_width - left, n = s->iw < most ? s->iw : most;

    for (int c = 0; c < s->ci; c++)
        for (int ky = 0; ky < s->kh; ky++, rows += p->row_width) {
            const int64_t iy =
                (int64_t)y * s->stride_h + (int64_t)ky * s->dilation_h - s->pad_top;
            const bool is_inside = iy >= 0 && iy < s->ih;
            const int copied = is_inside ? n : 0;
            if (is_inside)
                memcpy(rows + left,
                       in->data + c * in->block_stride + image * in->image_stride +
                           iy * in->row_stride,
                       (size_t)copied * sizeof *rows);
            memset(rows, 0, (size_t)left * sizeof *rows);
            memset(rows + left + copied, 0, (size_t)(most - copied) * sizeof *rows);
        }
}

void ca_conv_planes(const CaConvPlan *p, int thread, int n_threads, const CaActs *out,
                    const CaActs *in, const float *packed, const CaConvEnd *end,
                    float *own)
{
    const CaConvShape *s = &p->s;
    const CaConvTail tail = ca_conv_tail(end);
    const CaActs *add = end->add;
    const CaConvGeo geo = {.pixel = s->stride_w,
                           .block = (ptrdiff_t)s->kh * p->row_width,
                           .filter_row = p->row_width,
                           .filter_col = s->dilation_w,
                           .out_block = out->block_stride,
                           .add_block = add ? add->block_stride : 0,
                           .kh = s->kh,
                           .kw = s->kw,
                           .n_blocks = s->ci,
                           .per_block = 1,
                           .last = 1,
                           .lo = tail.lo,
                           .hi = tail.hi};
    const CaConvStep step = s->stride_w == 1   ? CA_CONV_STEP_1
                            : s->stride_w == 2 ? CA_CONV_STEP_2
                                               : CA_CONV_STEP_ANY;
    const int most = p->group_blocks == 4 ? p->isa->wide_pixels : p->isa->max_pixels;
    const int tiles = (s->ow + most - 1) / most;
    int64_t row = 0, stop = 0;
    const ptrdiff_t per_block = (ptrdiff_t)16 * s->kh * s->kw * s->ci;

    ca_share((int64_t)s->n * s->oh, thread, n_threads, &row, &stop);
    for (; row < stop; row++) {
        const int image = (int)(row / s->oh), y = (int)(row % s->oh);
        copy_rows(p, own, in, image, y);
        for (int block = 0; block < p->co_blocks; block += p->group_blocks) {
            const int left = p->co_blocks - block,
                      n = left < p->group_blocks ? left : p->group_blocks;
            for (int tile = 0; tile < tiles; tile++) {
                const int x = (int)((int64_t)s->ow * tile / tiles),
                          pixels = (int)((int64_t)s->ow * (tile + 1) / tiles) - x;
                float *to = out->data + block * out->block_stride +
                            image * out->image_stride + y * out->row_stride + x * 16;
                p->isa->tile(false, n, pixels, step)(
                    &geo, to, own + (ptrdiff_t)x * s->stride_w,
                    ca_conv_filter(p, packed) + block * per_block, packed + block * 16,
                    add ? add->data + block * add->block_stride +
                              image * add->image_stride + y * add->row_stride + x * 16
                        : NULL,
                    NULL);
                for (int b = 0; tail.after && b < n; b++)
                    ca_conv_finish(p, end, to + b * out->block_stride, pixels, block + b);
            }
        }
    }
}
