/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedBinary: sum, difference, product or squared difference of two tensors of quantised integers. Carina's own.
 *
 * add, sub, squared_difference: both are shifted left by `left` bits and multiplied by a factor of their own onto a
 * common scale; mul: the product of both; div: the quotient, by Newton's method. The result is multiplied by factor y;
 * halves are rounded twice. prelu: factor a where a is not negative, else the product of both times factor y.
 * add_shifted, sub_shifted: of 16 bits, both shifted right by their exponents' absolute value and rounded. floor_div,
 * floor_mod: of the integers themselves; by 0 it is 0.
 */
#include "base/fixed_inverse.h"
#include "ops/quantized.h"

typedef struct {
    int32_t mode;
    int64_t left, zero_a, zero_b, zero_y, low, high;
    int64_t mantissa_a, exponent_a, mantissa_b, exponent_b, mantissa_y, exponent_y;
} Attrs;

enum {
    ADD,
    SUB,
    MUL,
    SQUARED_DIFFERENCE,
    DIV,
    PRELU,
    ADD_SHIFTED,
    SUB_SHIFTED,
    FLOOR_DIV,
    FLOOR_MOD
};
static const char *const modes[] = {
    "add",         "sub",         "mul",       "squared_difference", "div", "prelu",
    "add_shifted", "sub_shifted", "floor_div", "floor_mod",          NULL};

static const CarinaAttr attrs[] = {
    CA_ATTR_ENUM(Attrs, mode, modes, CA_REQUIRED),
    CA_ATTR_INT(Attrs, left, 0, 20, CA_DEFAULT("0")),
    CA_STEP_ATTR(Attrs, zero_a, CA_DEFAULT("0")),
    CA_STEP_ATTR(Attrs, zero_b, CA_DEFAULT("0")),
    CA_STEP_ATTR(Attrs, zero_y, CA_DEFAULT("0")),
    CA_STEP_ATTR(Attrs, low, CA_REQUIRED),
    CA_STEP_ATTR(Attrs, high, CA_REQUIRED),
    CA_MANTISSA_ATTR(Attrs, mantissa_a, CA_DEFAULT("0")),
    CA_EXPONENT_ATTR(Attrs, exponent_a, CA_DEFAULT("0")),
    CA_MANTISSA_ATTR(Attrs, mantissa_b, CA_DEFAULT("0")),
    CA_EXPONENT_ATTR(Attrs, exponent_b, CA_DEFAULT("0")),
    CA_MANTISSA_ATTR(Attrs, mantissa_y, CA_REQUIRED),
    CA_EXPONENT_ATTR(Attrs, exponent_y, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    CA_TRY(ca_check_steps(a, 0, err));
    CA_TRY(ca_check_steps(a, 1, err));
    return ca_infer_broadcast(a, err);
}

static int64_t shifted(int64_t x, int64_t exponent)
{
    return ca_fixed_right(x, exponent < 0 ? (int)-exponent : 0);
}

/* a and b without their zero points; the result without y's. */
static int64_t combined(const Attrs *at, int64_t a, int64_t b)
{
    const CaFixed fa = {(int32_t)at->mantissa_a, (int32_t)at->exponent_a},
                  fb = {(int32_t)at->mantissa_b, (int32_t)at->exponent_b},
                  fy = {(int32_t)at->mantissa_y, (int32_t)at->exponent_y};
    switch (at->mode) {
    case MUL: return ca_fixed_twice(a * b, fy);
    case DIV: return ca_fixed_quotient((int32_t)a, (int32_t)b, fy);
    case PRELU: return a >= 0 ? ca_fixed_twice(a, fa) : ca_fixed_twice(a * b, fy);
    case ADD_SHIFTED: return shifted(a, at->exponent_a) + shifted(b, at->exponent_b);
    case SUB_SHIFTED: return shifted(a, at->exponent_a) - shifted(b, at->exponent_b);
    case FLOOR_DIV: return b ? (int64_t)floor((double)a / (double)b) : 0;
    case FLOOR_MOD: return b ? a - b * (int64_t)floor((double)a / (double)b) : 0;
    case ADD:
    case SUB:
    case SQUARED_DIFFERENCE: break;
    }
    const int64_t one = ca_fixed_twice(a * (INT64_C(1) << at->left), fa),
                  two = ca_fixed_twice(b * (INT64_C(1) << at->left), fb),
                  more = at->mode == ADD ? one + two : one - two;
    return ca_fixed_twice(at->mode == SQUARED_DIFFERENCE ? more * more : more, fy);
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    CaRefTensor *const y = &r->out[0];
    for (int64_t i = 0; i < y->n; i++) {
        const int64_t a = r->in[0].whole[ca_ref_broadcast(&y->shape, &r->in[0].shape, i)],
                      b = r->in[1].whole[ca_ref_broadcast(&y->shape, &r->in[1].shape, i)];
        y->whole[i] = ca_step_held(
            combined(at, a - at->zero_a, b - at->zero_b) + at->zero_y, at->low, at->high);
    }
}

const CaOp ca_op_quantized_binary = {
    .name = "QuantizedBinary",
    .opset = 1,
    .summary = "arithmetic of quantised integers, exact to TensorFlow Lite's",
    .arity = {2, 2, 1},
    .flags = CA_OP_ELEMENTWISE | CA_OP_OWN,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
