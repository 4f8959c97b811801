/* SPDX-License-Identifier: Apache-2.0 */
/* Round: to the nearest whole number, halves to even or away from zero. OpenVINO opset5. */
#include "ops/unary.h"

enum { TO_EVEN, AWAY };

typedef struct {
    int32_t mode;
} Attrs;

static const char *const modes[] = {"half_to_even", "half_away_from_zero", NULL};

static const CarinaAttr attrs[] = {
    CA_ATTR_ENUM(Attrs, mode, modes, CA_DEFAULT("half_to_even")),
    CA_ATTRS_END,
};

static int64_t itself(int64_t x) { return x; }

static void ref(CaRefArgs *r)
{
    ca_ref_unary(r, ((const Attrs *)r->attrs)->mode == AWAY ? round : rint, itself);
}

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Round"},
    {0},
};

const CaOp ca_op_round = {
    .name = "Round",
    .opset = 5,
    .summary = "to the nearest whole number",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = ca_infer_same_as_input,
    .ref = ref,
    .imports = imports,
};
