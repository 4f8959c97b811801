/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameter: an input of the model. OpenVINO opset1.
 */
#include "graph/op.h"

static const CarinaAttr attrs[] = {
    CA_ATTR_SHAPE(CaParameterAttrs, shape, CA_REQUIRED),
    CA_ATTR_TYPE(CaParameterAttrs, element_type, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CaParameterAttrs *p = a->attrs;
    (void)err;
    ca_out(a, 0, p->element_type, &p->shape);
    return CARINA_OK;
}

const CaOp ca_op_parameter = {
    .name = "Parameter",
    .opset = 1,
    .summary = "an input of the model",
    .arity = {0, 0, 1},
    .attrs_size = sizeof(CaParameterAttrs),
    .attrs = attrs,
    .infer = infer,
};
