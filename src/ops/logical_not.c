/* SPDX-License-Identifier: Apache-2.0 */
/* LogicalNot: not x, of booleans. OpenVINO opset1. */
#include "ops/unary.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaType type = ca_in_type(a, 0);
    if (type != CARINA_UNKNOWN && type != CARINA_BOOL)
        return ca_infer_err(a, err, CARINA_ERR_TYPE,
                            "the input is %s; convert it to boolean first",
                            carina_type_name(type));
    return ca_infer_same_as_input(a, err);
}

static void ref(CaRefArgs *r)
{
    for (int64_t i = 0; i < r->out->n; i++)
        r->out->whole[i] = r->in->whole[i] == 0;
}

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Not"},
    {0},
};

const CaOp ca_op_logical_not = {
    .name = "LogicalNot",
    .opset = 1,
    .summary = "not x",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = infer,
    .ref = ref,
    .imports = imports,
};
