/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocked activations: packed, unpacked, copied, sealed.
 */
#include "blocked.h"

#include "../acts_rows.h"

#include <assert.h>

static int64_t n_rows(const CaActs *a)
{
    return (int64_t)ca_acts_n_blocks(a) * a->n * a->h;
}

static void pack_row(float *out, const float *in, ptrdiff_t plane, int lanes, int w)
{
    if (lanes == CA_LANES) {
        for (ptrdiff_t x = 0; x < w; x++)
            for (int c = 0; c < CA_LANES; c++)
                out[x * CA_LANES + c] = in[c * plane + x];
        return;
    }
    for (ptrdiff_t x = 0; x < w; x++)
        for (int c = 0; c < CA_LANES; c++)
            out[x * CA_LANES + c] = c < lanes ? in[c * plane + x] : 0;
}

void ca_pack_nchw(const CaActs *out, const float *in, int thread, int n_threads)
{
    const ptrdiff_t plane = (ptrdiff_t)out->h * out->w;
    int64_t first, end;

    assert(0 <= thread && thread < n_threads);
    ca_share(n_rows(out), thread, n_threads, &first, &end);
    for (int64_t i = first; i < end; i++) {
        const CaRowAt at = ca_acts_row_at(out, i);
        float *row = ca_acts_row(out, at.block, at.image, at.y);
        const ptrdiff_t channel =
            (ptrdiff_t)at.image * out->c + (ptrdiff_t)at.block * CA_LANES;
        const float *from = in + channel * plane + (ptrdiff_t)at.y * out->w;
        pack_row(row, from, plane, ca_acts_lanes(out, at.block), out->w);
        ca_acts_zero_beside(out, row, at.y, 0, CA_LANES);
    }
}

void ca_unpack_nchw(float *out, const CaActs *in, int thread, int n_threads)
{
    const ptrdiff_t plane = (ptrdiff_t)in->h * in->w;
    int64_t first, end;

    assert(0 <= thread && thread < n_threads);
    ca_share(n_rows(in), thread, n_threads, &first, &end);
    for (int64_t i = first; i < end; i++) {
        const CaRowAt at = ca_acts_row_at(in, i);
        const float *row = ca_acts_row(in, at.block, at.image, at.y);
        const ptrdiff_t channel =
            (ptrdiff_t)at.image * in->c + (ptrdiff_t)at.block * CA_LANES;
        float *to = out + channel * plane + (ptrdiff_t)at.y * in->w;
        for (int c = 0; c < ca_acts_lanes(in, at.block); c++)
            for (ptrdiff_t x = 0; x < in->w; x++)
                to[c * plane + x] = row[x * CA_LANES + c];
    }
}

static void copy_lanes(float *out, const float *in, int lanes, int w)
{
    if (lanes == CA_LANES) {
        memcpy(out, in, (size_t)w * CA_LANES * sizeof(float));
        return;
    }
    for (ptrdiff_t x = 0; x < w; x++)
        for (int j = 0; j < lanes; j++)
            out[x * CA_LANES + j] = in[x * CA_LANES + j];
}

void ca_acts_copy(const CaActs *out, int out_first, const CaActs *in, int in_first,
                  int n_channels, int thread, int n_threads)
{
    const int stop = out_first + n_channels, block0 = out_first / CA_LANES;
    const int n_blocks = (stop + CA_LANES - 1) / CA_LANES - block0;
    int64_t first, end;

    assert(0 <= thread && thread < n_threads && stop <= out->c);
    assert(in_first + n_channels <= in->c && in->n == out->n);
    assert(in->h == out->h && in->w == out->w);
    if (n_channels <= 0)
        return;
    ca_share((int64_t)n_blocks * out->n * out->h, thread, n_threads, &first, &end);
    for (int64_t i = first; i < end; i++) {
        const CaRowAt at = ca_acts_row_at(out, i);
        const int block = block0 + at.block, base = block * CA_LANES;
        const int lo = base < out_first ? out_first - base : 0;
        const int hi = stop - base < CA_LANES ? stop - base : CA_LANES;
        const int hi_padded = stop == out->c && hi == stop - base ? CA_LANES : hi;
        float *row = ca_acts_row(out, block, at.image, at.y);

        for (int lane = lo; lane < hi;) { /* at most two blocks of the input */
            const int c = base + lane - out_first + in_first;
            const int left = CA_LANES - c % CA_LANES;
            const int n = left < hi - lane ? left : hi - lane;
            const float *from = ca_acts_row(in, c / CA_LANES, at.image, at.y);
            copy_lanes(row + lane, from + c % CA_LANES, n, out->w);
            lane += n;
        }
        if (hi < hi_padded)
            ca_zero_lanes(row, out->w, hi, hi_padded);
        ca_acts_zero_beside(out, row, at.y, lo, hi_padded);
    }
}

/* Of the rows or blocks that the thread writes, as convolutions share them. */
void ca_acts_zero_halo(const CaActs *out, int thread, int n_threads)
{
    const int64_t rows = (int64_t)out->n * out->h;
    const int n_blocks = ca_acts_n_blocks(out);
    const bool by_rows = ca_is_by_rows(rows, n_threads, n_blocks);
    int64_t first, end;

    assert(0 <= thread && thread < n_threads);
    if (out->halo == 0)
        return;
    ca_share(by_rows ? rows : rows * n_blocks, thread, n_threads, &first, &end);
    for (int block = 0; block < n_blocks; block++) {
        const int64_t before = by_rows ? 0 : block * rows;
        int64_t i = first > before ? first - before : 0;
        for (; i < rows && i < end - before; i++) {
            const int y = (int)(i % out->h);
            float *row = ca_acts_row(out, block, (int)(i / out->h), y);
            ca_acts_zero_beside(out, row, y, 0, CA_LANES);
        }
    }
}
