/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FakeQuantize: x rounded to one of `levels` steps of [in_low, in_high], mapped to [out_low, out_high].
 * OpenVINO opset1.
 *
 * At or below the lower end: out_low; above the upper: out_high (mind the asymmetry). Halves go to even.
 * NaN passes through. The four ranges broadcast to x.
 */
#include "ops/binary.h"

typedef struct {
    int64_t levels;
    int32_t auto_broadcast;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(Attrs, levels, 2, 1 << 24, CA_REQUIRED),
    CA_ATTR_ENUM(Attrs, auto_broadcast, ca_broadcast_rules, CA_DEFAULT("numpy")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaType type = ca_in_type(a, 0);
    CarinaShape y = ca_in_shape(a, 0);
    char x[CA_SHAPE_TEXT], s[CA_SHAPE_TEXT];
    for (int i = 0; i < 5; i++) {
        const CarinaShape range = ca_in_shape(a, i), before = y;
        const CarinaType t = ca_in_type(a, i);
        if (t != CARINA_UNKNOWN && (!ca_type_is_real(t) || (type && t != type)))
            return ca_infer_err(
                a, err, CARINA_ERR_TYPE,
                "input %d is %s and x is %s; both must be the same floating type", i,
                carina_type_name(t), carina_type_name(type));
        if (!ca_shape_broadcast(&y, &before, &range))
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "input %d of %s does not fit x of %s", i,
                                ca_shape_text(s, sizeof(s), &range),
                                ca_shape_text(x, sizeof(x), &before));
    }
    ca_out(a, 0, type, &y);
    return CARINA_OK;
}

static double quantized(double x, const double range[4], double steps)
{
    const double il = range[0], ih = range[1], ol = range[2], oh = range[3];
    if (x <= fmin(il, ih))
        return ol;
    if (x > fmax(il, ih))
        return oh;
    return rint((x - il) / (ih - il) * steps) / steps * (oh - ol) + ol;
}

static void ref(CaRefArgs *r)
{
    const double steps = (double)(((const Attrs *)r->attrs)->levels - 1);
    for (int64_t i = 0; i < r->out->n; i++) {
        double v[5];
        for (int k = 0; k < 5; k++)
            v[k] = r->in[k].real[ca_ref_broadcast(&r->out->shape, &r->in[k].shape, i)];
        r->out->real[i] = quantized(v[0], v + 1, steps);
    }
}

const CaOp ca_op_fake_quantize = {
    .name = "FakeQuantize",
    .opset = 1,
    .summary = "round to a few levels of a range",
    .arity = {5, 5, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
