/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bins of regions, one after the other.
 */
#include "roi.h"

#include "kernels/axis_runs.h"

#include <math.h>
#include <string.h>

static float sample(const float *x, int64_t h, int64_t w, double row, double col)
{
    if (!(row >= 0 && row <= (double)(h - 1) && col >= 0 && col <= (double)(w - 1)))
        return 0;
    const int64_t r0 = (int64_t)floor(row), r1 = (int64_t)ceil(row);
    const int64_t c0 = (int64_t)floor(col), c1 = (int64_t)ceil(col);
    const double fr = row - (double)r0, fc = col - (double)c0;
    const double top = (double)x[r0 * w + c0] * (1 - fc) + (double)x[r0 * w + c1] * fc;
    const double low = (double)x[r1 * w + c0] * (1 - fc) + (double)x[r1 * w + c1] * fc;
    return (float)(top * (1 - fr) + low * fr);
}

/* --- ROIPooling. */

/* A length that may be anything, as an index that may be outside. */
static int64_t whole(double v) { return (int64_t)fmin(fmax(v, -1e9), 1e9); }

static int64_t within(int64_t v, int64_t limit)
{
    return v < 0 ? 0 : v > limit ? limit : v;
}

typedef struct Span {
    int64_t first, end;
} Span;

/* Bin i of n over the corners lo..hi, clipped to the map. */
static Span bin(double lo, double hi, double scale, int64_t i, int64_t n, int64_t limit)
{
    const int64_t from = whole(round(lo * scale)), to = whole(round(hi * scale));
    const int64_t len = to - from + 1 < 1 ? 1 : to - from + 1;
    return (Span){within(from + i * len / n, limit),
                  within(from + ((i + 1) * len + n - 1) / n, limit)};
}

static float max_of(const float *x, int64_t w, Span rows, Span cols)
{
    if (rows.first >= rows.end || cols.first >= cols.end)
        return 0;
    float best = x[rows.first * w + cols.first];
    for (int64_t r = rows.first; r < rows.end; r++)
        for (int64_t c = cols.first; c < cols.end; c++)
            if (x[r * w + c] > best)
                best = x[r * w + c];
    return best;
}

static double place(double lo, double hi, int64_t i, int64_t n, int64_t size)
{
    const double last = (double)(size - 1);
    return n > 1 ? (double)i * (hi - lo) * last / (double)(n - 1) + lo * last
                 : 0.5 * (lo + hi) * last;
}

static void roi_map(const CaRoi *r, float *out, const float *x, const float *region)
{
    double v[5];
    for (int k = 0; k < 5; k++)
        v[k] = (double)region[k];
    for (int64_t i = 0; i < r->out_h; i++)
        for (int64_t j = 0; j < r->out_w; j++, out++)
            *out = r->is_bilinear
                       ? sample(x, r->h, r->w, place(v[2], v[4], i, r->out_h, r->h),
                                place(v[1], v[3], j, r->out_w, r->w))
                       : max_of(x, r->w, bin(v[2], v[4], r->scale, i, r->out_h, r->h),
                                bin(v[1], v[3], r->scale, j, r->out_w, r->w));
}

void ca_roi_run(const CaRoi *r, float *out, const float *in, const float *regions,
                int64_t n_used, int thread, int n_threads)
{
    const int64_t each = r->out_h * r->out_w, n = r->n_regions * r->channels,
                  end = ca_share(n, thread + 1, n_threads);
    for (int64_t at = ca_share(n, thread, n_threads); at < end; at++) {
        const float *region = regions + at / r->channels * 5;
        float *to = out + at * each;
        if (at / r->channels >= n_used || r->h * r->w == 0)
            memset(to, 0, (size_t)each * sizeof *to);
        else
            roi_map(r, to,
                    in + ((int64_t)region[0] * r->channels + at % r->channels) * r->h *
                             r->w,
                    region);
    }
}

/* --- PSROIPooling. */

static int64_t clip(double v, int64_t limit)
{
    return (int64_t)fmin(fmax(v, 0), (double)limit);
}

static Span part_of(double lo, double hi, double scale, int64_t i, int64_t n,
                    int64_t limit)
{
    const double from = round(lo) * scale, to = (round(hi) + 1) * scale,
                 each = (to - from) / (double)n;
    return (Span){clip(floor(from + (double)i * each), limit),
                  clip(ceil(from + (double)(i + 1) * each), limit)};
}

/* x: the planes of one image. */
static float mean_of(const CaRoi *r, const float *x, const double *v, int64_t out,
                     int64_t i, int64_t j)
{
    const Span rows = part_of(v[2], v[4], r->scale, i, r->out_h, r->h),
               cols = part_of(v[1], v[3], r->scale, j, r->out_w, r->w);
    const float *plane = x + ((out * r->out_h + i) * r->out_w + j) * r->h * r->w;
    double sum = 0;
    if (rows.first >= rows.end || cols.first >= cols.end)
        return 0;
    for (int64_t y = rows.first; y < rows.end; y++)
        for (int64_t k = cols.first; k < cols.end; k++)
            sum += (double)plane[y * r->w + k];
    return (float)(sum / (double)((rows.end - rows.first) * (cols.end - cols.first)));
}

/* Where part p of parts has its sample of bin i of n. */
static double spot(double lo, double hi, double scale, int64_t p, int64_t parts,
                   int64_t i, int64_t n, int64_t size)
{
    const double last = (double)(size - 1), from = lo * scale,
                 each = (hi * scale - from) / (double)parts;
    const double start = (from + (double)p * each) * last;
    return start + each * last * (n > 1 ? (double)i / (double)(n - 1) : 0.5);
}

static float samples_of(const CaRoi *r, const float *x, const double *v, int64_t out,
                        int64_t i, int64_t j)
{
    const int64_t parts = r->parts_y * r->parts_x;
    double sum = 0;
    for (int64_t p = 0; p < parts; p++)
        sum += (double)sample(
            x + (p * r->out_channels + out) * r->h * r->w, r->h, r->w,
            spot(v[2], v[4], r->scale, p / r->parts_x, r->parts_y, i, r->out_h, r->h),
            spot(v[1], v[3], r->scale, p % r->parts_x, r->parts_x, j, r->out_w, r->w));
    return (float)(sum / (double)parts);
}

void ca_psroi_run(const CaRoi *r, float *out, const float *in, const float *regions,
                  int thread, int n_threads)
{
    const int64_t n = r->n_regions * r->out_channels,
                  end = ca_share(n, thread + 1, n_threads);
    for (int64_t at = ca_share(n, thread, n_threads); at < end; at++) {
        const float *region = regions + at / r->out_channels * 5;
        const int64_t channel = at % r->out_channels;
        const float *x = in + (int64_t)region[0] * r->channels * r->h * r->w;
        float *to = out + at * r->out_h * r->out_w;
        double v[5];
        for (int k = 0; k < 5; k++)
            v[k] = (double)region[k];
        for (int64_t i = 0; i < r->out_h; i++)
            for (int64_t j = 0; j < r->out_w; j++)
                *to++ = r->is_bilinear ? samples_of(r, x, v, channel, i, j)
                                       : mean_of(r, x, v, channel, i, j);
    }
}
