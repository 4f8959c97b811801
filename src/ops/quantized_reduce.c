/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedReduce: factor * (sum of x - zero_x over the axes) + zero_y, held within [low, high]; the factor holds the
 * division of a mean. Carina's own.
 */
#include "ops/quantized.h"

#include <string.h>

typedef struct {
    bool keep_dims;
    int64_t zero_x, zero_y, low, high, mantissa, exponent;
    int32_t rounding;
} Attrs;

static const char *const roundings[] = {"twice", "once", NULL};

static const CarinaAttr attrs[] = {
    CA_ATTR_BOOL(Attrs, keep_dims, CA_DEFAULT("false")),
    CA_STEP_ATTR(Attrs, zero_x, CA_DEFAULT("0")),
    CA_STEP_ATTR(Attrs, zero_y, CA_DEFAULT("0")),
    CA_STEP_ATTR(Attrs, low, CA_REQUIRED),
    CA_STEP_ATTR(Attrs, high, CA_REQUIRED),
    CA_MANTISSA_ATTR(Attrs, mantissa, CA_REQUIRED),
    CA_EXPONENT_ATTR(Attrs, exponent, CA_REQUIRED),
    CA_ATTR_ENUM(Attrs, rounding, roundings, CA_DEFAULT("twice")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    CarinaShape y = ca_shape_unknown();
    int64_t axes[CARINA_MAX_RANK];
    bool mask[CARINA_MAX_RANK] = {false};
    int n = 0;
    CA_TRY(ca_check_steps(a, 0, err));
    CA_TRY(ca_check_axes(a, 1, err));
    if (x.rank >= 0 && ca_in_ints(a, 1, axes, CARINA_MAX_RANK, &n) &&
        ca_axes_mask(axes, n, x.rank, mask)) {
        y = ca_shape(0, NULL);
        for (int i = 0; i < x.rank; i++)
            if (!mask[i])
                y.dims[y.rank++] = x.dims[i];
            else if (((const Attrs *)a->attrs)->keep_dims)
                y.dims[y.rank++] = 1;
    }
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CaFixed f = {(int32_t)at->mantissa, (int32_t)at->exponent};
    bool mask[CARINA_MAX_RANK] = {false};
    if (!ca_axes_mask(r->in[1].whole, r->in[1].n, r->in[0].shape.rank, mask)) {
        r->problem = "an axis is out of range";
        return;
    }
    memset(r->out[0].whole, 0, (size_t)r->out[0].n * sizeof *r->out[0].whole);
    for (int64_t i = 0; i < r->in[0].n; i++)
        r->out[0].whole[ca_ref_group(&r->in[0].shape, mask, i)] +=
            r->in[0].whole[i] - at->zero_x;
    for (int64_t i = 0; i < r->out[0].n; i++)
        r->out[0].whole[i] = ca_step_held(
            ca_fixed_times((CaFixedRounding)at->rounding, r->out[0].whole[i], f) +
                at->zero_y,
            at->low, at->high);
}

const CaOp ca_op_quantized_reduce = {
    .name = "QuantizedReduce",
    .opset = 1,
    .summary = "sum or mean of quantised integers, exact to TensorFlow Lite's",
    .arity = {2, 2, 1},
    .flags = CA_OP_OWN,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
