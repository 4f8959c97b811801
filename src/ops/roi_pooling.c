/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ROIPooling: regions (batch, x1, y1, x2, y2) of a map pooled to a fixed size. OpenVINO opset2.
 *
 * max: corners times spatial_scale, rounded half away from zero; an empty bin gives 0. bilinear: corners are parts
 * of the map (0 to 1), one sample a bin, and 0 outside. The first region with batch -1 ends the list: it and all
 * that follow give zeros.
 */
#include "ops/check.h"

#include <float.h>
#include <math.h>

enum { METHOD_MAX, METHOD_BILINEAR };
static const char *const methods[] = {"max", "bilinear", NULL};

typedef struct {
    CarinaInts output_size;
    int64_t pooled_h, pooled_w;
    double spatial_scale;
    int32_t method;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_INTS(Attrs, output_size, 1, INT32_MAX, CA_DEFAULT("")),
    CA_ATTR_INT(Attrs, pooled_h, 0, INT32_MAX, CA_DEFAULT("0")),
    CA_ATTR_INT(Attrs, pooled_w, 0, INT32_MAX, CA_DEFAULT("0")),
    CA_ATTR_FLOAT(Attrs, spatial_scale, 0, FLT_MAX, CA_REQUIRED),
    CA_ATTR_ENUM(Attrs, method, methods, CA_DEFAULT("max")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const Attrs *at = (const Attrs *)a->attrs;
    const CarinaShape x = ca_in_shape(a, 0), rois = ca_in_shape(a, 1);
    CA_TRY(ca_check_real(a, 0, 2, err));
    CA_TRY(ca_check_rank(a, 0, 4, 4, err));
    CA_TRY(ca_check_rank(a, 1, 2, 2, err));
    const bool by_list = at->output_size.n == 2;
    const int64_t h = by_list ? at->output_size.v[0] : at->pooled_h;
    const int64_t w = by_list ? at->output_size.v[1] : at->pooled_w;
    if (h < 1 || w < 1)
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                            "the pooled size is %lld x %lld; give lengths from 1",
                            (long long)h, (long long)w);
    if (ca_dim(&rois, 1) >= 0 && ca_dim(&rois, 1) != 5)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "regions have %lld numbers; give 5: batch, x1, y1, x2, y2",
                            (long long)ca_dim(&rois, 1));
    const CarinaShape y =
        ca_shape(4, (const int64_t[]){ca_dim(&rois, 0), ca_dim(&x, 1), h, w});
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

/* A length that may be anything, as an index that may be outside. */
static int64_t whole(double v) { return (int64_t)fmin(fmax(v, -1e9), 1e9); }

/* Bin i of n over [from, from + len), clipped to [0, limit). */
static void bin(int64_t from, int64_t len, int64_t i, int64_t n, int64_t limit,
                int64_t b[2])
{
    b[0] = from + i * len / n;
    b[1] = from + ((i + 1) * len + n - 1) / n;
    for (int k = 0; k < 2; k++)
        b[k] = b[k] < 0 ? 0 : b[k] > limit ? limit : b[k];
}

static double max_at(const double *x, const int64_t size[2], const double *roi,
                     double scale, const int64_t at[2], const int64_t n[2])
{
    int64_t rows[2], cols[2], corner[4];
    for (int k = 0; k < 4; k++)
        corner[k] = whole(round(roi[1 + k] * scale));
    const int64_t w = corner[2] - corner[0] + 1, h = corner[3] - corner[1] + 1;
    bin(corner[1], h < 1 ? 1 : h, at[0], n[0], size[0], rows);
    bin(corner[0], w < 1 ? 1 : w, at[1], n[1], size[1], cols);
    if (rows[0] >= rows[1] || cols[0] >= cols[1])
        return 0;
    double best = x[rows[0] * size[1] + cols[0]];
    for (int64_t r = rows[0]; r < rows[1]; r++)
        for (int64_t c = cols[0]; c < cols[1]; c++)
            if (x[r * size[1] + c] > best)
                best = x[r * size[1] + c];
    return best;
}

static double place(double lo, double hi, int64_t i, int64_t n, int64_t size)
{
    const double last = (double)(size - 1);
    return n > 1 ? (double)i * (hi - lo) * last / (double)(n - 1) + lo * last
                 : 0.5 * (lo + hi) * last;
}

static double bilinear_at(const double *x, const int64_t size[2], const double *roi,
                          const int64_t at[2], const int64_t n[2])
{
    const double row = place(roi[2], roi[4], at[0], n[0], size[0]);
    const double col = place(roi[1], roi[3], at[1], n[1], size[1]);
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

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CarinaShape *xs = &r->in[0].shape, *ys = &r->out[0].shape;
    const int64_t size[2] = {xs->dims[2], xs->dims[3]}, n[2] = {ys->dims[2], ys->dims[3]};
    double *y = r->out[0].real;
    bool ended = false;
    for (int64_t i = 0; i < ys->dims[0]; i++) {
        const double *roi = r->in[1].real + 5 * i;
        ended = ended || roi[0] == -1;
        if (!ended && !(roi[0] >= 0 && roi[0] < (double)xs->dims[0])) {
            r->problem = "a region names a batch that is not there";
            return;
        }
        for (int64_t c = 0; c < xs->dims[1]; c++) {
            const int64_t plane = ended ? 0 : (int64_t)roi[0] * xs->dims[1] + c;
            const double *x = r->in[0].real + plane * size[0] * size[1];
            for (int64_t k = 0; k < n[0] * n[1]; k++) {
                const int64_t where[2] = {k / n[1], k % n[1]};
                if (ended || size[0] * size[1] == 0)
                    *y++ = 0;
                else if (at->method == METHOD_MAX)
                    *y++ = max_at(x, size, roi, at->spatial_scale, where, n);
                else
                    *y++ = bilinear_at(x, size, roi, where, n);
            }
        }
    }
}

const CaOp ca_op_roi_pooling = {
    .name = "ROIPooling",
    .opset = 2,
    .summary = "regions of a map pooled to one size",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
