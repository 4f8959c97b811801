/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LRN: x / (bias + alpha / size^k * sum of squares near x)^beta, k = number of axes. OpenVINO opset1.
 *
 * Near: (size - 1) / 2 on each side along each axis, clipped; an even size sums as size - 1 and divides as size.
 */
#include "ops/check.h"

#include <float.h>
#include <math.h>

typedef struct {
    double alpha, beta, bias;
    int64_t size;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_FLOAT(Attrs, alpha, -FLT_MAX, FLT_MAX, CA_REQUIRED),
    CA_ATTR_FLOAT(Attrs, beta, -FLT_MAX, FLT_MAX, CA_REQUIRED),
    CA_ATTR_FLOAT(Attrs, bias, -FLT_MAX, FLT_MAX, CA_REQUIRED),
    CA_ATTR_INT(Attrs, size, 1, INT32_MAX, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    CA_TRY(ca_check_real(a, 0, 1, err));
    CA_TRY(ca_check_axes(a, 1, err));
    ca_out(a, 0, ca_in_type(a, 0), &x);
    return CARINA_OK;
}

typedef struct {
    const CaRefTensor *x;
    const bool *mask;
    int64_t strides[CARINA_MAX_RANK], half;
} Area;

/* Squares of the elements near offset rest + base, dimension d and later. */
static double squares(const Area *m, int d, int64_t base, int64_t rest)
{
    if (d == m->x->shape.rank)
        return m->x->real[base] * m->x->real[base];
    const int64_t at = rest / m->strides[d];
    rest %= m->strides[d];
    if (!m->mask[d])
        return squares(m, d + 1, base + at * m->strides[d], rest);
    double sum = 0;
    for (int64_t i = at - m->half; i <= at + m->half; i++)
        if (i >= 0 && i < m->x->shape.dims[d])
            sum += squares(m, d + 1, base + i * m->strides[d], rest);
    return sum;
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CaRefTensor *x = &r->in[0];
    bool mask[CARINA_MAX_RANK];
    if (!ca_axes_mask(r->in[1].whole, r->in[1].n, x->shape.rank, mask)) {
        r->problem = "an axis is out of range";
        return;
    }
    Area m = {.x = x, .mask = mask, .half = (at->size - 1) / 2};
    double scale = at->alpha;
    ca_ref_strides(&x->shape, m.strides);
    for (int64_t i = 0; i < r->in[1].n; i++)
        scale /= (double)at->size;
    for (int64_t i = 0; i < x->n; i++)
        r->out[0].real[i] =
            x->real[i] / pow(at->bias + scale * squares(&m, 0, 0, i), at->beta);
}

const CaOp ca_op_lrn = {
    .name = "LRN",
    .opset = 1,
    .summary = "local response normalisation",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
