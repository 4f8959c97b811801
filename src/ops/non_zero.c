/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NonZero: the places of the elements that are not zero, [rank, n], in row-major order. OpenVINO opset3.
 *
 * NaN is not zero, -0 is. How many there are is known before the run only where the input is constant.
 */
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
    const CaValue *const in = ca_node_input(a->node, 0);
    const CarinaShape x = ca_in_shape(a, 0);
    CarinaShape y = ca_shape_of_rank(2);
    const CarinaType type = ((const Attrs *)a->attrs)->output_type;
    if (type != CARINA_I32 && type != CARINA_I64)
        return ca_infer_err(a, err, CARINA_ERR_TYPE,
                            "output_type is %s; it must be i32 or i64",
                            carina_type_name(type));
    if (x.rank >= 0)
        y.dims[0] = x.rank ? x.rank : 1;
    if (in && in->constant) {
        y.dims[1] = 0;
        for (int64_t i = 0; i < ca_tensor_count(in->constant); i++)
            y.dims[1] += ca_get_real(in->type, in->constant->data, i) != 0;
    }
    ca_out(a, 0, type, &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    const CaRefTensor *const x = r->in;
    const int64_t n = r->out->shape.dims[1];
    int64_t found = 0;
    for (int64_t i = 0; i < x->n; i++) {
        int64_t c[CARINA_MAX_RANK] = {0};
        if (x->real ? x->real[i] == 0 : x->whole[i] == 0)
            continue;
        ca_coords(c, &x->shape, i);
        for (int64_t d = 0; found < n && d < r->out->shape.dims[0]; d++)
            r->out->whole[d * n + found] = c[d];
        found++;
    }
    if (found != n)
        r->problem = "the number of elements that are not zero is not what was planned";
}

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "NonZero"},
    {0},
};

const CaOp ca_op_non_zero = {
    .name = "NonZero",
    .opset = 3,
    .summary = "the places of the elements that are not zero",
    .arity = {1, 1, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .imports = imports,
};
