/* SPDX-License-Identifier: Apache-2.0 */
/* Split: equal parts along an axis. OpenVINO opset1. */
#include "ops/axes.h"

typedef struct {
    int64_t num_splits;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(Attrs, num_splits, 1, CA_MAX_PORTS, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const int64_t parts = ((const Attrs *)a->attrs)->num_splits;
    const CarinaShape x = ca_in_shape(a, 0);
    CarinaShape y = x.rank < 0 ? ca_shape_unknown() : ca_shape_of_rank(x.rank);
    int64_t given;
    int axis, n;
    CA_TRY(ca_infer_whole(a, 1, "the axis", err));
    if (parts != a->node->n_outputs)
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                            "num_splits is %lld, but there are %d outputs",
                            (long long)parts, a->node->n_outputs);
    if (x.rank >= 0 && ca_in_ints(a, 1, &given, 1, &n) && n == 1) {
        CA_TRY(ca_infer_axis(a, given, x.rank, &axis, err));
        y = x;
        if (x.dims[axis] >= 0 && x.dims[axis] % parts != 0)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "axis %d of %lld does not divide into %lld parts", axis,
                                (long long)x.dims[axis], (long long)parts);
        y.dims[axis] = x.dims[axis] < 0 ? CARINA_DYNAMIC : x.dims[axis] / parts;
    }
    for (int i = 0; i < a->node->n_outputs; i++)
        ca_out(a, i, ca_in_type(a, 0), &y);
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

const CaOp ca_op_split = {
    .name = "Split",
    .opset = 1,
    .summary = "equal parts along an axis",
    .arity = {2, 2, -1},
    .flags = CA_OP_MOVES,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
