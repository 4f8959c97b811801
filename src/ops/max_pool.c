/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MaxPool: the greatest element under the window. OpenVINO opset1; opset8 adds dilations and indices, opset14
 * the rounding ceil_torch, which drops a last window that would begin in the padding.
 *
 * Padding never wins. A window wholly in the padding (rounding ceil) gives the type's lowest number and index 0.
 * NaN is passed over unless the window holds nothing else. The first of equals gives the index, which counts
 * over the unpadded input's dimensions from `axis` on.
 */
#include "ops/check.h"
#include "ops/window.h"

#include <float.h>
#include <math.h>

typedef struct {
    CaWindowAttrs window;
    CarinaType index_element_type;
    int64_t axis;
} Attrs;

static const CarinaAttr attrs1[] = {
    CA_WINDOW_STRIDES,  CA_WINDOW_PADS(0),
    CA_WINDOW_KERNEL,   CA_WINDOW_ROUNDING(ca_window_roundings),
    CA_WINDOW_AUTO_PAD, CA_ATTRS_END,
};
static const CarinaAttr attrs8[] = {
    CA_WINDOW_STRIDES,
    CA_WINDOW_DILATIONS(CA_DEFAULT("")),
    CA_WINDOW_PADS(0),
    CA_WINDOW_KERNEL,
    CA_WINDOW_ROUNDING(ca_window_roundings),
    CA_WINDOW_AUTO_PAD,
    CA_ATTR_TYPE(Attrs, index_element_type, CA_DEFAULT("i64")),
    CA_ATTR_INT(Attrs, axis, -CARINA_MAX_RANK, CARINA_MAX_RANK - 1, CA_DEFAULT("0")),
    CA_ATTRS_END,
};
static const CarinaAttr attrs14[] = {
    CA_WINDOW_STRIDES,
    CA_WINDOW_DILATIONS(CA_DEFAULT("")),
    CA_WINDOW_PADS(0),
    CA_WINDOW_KERNEL,
    CA_WINDOW_ROUNDING(ca_window_roundings3),
    CA_WINDOW_AUTO_PAD,
    CA_ATTR_TYPE(Attrs, index_element_type, CA_DEFAULT("i64")),
    CA_ATTR_INT(Attrs, axis, -CARINA_MAX_RANK, CARINA_MAX_RANK - 1, CA_DEFAULT("0")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    CarinaShape y;
    CA_TRY(ca_check_same(a, 0, 1, err));
    CA_TRY(ca_window_infer_pool(a, &y, err));
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static CarinaStatus infer8(const CaInferArgs *a, CarinaError *err)
{
    const Attrs *at = (const Attrs *)a->attrs;
    CarinaShape y;
    int axis;
    CA_TRY(ca_check_same(a, 0, 1, err));
    CA_TRY(ca_window_infer_pool(a, &y, err));
    if (!ca_axis(at->axis, y.rank, &axis))
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                            "axis %lld is out of range; the input has %d dimensions",
                            (long long)at->axis, (int)y.rank);
    if (at->index_element_type != CARINA_I64 && at->index_element_type != CARINA_I32)
        return ca_infer_err(a, err, CARINA_ERR_TYPE,
                            "index_element_type is %s; give i32 or i64",
                            carina_type_name(at->index_element_type));
    ca_out(a, 0, ca_in_type(a, 0), &y);
    ca_out(a, 1, at->index_element_type, &y);
    return CARINA_OK;
}

static double lowest_real(CarinaType type)
{
    if (type == CARINA_F16)
        return -65504;
    if (type == CARINA_BF16)
        return -0x1.fep127;
    return type == CARINA_F64 ? -DBL_MAX : (double)-FLT_MAX;
}

static int64_t lowest_whole(CarinaType type)
{
    if (type == CARINA_BOOL || ca_type_is_unsigned(type))
        return 0;
    return INT64_MIN >> (64 - carina_type_bits(type));
}

static bool greater(const CaRefTensor *t, int64_t i, int64_t best)
{
    if (t->whole)
        return t->type == CARINA_U64 ? (uint64_t)t->whole[i] > (uint64_t)t->whole[best]
                                     : t->whole[i] > t->whole[best];
    return t->real[i] > t->real[best] || (isnan(t->real[best]) && !isnan(t->real[i]));
}

/* Flat number, in the whole input, of the greatest element under a window of the plane at base; -1: none. */
static int64_t best_of(const CaRefTensor *x, const CaWindow *w, int64_t base, int64_t out)
{
    const int64_t taps = ca_window_n_taps(w);
    int64_t best = -1;
    for (int64_t t = 0; t < taps; t++) {
        int64_t at[CA_WINDOW_AXES];
        ca_window_at(w, out, t, at);
        const int64_t i = ca_window_index(w, at);
        if (i >= 0 && (best < 0 || greater(x, base + i, best)))
            best = base + i;
    }
    return best;
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CaRefTensor *x = &r->in[0];
    CaRefTensor *y = &r->out[0];
    CaWindow w;
    int axis = 0;
    if (!ca_window_set(&w, &at->window, x->shape.dims + 2, at->window.kernel.v,
                       at->window.kernel.n) ||
        !ca_axis(at->axis, x->shape.rank, &axis)) {
        r->problem = "the window does not fit the data";
        return;
    }
    const int64_t n_in = ca_window_n_in(&w), n_out = ca_window_n_out(&w);
    const int64_t span = ca_shape_product(&x->shape, axis, x->shape.rank);
    for (int64_t i = 0; i < y->n; i++) {
        const int64_t best = best_of(x, &w, i / n_out * n_in, i % n_out);
        if (y->real)
            y->real[i] = best < 0 ? lowest_real(y->type) : x->real[best];
        else
            y->whole[i] = best < 0 ? lowest_whole(y->type) : x->whole[best];
        if (r->n_out > 1)
            r->out[1].whole[i] = best < 0 ? 0 : best % span;
    }
}

const CaOp ca_op_max_pool = {
    .name = "MaxPool",
    .opset = 1,
    .summary = "greatest element under a sliding window",
    .arity = {1, 1, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs1,
    .infer = infer,
    .ref = ref,
};

const CaOp ca_op_max_pool_8 = {
    .name = "MaxPool",
    .opset = 8,
    .summary = "greatest element under a sliding window, and where it is",
    .arity = {1, 1, 2},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs8,
    .infer = infer8,
    .ref = ref,
};

const CaOp ca_op_max_pool_14 = {
    .name = "MaxPool",
    .opset = 14,
    .summary = "greatest element under a sliding window, and where it is",
    .arity = {1, 1, 2},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs14,
    .infer = infer8,
    .ref = ref,
};
