/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AdaptiveMaxPool: greatest elements of bins that share out the input evenly, and where they are within the
 * spatial dimensions; the first of equals. OpenVINO opset8.
 */
#include "ops/adaptive_pools.h"
#include "ops/check.h"

typedef struct {
    CarinaType index_element_type;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_TYPE(Attrs, index_element_type, CA_DEFAULT("i64")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaType type = ((const Attrs *)a->attrs)->index_element_type;
    CarinaShape y;
    if (type != CARINA_I64 && type != CARINA_I32)
        return ca_infer_err(a, err, CARINA_ERR_TYPE,
                            "index_element_type is %s; give i32 or i64",
                            carina_type_name(type));
    CA_TRY(ca_adaptive_infer(a, &y, err));
    ca_out(a, 0, ca_in_type(a, 0), &y);
    ca_out(a, 1, type, &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    const CarinaShape *xs = &r->in[0].shape, *ys = &r->out[0].shape;
    const int64_t n_out = ca_shape_product(ys, 2, ys->rank);
    for (int64_t i = 0; i < r->out[0].n; i++) {
        const CaBin b = ca_adaptive_bin(xs, ys, i % n_out);
        const double *x = r->in[0].real + i / n_out * b.in[0] * b.in[1] * b.in[2];
        int64_t best = -1;
        for (int64_t z = b.first[0]; z < b.last[0]; z++)
            for (int64_t row = b.first[1]; row < b.last[1]; row++)
                for (int64_t col = b.first[2]; col < b.last[2]; col++) {
                    const int64_t at = (z * b.in[1] + row) * b.in[2] + col;
                    if (best < 0 || x[at] > x[best])
                        best = at;
                }
        r->out[0].real[i] = x[best];
        r->out[1].whole[i] = best;
    }
}

const CaOp ca_op_adaptive_max_pool = {
    .name = "AdaptiveMaxPool",
    .opset = 8,
    .summary = "maximum pooling to a given output size",
    .arity = {2, 2, 2},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
