/* SPDX-License-Identifier: Apache-2.0 */
/* Concat: the inputs one after the other along an axis. OpenVINO opset1. */
#include "ops/axes.h"

typedef struct {
    int64_t axis;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(Attrs, axis, -CARINA_MAX_RANK, CARINA_MAX_RANK - 1, CA_REQUIRED),
    CA_ATTRS_END,
};

/* s joined to y, both of one rank; the first input starts y with 0 elements along the axis. */
static CarinaStatus join(const CaInferArgs *a, CarinaShape *y, int axis, int i,
                         CarinaError *err)
{
    const CarinaShape s = ca_in_shape(a, i);
    char sy[CA_SHAPE_TEXT], ss[CA_SHAPE_TEXT];
    bool fits = s.rank == y->rank;
    for (int d = 0; fits && d < s.rank; d++) {
        if (d == axis)
            fits = ca_dim_add(&y->dims[d], y->dims[d], s.dims[d]);
        else if (y->dims[d] < 0)
            y->dims[d] = s.dims[d];
        else
            fits = s.dims[d] < 0 || s.dims[d] == y->dims[d];
    }
    if (fits)
        return CARINA_OK;
    return ca_infer_err(
        a, err, CARINA_ERR_SHAPE, "input %d of %s does not fit %s in all axes but %d", i,
        ca_shape_text(ss, sizeof(ss), &s), ca_shape_text(sy, sizeof(sy), y), axis);
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const int64_t given = ((const Attrs *)a->attrs)->axis;
    const CarinaType type = ca_in_type(a, 0);
    CarinaShape y = ca_in_shape(a, 0);
    int axis;
    for (int i = 1; i < a->node->n_inputs; i++)
        CA_TRY(ca_infer_same_type(a, 0, i, err));
    for (int i = 0; i < a->node->n_inputs; i++)
        if (ca_in_shape(a, i).rank < 0)
            return ca_infer_unknown(a, 0, type);
    CA_TRY(ca_infer_axis(a, given, y.rank, &axis, err));
    for (int i = 1; i < a->node->n_inputs; i++)
        CA_TRY(join(a, &y, axis, i, err));
    ca_out(a, 0, type, &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    CaRefTensor *const y = r->out;
    int axis;
    if (!ca_axis(((const Attrs *)r->attrs)->axis, y->shape.rank, &axis))
        return;
    const int64_t inner = ca_shape_product(&y->shape, axis + 1, y->shape.rank);
    const int64_t row = y->shape.dims[axis] * inner;
    int64_t at = 0; /* where the input starts in a row */
    for (int k = 0; k < r->n_in; k++) {
        const CaRefTensor *const x = &r->in[k];
        const int64_t part = x->shape.dims[axis] * inner;
        for (int64_t i = 0; i < x->n; i++)
            ca_move(y, i / part * row + at + i % part, x, i);
        at += part;
    }
}

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Concat", .map = {{"axis", "axis", "1"}}},
    {0},
};

const CaOp ca_op_concat = {
    .name = "Concat",
    .opset = 1,
    .summary = "tensors one after the other along an axis",
    .arity = {1, -1, 1},
    .flags = CA_OP_MOVES,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .imports = imports,
};
