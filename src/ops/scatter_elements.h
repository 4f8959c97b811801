/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ScatterElementsUpdate in its two versions: y[i, index[i, j]] takes update[i, j] for axis 1. Negative indices
 * count from the end.
 */
#ifndef CA_OPS_SCATTER_ELEMENTS_H
#define CA_OPS_SCATTER_ELEMENTS_H

#include "ops/scatter_ref.h"

static inline CarinaStatus ca_infer_scatter_elements(const CaInferArgs *a,
                                                     CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0), at = ca_in_shape(a, 1),
                      u = ca_in_shape(a, 2);
    int64_t given;
    int axis, n;
    CA_TRY(ca_infer_whole(a, 1, "the indices' tensor", err));
    CA_TRY(ca_infer_whole(a, 3, "the axis", err));
    CA_TRY(ca_infer_same_type(a, 0, 2, err));
    if (!ca_shape_may_equal(&at, &u) ||
        (x.rank >= 0 && at.rank >= 0 && x.rank != at.rank))
        return ca_infer_scatter_err(a, err);
    if (x.rank >= 0 && ca_in_ints(a, 3, &given, 1, &n) && n == 1) {
        CA_TRY(ca_infer_axis(a, given, x.rank, &axis, err));
        for (int d = 0; d < x.rank && at.rank >= 0; d++)
            if (d != axis && x.dims[d] >= 0 && at.dims[d] > x.dims[d])
                return ca_infer_scatter_err(a, err);
    }
    return ca_infer_same_as_input(a, err);
}

/* Where update i goes; -1 and the problem set where that is outside. */
static inline int64_t ca_scatter_place(CaRefArgs *r, int axis, int64_t i)
{
    const CarinaShape *const x = &r->in->shape;
    int64_t c[CARINA_MAX_RANK];
    bool is_inside = true;
    ca_coords(c, &r->in[1].shape, i);
    c[axis] = r->in[1].whole[i];
    if (c[axis] < 0)
        c[axis] += x->dims[axis];
    for (int d = 0; d < x->rank; d++)
        is_inside = is_inside && c[d] >= 0 && c[d] < x->dims[d];
    if (!is_inside)
        r->problem = "an index is outside the data";
    return is_inside ? ca_offset(x, c) : -1;
}

static inline void ca_ref_scatter_elements(CaRefArgs *r, CaScatter how)
{
    int axis;
    if (r->in[3].n != 1 || !ca_axis(r->in[3].whole[0], r->in->shape.rank, &axis)) {
        r->problem = "the axis is outside the data's rank";
        return;
    }
    for (int64_t i = 0; i < r->in[2].n; i++) {
        const int64_t at = ca_scatter_place(r, axis, i);
        if (at < 0)
            return;
        ca_scatter_put(r->out, at, &r->in[2], i, how);
    }
}

#endif
