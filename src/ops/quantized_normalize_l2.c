/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedNormalizeL2: x divided by the root of the sum of its squares along the last axis; y has the scale 1/128 and
 * the zero point 0 (i8) or 128 (u8). Carina's own.
 */
#include "base/fixed_inverse.h"
#include "ops/quantized.h"
#include "ops/whole.h"

typedef struct {
    int64_t zero_x;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_STEP_ATTR(Attrs, zero_x, CA_DEFAULT("0")),
    CA_ATTRS_END,
};

/* i8 multiplies by 128 in the factor, u8 before it. */
static void row(CarinaType type, int64_t zero, int64_t *y, const int64_t *x, int64_t n)
{
    const int64_t lowest = ca_whole_lowest(type);
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (x[i] - zero) * (x[i] - zero);
    CaFixed f = ca_fixed_inverse_root((int32_t)ca_fixed_held(sum, INT32_MAX));
    const int64_t by = type == CARINA_U8 ? 128 : 1;
    f.exponent += type == CARINA_U8 ? 0 : 7;
    for (int64_t i = 0; i < n; i++)
        y[i] = ca_step_held(ca_fixed_twice(by * (x[i] - zero), f) + lowest + 128, lowest,
                            lowest + 255);
}

static void ref(CaRefArgs *r)
{
    const CarinaShape *s = &r->in[0].shape;
    const int64_t n = s->dims[s->rank - 1];
    for (int64_t i = 0; n > 0 && i + n <= r->in[0].n; i += n)
        row(r->in[0].type, ((const Attrs *)r->attrs)->zero_x, r->out[0].whole + i,
            r->in[0].whole + i, n);
}

const CaOp ca_op_quantized_normalize_l2 = {
    .name = "QuantizedNormalizeL2",
    .opset = 1,
    .summary =
        "L2 norm of 8-bit integers along the last axis, exact to TensorFlow Lite's",
    .arity = {1, 1, 1},
    .flags = CA_OP_OWN,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = ca_infer_byte_rows,
    .ref = ref,
};
