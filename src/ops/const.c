/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Const: a value that the model holds. OpenVINO opset1. Its elements are the value's `constant`.
 */
#include "graph/op.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaTensor *t = a->node->outputs[0].constant;
    if (!t)
        return ca_infer_err(a, err, CARINA_ERR_FORMAT, "has no data");
    ca_out(a, 0, t->type, &t->shape);
    return CARINA_OK;
}

const CaOp ca_op_const = {
    .name = "Const",
    .opset = 1,
    .summary = "a constant of the model",
    .arity = {0, 0, 1},
    .infer = infer,
};
