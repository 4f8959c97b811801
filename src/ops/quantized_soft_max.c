/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedSoftMax: of 8-bit integers along the last axis, in fixed point: the factor makes a difference of steps one with
 * 26 bits behind the point. y has the scale 1/256 and its type's lowest number as its zero point. Carina's own.
 */
#include "base/fixed_exp.h"
#include "ops/quantized.h"
#include "ops/whole.h"

typedef struct {
    int64_t mantissa, exponent;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_MANTISSA_ATTR(Attrs, mantissa, CA_REQUIRED),
    CA_EXPONENT_ATTR(Attrs, exponent, CA_REQUIRED),
    CA_ATTRS_END,
};

static void row(const int32_t exps[256], int64_t lowest, int64_t *y, const int64_t *x,
                int64_t n)
{
    int64_t most = x[0], sum = 0;
    for (int64_t i = 1; i < n; i++)
        most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < n; i++)
        sum += ca_fixed_exp_part(exps[most - x[i]]);
    const CaFixedShare share = ca_fixed_share_of(sum);
    for (int64_t i = 0; i < n; i++)
        y[i] = ca_step_held(ca_fixed_share(share, exps[most - x[i]]) + lowest, lowest,
                            lowest + 255);
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CarinaShape *s = &r->in[0].shape;
    const int64_t n = s->dims[s->rank - 1], lowest = ca_whole_lowest(r->in[0].type);
    int32_t exps[256];
    ca_fixed_exps(exps, (CaFixed){(int32_t)at->mantissa, (int32_t)at->exponent});
    for (int64_t i = 0; n > 0 && i + n <= r->in[0].n; i += n)
        row(exps, lowest, r->out[0].whole + i, r->in[0].whole + i, n);
}

const CaOp ca_op_quantized_soft_max = {
    .name = "QuantizedSoftMax",
    .opset = 1,
    .summary =
        "softmax of 8-bit integers along the last axis, exact to TensorFlow Lite's",
    .arity = {1, 1, 1},
    .flags = CA_OP_OWN,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = ca_infer_byte_rows,
    .ref = ref,
};
