/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ScatterNDUpdate: slices named by tuples of indices are replaced or combined, in the order of the
 * updates. OpenVINO opset15. Negative indices count from the end.
 */
#include "ops/nd_index.h"
#include "ops/scatter_ref.h"

typedef struct {
    int32_t reduction;
} Attrs;

/* In the order of CaScatter. */
static const char *const reductions[] = {"none", "sum", "sub", "prod",
                                         "min",  "max", NULL};

static const CarinaAttr attrs[] = {
    CA_ATTR_ENUM(Attrs, reduction, reductions, CA_DEFAULT("none")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0), at = ca_in_shape(a, 1),
                      u = ca_in_shape(a, 2);
    CarinaShape want;
    CA_TRY(ca_infer_whole(a, 1, "the indices' tensor", err));
    CA_TRY(ca_infer_same_type(a, 0, 2, err));
    if (at.rank == 0)
        return ca_infer_scatter_err(a, err);
    if (x.rank >= 0 && at.rank > 0 && at.dims[at.rank - 1] >= 0)
        if (at.dims[at.rank - 1] > x.rank ||
            !ca_nd_join(&want, &at, at.rank - 1, &x, (int)at.dims[at.rank - 1]) ||
            !ca_shape_may_equal(&want, &u))
            return ca_infer_scatter_err(a, err);
    return ca_infer_same_as_input(a, err);
}

static void ref(CaRefArgs *r)
{
    const CarinaShape *const x = &r->in->shape, *const at = &r->in[1].shape;
    const int n = (int)at->dims[at->rank - 1];
    const int64_t slice = ca_shape_product(x, n, x->rank);
    ca_scatter_copy(r->out, r->in);
    for (int64_t t = 0; slice && t < r->in[2].n / slice; t++) {
        const int64_t to = ca_nd_offset(x, r->in[1].whole + t * n, 0, n);
        if (to < 0) {
            r->problem = "an index is outside its axis";
            return;
        }
        for (int64_t i = 0; i < slice; i++)
            ca_scatter_put(r->out, to + i, &r->in[2], t * slice + i,
                           (CaScatter)((const Attrs *)r->attrs)->reduction);
    }
}

const CaOp ca_op_scatter_nd_update_15 = {
    .name = "ScatterNDUpdate",
    .opset = 15,
    .summary = "slices named by tuples of indices replaced",
    .arity = {3, 3, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
