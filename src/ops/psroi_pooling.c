/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSROIPooling: regions (batch, x1, y1, x2, y2) pooled with a channel of its own for each bin. OpenVINO opset1.
 *
 * average: whole corners times spatial_scale, the mean of each bin, channel (out * group + row) * group + column.
 * bilinear: corners are parts of the map; each of spatial_bins_x * spatial_bins_y parts of the region reads channel
 * part * output_dim + out with one sample a bin, and their mean is taken.
 */
#include "ops/check.h"

#include <float.h>
#include <math.h>

enum { MODE_AVERAGE, MODE_BILINEAR };
static const char *const modes[] = {"average", "bilinear", NULL};

typedef struct {
    int64_t output_dim, group_size, spatial_bins_x, spatial_bins_y;
    double spatial_scale;
    int32_t mode;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(Attrs, output_dim, 1, INT32_MAX, CA_REQUIRED),
    CA_ATTR_INT(Attrs, group_size, 1, 1 << 12, CA_DEFAULT("1")),
    CA_ATTR_FLOAT(Attrs, spatial_scale, 0, FLT_MAX, CA_REQUIRED),
    CA_ATTR_ENUM(Attrs, mode, modes, CA_DEFAULT("average")),
    CA_ATTR_INT(Attrs, spatial_bins_x, 1, 1 << 12, CA_DEFAULT("1")),
    CA_ATTR_INT(Attrs, spatial_bins_y, 1, 1 << 12, CA_DEFAULT("1")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const Attrs *at = (const Attrs *)a->attrs;
    const CarinaShape x = ca_in_shape(a, 0), rois = ca_in_shape(a, 1);
    CA_TRY(ca_check_real(a, 0, 2, err));
    CA_TRY(ca_check_rank(a, 0, 4, 4, err));
    CA_TRY(ca_check_rank(a, 1, 2, 2, err));
    const int64_t parts = at->mode == MODE_AVERAGE
                              ? at->group_size * at->group_size
                              : at->spatial_bins_x * at->spatial_bins_y;
    const int64_t channels = ca_dim(&x, 1);
    if (channels >= 0 && (channels % parts || channels / parts != at->output_dim))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "the data has %lld channels for %lld outputs of %lld parts",
                            (long long)channels, (long long)at->output_dim,
                            (long long)parts);
    if (ca_dim(&rois, 1) >= 0 && ca_dim(&rois, 1) != 5)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "regions have %lld numbers; give 5: batch, x1, y1, x2, y2",
                            (long long)ca_dim(&rois, 1));
    const CarinaShape y = ca_shape(4, (const int64_t[]){ca_dim(&rois, 0), at->output_dim,
                                                        at->group_size, at->group_size});
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static int64_t clip(double v, int64_t limit)
{
    return (int64_t)fmin(fmax(v, 0), (double)limit);
}

/* x: the planes of one image; out: channel of the output; at: row and column of the bin. */
static double average_at(const Attrs *a, const double *x, const int64_t size[2],
                         const double *roi, int64_t out, const int64_t at[2])
{
    const double n = (double)a->group_size;
    int64_t lo[2], hi[2];
    for (int k = 0; k < 2; k++) { /* 0: rows, from y; 1: columns, from x */
        const double from = round(roi[2 - k]) * a->spatial_scale;
        const double to = (round(roi[4 - k]) + 1) * a->spatial_scale;
        const double each = (to - from) / n;
        lo[k] = clip(floor(from + (double)at[k] * each), size[k]);
        hi[k] = clip(ceil(from + (double)(at[k] + 1) * each), size[k]);
    }
    if (lo[0] >= hi[0] || lo[1] >= hi[1])
        return 0;
    const double *plane =
        x + ((out * a->group_size + at[0]) * a->group_size + at[1]) * size[0] * size[1];
    double sum = 0;
    for (int64_t r = lo[0]; r < hi[0]; r++)
        for (int64_t c = lo[1]; c < hi[1]; c++)
            sum += plane[r * size[1] + c];
    return sum / (double)((hi[0] - lo[0]) * (hi[1] - lo[1]));
}

static double sample(const double *x, const int64_t size[2], double row, double col)
{
    if (!(row >= 0 && row <= (double)(size[0] - 1) && col >= 0 &&
          col <= (double)(size[1] - 1)))
        return 0;
    const int64_t r0 = (int64_t)floor(row), r1 = (int64_t)ceil(row);
    const int64_t c0 = (int64_t)floor(col), c1 = (int64_t)ceil(col);
    const double fr = row - (double)r0, fc = col - (double)c0;
    const double top = x[r0 * size[1] + c0] * (1 - fc) + x[r0 * size[1] + c1] * fc;
    const double low = x[r1 * size[1] + c0] * (1 - fc) + x[r1 * size[1] + c1] * fc;
    return top * (1 - fr) + low * fr;
}

static double bilinear_at(const Attrs *a, const double *x, const int64_t size[2],
                          const double *roi, int64_t out, const int64_t at[2])
{
    const int64_t parts[2] = {a->spatial_bins_y, a->spatial_bins_x};
    double sum = 0;
    for (int64_t p = 0; p < parts[0] * parts[1]; p++) {
        const int64_t part[2] = {p / parts[1], p % parts[1]};
        double where[2];
        for (int k = 0; k < 2; k++) {
            const double last = (double)(size[k] - 1), n = (double)a->group_size;
            const double from = roi[2 - k] * a->spatial_scale;
            const double each = (roi[4 - k] * a->spatial_scale - from) / (double)parts[k];
            const double start = (from + (double)part[k] * each) * last;
            where[k] = start + each * last * (n > 1 ? (double)at[k] / (n - 1) : 0.5);
        }
        sum += sample(x + (p * a->output_dim + out) * size[0] * size[1], size, where[0],
                      where[1]);
    }
    return sum / (double)(parts[0] * parts[1]);
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CarinaShape *xs = &r->in[0].shape, *ys = &r->out[0].shape;
    const int64_t size[2] = {xs->dims[2], xs->dims[3]}, n = at->group_size;
    const int64_t image = xs->dims[1] * size[0] * size[1];
    double *y = r->out[0].real;
    for (int64_t i = 0; i < ys->dims[0]; i++) {
        const double *roi = r->in[1].real + 5 * i;
        if (!(roi[0] >= 0 && roi[0] < (double)xs->dims[0])) {
            r->problem = "a region names a batch that is not there";
            return;
        }
        const double *x = r->in[0].real + (int64_t)roi[0] * image;
        for (int64_t k = 0; k < ys->dims[1] * n * n; k++) {
            const int64_t where[2] = {k / n % n, k % n};
            *y++ = at->mode == MODE_AVERAGE
                       ? average_at(at, x, size, roi, k / (n * n), where)
                       : bilinear_at(at, x, size, roi, k / (n * n), where);
        }
    }
}

const CaOp ca_op_psroi_pooling = {
    .name = "PSROIPooling",
    .opset = 1,
    .summary = "position-sensitive pooling of regions",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
