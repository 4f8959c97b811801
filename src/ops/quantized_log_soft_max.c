/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedLogSoftMax: of 8-bit integers along the last axis, in fixed point: the factor makes a difference of steps one
 * with 26 bits behind the point. y has the scale 1/16 and its type's highest number as its zero point. Carina's own.
 */
#include "base/fixed_exp.h"
#include "ops/quantized.h"
#include "ops/whole.h"

typedef struct {
    int64_t mantissa, exponent;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_MANTISSA_ATTR(Attrs, mantissa, CA_REQUIRED),
    CA_ATTR_INT(Attrs, exponent, 1, CA_FIXED_HIGHEST_EXPONENT, CA_REQUIRED),
    CA_ATTRS_END,
};

typedef struct Range {
    CaFixed f, back;
    int64_t least; /* what is this much less than the largest counts for nothing */
} Range;

static Range range_of(const Attrs *at)
{
    Range r = {.f = {(int32_t)at->mantissa, (int32_t)at->exponent}};
    r.back = ca_fixed_of(ldexp(1, 31 - r.f.exponent) / (double)at->mantissa);
    r.least = -(int64_t)floor(ldexp(31, 26 - r.f.exponent));
    return r;
}

static void row(const Range *r, CarinaType type, int64_t *y, const int64_t *x, int64_t n)
{
    const int64_t lowest = ca_whole_lowest(type), highest = ca_whole_highest(type);
    int64_t most = x[0], sum = 0;
    for (int64_t i = 1; i < n; i++)
        most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < n; i++)
        if (x[i] - most >= r->least)
            sum += ca_fixed_right(ca_fixed_exp(ca_fixed_twice(x[i] - most, r->f)), 12);
    const int64_t log = ca_fixed_log(ca_fixed_held(sum, INT32_MAX));
    const int64_t bound = ca_fixed_twice(log + INT32_MIN, r->back),
                  least = bound > r->least - 1 ? bound : r->least - 1;
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] - most > least
                   ? ca_step_held(
                         ca_fixed_right(ca_fixed_twice(x[i] - most, r->f) - log, 22) +
                             highest,
                         lowest, highest)
                   : lowest;
}

static void ref(CaRefArgs *r)
{
    const CarinaShape *s = &r->in[0].shape;
    const int64_t n = s->dims[s->rank - 1];
    const Range range = range_of(r->attrs);
    if (((const Attrs *)r->attrs)->mantissa == 0) {
        r->problem = "the factor is 0";
        return;
    }
    for (int64_t i = 0; n > 0 && i + n <= r->in[0].n; i += n)
        row(&range, r->in[0].type, r->out[0].whole + i, r->in[0].whole + i, n);
}

const CaOp ca_op_quantized_log_soft_max = {
    .name = "QuantizedLogSoftMax",
    .opset = 1,
    .summary =
        "log softmax of 8-bit integers along the last axis, exact to TensorFlow Lite's",
    .arity = {1, 1, 1},
    .flags = CA_OP_OWN,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = ca_infer_byte_rows,
    .ref = ref,
};
