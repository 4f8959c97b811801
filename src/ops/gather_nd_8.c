/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GatherND: slices named by tuples of indices, the last axis of the second input; the first batch_dims axes of
 * both go together. OpenVINO opset8.
 */
#include "ops/nd_index.h"

typedef struct {
    int64_t batch_dims;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(Attrs, batch_dims, 0, CARINA_MAX_RANK - 1, CA_DEFAULT("0")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const int batch = (int)((const Attrs *)a->attrs)->batch_dims;
    const CarinaShape x = ca_in_shape(a, 0), at = ca_in_shape(a, 1);
    char sx[CA_SHAPE_TEXT], si[CA_SHAPE_TEXT];
    CarinaShape y;
    CA_TRY(ca_infer_whole(a, 1, "the indices' tensor", err));
    if (x.rank < 0 || at.rank < 0 || (at.rank > 0 && at.dims[at.rank - 1] < 0))
        return ca_infer_unknown(a, 0, ca_in_type(a, 0));
    bool fits = at.rank > batch && at.dims[at.rank - 1] <= x.rank - batch;
    for (int d = 0; fits && d < batch; d++)
        fits = x.dims[d] < 0 || at.dims[d] < 0 || x.dims[d] == at.dims[d];
    fits =
        fits && ca_nd_join(&y, &at, at.rank - 1, &x, batch + (int)at.dims[at.rank - 1]);
    if (!fits)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "indices of %s do not fit data of %s with batch_dims %d",
                            ca_shape_text(si, sizeof(si), &at),
                            ca_shape_text(sx, sizeof(sx), &x), batch);
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    const int batch = (int)((const Attrs *)r->attrs)->batch_dims;
    const CarinaShape *const x = &r->in->shape, *const at = &r->in[1].shape;
    const int n = (int)at->dims[at->rank - 1];
    const int64_t slice = ca_shape_product(x, batch + n, x->rank);
    const int64_t per_batch = ca_shape_product(x, batch, x->rank);
    const int64_t tuples = ca_shape_product(at, batch, at->rank - 1); /* of one batch */
    for (int64_t t = 0; slice && t < r->out->n / slice; t++) {
        const int64_t from = ca_nd_offset(x, r->in[1].whole + t * n, batch, n);
        if (from < 0) {
            r->problem = "an index is outside its axis";
            return;
        }
        for (int64_t i = 0; i < slice; i++)
            ca_move(r->out, t * slice + i, r->in, t / tuples * per_batch + from + i);
    }
}

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "GatherND", .map = {{"batch_dims", "batch_dims", "0"}}},
    {0},
};

const CaOp ca_op_gather_nd_8 = {
    .name = "GatherND",
    .opset = 8,
    .summary = "slices named by tuples of indices",
    .arity = {2, 2, 1},
    .flags = CA_OP_MOVES,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .imports = imports,
};
