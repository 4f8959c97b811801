/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slice: x[start:stop:step] along axes, as Python's; absent axes are the first ones. OpenVINO opset8.
 */
#include "ops/axes.h"
#include "ops/slice_range.h"

/* first and step along each of x's axes, y's dimensions. Returns the problem, or NULL. */
static const char *plan(CarinaShape *y, int64_t *first, int64_t *step,
                        const CarinaShape *x, const int64_t *const v[4], int n)
{
    bool is_seen[CARINA_MAX_RANK] = {false};
    *y = *x;
    for (int d = 0; d < x->rank; d++) {
        first[d] = 0;
        step[d] = 1;
    }
    for (int i = 0; i < n; i++) {
        int d = i;
        if (!ca_axis(v[3] ? v[3][i] : i, x->rank, &d) || is_seen[d])
            return "the axes are not different axes of the data";
        if (v[2][i] == 0)
            return "a step is 0";
        is_seen[d] = true;
        step[d] = v[2][i];
        y->dims[d] = x->dims[d] < 0 ? CARINA_DYNAMIC
                                    : ca_slice_range(&first[d], x->dims[d], v[0][i],
                                                     v[1][i], v[2][i]);
        if (y->dims[d] <
            2) /* no second element: a huge step stays out of the arithmetic */
            step[d] = 0;
    }
    return NULL;
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    const bool has_axes = ca_node_input(a->node, 4) != NULL;
    int64_t v[4][CARINA_MAX_RANK], first[CARINA_MAX_RANK], step[CARINA_MAX_RANK];
    const int64_t *const list[4] = {v[0], v[1], v[2], has_axes ? v[3] : NULL};
    int n[4];
    bool is_known = x.rank >= 0;
    for (int k = 0; k < 4; k++)
        CA_TRY(ca_infer_whole(a, k + 1, "each of start, stop, step and axes", err));
    for (int k = 0; k < 3 + has_axes; k++)
        is_known = is_known && ca_in_ints(a, k + 1, v[k], CARINA_MAX_RANK, &n[k]);
    CarinaShape y = x.rank >= 0 ? ca_shape_of_rank(x.rank) : ca_shape_unknown();
    if (is_known) {
        if (n[0] != n[1] || n[0] != n[2] || (has_axes && n[3] != n[0]))
            return ca_infer_err(
                a, err, CARINA_ERR_SHAPE,
                "start, stop, step and axes have %d, %d, %d, %d entries; they must agree",
                n[0], n[1], n[2], has_axes ? n[3] : n[0]);
        const char *const problem = plan(&y, first, step, &x, list, n[0]);
        if (problem)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE, "%s", problem);
    }
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    const CaRefTensor *const x = r->in;
    const int64_t *const list[4] = {r->in[1].whole, r->in[2].whole, r->in[3].whole,
                                    ca_ref_has(r, 4) ? r->in[4].whole : NULL};
    int64_t first[CARINA_MAX_RANK], step[CARINA_MAX_RANK], strides[CARINA_MAX_RANK],
        base = 0;
    CarinaShape y;
    r->problem = r->in[1].n > x->shape.rank
                     ? "there are more entries than axes"
                     : plan(&y, first, step, &x->shape, list, (int)r->in[1].n);
    if (!r->problem && !ca_shape_equal(&y, &r->out->shape))
        r->problem = "the slice is not of the shape that was planned";
    if (r->problem || r->out->n == 0)
        return;
    ca_ref_strides(&x->shape, strides);
    for (int d = 0; d < x->shape.rank; d++) {
        base += first[d] * strides[d];
        strides[d] *= step[d];
    }
    ca_move_strided(r->out, x, base, strides);
}

const CaOp ca_op_slice = {
    .name = "Slice",
    .opset = 8,
    .summary = "every step-th element from start to stop along axes",
    .arity = {4, 5, 1},
    .flags = CA_OP_MOVES,
    .infer = infer,
    .ref = ref,
};
