/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReadValue: what Assign of the same variable stored in the run before; in the first run, its input. OpenVINO opset3;
 * opset6 states type and shape too.
 *
 * The reference is the first run.
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

/* Not a reference by numbers: with a constant input the answer is no constant. */
static CarinaStatus run(const CaNode *node, CarinaTensor *const *outputs,
                        const CarinaTensor *const *inputs, CarinaError *err)
{
    (void)node;
    (void)err;
    ca_elements_copy(outputs[0], inputs[0]);
    return CARINA_OK;
}

const CaOp ca_op_read_value = {
    .name = "ReadValue",
    .opset = 3,
    .summary = "what the run before stored",
    .arity = {1, 1, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs3,
    .infer = ca_infer_same_as_input,
    .run = run,
};
const CaOp ca_op_read_value_6 = {
    .name = "ReadValue",
    .opset = 6,
    .summary = "what the run before stored",
    .arity = {1, 1, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs6,
    .infer = ca_infer_same_as_input,
    .run = run,
};
