/* SPDX-License-Identifier: Apache-2.0 */
/* Transpose: axis d of the output is axis order[d] of the input; an empty order reverses. OpenVINO opset1. */
#include "ops/axes.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    int64_t order[CARINA_MAX_RANK];
    bool is_seen[CARINA_MAX_RANK] = {false};
    int n;
    CA_TRY(ca_infer_whole(a, 1, "the order", err));
    if (x.rank < 0)
        return ca_infer_unknown(a, 0, ca_in_type(a, 0));
    CarinaShape y = ca_shape_of_rank(x.rank);
    if (ca_in_ints(a, 1, order, CARINA_MAX_RANK, &n)) {
        if (n != 0 && n != x.rank)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "the order has %d entries, the input %d axes", n, x.rank);
        for (int d = 0; d < x.rank; d++) {
            const int64_t from = n ? order[d] : x.rank - 1 - d;
            if (from < 0 || from >= x.rank || is_seen[from])
                return ca_infer_err(
                    a, err, CARINA_ERR_SHAPE,
                    "entry %d of the order is %lld; each of 0 to %d must come once", d,
                    (long long)from, x.rank - 1);
            is_seen[from] = true;
            y.dims[d] = x.dims[from];
        }
    } else if (ca_node_input(a->node, 1) && ca_node_input(a->node, 1)->constant) {
        return ca_infer_err(a, err, CARINA_ERR_LIMIT,
                            "the order has more than %d entries", CARINA_MAX_RANK);
    }
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    const CaRefTensor *const x = &r->in[0], *const order = &r->in[1];
    int64_t strides[CARINA_MAX_RANK], step[CARINA_MAX_RANK];
    ca_ref_strides(&x->shape, strides);
    for (int d = 0; d < x->shape.rank; d++) {
        const int64_t from = order->n ? order->whole[d] : x->shape.rank - 1 - d;
        if (from < 0 || from >= x->shape.rank ||
            r->out->shape.dims[d] != x->shape.dims[from]) {
            r->problem = "the order is not a permutation of the axes";
            return;
        }
        step[d] = strides[from];
    }
    ca_move_strided(r->out, x, 0, step);
}

const CaOp ca_op_transpose = {
    .name = "Transpose",
    .opset = 1,
    .summary = "the axes in another order",
    .arity = {2, 2, 1},
    .flags = CA_OP_MOVES,
    .infer = infer,
    .ref = ref,
};
