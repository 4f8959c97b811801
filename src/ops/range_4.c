/* SPDX-License-Identifier: Apache-2.0 */
/* Range: start, start + step, ... before stop. OpenVINO opset4; opset1 takes the type of its inputs. */
#include "ops/range_ref.h"

typedef struct {
    CarinaType output_type;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_TYPE(Attrs, output_type, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    return ca_infer_range(a, ((const Attrs *)a->attrs)->output_type, err);
}

const CaOp ca_op_range_4 = {
    .name = "Range",
    .opset = 4,
    .summary = "numbers at equal distances",
    .arity = {3, 3, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ca_ref_range,
};
