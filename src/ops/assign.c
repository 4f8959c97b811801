/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assign: stores its input for the ReadValue of the same variable in the next run, and passes it on. OpenVINO opset3;
 * opset6 states type and shape too.
 */
#include "ops/loops.h"

typedef struct {
    const char *variable_id;
    CarinaType variable_type;
    CarinaShape variable_shape;
} Attrs;

static const CarinaAttr attrs3[] = {
    CA_ATTR_STRING(Attrs, variable_id, CA_REQUIRED),
    CA_ATTRS_END,
};
static const CarinaAttr attrs6[] = {
    CA_ATTR_STRING(Attrs, variable_id, CA_REQUIRED),
    CA_ATTR_TYPE(Attrs, variable_type, CA_DEFAULT(NULL)),
    CA_ATTR_SHAPE(Attrs, variable_shape, CA_DEFAULT("...")),
    CA_ATTRS_END,
};

static CarinaStatus run(const CaNode *node, CarinaTensor *const *outputs,
                        const CarinaTensor *const *inputs, CarinaError *err)
{
    (void)node;
    (void)err;
    ca_elements_copy(outputs[0], inputs[0]);
    return CARINA_OK;
}

const CaOp ca_op_assign = {
    .name = "Assign",
    .opset = 3,
    .summary = "stores a value for the next run",
    .arity = {1, 1, 1},
    .flags = CA_OP_SIDE,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs3,
    .infer = ca_infer_same_as_input,
    .run = run,
};
const CaOp ca_op_assign_6 = {
    .name = "Assign",
    .opset = 6,
    .summary = "stores a value for the next run",
    .arity = {1, 1, 1},
    .flags = CA_OP_SIDE,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs6,
    .infer = ca_infer_same_as_input,
    .run = run,
};
