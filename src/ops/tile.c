/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tile: the tensor repeated along each axis; the shorter of shape and repeats gets 1s in front. OpenVINO opset1.
 */
#include "ops/axes.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    int64_t repeats[CARINA_MAX_RANK];
    int n;
    CA_TRY(ca_infer_whole(a, 1, "repeats", err));
    if (x.rank < 0 || !ca_in_ints(a, 1, repeats, CARINA_MAX_RANK, &n))
        return ca_infer_unknown(a, 0, ca_in_type(a, 0));
    CarinaShape y = ca_shape_of_rank(n > x.rank ? n : x.rank);
    for (int d = 0; d < y.rank; d++) {
        const int k = d - (y.rank - n), e = d - (y.rank - x.rank);
        const int64_t times = k >= 0 ? repeats[k] : 1;
        if (times < 0 || !ca_dim_mul(&y.dims[d], e >= 0 ? x.dims[e] : 1, times))
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "axis %d cannot be repeated %lld times", d,
                                (long long)times);
    }
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    const CarinaShape *const x = &r->in->shape, *const y = &r->out->shape;
    for (int64_t o = 0; o < r->out->n; o++) {
        int64_t c[CARINA_MAX_RANK], cx[CARINA_MAX_RANK];
        ca_coords(c, y, o);
        for (int d = 0; d < x->rank; d++)
            cx[d] = c[d + y->rank - x->rank] % x->dims[d];
        ca_move(r->out, o, r->in, ca_offset(x, cx));
    }
}

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Tile"},
    {0},
};

const CaOp ca_op_tile = {
    .name = "Tile",
    .opset = 1,
    .summary = "repeated along each axis",
    .arity = {2, 2, 1},
    .flags = CA_OP_MOVES,
    .infer = infer,
    .ref = ref,
    .imports = imports,
};
