/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gather in its three versions: [data before axis] + [indices after batch_dims] + [data after axis].
 *
 * Negative indices count from the end (versions 1 and 7 leave them undefined); one that is out of range gives
 * zeros, as OpenVINO does.
 */
#ifndef CA_OPS_GATHER_REF_H
#define CA_OPS_GATHER_REF_H

#include "ops/axes.h"

static inline CarinaStatus ca_gather_shape(const CaInferArgs *a, int axis, int batch,
                                           CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0), at = ca_in_shape(a, 1);
    CarinaShape y = {0};
    if (x.rank + at.rank - 1 - batch > CARINA_MAX_RANK)
        return ca_infer_err(a, err, CARINA_ERR_LIMIT,
                            "the output has %d axes, at most %d are supported",
                            x.rank + at.rank - 1 - batch, CARINA_MAX_RANK);
    for (int d = 0; d < axis; d++)
        y.dims[y.rank++] = x.dims[d];
    for (int d = batch; d < at.rank; d++)
        y.dims[y.rank++] = at.dims[d];
    for (int d = axis + 1; d < x.rank; d++)
        y.dims[y.rank++] = x.dims[d];
    for (int d = 0; d < batch; d++)
        if (x.dims[d] >= 0 && at.dims[d] >= 0 && x.dims[d] != at.dims[d])
            return ca_infer_err(
                a, err, CARINA_ERR_SHAPE,
                "batch axis %d has %lld elements in data and %lld in indices", d,
                (long long)x.dims[d], (long long)at.dims[d]);
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static inline CarinaStatus ca_infer_gather(const CaInferArgs *a, int64_t batch_dims,
                                           CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0), at = ca_in_shape(a, 1);
    int64_t given;
    int axis, n;
    CA_TRY(ca_infer_whole(a, 1, "the indices' tensor", err));
    CA_TRY(ca_infer_whole(a, 2, "the axis", err));
    if (x.rank < 0 || at.rank < 0)
        return ca_infer_unknown(a, 0, ca_in_type(a, 0));
    const int64_t batch = batch_dims < 0 ? batch_dims + at.rank : batch_dims;
    if (!ca_in_ints(a, 2, &given, 1, &n) || n != 1)
        return ca_infer_unknown(a, 0, ca_in_type(a, 0));
    CA_TRY(ca_infer_axis(a, given, x.rank, &axis, err));
    if (batch < 0 || batch > axis || batch > at.rank)
        return ca_infer_err(
            a, err, CARINA_ERR_SHAPE,
            "batch_dims %lld is outside [0, %d], up to the axis and the indices' rank",
            (long long)batch_dims, axis < at.rank ? axis : at.rank);
    return ca_gather_shape(a, axis, (int)batch, err);
}

static inline void ca_ref_gather(CaRefArgs *r, int64_t batch_dims)
{
    const CaRefTensor *const x = &r->in[0], *const at = &r->in[1];
    CaRefTensor *const y = &r->out[0];
    const int batch = (int)(batch_dims < 0 ? batch_dims + at->shape.rank : batch_dims);
    int axis;
    if (!ca_axis(r->in[2].whole[0], x->shape.rank, &axis)) {
        r->problem = "the axis is outside the data's rank";
        return;
    }
    const int inner = at->shape.rank - batch; /* axes that replace the one */
    for (int64_t o = 0; o < y->n; o++) {
        int64_t c[CARINA_MAX_RANK], cx[CARINA_MAX_RANK], ci[CARINA_MAX_RANK];
        ca_coords(c, &y->shape, o);
        for (int d = 0; d < at->shape.rank; d++)
            ci[d] = d < batch ? c[d] : c[axis + d - batch];
        for (int d = 0; d < x->shape.rank; d++)
            cx[d] = d < axis ? c[d] : d > axis ? c[d - 1 + inner] : 0;
        const int64_t n = x->shape.dims[axis], i = at->whole[ca_offset(&at->shape, ci)];
        cx[axis] = i < 0 ? i + n : i;
        if (cx[axis] >= 0 && cx[axis] < n)
            ca_move(y, o, x, ca_offset(&x->shape, cx));
        else
            ca_move_zero(y, o);
    }
}

#endif
