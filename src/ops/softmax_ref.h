/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax and its logarithm along one axis, the row's maximum subtracted first.
 *
 * A row of minus infinities, or one that holds plus infinity, gives NaN.
 */
#ifndef CA_OPS_SOFTMAX_REF_H
#define CA_OPS_SOFTMAX_REF_H

#include "ops/axes.h"
#include "ops/unary.h"

typedef struct CaSoftmaxAttrs {
    int64_t axis;
} CaSoftmaxAttrs;

static inline CarinaStatus ca_infer_softmax(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    int axis;
    if (x.rank >= 0)
        CA_TRY(ca_infer_axis(a, ((const CaSoftmaxAttrs *)a->attrs)->axis, x.rank, &axis,
                             err));
    return ca_infer_unary_real(a, err);
}

/* One row of n elements, stride apart. */
static inline void ca_softmax_row(double *y, const double *x, int64_t n, int64_t stride,
                                  bool is_log)
{
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        most = x[i * stride] > most ? x[i * stride] : most;
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i * stride] - most);
    for (int64_t i = 0; i < n; i++) {
        const double d = x[i * stride] - most;
        y[i * stride] = is_log ? d - log(sum) : exp(d) / sum;
    }
}

static inline void ca_ref_softmax(CaRefArgs *r, bool is_log)
{
    const CarinaShape *const s = &r->in[0].shape;
    int axis;
    if (!ca_axis(((const CaSoftmaxAttrs *)r->attrs)->axis, s->rank, &axis) || !r->out->n)
        return;
    const int64_t n = s->dims[axis], inner = ca_shape_product(s, axis + 1, s->rank);
    for (int64_t o = 0; o < r->out->n / n; o++) {
        const int64_t at = o / inner * inner * n + o % inner;
        ca_softmax_row(r->out->real + at, r->in->real + at, n, inner, is_log);
    }
}

#endif
