/* SPDX-License-Identifier: Apache-2.0 */
/* Convert: the same numbers in another element type; ops/convert_ref.h has the rules. OpenVINO opset1. */
#include "ops/convert_ref.h"

typedef struct {
    CarinaType destination_type;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_TYPE(Attrs, destination_type, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape s = ca_in_shape(a, 0);
    (void)err;
    ca_out(a, 0, ((const Attrs *)a->attrs)->destination_type, &s);
    return CARINA_OK;
}

const CaOp ca_op_convert = {
    .name = "Convert",
    .opset = 1,
    .summary = "another element type",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ca_ref_convert,
};
