/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RegionYolo: the last activation of YOLO: per region x, y, w, h (coords numbers), objectness, class scores.
 * OpenVINO opset1.
 *
 * x, y and objectness pass through the sigmoid, w and h stay. Classes: softmax over them (do_softmax, `num` regions,
 * axis..end_axis made one dimension) or a sigmoid each (as many regions as mask has numbers).
 */
#include "ops/check.h"

#include <float.h>
#include <math.h>

typedef struct {
    CarinaFloats anchors;
    CarinaInts mask;
    int64_t axis, end_axis, coords, classes, num;
    bool do_softmax;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_FLOATS(Attrs, anchors, -FLT_MAX, FLT_MAX, CA_DEFAULT("")),
    CA_ATTR_INT(Attrs, axis, -CARINA_MAX_RANK, CARINA_MAX_RANK - 1, CA_REQUIRED),
    CA_ATTR_INT(Attrs, coords, 0, 1 << 16, CA_REQUIRED),
    CA_ATTR_INT(Attrs, classes, 0, 1 << 24, CA_REQUIRED),
    CA_ATTR_INT(Attrs, end_axis, -CARINA_MAX_RANK, CARINA_MAX_RANK - 1, CA_REQUIRED),
    CA_ATTR_INT(Attrs, num, 1, 1 << 16, CA_REQUIRED),
    CA_ATTR_BOOL(Attrs, do_softmax, CA_DEFAULT("true")),
    CA_ATTR_INTS(Attrs, mask, 0, INT32_MAX, CA_DEFAULT("")),
    CA_ATTRS_END,
};

static int64_t regions(const Attrs *at) { return at->do_softmax ? at->num : at->mask.n; }
static int64_t entries(const Attrs *at) { return at->coords + 1 + at->classes; }

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const Attrs *at = (const Attrs *)a->attrs;
    CarinaShape x = ca_in_shape(a, 0), y = ca_shape_unknown();
    const int64_t want = regions(at) * entries(at);
    int from, to;
    CA_TRY(ca_check_real(a, 0, 1, err));
    CA_TRY(ca_check_rank(a, 0, 4, 4, err));
    if (x.rank < 0) {
        ca_out(a, 0, ca_in_type(a, 0), &y);
        return CARINA_OK;
    }
    if (!ca_dim_meet(&x.dims[1], want))
        return ca_infer_err(
            a, err, CARINA_ERR_SHAPE,
            "the data has %lld channels and %lld regions of %lld want %lld",
            (long long)x.dims[1], (long long)regions(at), (long long)entries(at),
            (long long)want);
    if (!ca_axis(at->axis, 4, &from) || !ca_axis(at->end_axis, 4, &to) || from > to)
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                            "axis %lld to end_axis %lld is no range of 4 dimensions",
                            (long long)at->axis, (long long)at->end_axis);
    if (!at->do_softmax) {
        ca_out(a, 0, ca_in_type(a, 0), &x);
        return CARINA_OK;
    }
    y = ca_shape(from + 1, x.dims);
    for (int d = from + 1; d <= to; d++)
        if (!ca_dim_times(&y.dims[from], y.dims[from], x.dims[d]))
            return ca_infer_err(a, err, CARINA_ERR_LIMIT,
                                "the joined dimension is too large");
    for (int d = to + 1; d < 4; d++)
        y.dims[y.rank++] = x.dims[d];
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static double sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

/* One region at one place; entries lie `step` apart. */
static void activate(const Attrs *at, const double *x, double *y, int64_t step)
{
    const int64_t first = at->coords + 1, n = entries(at);
    double most = -INFINITY, sum = 0;
    for (int64_t e = 0; e < n; e++) {
        const bool stays = e >= 2 && e < at->coords;
        y[e * step] = stays ? x[e * step] : sigmoid(x[e * step]);
    }
    if (!at->do_softmax)
        return;
    for (int64_t e = first; e < n; e++)
        most = fmax(most, x[e * step]);
    for (int64_t e = first; e < n; e++)
        sum += exp(x[e * step] - most);
    for (int64_t e = first; e < n; e++)
        y[e * step] = exp(x[e * step] - most) / sum;
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CarinaShape *s = &r->in[0].shape;
    const int64_t plane = s->dims[2] * s->dims[3];
    for (int64_t i = 0; i < s->dims[0] * regions(at); i++)
        for (int64_t p = 0; p < plane; p++) {
            const int64_t base = i * entries(at) * plane + p;
            activate(at, r->in[0].real + base, r->out[0].real + base, plane);
        }
}

const CaOp ca_op_region_yolo = {
    .name = "RegionYolo",
    .opset = 1,
    .summary = "YOLO's last activation",
    .arity = {1, 1, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
