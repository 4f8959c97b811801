/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Squeeze: drop axes of one element: those listed, or all where none is listed. OpenVINO opset1.
 *
 * A listed axis of more elements is kept, as OpenVINO does.
 */
#include "ops/axes.h"

enum { MAX_AXES = 64 };

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    CarinaShape y = {0};
    int64_t axes[MAX_AXES];
    bool is_listed[CARINA_MAX_RANK] = {false};
    int n = 0, axis;
    const bool is_given = ca_node_input(a->node, 1) != NULL;
    CA_TRY(ca_infer_whole(a, 1, "the axes' tensor", err));
    if (x.rank < 0 || (is_given && !ca_in_ints(a, 1, axes, MAX_AXES, &n)))
        return ca_infer_unknown(a, 0, ca_in_type(a, 0));
    for (int i = 0; i < n; i++) {
        CA_TRY(ca_infer_axis(a, axes[i], x.rank, &axis, err));
        is_listed[axis] = true;
    }
    for (int d = 0; d < x.rank; d++) {
        if (n == 0 && x.dims[d] < 0)
            return ca_infer_unknown(a, 0, ca_in_type(a, 0));
        /* A listed axis that is not known yet was meant to be 1. */
        if ((n && !is_listed[d]) || x.dims[d] == 0 || x.dims[d] > 1)
            y.dims[y.rank++] = x.dims[d];
    }
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r) { ca_move_all(r->out, r->in); }

const CaOp ca_op_squeeze = {
    .name = "Squeeze",
    .opset = 1,
    .summary = "drop axes of one element",
    .arity = {1, 2, 1},
    .flags = CA_OP_MOVES,
    .infer = infer,
    .ref = ref,
};
