/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedSoftMaxLines: of i16 along the last axis, in whole numbers. Inputs: x, 513 values of exp from -10 to 0, 513 of
 * 1 / (1 + t) from 0 to 1, both with 1 as 2^15 and lines between them. Carina's own.
 *
 * The difference to the row's largest times the factor says where on the lines of exp; y has the scale 2^-15.
 */
#include "ops/quantized.h"

typedef struct {
    int64_t mantissa, exponent;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_MANTISSA_ATTR(Attrs, mantissa, CA_REQUIRED),
    CA_EXPONENT_ATTR(Attrs, exponent, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    CA_TRY(ca_check_same(a, 0, 3, err));
    CA_TRY(ca_check_rank(a, 0, 1, CARINA_MAX_RANK, err));
    if (ca_in_type(a, 0) != CARINA_I16 && ca_in_type(a, 0) != CARINA_UNKNOWN)
        return ca_infer_err(a, err, CARINA_ERR_TYPE, "give 16-bit integers");
    for (int i = 1; i < 3; i++) {
        const CarinaShape t = ca_in_shape(a, i);
        if (t.rank >= 0 && (t.rank != 1 || t.dims[0] != 513))
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "input %d needs 513 numbers in one dimension", i);
    }
    ca_out(a, 0, CARINA_I16, &x);
    return CARINA_OK;
}

static int64_t on_lines(const int64_t *values, int64_t x)
{
    const int64_t i = (x + 32768) >> 7;
    return values[i] + (((values[i + 1] - values[i]) * (x & 127) + 64) >> 7);
}

static void row(const Attrs *at, int64_t *y, const int64_t *x, const int64_t *exps,
                const int64_t *inverses, int64_t n)
{
    const CaFixed f = {(int32_t)at->mantissa, (int32_t)at->exponent};
    int64_t most = x[0], sum = 0;
    int zeros = 0;
    for (int64_t i = 1; i < n; i++)
        most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < n; i++) {
        const int64_t place = ca_fixed_twice(x[i] - most, f) + 32767;
        y[i] = on_lines(exps, ca_step_held(place, -32768, 32767));
        sum += y[i];
    }
    while (zeros < 31 && sum < INT64_C(1) << (31 - zeros))
        zeros++;
    const int64_t shifted = (sum * (INT64_C(1) << (zeros - 1)) + (1 << 13)) >> 14;
    const int64_t by =
        on_lines(inverses, ca_step_held(shifted - (1 << 15) - (1 << 16), -32768, 32767));
    const int shift = 31 - zeros;
    for (int64_t i = 0; i < n; i++)
        y[i] = ca_step_held((y[i] * by + (INT64_C(1) << (shift - 1))) >> shift, 0, 32767);
}

static void ref(CaRefArgs *r)
{
    const CarinaShape *s = &r->in[0].shape;
    const int64_t n = s->dims[s->rank - 1];
    if (n > 1 << 16) { /* sums of as many exponentials are within 31 bits */
        r->problem = "a row is longer than 65536";
        return;
    }
    for (int64_t i = 0; n > 0 && i + n <= r->in[0].n; i += n)
        row(r->attrs, r->out[0].whole + i, r->in[0].whole + i, r->in[1].whole,
            r->in[2].whole, n);
}

const CaOp ca_op_quantized_soft_max_lines = {
    .name = "QuantizedSoftMaxLines",
    .opset = 1,
    .summary =
        "softmax of 16-bit integers along the last axis, exact to TensorFlow Lite's",
    .arity = {3, 3, 1},
    .flags = CA_OP_OWN,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
