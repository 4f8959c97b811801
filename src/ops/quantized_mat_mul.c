/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedMatMul: a [..., M, K] with the rows of b [..., N, K]: y[m, n] = factor * (sum over k of (a - zero_a) *
 * (b - zero_b)) + zero_y, held within [low, high]; leading dimensions broadcast. y has the type of a. Carina's own.
 */
#include "ops/quantized.h"

typedef struct {
    int64_t zero_a, zero_b, zero_y, low, high, mantissa, exponent;
    int32_t rounding;
} Attrs;

static const char *const roundings[] = {"twice", "once", "short", NULL};

static const CarinaAttr attrs[] = {
    CA_STEP_ATTR(Attrs, zero_a, CA_DEFAULT("0")),
    CA_STEP_ATTR(Attrs, zero_b, CA_DEFAULT("0")),
    CA_STEP_ATTR(Attrs, zero_y, CA_DEFAULT("0")),
    CA_STEP_ATTR(Attrs, low, CA_REQUIRED),
    CA_STEP_ATTR(Attrs, high, CA_REQUIRED),
    CA_MANTISSA_ATTR(Attrs, mantissa, CA_REQUIRED),
    CA_EXPONENT_ATTR(Attrs, exponent, CA_REQUIRED),
    CA_ATTR_ENUM(Attrs, rounding, roundings, CA_DEFAULT("twice")),
    CA_ATTRS_END,
};

static CarinaShape leading(const CarinaShape *s)
{
    return ca_shape(s->rank - 2, s->dims);
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0), w = ca_in_shape(a, 1);
    CarinaShape y = ca_shape_unknown();
    CA_TRY(ca_check_steps(a, 0, err));
    CA_TRY(ca_check_steps(a, 1, err));
    CA_TRY(ca_check_rank(a, 0, 2, CARINA_MAX_RANK, err));
    CA_TRY(ca_check_rank(a, 1, 2, CARINA_MAX_RANK, err));
    if (x.rank >= 0 && w.rank >= 0) {
        const CarinaShape xs = leading(&x), ws = leading(&w);
        int64_t k = x.dims[x.rank - 1];
        if (!ca_dim_meet(&k, w.dims[w.rank - 1]) || !ca_shape_broadcast(&y, &xs, &ws))
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "rows of %lld numbers do not multiply rows of %lld",
                                (long long)x.dims[x.rank - 1],
                                (long long)w.dims[w.rank - 1]);
        y.dims[y.rank++] = x.dims[x.rank - 2];
        y.dims[y.rank++] = w.dims[w.rank - 2];
    }
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static int64_t dot(const Attrs *at, const int64_t *a, const int64_t *b, int64_t n)
{
    int64_t sum = 0;
    for (int64_t k = 0; k < n; k++)
        sum += (a[k] - at->zero_a) * (b[k] - at->zero_b);
    return sum;
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CaFixed f = {(int32_t)at->mantissa, (int32_t)at->exponent};
    const CarinaShape *xs = &r->in[0].shape, *ws = &r->in[1].shape,
                      *ys = &r->out[0].shape;
    const CarinaShape x = leading(xs), w = leading(ws), y = leading(ys);
    const int64_t rows = ys->dims[ys->rank - 2], cols = ys->dims[ys->rank - 1],
                  n = xs->dims[xs->rank - 1];
    for (int64_t i = 0; i < r->out[0].n; i++) {
        const int64_t image = i / cols / rows;
        const int64_t row = ca_ref_broadcast(&y, &x, image) * rows + i / cols % rows,
                      col = ca_ref_broadcast(&y, &w, image) * cols + i % cols;
        const int64_t sum =
            dot(at, r->in[0].whole + row * n, r->in[1].whole + col * n, n);
        r->out[0].whole[i] = ca_step_held(
            ca_fixed_times((CaFixedRounding)at->rounding, sum, f) + at->zero_y, at->low,
            at->high);
    }
}

const CaOp ca_op_quantized_mat_mul = {
    .name = "QuantizedMatMul",
    .opset = 1,
    .summary = "products of rows of quantised integers, exact to TensorFlow Lite's",
    .arity = {2, 2, 1},
    .flags = CA_OP_OWN,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
