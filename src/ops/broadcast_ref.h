/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Broadcast in its two versions: the input, its axes placed and stretched.
 */
#ifndef CA_OPS_BROADCAST_REF_H
#define CA_OPS_BROADCAST_REF_H

#include "ops/axes.h"

enum { CA_BROADCAST_NUMPY, CA_BROADCAST_EXPLICIT, CA_BROADCAST_OTHER };

/* The last mode is bidirectional (opset3) or pdpd (opset1). */
typedef struct CaBroadcastToAttrs {
    int32_t mode;
} CaBroadcastToAttrs;

/* x with 1s where axes_mapping places none of its axes: NumPy's rule does the rest. False where that fails. */
static inline bool ca_broadcast_place(CarinaShape *placed, const CarinaShape *x, int rank,
                                      const int64_t *mapping, int64_t n)
{
    int64_t last = -1;
    *placed = *x;
    if (!mapping)
        return true;
    if (n != x->rank)
        return false;
    placed->rank = rank;
    for (int d = 0; d < rank; d++)
        placed->dims[d] = 1;
    for (int d = 0; d < x->rank; d++) {
        if (mapping[d] <= last || mapping[d] >= rank)
            return false;
        last = mapping[d];
        placed->dims[last] = x->dims[d];
    }
    return true;
}

static inline CarinaStatus ca_infer_broadcast_known(const CaInferArgs *a,
                                                    const CarinaShape *target,
                                                    bool is_mutual,
                                                    const int64_t *mapping, int n,
                                                    CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    char sx[CA_SHAPE_TEXT], st[CA_SHAPE_TEXT];
    CarinaShape placed, y = *target;
    if (x.rank < 0 && is_mutual)
        return ca_infer_unknown(a, 0, ca_in_type(a, 0));
    if (x.rank >= 0) {
        const bool fits =
            ca_broadcast_place(&placed, &x, target->rank, mapping, n) &&
            ca_shape_broadcast(&y, &placed, target) &&
            (is_mutual || !ca_shape_is_static(&placed) || ca_shape_equal(&y, target));
        if (!fits)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE, "%s cannot be stretched to %s",
                                ca_shape_text(sx, sizeof(sx), &x),
                                ca_shape_text(st, sizeof(st), target));
    }
    if (!is_mutual)
        y = *target;
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

/* The target's length says the rank, and a dimension of x that is not 1 is kept. */
static inline CarinaStatus ca_infer_broadcast_unknown(const CaInferArgs *a,
                                                      bool is_mutual, bool is_explicit)
{
    const CarinaShape s = ca_in_shape(a, 1), x = ca_in_shape(a, 0);
    if (s.rank != 1 || s.dims[0] < 0 || (is_mutual && x.rank < 0))
        return ca_infer_unknown(a, 0, ca_in_type(a, 0));
    const int n = (int)s.dims[0];
    CarinaShape y = ca_shape_of_rank(is_mutual && x.rank > n ? x.rank : n);
    for (int d = 0; !is_explicit && x.rank <= y.rank && d < x.rank; d++)
        if (x.dims[d] != 1)
            y.dims[y.rank - x.rank + d] = x.dims[d];
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static inline CarinaStatus ca_infer_broadcast_to(const CaInferArgs *a, bool is_mutual,
                                                 CarinaError *err)
{
    const int32_t mode = ((const CaBroadcastToAttrs *)a->attrs)->mode;
    const CarinaShape s = ca_in_shape(a, 1);
    int64_t dims[CARINA_MAX_RANK], mapping[CARINA_MAX_RANK];
    int rank, n = 0;
    CA_TRY(ca_infer_whole(a, 1, "the target", err));
    CA_TRY(ca_infer_whole(a, 2, "axes_mapping", err));
    if (s.rank == 1 && s.dims[0] > CARINA_MAX_RANK)
        return ca_infer_err(a, err, CARINA_ERR_LIMIT,
                            "the target has %lld axes, at most %d are supported",
                            (long long)s.dims[0], CARINA_MAX_RANK);
    if (mode == CA_BROADCAST_EXPLICIT && !ca_node_input(a->node, 2))
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                            "mode explicit needs the input axes_mapping");
    if (!ca_in_ints(a, 1, dims, CARINA_MAX_RANK, &rank) ||
        (mode == CA_BROADCAST_EXPLICIT &&
         !ca_in_ints(a, 2, mapping, CARINA_MAX_RANK, &n))) {
        return ca_infer_broadcast_unknown(a, is_mutual, mode == CA_BROADCAST_EXPLICIT);
    }
    for (int d = 0; d < rank; d++)
        if (dims[d] < 0)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "entry %d of the target is %lld", d, (long long)dims[d]);
    const CarinaShape target = ca_shape(rank, dims);
    return ca_infer_broadcast_known(
        a, &target, is_mutual, mode == CA_BROADCAST_EXPLICIT ? mapping : NULL, n, err);
}

static inline void ca_ref_broadcast_to(CaRefArgs *r)
{
    const bool is_explicit =
        ((const CaBroadcastToAttrs *)r->attrs)->mode == CA_BROADCAST_EXPLICIT;
    CaRefTensor *const y = r->out;
    CarinaShape placed, both;
    if (!ca_broadcast_place(&placed, &r->in->shape, y->shape.rank,
                            is_explicit ? r->in[2].whole : NULL,
                            is_explicit ? r->in[2].n : 0) ||
        !ca_shape_broadcast(&both, &placed, &y->shape) ||
        !ca_shape_equal(&both, &y->shape)) {
        r->problem = "the input cannot be stretched to the target";
        return;
    }
    for (int64_t o = 0; o < y->n; o++)
        ca_move(y, o, r->in, ca_ref_broadcast(&y->shape, &placed, o));
}

#endif
