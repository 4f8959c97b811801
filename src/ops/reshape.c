/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reshape: the same elements in another shape. OpenVINO opset1.
 *
 * One entry of the target may be -1: what is left. 0 copies the input's dimension of the same place with
 * special_zero, and is 0 without it.
 */
#include "ops/axes.h"

typedef struct {
    bool special_zero;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_BOOL(Attrs, special_zero, CA_REQUIRED),
    CA_ATTRS_END,
};

/* Fills the one unknown: elements that are not copied, in over out. False where it does not divide. */
static bool rest(CarinaShape *y, int at, const CarinaShape *x, const bool *is_copied)
{
    int64_t n_in = 1, n_out = 1;
    bool fits = true;
    for (int d = 0; d < x->rank; d++)
        if (!is_copied[d])
            fits &= ca_dim_mul(&n_in, n_in, x->dims[d]);
    for (int d = 0; d < y->rank; d++)
        if (d != at && !is_copied[d])
            fits &= ca_dim_mul(&n_out, n_out, y->dims[d]);
    if (!fits || n_in < 0)
        return fits;
    if (at < 0)
        return n_in == n_out;
    y->dims[at] = n_out > 0 ? n_in / n_out : 0;
    return n_out > 0 ? n_in % n_out == 0 : n_in == 0;
}

static CarinaStatus infer_known(const CaInferArgs *a, const int64_t *target, int n,
                                CarinaError *err)
{
    const bool special = ((const Attrs *)a->attrs)->special_zero;
    const CarinaShape x = ca_in_shape(a, 0);
    CarinaShape y = ca_shape_of_rank(n);
    bool is_copied[CARINA_MAX_RANK] = {false};
    char sx[CA_SHAPE_TEXT], sy[CA_SHAPE_TEXT];
    int at = -1;
    for (int d = 0; d < n; d++) {
        if (target[d] < -1 || (target[d] == -1 && at >= 0))
            return ca_infer_err(
                a, err, CARINA_ERR_SHAPE,
                "entry %d of the target is %lld; one -1 and no other negative are allowed",
                d, (long long)target[d]);
        if (target[d] == 0 && special && x.rank >= 0 && d >= x.rank)
            return ca_infer_err(
                a, err, CARINA_ERR_SHAPE,
                "entry %d of the target copies a dimension, but the input has %d", d,
                x.rank);
        at = target[d] == -1 ? d : at;
        is_copied[d] = target[d] == 0 && special;
        y.dims[d] = !is_copied[d] ? target[d] : x.rank >= 0 ? x.dims[d] : CARINA_DYNAMIC;
    }
    if (x.rank >= 0 && !rest(&y, at, &x, is_copied))
        return ca_infer_err(
            a, err, CARINA_ERR_SHAPE, "%s cannot become %s: the counts differ",
            ca_shape_text(sx, sizeof(sx), &x), ca_shape_text(sy, sizeof(sy), &y));
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape s = ca_in_shape(a, 1);
    int64_t target[CARINA_MAX_RANK];
    int n;
    CA_TRY(ca_infer_whole(a, 1, "the target", err));
    if (s.rank == 1 && s.dims[0] > CARINA_MAX_RANK)
        return ca_infer_err(a, err, CARINA_ERR_LIMIT,
                            "the target has %lld axes, at most %d are supported",
                            (long long)s.dims[0], CARINA_MAX_RANK);
    if (ca_in_ints(a, 1, target, CARINA_MAX_RANK, &n))
        return infer_known(a, target, n, err);
    if (s.rank != 1 || s.dims[0] < 0)
        return ca_infer_unknown(a, 0, ca_in_type(a, 0));
    const CarinaShape y = ca_shape_of_rank((int)s.dims[0]);
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r) { ca_move_all(r->out, r->in); }

const CaOp ca_op_reshape = {
    .name = "Reshape",
    .opset = 1,
    .summary = "the same elements in another shape",
    .arity = {2, 2, 1},
    .flags = CA_OP_MOVES,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
