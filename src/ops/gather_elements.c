/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GatherElements: out[i, j] = x[i, index[i, j]] for axis 1. OpenVINO opset6. Negative indices count from the end.
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
    const CarinaShape x = ca_in_shape(a, 0), at = ca_in_shape(a, 1);
    char sx[CA_SHAPE_TEXT], si[CA_SHAPE_TEXT];
    int axis;
    CA_TRY(ca_infer_whole(a, 1, "the indices' tensor", err));
    if (x.rank >= 0 && at.rank >= 0) {
        bool fits = x.rank == at.rank;
        CA_TRY(ca_infer_axis(a, ((const Attrs *)a->attrs)->axis, x.rank, &axis, err));
        for (int d = 0; fits && d < x.rank; d++)
            fits =
                d == axis || x.dims[d] < 0 || at.dims[d] < 0 || x.dims[d] == at.dims[d];
        if (!fits)
            return ca_infer_err(
                a, err, CARINA_ERR_SHAPE, "indices of %s do not fit data of %s",
                ca_shape_text(si, sizeof(si), &at), ca_shape_text(sx, sizeof(sx), &x));
    }
    ca_out(a, 0, ca_in_type(a, 0), &at);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    const CaRefTensor *const x = r->in;
    int axis;
    if (!ca_axis(((const Attrs *)r->attrs)->axis, x->shape.rank, &axis))
        return;
    const int64_t n = x->shape.dims[axis];
    for (int64_t o = 0; o < r->out->n; o++) {
        int64_t c[CARINA_MAX_RANK];
        ca_coords(c, &r->out->shape, o);
        c[axis] = r->in[1].whole[o] < 0 ? r->in[1].whole[o] + n : r->in[1].whole[o];
        if (c[axis] < 0 || c[axis] >= n) {
            r->problem = "an index is outside the axis";
            return;
        }
        ca_move(r->out, o, x, ca_offset(&x->shape, c));
    }
}

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "GatherElements", .map = {{"axis", "axis", "0"}}},
    {0},
};

const CaOp ca_op_gather_elements = {
    .name = "GatherElements",
    .opset = 6,
    .summary = "single elements along an axis, by index",
    .arity = {2, 2, 1},
    .flags = CA_OP_MOVES,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .imports = imports,
};
