/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedCompare: two tensors of quantised integers, each less its zero point, shifted left by 8 bits and multiplied by
 * its scale's factor, rounded twice; without a mantissa: as they are. The result is boolean. Carina's own.
 */
#include "ops/quantized.h"

typedef struct {
    int32_t mode;
    int64_t zero_a, zero_b, mantissa_a, exponent_a, mantissa_b, exponent_b;
} Attrs;

enum { EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL };
static const char *const modes[] = {"equal",   "not_equal",     "less", "less_equal",
                                    "greater", "greater_equal", NULL};

static const CarinaAttr attrs[] = {
    CA_ATTR_ENUM(Attrs, mode, modes, CA_REQUIRED),
    CA_STEP_ATTR(Attrs, zero_a, CA_DEFAULT("0")),
    CA_STEP_ATTR(Attrs, zero_b, CA_DEFAULT("0")),
    CA_MANTISSA_ATTR(Attrs, mantissa_a, CA_DEFAULT("0")),
    CA_EXPONENT_ATTR(Attrs, exponent_a, CA_DEFAULT("0")),
    CA_MANTISSA_ATTR(Attrs, mantissa_b, CA_DEFAULT("0")),
    CA_EXPONENT_ATTR(Attrs, exponent_b, CA_DEFAULT("0")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    CarinaShape y = ca_shape_unknown();
    const CarinaShape x = ca_in_shape(a, 0), w = ca_in_shape(a, 1);
    char tx[CA_SHAPE_TEXT], tw[CA_SHAPE_TEXT];
    CA_TRY(ca_check_steps(a, 0, err));
    CA_TRY(ca_check_steps(a, 1, err));
    CA_TRY(ca_check_same(a, 0, 2, err));
    if (x.rank >= 0 && w.rank >= 0 && !ca_shape_broadcast(&y, &x, &w))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE, "%s and %s do not broadcast",
                            ca_shape_text(tx, sizeof tx, &x),
                            ca_shape_text(tw, sizeof tw, &w));
    ca_out(a, 0, CARINA_BOOL, &y);
    return CARINA_OK;
}

static int64_t scaled(int64_t q, int64_t zero, int64_t mantissa, int64_t exponent)
{
    const CaFixed f = {(int32_t)mantissa, (int32_t)exponent};
    return mantissa ? ca_fixed_twice((q - zero) * 256, f) : q;
}

static bool holds(int32_t mode, int64_t a, int64_t b)
{
    switch (mode) {
    case EQUAL: return a == b;
    case NOT_EQUAL: return a != b;
    case LESS: return a < b;
    case LESS_EQUAL: return a <= b;
    case GREATER: return a > b;
    case GREATER_EQUAL: break;
    }
    return a >= b;
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    CaRefTensor *const y = &r->out[0];
    for (int64_t i = 0; i < y->n; i++) {
        const int64_t a = r->in[0].whole[ca_ref_broadcast(&y->shape, &r->in[0].shape, i)],
                      b = r->in[1].whole[ca_ref_broadcast(&y->shape, &r->in[1].shape, i)];
        y->whole[i] =
            holds(at->mode, scaled(a, at->zero_a, at->mantissa_a, at->exponent_a),
                  scaled(b, at->zero_b, at->mantissa_b, at->exponent_b));
    }
}

const CaOp ca_op_quantized_compare = {
    .name = "QuantizedCompare",
    .opset = 1,
    .summary = "comparison of quantised integers, exact to TensorFlow Lite's",
    .arity = {2, 2, 1},
    .flags = CA_OP_ELEMENTWISE | CA_OP_OWN,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
