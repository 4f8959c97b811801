/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PReLU: x where x >= 0, slope * x elsewhere. OpenVINO opset1.
 *
 * A slope of one number holds for all. A vector as long as axis 1 of x is per channel, also where it fits the
 * last axis; any other slope broadcasts as NumPy does, without stretching x.
 */
#include "ops/binary.h"

/* The slope's shape, aligned with x from the right. */
static CarinaShape aligned(const CarinaShape *x, const CarinaShape *slope)
{
    CarinaShape s = *slope;
    if (s.rank == 1 && x->rank >= 2 && s.dims[0] == x->dims[1] && s.dims[0] != 1) {
        s.rank = x->rank - 1;
        for (int d = 1; d < s.rank; d++)
            s.dims[d] = 1;
    }
    return s;
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0), slope = ca_in_shape(a, 1);
    const CarinaType tx = ca_in_type(a, 0), ts = ca_in_type(a, 1);
    char sx[CA_SHAPE_TEXT], ss[CA_SHAPE_TEXT];
    if (tx != CARINA_UNKNOWN && ts != CARINA_UNKNOWN &&
        (tx != ts && !(ca_type_is_real(tx) && ca_type_is_real(ts))))
        return ca_infer_err(a, err, CARINA_ERR_TYPE, "x is %s and slope %s; convert one",
                            carina_type_name(tx), carina_type_name(ts));
    if (ca_shape_is_static(&x) && ca_shape_is_static(&slope)) {
        const CarinaShape s = aligned(&x, &slope);
        CarinaShape both;
        if (!ca_shape_broadcast(&both, &x, &s) || !ca_shape_equal(&both, &x))
            return ca_infer_err(
                a, err, CARINA_ERR_SHAPE, "a slope of %s does not fit x of %s",
                ca_shape_text(ss, sizeof(ss), &slope), ca_shape_text(sx, sizeof(sx), &x));
    }
    return ca_infer_same_as_input(a, err);
}

static void ref(CaRefArgs *r)
{
    const CaRefTensor *const x = &r->in[0];
    const CarinaShape s = aligned(&x->shape, &r->in[1].shape);
    for (int64_t i = 0; i < x->n; i++) {
        const int64_t k = ca_ref_broadcast(&x->shape, &s, i);
        if (x->real)
            r->out->real[i] = x->real[i] < 0 ? x->real[i] * r->in[1].real[k] : x->real[i];
        else
            r->out->whole[i] = ca_whole_less(x->type, x->whole[i], 0)
                                   ? ca_wrap_mul(x->whole[i], r->in[1].whole[k])
                                   : x->whole[i];
    }
}

const CaOp ca_op_prelu = {
    .name = "PReLU",
    .opset = 1,
    .summary = "x, or slope times x below zero",
    .arity = {2, 2, 1},
    .flags = CA_OP_ELEMENTWISE,
    .infer = infer,
    .ref = ref,
};
