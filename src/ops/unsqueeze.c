/* SPDX-License-Identifier: Apache-2.0 */
/* Unsqueeze: put in axes of one element, at the listed places of the output. OpenVINO opset1. */
#include "ops/axes.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    int64_t axes[CARINA_MAX_RANK];
    bool is_new[CARINA_MAX_RANK] = {false};
    int n, axis, from = 0;
    CA_TRY(ca_infer_whole(a, 1, "the axes' tensor", err));
    if (x.rank < 0 || !ca_in_ints(a, 1, axes, CARINA_MAX_RANK, &n))
        return ca_infer_unknown(a, 0, ca_in_type(a, 0));
    if (x.rank + n > CARINA_MAX_RANK)
        return ca_infer_err(a, err, CARINA_ERR_LIMIT,
                            "the output has %d axes, at most %d are supported",
                            x.rank + n, CARINA_MAX_RANK);
    CarinaShape y = ca_shape_of_rank(x.rank + n);
    for (int i = 0; i < n; i++) {
        CA_TRY(ca_infer_axis(a, axes[i], y.rank, &axis, err));
        if (is_new[axis])
            return ca_infer_err(a, err, CARINA_ERR_SHAPE, "axis %d is listed twice",
                                axis);
        is_new[axis] = true;
    }
    for (int d = 0; d < y.rank; d++)
        y.dims[d] = is_new[d] ? 1 : x.dims[from++];
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r) { ca_move_all(r->out, r->in); }

const CaOp ca_op_unsqueeze = {
    .name = "Unsqueeze",
    .opset = 1,
    .summary = "put in axes of one element",
    .arity = {2, 2, 1},
    .flags = CA_OP_MOVES,
    .infer = infer,
    .ref = ref,
};
