/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ScatterUpdate: slices along an axis replaced, by index; of several to one place the last stays. OpenVINO opset3.
 *
 * Negative indices count from the end.
 */
#include "ops/nd_index.h"
#include "ops/scatter_ref.h"

/* What the updates must look like: the axis replaced by the indices' shape. */
static bool updates_shape(CarinaShape *out, const CarinaShape *x, const CarinaShape *at,
                          int axis)
{
    CarinaShape front;
    return ca_nd_join(&front, x, axis, at, 0) &&
           ca_nd_join(out, &front, front.rank, x, axis + 1);
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0), at = ca_in_shape(a, 1),
                      u = ca_in_shape(a, 2);
    CarinaShape want;
    int64_t given;
    int axis, n;
    CA_TRY(ca_infer_whole(a, 1, "the indices' tensor", err));
    CA_TRY(ca_infer_whole(a, 3, "the axis", err));
    CA_TRY(ca_infer_same_type(a, 0, 2, err));
    if (x.rank >= 0 && at.rank >= 0 && ca_in_ints(a, 3, &given, 1, &n) && n == 1) {
        CA_TRY(ca_infer_axis(a, given, x.rank, &axis, err));
        if (!updates_shape(&want, &x, &at, axis) || !ca_shape_may_equal(&want, &u))
            return ca_infer_scatter_err(a, err);
    }
    return ca_infer_same_as_input(a, err);
}

static void ref(CaRefArgs *r)
{
    const CarinaShape *const x = &r->in->shape;
    const CaRefTensor *const at = &r->in[1], *const u = &r->in[2];
    CarinaShape want;
    int axis;
    if (r->in[3].n != 1 || !ca_axis(r->in[3].whole[0], x->rank, &axis) ||
        !updates_shape(&want, x, &at->shape, axis) || !ca_shape_equal(&want, &u->shape)) {
        r->problem = "the updates do not fit the data and the axis";
        return;
    }
    const int64_t n = x->dims[axis], inner = ca_shape_product(x, axis + 1, x->rank);
    ca_move_all(r->out, r->in);
    for (int64_t i = 0; i < u->n; i++) {
        const int64_t row = i / inner, given = at->whole[row % at->n];
        const int64_t k = given < 0 ? given + n : given;
        if (k < 0 || k >= n) {
            r->problem = "an index is outside the axis";
            return;
        }
        ca_move(r->out, (row / at->n * n + k) * inner + i % inner, u, i);
    }
}

const CaOp ca_op_scatter_update = {
    .name = "ScatterUpdate",
    .opset = 3,
    .summary = "slices along an axis replaced, by index",
    .arity = {4, 4, 1},
    .flags = CA_OP_MOVES,
    .infer = infer,
    .ref = ref,
};
