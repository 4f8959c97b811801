/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VariadicSplit: parts of given lengths along an axis; one length may be -1, what is left. OpenVINO opset1.
 */
#include "ops/axes.h"

enum { MAX_PARTS = 4096 };

/* Lengths into whole numbers: -1 becomes what is left of n. Returns the problem, or NULL. */
static const char *resolve(int64_t *length, int n_parts, int64_t n)
{
    int64_t sum = 0;
    int at = -1;
    for (int i = 0; i < n_parts; i++) {
        if (length[i] < -1 || (length[i] == -1 && at >= 0))
            return "one length may be -1, no other may be negative";
        at = length[i] == -1 ? i : at;
        if (length[i] > 0 && !ca_dim_add(&sum, sum, length[i]))
            return "the lengths' sum overflows";
    }
    if (n >= 0 && (at >= 0 ? sum > n : sum != n))
        return "the lengths do not add up to the axis";
    if (at >= 0)
        length[at] = n >= 0 ? n - sum : CARINA_DYNAMIC;
    return NULL;
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    CarinaShape y = x.rank < 0 ? ca_shape_unknown() : ca_shape_of_rank(x.rank);
    int64_t given, length[MAX_PARTS];
    int axis, n;
    const int n_parts = a->node->n_outputs;
    CA_TRY(ca_infer_whole(a, 1, "the axis", err));
    CA_TRY(ca_infer_whole(a, 2, "the lengths' tensor", err));
    const bool is_known = x.rank >= 0 && ca_in_ints(a, 1, &given, 1, &n) && n == 1 &&
                          ca_in_ints(a, 2, length, MAX_PARTS, &n);
    if (is_known) {
        CA_TRY(ca_infer_axis(a, given, x.rank, &axis, err));
        const char *const problem = n != n_parts
                                        ? "there must be one length for each output"
                                        : resolve(length, n, x.dims[axis]);
        if (problem)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "%s (axis %d of %lld, %d lengths, %d outputs)", problem,
                                axis, (long long)x.dims[axis], n, n_parts);
        y = x;
    }
    for (int i = 0; i < n_parts; i++) {
        if (is_known)
            y.dims[axis] = length[i];
        ca_out(a, i, ca_in_type(a, 0), &y);
    }
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    int64_t strides[CARINA_MAX_RANK], at = 0;
    int axis;
    if (!ca_axis(r->in[1].whole[0], r->in->shape.rank, &axis)) {
        r->problem = "the axis is outside the input's rank";
        return;
    }
    ca_ref_strides(&r->in->shape, strides);
    for (int k = 0; k < r->n_out; k++) {
        ca_move_strided(&r->out[k], r->in, at * strides[axis], strides);
        at += r->out[k].shape.dims[axis];
    }
}

const CaOp ca_op_variadic_split = {
    .name = "VariadicSplit",
    .opset = 1,
    .summary = "parts of given lengths along an axis",
    .arity = {3, 3, -1},
    .flags = CA_OP_MOVES,
    .infer = infer,
    .ref = ref,
};
