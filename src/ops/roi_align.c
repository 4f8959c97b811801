/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ROIAlign: regions (x1, y1, x2, y2) of a map, sampled between its elements and pooled to a fixed size. OpenVINO
 * opset3; opset9 adds aligned_mode.
 *
 * asymmetric: corners times spatial_scale, sides of at least 1. The two others move by half an element, before
 * scaling (half_pixel) or after (half_pixel_for_nn), and take any side. A bin has sampling_ratio x sampling_ratio
 * samples, 0: as many as elements in it. A sample beyond -1 or the end counts as 0; max begins at the first.
 */
#include "ops/check.h"

#include <float.h>
#include <math.h>

enum { MODE_AVG, MODE_MAX };
enum { ASYMMETRIC, HALF_PIXEL_FOR_NN, HALF_PIXEL };
static const char *const modes[] = {"avg", "max", NULL};
static const char *const alignments[] = {"asymmetric", "half_pixel_for_nn", "half_pixel",
                                         NULL};

typedef struct {
    int64_t pooled_h, pooled_w, sampling_ratio;
    double spatial_scale;
    int32_t mode, aligned_mode;
} Attrs;

static const CarinaAttr attrs3[] = {
    CA_ATTR_INT(Attrs, pooled_h, 1, INT32_MAX, CA_REQUIRED),
    CA_ATTR_INT(Attrs, pooled_w, 1, INT32_MAX, CA_REQUIRED),
    CA_ATTR_INT(Attrs, sampling_ratio, 0, 1 << 10, CA_DEFAULT("0")),
    CA_ATTR_FLOAT(Attrs, spatial_scale, 0, FLT_MAX, CA_REQUIRED),
    CA_ATTR_ENUM(Attrs, mode, modes, CA_DEFAULT("avg")),
    CA_ATTRS_END,
};
static const CarinaAttr attrs9[] = {
    CA_ATTR_INT(Attrs, pooled_h, 1, INT32_MAX, CA_REQUIRED),
    CA_ATTR_INT(Attrs, pooled_w, 1, INT32_MAX, CA_REQUIRED),
    CA_ATTR_INT(Attrs, sampling_ratio, 0, 1 << 10, CA_DEFAULT("0")),
    CA_ATTR_FLOAT(Attrs, spatial_scale, 0, FLT_MAX, CA_REQUIRED),
    CA_ATTR_ENUM(Attrs, mode, modes, CA_DEFAULT("avg")),
    CA_ATTR_ENUM(Attrs, aligned_mode, alignments, CA_DEFAULT("asymmetric")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const Attrs *at = (const Attrs *)a->attrs;
    const CarinaShape x = ca_in_shape(a, 0), rois = ca_in_shape(a, 1),
                      batches = ca_in_shape(a, 2);
    int64_t n = ca_dim(&rois, 0);
    CA_TRY(ca_check_real(a, 0, 2, err));
    CA_TRY(ca_check_whole(a, 2, err));
    CA_TRY(ca_check_rank(a, 0, 4, 4, err));
    CA_TRY(ca_check_rank(a, 1, 2, 2, err));
    CA_TRY(ca_check_rank(a, 2, 1, 1, err));
    if (ca_dim(&rois, 1) >= 0 && ca_dim(&rois, 1) != 4)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "regions have %lld numbers; give 4: x1, y1, x2, y2",
                            (long long)ca_dim(&rois, 1));
    if (!ca_dim_meet(&n, ca_dim(&batches, 0)))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "%lld regions and %lld numbers of their images",
                            (long long)ca_dim(&rois, 0), (long long)ca_dim(&batches, 0));
    const CarinaShape y =
        ca_shape(4, (const int64_t[]){n, ca_dim(&x, 1), at->pooled_h, at->pooled_w});
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

/* Bins along one axis. */
typedef struct Side {
    double from, bin;
    int64_t n_samples;
} Side;

static Side side(const Attrs *at, double low, double high, int64_t n_bins)
{
    const double before = at->aligned_mode == HALF_PIXEL ? 0.5 : 0;
    const double after = at->aligned_mode == ASYMMETRIC ? 0 : 0.5;
    Side s = {.from = (low + before) * at->spatial_scale - after,
              .n_samples = at->sampling_ratio};
    double length = (high + before) * at->spatial_scale - after - s.from;
    if (at->aligned_mode == ASYMMETRIC && length < 1)
        length = 1;
    s.bin = length / (double)n_bins;
    if (s.n_samples == 0)
        s.n_samples = (int64_t)ceil(fmin(fmax(s.bin, 0), 1 << 12));
    return s;
}

/* Element at and the next one, and how much of the next; false: outside. */
static bool place(double v, int64_t size, int64_t *at, int64_t *next, double *part)
{
    if (!(v >= -1 && v <= (double)size) || size < 1)
        return false;
    v = v < 0 ? 0 : v;
    *at = (int64_t)v;
    *next = *at + 1;
    *part = v - (double)*at;
    if (*at >= size - 1) {
        *at = *next = size - 1;
        *part = 0;
    }
    return true;
}

static double sample(const double *x, const int64_t size[2], double row, double col)
{
    int64_t r0, r1, c0, c1;
    double fr, fc;
    if (!place(row, size[0], &r0, &r1, &fr) || !place(col, size[1], &c0, &c1, &fc))
        return 0;
    return (1 - fr) * ((1 - fc) * x[r0 * size[1] + c0] + fc * x[r0 * size[1] + c1]) +
           fr * ((1 - fc) * x[r1 * size[1] + c0] + fc * x[r1 * size[1] + c1]);
}

static double pooled(const Attrs *at, const double *x, const int64_t size[2],
                     const Side *rows, const Side *cols, int64_t i, int64_t j)
{
    const int64_t n = rows->n_samples * cols->n_samples;
    double sum = 0, most = -INFINITY;
    for (int64_t k = 0; k < n; k++) {
        const double r = (double)(k / cols->n_samples) + 0.5,
                     c = (double)(k % cols->n_samples) + 0.5;
        const double v = sample(
            x, size, rows->from + rows->bin * ((double)i + r / (double)rows->n_samples),
            cols->from + cols->bin * ((double)j + c / (double)cols->n_samples));
        sum += v;
        most = v > most ? v : most;
    }
    if (n == 0)
        return 0;
    return at->mode == MODE_MAX ? most : sum / (double)n;
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CarinaShape *xs = &r->in[0].shape, *ys = &r->out[0].shape;
    const int64_t size[2] = {xs->dims[2], xs->dims[3]};
    double *y = r->out[0].real;
    for (int64_t n = 0; n < ys->dims[0]; n++) {
        const double *roi = r->in[1].real + 4 * n;
        const int64_t image = r->in[2].whole[n];
        if (image < 0 || image >= xs->dims[0]) {
            r->problem = "a region names a batch that is not there";
            return;
        }
        const Side rows = side(at, roi[1], roi[3], at->pooled_h),
                   cols = side(at, roi[0], roi[2], at->pooled_w);
        for (int64_t c = 0; c < xs->dims[1]; c++) {
            const double *x =
                r->in[0].real + (image * xs->dims[1] + c) * size[0] * size[1];
            for (int64_t k = 0; k < at->pooled_h * at->pooled_w; k++)
                *y++ =
                    pooled(at, x, size, &rows, &cols, k / at->pooled_w, k % at->pooled_w);
        }
    }
}

const CaOp ca_op_roi_align = {
    .name = "ROIAlign",
    .opset = 3,
    .summary = "regions of a map, sampled and pooled to one size",
    .arity = {3, 3, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs3,
    .infer = infer,
    .ref = ref,
};

const CaOp ca_op_roi_align_9 = {
    .name = "ROIAlign",
    .opset = 9,
    .summary = "regions of a map, sampled and pooled to one size",
    .arity = {3, 3, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs9,
    .infer = infer,
    .ref = ref,
};
