/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MVN: x less the mean over the axes, divided by the population's standard deviation where asked for.
 *
 * OpenVINO opset6: axes are an input, eps inside or outside of the root. opset2: axes are dimensions 2 and on, with
 * across_channels 1 and on, or reduction_axes where given; eps inside the root.
 */
#include "ops/check.h"

#include <float.h>
#include <math.h>

enum { INSIDE_SQRT, OUTSIDE_SQRT };
static const char *const eps_modes[] = {"inside_sqrt", "outside_sqrt", NULL};

typedef struct {
    double eps;
    CarinaInts reduction_axes;
    int32_t eps_mode;
    bool normalize_variance, across_channels;
} Attrs;

static const CarinaAttr attrs2[] = {
    CA_ATTR_FLOAT(Attrs, eps, 0, FLT_MAX, CA_REQUIRED),
    CA_ATTR_BOOL(Attrs, across_channels, CA_DEFAULT("false")),
    CA_ATTR_BOOL(Attrs, normalize_variance, CA_DEFAULT("true")),
    CA_ATTR_INTS(Attrs, reduction_axes, -CARINA_MAX_RANK, CARINA_MAX_RANK - 1,
                 CA_DEFAULT("")),
    CA_ATTRS_END,
};
static const CarinaAttr attrs6[] = {
    CA_ATTR_FLOAT(Attrs, eps, 0, FLT_MAX, CA_REQUIRED),
    CA_ATTR_BOOL(Attrs, normalize_variance, CA_REQUIRED),
    CA_ATTR_ENUM(Attrs, eps_mode, eps_modes, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer2(const CaInferArgs *a, CarinaError *err)
{
    const CarinaInts axes = ((const Attrs *)a->attrs)->reduction_axes;
    const CarinaShape x = ca_in_shape(a, 0);
    bool mask[CARINA_MAX_RANK];
    CA_TRY(ca_check_real(a, 0, 1, err));
    if (x.rank >= 0 && !ca_axes_mask(axes.v, axes.n, x.rank, mask))
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                            "reduction_axes leave the input's %d dimensions",
                            (int)x.rank);
    ca_out(a, 0, ca_in_type(a, 0), &x);
    return CARINA_OK;
}

static CarinaStatus infer6(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    CA_TRY(ca_check_real(a, 0, 1, err));
    CA_TRY(ca_check_axes(a, 1, err));
    ca_out(a, 0, ca_in_type(a, 0), &x);
    return CARINA_OK;
}

static void normalise(CaRefArgs *r, const bool mask[CARINA_MAX_RANK])
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CaRefTensor *x = &r->in[0];
    double *y = r->out[0].real;
    if (x->n == 0)
        return;
    const int64_t groups = ca_ref_n_groups(&x->shape, mask);
    const double each = (double)(x->n / groups);
    double *mean = ca_ref_doubles(r, groups), *square = ca_ref_doubles(r, groups);
    if (!mean || !square)
        return;
    for (int64_t i = 0; i < x->n; i++)
        mean[ca_ref_group(&x->shape, mask, i)] += x->real[i] / each;
    for (int64_t i = 0; i < x->n; i++) {
        const int64_t g = ca_ref_group(&x->shape, mask, i);
        y[i] = x->real[i] - mean[g];
        square[g] += y[i] * y[i] / each;
    }
    for (int64_t i = 0; i < x->n && at->normalize_variance; i++) {
        const double v = square[ca_ref_group(&x->shape, mask, i)];
        y[i] /= at->eps_mode == INSIDE_SQRT ? sqrt(v + at->eps) : sqrt(v) + at->eps;
    }
}

static void ref2(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const int rank = r->in[0].shape.rank;
    bool mask[CARINA_MAX_RANK] = {false};
    if (at->reduction_axes.n) {
        if (!ca_axes_mask(at->reduction_axes.v, at->reduction_axes.n, rank, mask))
            r->problem = "an axis is out of range";
    } else {
        for (int d = at->across_channels ? 1 : 2; d < rank; d++)
            mask[d] = true;
    }
    if (!r->problem)
        normalise(r, mask);
}

static void ref6(CaRefArgs *r)
{
    bool mask[CARINA_MAX_RANK];
    if (ca_axes_mask(r->in[1].whole, r->in[1].n, r->in[0].shape.rank, mask))
        normalise(r, mask);
    else
        r->problem = "an axis is out of range";
}

/* Means and squares, one number a group each. */
static size_t work(const CarinaNode *node)
{
    const int64_t n = ca_value_count(&node->outputs[0]);
    return ca_work_array(ca_work_array(0, n, sizeof(double)), n, sizeof(double));
}

const CaOp ca_op_mvn = {
    .name = "MVN",
    .opset = 2,
    .summary = "mean and variance normalisation of images or of channels",
    .arity = {1, 1, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs2,
    .infer = infer2,
    .ref = ref2,
    .work = work,
};

const CaOp ca_op_mvn_6 = {
    .name = "MVN",
    .opset = 6,
    .summary = "mean and variance normalisation over axes",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs6,
    .infer = infer6,
    .ref = ref6,
    .work = work,
};
