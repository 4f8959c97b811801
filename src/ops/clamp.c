/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clamp: x, not below min and not above max. OpenVINO opset1.
 *
 * NaN passes through. For integers min is rounded up and max down.
 */
#include "ops/unary.h"

#include <float.h>

typedef struct {
    double min, max;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_FLOAT(Attrs, min, -INFINITY, INFINITY, CA_REQUIRED),
    CA_ATTR_FLOAT(Attrs, max, -INFINITY, INFINITY, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const Attrs *const t = a->attrs;
    if (!(t->min <= t->max))
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT, "min %g is above max %g", t->min,
                            t->max);
    return ca_infer_same_as_input(a, err);
}

static double bound(CarinaType type, double v)
{
    const double lo = ca_whole_real(type, ca_whole_lowest(type));
    const double hi = ca_whole_real(type, ca_whole_highest(type));
    return v < lo ? lo : v > hi ? hi : v;
}

static int64_t whole(CarinaType type, double v)
{
    if (v >= 0x1p63) /* only a bound can be: the highest of the 64-bit types */
        return type == CARINA_U64 && v < 0x1p64 ? (int64_t)(uint64_t)v
                                                : ca_whole_highest(type);
    return ca_whole_trunc(v);
}

static void ref(CaRefArgs *r)
{
    const Attrs *const t = r->attrs;
    const CaRefTensor *const x = &r->in[0];
    const double lo = ceil(bound(x->type, t->min)), hi = floor(bound(x->type, t->max));
    for (int64_t i = 0; i < x->n; i++) {
        if (x->real) {
            const double v = x->real[i];
            r->out->real[i] = v < t->min ? t->min : v > t->max ? t->max : v;
        } else {
            const double v = ca_whole_real(x->type, x->whole[i]);
            r->out->whole[i] = v < lo   ? whole(x->type, lo)
                               : v > hi ? whole(x->type, hi)
                                        : x->whole[i];
        }
    }
}

static const CaImportRule imports[] = {
    {CA_FORMAT_CAFFE, "Clip", .map = {{"min", "min", NULL}, {"max", "max", NULL}}},
    {CA_FORMAT_CAFFE, "ReLU6", .map = {{"min", NULL, "0"}, {"max", NULL, "6"}}},
    {0},
};

const CaOp ca_op_clamp = {
    .name = "Clamp",
    .opset = 1,
    .summary = "x between min and max",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .imports = imports,
};
