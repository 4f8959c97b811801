/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PriorBoxClustered: default boxes of given widths and heights around each cell, and their variances. OpenVINO opset1.
 *
 * Steps of 0 fall back to `step`, and that to image / layer.
 */
#include "ops/check.h"
#include "ops/priors.h"

#include <float.h>
#include <math.h>

typedef struct {
    CarinaFloats width, height, variance;
    double step, step_w, step_h, offset;
    bool clip;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_FLOAT(Attrs, step, 0, FLT_MAX, CA_DEFAULT("0")),
    CA_ATTR_FLOAT(Attrs, step_w, 0, FLT_MAX, CA_DEFAULT("0")),
    CA_ATTR_FLOAT(Attrs, step_h, 0, FLT_MAX, CA_DEFAULT("0")),
    CA_ATTR_FLOATS(Attrs, width, 0, FLT_MAX, CA_DEFAULT("1")),
    CA_ATTR_FLOATS(Attrs, height, 0, FLT_MAX, CA_DEFAULT("1")),
    CA_ATTR_BOOL(Attrs, clip, CA_DEFAULT("true")),
    CA_ATTR_FLOAT(Attrs, offset, -FLT_MAX, FLT_MAX, CA_REQUIRED),
    CA_ATTR_FLOATS(Attrs, variance, -FLT_MAX, FLT_MAX, CA_DEFAULT("")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const Attrs *at = (const Attrs *)a->attrs;
    if (at->width.n != at->height.n)
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                            "width has %d numbers and height %d; give as many",
                            (int)at->width.n, (int)at->height.n);
    return ca_priors_infer(a, at->width.n, at->variance, err);
}

static double step_of(double own, double both, double image, int64_t layer)
{
    if (own != 0)
        return own;
    return both != 0 ? both : image / (double)layer;
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    int64_t layer[2];
    double image[2], *y = r->out[0].real;
    if (!ca_priors_sizes(r, at->width.n, layer, image))
        return;
    for (int64_t h = 0; h < layer[0]; h++)
        for (int64_t w = 0; w < layer[1]; w++)
            for (int i = 0; i < at->width.n; i++) {
                const double cx = ((double)w + at->offset) *
                                  step_of(at->step_w, at->step, image[1], layer[1]);
                const double cy = ((double)h + at->offset) *
                                  step_of(at->step_h, at->step, image[0], layer[0]);
                y[0] = (cx - at->width.v[i] / 2) / image[1];
                y[1] = (cy - at->height.v[i] / 2) / image[0];
                y[2] = (cx + at->width.v[i] / 2) / image[1];
                y[3] = (cy + at->height.v[i] / 2) / image[0];
                for (int k = 0; k < 4 && at->clip; k++)
                    y[k] = fmin(fmax(y[k], 0), 1);
                y += 4;
            }
    ca_priors_variance(r, at->variance);
}

const CaOp ca_op_prior_box_clustered = {
    .name = "PriorBoxClustered",
    .opset = 1,
    .summary = "default boxes of given sizes around each cell",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
