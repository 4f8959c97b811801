/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OneHot: a new axis of `depth` elements, on at the index and off elsewhere. OpenVINO opset1.
 *
 * An index outside the depth is off everywhere, a negative one too.
 */
#include "ops/axes.h"

typedef struct {
    int64_t axis;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(Attrs, axis, -CARINA_MAX_RANK, CARINA_MAX_RANK - 1, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    int64_t depth;
    int axis, n;
    CA_TRY(ca_infer_whole(a, 0, "the indices' tensor", err));
    CA_TRY(ca_infer_whole(a, 1, "depth", err));
    CA_TRY(ca_infer_same_type(a, 2, 3, err));
    if (x.rank < 0)
        return ca_infer_unknown(a, 0, ca_in_type(a, 2));
    if (x.rank == CARINA_MAX_RANK)
        return ca_infer_err(a, err, CARINA_ERR_LIMIT,
                            "the output has %d axes, at most %d are supported",
                            x.rank + 1, CARINA_MAX_RANK);
    for (int i = 1; i < 4; i++) {
        const CarinaShape s = ca_in_shape(a, i);
        int64_t count;
        if (ca_shape_count(&s, &count) && count != 1)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "input %d has %lld elements; it must be one number", i,
                                (long long)count);
    }
    CarinaShape y = ca_shape_of_rank(x.rank + 1);
    CA_TRY(ca_infer_axis(a, ((const Attrs *)a->attrs)->axis, y.rank, &axis, err));
    for (int d = 0; d < y.rank; d++)
        y.dims[d] = d < axis ? x.dims[d] : d > axis ? x.dims[d - 1] : CARINA_DYNAMIC;
    if (ca_in_ints(a, 1, &depth, 1, &n) && n == 1) {
        if (depth < 0)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE, "depth is %lld",
                                (long long)depth);
        y.dims[axis] = depth;
    }
    ca_out(a, 0, ca_in_type(a, 2), &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    CaRefTensor *const y = r->out;
    int axis;
    if (!ca_axis(((const Attrs *)r->attrs)->axis, y->shape.rank, &axis) || y->n == 0)
        return;
    const int64_t depth = y->shape.dims[axis];
    const int64_t inner = ca_shape_product(&y->shape, axis + 1, y->shape.rank);
    for (int64_t o = 0; o < y->n; o++) {
        const int64_t given = r->in->whole[o / (depth * inner) * inner + o % inner];
        const int64_t i = given;
        ca_move(y, o, &r->in[i == o / inner % depth ? 2 : 3], 0);
    }
}

const CaOp ca_op_one_hot = {
    .name = "OneHot",
    .opset = 1,
    .summary = "indices as vectors with one element on",
    .arity = {4, 4, 1},
    .flags = CA_OP_MOVES,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
