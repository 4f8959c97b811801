/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedBinary: sum, difference, product or squared difference of two tensors of quantised integers. Carina's own.
 *
 * add, sub, squared_difference: both are shifted left by `left` bits and multiplied by a factor of their own onto a
 * common scale; mul: the product of both. The result is multiplied by factor y; halves are rounded twice.
 */
#include "ops/quantized.h"

typedef struct {
    int32_t mode;
    int64_t left, zero_a, zero_b, zero_y, low, high;
    int64_t mantissa_a, exponent_a, mantissa_b, exponent_b, mantissa_y, exponent_y;
} Attrs;

enum { ADD, SUB, MUL, SQUARED_DIFFERENCE };
static const char *const modes[] = {"add", "sub", "mul", "squared_difference", NULL};

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

static int64_t combined(const Attrs *at, int64_t a, int64_t b)
{
    const CaFixed fa = {(int32_t)at->mantissa_a, (int32_t)at->exponent_a},
                  fb = {(int32_t)at->mantissa_b, (int32_t)at->exponent_b};
    if (at->mode == MUL)
        return a * b;
    const int64_t one = ca_fixed_twice(a * (INT64_C(1) << at->left), fa),
                  two = ca_fixed_twice(b * (INT64_C(1) << at->left), fb);
    return at->mode == ADD   ? one + two
           : at->mode == SUB ? one - two
                             : (one - two) * (one - two);
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CaFixed f = {(int32_t)at->mantissa_y, (int32_t)at->exponent_y};
    CaRefTensor *const y = &r->out[0];
    for (int64_t i = 0; i < y->n; i++) {
        const int64_t a = r->in[0].whole[ca_ref_broadcast(&y->shape, &r->in[0].shape, i)],
                      b = r->in[1].whole[ca_ref_broadcast(&y->shape, &r->in[1].shape, i)];
        y->whole[i] = ca_step_held(
            ca_fixed_twice(combined(at, a - at->zero_a, b - at->zero_b), f) + at->zero_y,
            at->low, at->high);
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
