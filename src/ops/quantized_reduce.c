/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedReduce: factor * (sum of x - zero_x over the axes) + zero_y, held within [low, high]; the factor holds the
 * division of a mean. prod: the product of x - zero_x in their order, times the factor after each, whose rounding is
 * short. Carina's own.
 */
#include "ops/quantized.h"
#include "ops/whole.h"

#include <string.h>

typedef struct {
    bool keep_dims;
    int64_t zero_x, zero_y, low, high, mantissa, exponent;
    int32_t mode, rounding;
} Attrs;

enum { SUM, PROD };
static const char *const modes[] = {"sum", "prod", NULL};
static const char *const roundings[] = {"twice", "once", NULL};

static const CarinaAttr attrs[] = {
    CA_ATTR_BOOL(Attrs, keep_dims, CA_DEFAULT("false")),
    CA_STEP_ATTR(Attrs, zero_x, CA_DEFAULT("0")),
    CA_STEP_ATTR(Attrs, zero_y, CA_DEFAULT("0")),
    CA_STEP_ATTR(Attrs, low, CA_REQUIRED),
    CA_STEP_ATTR(Attrs, high, CA_REQUIRED),
    CA_MANTISSA_ATTR(Attrs, mantissa, CA_REQUIRED),
    CA_EXPONENT_ATTR(Attrs, exponent, CA_REQUIRED),
    CA_ATTR_ENUM(Attrs, mode, modes, CA_DEFAULT("sum")),
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

static void add(const Attrs *at, CaRefArgs *r, const bool *mask)
{
    memset(r->out[0].whole, 0, (size_t)r->out[0].n * sizeof *r->out[0].whole);
    for (int64_t i = 0; i < r->in[0].n; i++)
        r->out[0].whole[ca_ref_group(&r->in[0].shape, mask, i)] +=
            r->in[0].whole[i] - at->zero_x;
}

/* The first of a group is its element whose indices along the axes are 0. */
static bool is_first(const CarinaShape *s, const bool *mask, int64_t i)
{
    for (int d = s->rank - 1; d >= 0; i /= s->dims[d--])
        if (mask[d] && i % s->dims[d] != 0)
            return false;
    return true;
}

/* Products do not fit: they wrap as int32 does, where theirs do. */
static int64_t wrapped_32(int64_t x)
{
    return (x & 0xffffffff) - (x & 0x80000000 ? INT64_C(1) << 32 : 0);
}

static void multiply(const Attrs *at, CaRefArgs *r, const bool *mask, CaFixed f)
{
    const CarinaShape *s = &r->in[0].shape;
    const int shift = 15 - (f.exponent > 14 ? 14 : f.exponent);
    const int64_t by = f.mantissa < 0x7fff0000 ? (f.mantissa + (1 << 15)) >> 16 : 0x7fff,
                  half = INT64_C(1) << (shift - 1);
    for (int64_t i = 0; i < r->in[0].n; i++) {
        const int64_t x = r->in[0].whole[i] - at->zero_x;
        int64_t *y = &r->out[0].whole[ca_ref_group(s, mask, i)];
        *y = is_first(s, mask, i)
                 ? x
                 : wrapped_32(ca_wrap_add(ca_wrap_mul(*y * x, by), half) >> shift);
    }
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
    if (at->mode == PROD)
        multiply(at, r, mask, f);
    else
        add(at, r, mask);
    const CaFixedRounding how =
        at->mode == PROD ? CA_FIXED_SHORT : (CaFixedRounding)at->rounding;
    for (int64_t i = 0; i < r->out[0].n; i++)
        r->out[0].whole[i] = ca_step_held(
            ca_fixed_times(how, r->out[0].whole[i], f) + at->zero_y, at->low, at->high);
}

const CaOp ca_op_quantized_reduce = {
    .name = "QuantizedReduce",
    .opset = 1,
    .summary = "sum, mean or product of quantised integers, exact to TensorFlow Lite's",
    .arity = {2, 2, 1},
    .flags = CA_OP_OWN,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
