/* SPDX-License-Identifier: Apache-2.0 */
/* ShapeOf: the input's dimensions as a vector. OpenVINO opset3; opset1 gives i64 only. */
#include "ops/axes.h"

typedef struct {
    CarinaType output_type;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_TYPE(Attrs, output_type, CA_DEFAULT("i64")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    const int64_t n = x.rank;
    const CarinaShape y = n < 0 ? ca_shape_of_rank(1) : ca_shape(1, &n);
    const CarinaType type = ((const Attrs *)a->attrs)->output_type;
    if (type != CARINA_I32 && type != CARINA_I64)
        return ca_infer_err(a, err, CARINA_ERR_TYPE,
                            "output_type is %s; it must be i32 or i64",
                            carina_type_name(type));
    ca_out(a, 0, type, &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    for (int d = 0; d < r->in->shape.rank; d++)
        r->out->whole[d] = r->in->shape.dims[d];
}

const CaOp ca_op_shape_of_3 = {
    .name = "ShapeOf",
    .opset = 3,
    .summary = "the dimensions of a tensor",
    .arity = {1, 1, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
