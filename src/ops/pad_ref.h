/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pad in its two versions: one element of the output from at most one of the input, axis by axis.
 *
 * A negative count crops; what is put in on the other side still comes from the whole tensor.
 */
#ifndef CA_OPS_PAD_REF_H
#define CA_OPS_PAD_REF_H

#include "ops/axes.h"

enum { CA_PAD_CONSTANT, CA_PAD_EDGE, CA_PAD_REFLECT, CA_PAD_SYMMETRIC };

typedef struct CaPadAttrs {
    int32_t pad_mode;
} CaPadAttrs;

static const char *const ca_pad_modes[] = {"constant", "edge", "reflect", "symmetric",
                                           NULL};

static const CarinaAttr ca_pad_attrs[] = {
    CA_ATTR_ENUM(CaPadAttrs, pad_mode, ca_pad_modes, CA_REQUIRED),
    CA_ATTRS_END,
};

/* The padded dimension. NULL, or the problem. */
static inline const char *ca_pad_dim(int64_t *out, int64_t n, int64_t before,
                                     int64_t after, int32_t mode)
{
    const int64_t most = mode == CA_PAD_REFLECT     ? n - 1
                         : mode == CA_PAD_SYMMETRIC ? n
                                                    : INT64_MAX;
    const int64_t bound = INT64_MAX / 4;
    if (before > bound || after > bound || n > bound || before < -bound || after < -bound)
        return "a count is too large";
    if (mode == CA_PAD_EDGE && n == 0 && (before > 0 || after > 0))
        return "an axis of 0 elements has no edge";
    if ((before > 0 && before > most) || (after > 0 && after > most))
        return "a count is larger than what there is to mirror";
    *out = n + before + after;
    return *out < 0 ? "more is cropped than there is" : NULL;
}

static inline CarinaStatus ca_infer_pad(const CaInferArgs *a, bool may_crop,
                                        CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    const CarinaShape value = ca_in_shape(a, 3);
    int64_t before[CARINA_MAX_RANK], after[CARINA_MAX_RANK], count;
    int n, m;
    CA_TRY(ca_infer_whole(a, 1, "pads_begin", err));
    CA_TRY(ca_infer_whole(a, 2, "pads_end", err));
    CA_TRY(ca_infer_same_type(a, 0, 3, err));
    if (ca_shape_count(&value, &count) && count != 1)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "the pad value has %lld elements; it must be one number",
                            (long long)count);
    if (x.rank < 0)
        return ca_infer_unknown(a, 0, ca_in_type(a, 0));
    CarinaShape y = ca_shape_of_rank(x.rank);
    if (ca_in_ints(a, 1, before, CARINA_MAX_RANK, &n) &&
        ca_in_ints(a, 2, after, CARINA_MAX_RANK, &m)) {
        if (n != x.rank || m != x.rank)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "there are %d and %d pads for %d axes", n, m, x.rank);
        for (int d = 0; d < n; d++) {
            const char *problem = NULL;
            if (!may_crop && (before[d] < 0 || after[d] < 0))
                problem = "a count is negative; opset12 can crop";
            else if (x.dims[d] >= 0)
                problem = ca_pad_dim(&y.dims[d], x.dims[d], before[d], after[d],
                                     ((const CaPadAttrs *)a->attrs)->pad_mode);
            if (problem)
                return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                    "%s (axis %d of %lld, pads %lld and %lld)", problem,
                                    d, (long long)x.dims[d], (long long)before[d],
                                    (long long)after[d]);
        }
    }
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

/* Where position i, counted from the first element and possibly outside [0, n), reads; -1: the value. */
static inline int64_t ca_pad_source(int64_t i, int64_t n, int32_t mode)
{
    if (i >= 0 && i < n)
        return i;
    if (mode == CA_PAD_CONSTANT)
        return -1;
    if (mode == CA_PAD_EDGE)
        return i < 0 ? 0 : n - 1;
    const int64_t skip = mode == CA_PAD_REFLECT; /* the edge itself is not repeated */
    return i < 0 ? -i - 1 + skip : 2 * n - 1 - i - skip;
}

static inline void ca_ref_pad(CaRefArgs *r)
{
    const int32_t mode = ((const CaPadAttrs *)r->attrs)->pad_mode;
    const CaRefTensor *const x = &r->in[0];
    CaRefTensor *const y = &r->out[0];
    for (int d = 0; d < x->shape.rank; d++) {
        int64_t n = 0;
        const char *const problem =
            ca_pad_dim(&n, x->shape.dims[d], r->in[1].whole[d], r->in[2].whole[d], mode);
        if (problem || n != y->shape.dims[d]) {
            r->problem = problem ? problem : "the pads are not those that were planned";
            return;
        }
    }
    for (int64_t o = 0; o < y->n; o++) {
        int64_t c[CARINA_MAX_RANK];
        bool is_value = false;
        ca_coords(c, &y->shape, o);
        for (int d = 0; d < y->shape.rank; d++) {
            c[d] = ca_pad_source(c[d] - r->in[1].whole[d], x->shape.dims[d], mode);
            is_value |= c[d] < 0;
        }
        if (!is_value)
            ca_move(y, o, x, ca_offset(&x->shape, c));
        else if (ca_ref_has(r, 3))
            ca_move(y, o, &r->in[3], 0);
        else
            ca_move_zero(y, o);
    }
}

#endif
