/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Divide: a / b. Integers: rounded down with m_pythondiv, else toward zero; 0 where b is 0. OpenVINO opset1.
 *
 * The rounding of ONNX is toward zero.
 */
#include "ops/binary.h"

typedef struct {
    int32_t auto_broadcast;
    bool m_pythondiv;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_ENUM(Attrs, auto_broadcast, ca_broadcast_rules, CA_DEFAULT("numpy")),
    CA_ATTR_BOOL(Attrs, m_pythondiv, CA_DEFAULT("true")),
    CA_ATTRS_END,
};

static double on_real(double a, double b) { return a / b; }

static int64_t toward_zero(CarinaType type, int64_t a, int64_t b)
{
    if (b == 0)
        return 0; /* defined by nobody; anything but a trap */
    if (type == CARINA_U64)
        return (int64_t)((uint64_t)a / (uint64_t)b);
    return b == -1 ? ca_wrap_sub(0, a) : a / b; /* INT64_MIN / -1 traps */
}

static int64_t down(CarinaType type, int64_t a, int64_t b)
{
    const int64_t q = toward_zero(type, a, b);
    if (type == CARINA_U64 || b == 0 || b == -1)
        return q;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

static void ref(CaRefArgs *r)
{
    ca_ref_binary(r, on_real,
                  ((const Attrs *)r->attrs)->m_pythondiv ? down : toward_zero);
}

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Div", .map = {{"m_pythondiv", NULL, "false"}}},
    {0},
};

const CaOp ca_op_divide = {
    .name = "Divide",
    .opset = 1,
    .summary = "a / b",
    .arity = {2, 2, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = ca_infer_broadcast,
    .ref = ref,
    .imports = imports,
};
