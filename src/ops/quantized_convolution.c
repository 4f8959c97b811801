/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedConvolution: x [N, C, H, W] with weights [O, C / groups, h, w], bias [O], and a factor a channel, mantissas
 * [O] and exponents [O]. Carina's own.
 *
 * y = factor * (sum of (x - zero_x) * (w - zero_w) + bias) + zero_y, held within [low, high]; rounding says how the
 * factor is applied. real: it is mantissa * 2^(exponent - 53), and the sum is multiplied in double; halves away from
 * zero. A fully connected layer is one of 1x1 on [N, C, 1, 1].
 */
#include "ops/quantized.h"
#include "ops/whole.h"
#include "ops/window.h"

typedef struct {
    CaWindowAttrs window;
    int64_t groups, zero_x, zero_w, zero_y, low, high;
    int32_t rounding;
} Attrs;

enum { REAL = 3 };
static const char *const roundings[] = {"twice", "once", "short", "real", NULL};

static const CarinaAttr attrs[] = {
    CA_WINDOW_STRIDES,
    CA_WINDOW_DILATIONS(CA_REQUIRED),
    CA_WINDOW_PADS(0),
    CA_WINDOW_AUTO_PAD,
    CA_ATTR_INT(Attrs, groups, 1, INT32_MAX, CA_DEFAULT("1")),
    CA_STEP_ATTR(Attrs, zero_x, CA_DEFAULT("0")),
    CA_STEP_ATTR(Attrs, zero_w, CA_DEFAULT("0")),
    CA_STEP_ATTR(Attrs, zero_y, CA_DEFAULT("0")),
    CA_STEP_ATTR(Attrs, low, CA_REQUIRED),
    CA_STEP_ATTR(Attrs, high, CA_REQUIRED),
    CA_ATTR_ENUM(Attrs, rounding, roundings, CA_DEFAULT("twice")),
    CA_ATTRS_END,
};

/* Bias, mantissas, exponents: one number a channel. */
static CarinaStatus check_channels(const CaInferArgs *a, int64_t co, CarinaError *err)
{
    for (int i = 2; i < 5; i++) {
        const CarinaShape s = ca_in_shape(a, i);
        CA_TRY(ca_check_whole(a, i, err));
        CA_TRY(ca_check_rank(a, i, 1, 1, err));
        if (s.rank == 1 && s.dims[0] >= 0 && co >= 0 && s.dims[0] != co)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "input %d has %lld numbers; there are %lld channels", i,
                                (long long)s.dims[0], (long long)co);
    }
    return CARINA_OK;
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const Attrs *at = a->attrs;
    CaWindow win;
    CA_TRY(ca_check_steps(a, 0, err));
    CA_TRY(ca_check_steps(a, 1, err));
    CA_TRY(ca_check_rank(a, 0, 4, 4, err));
    CA_TRY(ca_check_rank(a, 1, 4, 4, err));
    const CarinaShape x = ca_in_shape(a, 0), w = ca_in_shape(a, 1);
    CarinaShape y = x;
    int64_t ci = 0;
    CA_TRY(check_channels(a, ca_dim(&w, 0), err));
    if (x.rank < 0 || w.rank < 0) {
        y = ca_shape_of_rank(4);
        ca_out(a, 0, ca_in_type(a, 0), &y);
        return CARINA_OK;
    }
    if (!ca_dim_times(&ci, w.dims[1], at->groups) || !ca_dim_meet(&ci, x.dims[1]))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "the data has %lld channels, the weights %lld in %lld groups",
                            (long long)x.dims[1], (long long)w.dims[1],
                            (long long)at->groups);
    if (w.dims[0] >= 0 && w.dims[0] % at->groups)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "%lld channels do not divide into %lld groups",
                            (long long)w.dims[0], (long long)at->groups);
    if (!ca_window_set(&win, &at->window, x.dims + 2, w.dims + 2, 2))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE, "%s", win.problem);
    y.dims[1] = w.dims[0];
    ca_window_out(&win, y.dims + 2);
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

/* One output: x and k at its group's first channel and its filter. */
static int64_t dot_at(const CaWindow *w, int64_t pos, const int64_t *x, const int64_t *k,
                      int64_t channels, const Attrs *at)
{
    const int64_t n_in = ca_window_n_in(w), taps = ca_window_n_taps(w);
    int64_t sum = 0;
    for (int64_t t = 0; t < taps; t++) {
        int64_t place[CA_WINDOW_AXES];
        ca_window_at(w, pos, t, place);
        const int64_t i = ca_window_index(w, place);
        for (int64_t c = 0; i >= 0 && c < channels; c++)
            sum += (x[c * n_in + i] - at->zero_x) * (k[c * taps + t] - at->zero_w);
    }
    return sum;
}

/* The sum times its channel's factor. */
static int64_t scaled(const Attrs *at, int64_t sum, int64_t mantissa, int64_t exponent)
{
    if (at->rounding == REAL)
        return ca_whole_round((double)sum * ldexp((double)mantissa, (int)exponent - 53));
    return ca_fixed_times((CaFixedRounding)at->rounding, sum,
                          (CaFixed){(int32_t)mantissa, (int32_t)exponent});
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CarinaShape *xs = &r->in[0].shape, *ws = &r->in[1].shape;
    CaWindow w;
    if (!ca_window_set(&w, &at->window, xs->dims + 2, ws->dims + 2, 2)) {
        r->problem = "the window does not fit the data";
        return;
    }
    const int64_t n_in = ca_window_n_in(&w), n_out = ca_window_n_out(&w),
                  co = ws->dims[0], each = ws->dims[1], taps = ca_window_n_taps(&w);
    for (int64_t i = 0; i < r->out[0].n; i++) {
        const int64_t o = i / n_out % co, image = i / n_out / co,
                      group = o / (co / at->groups);
        const int64_t e = r->in[4].whole[o];
        if (e < (at->rounding == REAL ? -1000 : CA_FIXED_LOWEST_EXPONENT) ||
            e > CA_FIXED_HIGHEST_EXPONENT) {
            r->problem = "an exponent is out of range";
            return;
        }
        const int64_t sum =
            dot_at(&w, i % n_out,
                   r->in[0].whole + (image * xs->dims[1] + group * each) * n_in,
                   r->in[1].whole + o * each * taps, each, at) +
            r->in[2].whole[o];
        r->out[0].whole[i] = ca_step_held(
            scaled(at, sum, r->in[3].whole[o], e) + at->zero_y, at->low, at->high);
    }
}

const CaOp ca_op_quantized_convolution = {
    .name = "QuantizedConvolution",
    .opset = 1,
    .summary = "convolution of quantised integers, exact to TensorFlow Lite's",
    .arity = {5, 5, 1},
    .flags = CA_OP_OWN,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
