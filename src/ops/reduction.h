/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reductions: one shape rule and one loop; an operator brings the start, the step and the end.
 *
 * Axes that are the same after counting from the end count once; no axes leave the tensor as it is, with
 * step and end applied to single elements. Nothing to reduce gives the start.
 */
#ifndef CA_OPS_REDUCTION_H
#define CA_OPS_REDUCTION_H

#include "ops/axes.h"
#include "ops/whole.h"

typedef struct CaReduceAttrs {
    bool keep_dims;
} CaReduceAttrs;

static const CarinaAttr ca_reduce_attrs[] = {
    CA_ATTR_BOOL(CaReduceAttrs, keep_dims, CA_DEFAULT("false")),
    CA_ATTRS_END,
};

typedef struct CaReduction {
    double start;
    double (*step)(double sum, double x);
    double (*end)(double sum, double n); /* NULL: the sum itself */
    int64_t (*whole_start)(CarinaType type);
    int64_t (*whole_step)(CarinaType type, int64_t sum, int64_t x);
    int64_t (*whole_end)(CarinaType type, int64_t sum, int64_t n);
} CaReduction;

enum { CA_MAX_AXES = 64 };

static inline CarinaStatus ca_infer_reduce(const CaInferArgs *a, CarinaError *err)
{
    const bool keep = ((const CaReduceAttrs *)a->attrs)->keep_dims;
    const CarinaShape x = ca_in_shape(a, 0);
    const CarinaType type = ca_in_type(a, 0);
    int64_t axes[CA_MAX_AXES];
    bool is_reduced[CARINA_MAX_RANK] = {false};
    int n;
    CA_TRY(ca_infer_whole(a, 1, "the axes' tensor", err));
    if (x.rank < 0)
        return ca_infer_unknown(a, 0, type);
    CarinaShape y = ca_shape_of_rank(x.rank);
    if (!ca_in_ints(a, 1, axes, CA_MAX_AXES, &n)) {
        if (!keep)
            return ca_infer_unknown(a, 0, type);
        ca_out(a, 0, type, &y);
        return CARINA_OK;
    }
    for (int i = 0; i < n; i++) {
        int axis;
        CA_TRY(ca_infer_axis(a, axes[i], x.rank, &axis, err));
        is_reduced[axis] = true;
    }
    y.rank = 0;
    for (int d = 0; d < x.rank; d++)
        if (!is_reduced[d] || keep)
            y.dims[y.rank++] = is_reduced[d] ? 1 : x.dims[d];
    ca_out(a, 0, type, &y);
    return CARINA_OK;
}

static inline CarinaStatus ca_infer_reduce_logical(const CaInferArgs *a, CarinaError *err)
{
    const CarinaType type = ca_in_type(a, 0);
    if (type != CARINA_UNKNOWN && type != CARINA_BOOL)
        return ca_infer_err(a, err, CARINA_ERR_TYPE,
                            "the input is %s; convert it to boolean first",
                            carina_type_name(type));
    return ca_infer_reduce(a, err);
}

/* The loop over the elements, each added to the output it belongs to. step[d]: of the output along input axis d. */
static inline void ca_reduce_add(CaRefArgs *r, const CaReduction *k,
                                 const int64_t step[CARINA_MAX_RANK])
{
    const CaRefTensor *const x = &r->in[0];
    CaRefTensor *const y = &r->out[0];
    for (int64_t i = 0; i < x->n; i++) {
        int64_t c[CARINA_MAX_RANK], o = 0;
        ca_coords(c, &x->shape, i);
        for (int d = 0; d < x->shape.rank; d++)
            o += c[d] * step[d];
        if (y->real)
            y->real[o] = k->step(y->real[o], x->real[i]);
        else
            y->whole[o] = k->whole_step(y->type, y->whole[o], x->whole[i]);
    }
}

static inline void ca_ref_reduce(CaRefArgs *r, const CaReduction *k)
{
    const CaRefTensor *const x = &r->in[0], *const axes = &r->in[1];
    CaRefTensor *const y = &r->out[0];
    bool is_reduced[CARINA_MAX_RANK] = {false};
    int64_t step[CARINA_MAX_RANK] = {0}, n = 1, stride = 1;
    for (int64_t i = 0; i < axes->n; i++) {
        int axis;
        if (!ca_axis(axes->whole[i], x->shape.rank, &axis)) {
            r->problem = "an axis is outside the input's rank";
            return;
        }
        is_reduced[axis] = true;
    }
    for (int d = x->shape.rank - 1; d >= 0; d--) {
        step[d] = is_reduced[d] ? 0 : stride;
        if (is_reduced[d])
            n *= x->shape.dims[d];
        else
            stride *= x->shape.dims[d];
    }
    for (int64_t o = 0; o < y->n; o++)
        if (y->real)
            y->real[o] = k->start;
        else
            y->whole[o] = k->whole_start(y->type);
    ca_reduce_add(r, k, step);
    for (int64_t o = 0; o < y->n; o++)
        if (y->real)
            y->real[o] = k->end ? k->end(y->real[o], (double)n) : y->real[o];
        else if (k->whole_end)
            y->whole[o] = k->whole_end(y->type, y->whole[o], n);
}

#endif
