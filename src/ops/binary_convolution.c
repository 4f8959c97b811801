/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BinaryConvolution: equal bits less different bits under the kernel, mode xnor-popcount. OpenVINO opset1.
 *
 * Data is read as bits (0 or not), weights [O, C, KH, KW] are u1. Padding reads as bit 0 or 1 by pad_value; any other
 * pad_value leaves it out.
 */
#include "ops/check.h"
#include "ops/window.h"

#include <float.h>

static const char *const modes[] = {"xnor-popcount", NULL};

typedef struct {
    CaWindowAttrs window;
    double pad_value;
    int32_t mode;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_WINDOW_STRIDES,
    CA_WINDOW_PADS(-CA_WINDOW_MAX_STEP),
    CA_WINDOW_DILATIONS(CA_REQUIRED),
    CA_ATTR_ENUM(Attrs, mode, modes, CA_DEFAULT("xnor-popcount")),
    CA_ATTR_FLOAT(Attrs, pad_value, -FLT_MAX, FLT_MAX, CA_REQUIRED),
    CA_WINDOW_AUTO_PAD,
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    CarinaShape x = ca_in_shape(a, 0), w = ca_in_shape(a, 1);
    CaWindow win;
    CA_TRY(ca_check_real(a, 0, 1, err));
    if (ca_in_type(a, 1) != CARINA_U1)
        return ca_infer_err(a, err, CARINA_ERR_TYPE, "the weights are %s; give u1",
                            carina_type_name(ca_in_type(a, 1)));
    CA_TRY(ca_check_rank(a, 0, 4, 4, err));
    CA_TRY(ca_check_rank(a, 1, 4, 4, err));
    x = x.rank < 0 ? ca_shape_of_rank(4) : x;
    w = w.rank < 0 ? ca_shape_of_rank(4) : w;
    if (!ca_dim_meet(&x.dims[1], w.dims[1]))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "the data has %lld channels and the weights want %lld",
                            (long long)x.dims[1], (long long)w.dims[1]);
    if (!ca_window_set(&win, &((const Attrs *)a->attrs)->window, x.dims + 2, w.dims + 2,
                       2))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE, "%s", win.problem);
    x.dims[1] = w.dims[0];
    ca_window_out(&win, x.dims + 2);
    ca_out(a, 0, ca_in_type(a, 0), &x);
    return CARINA_OK;
}

static double agree_at(const CaWindow *w, int64_t pos, const double *x, const int64_t *k,
                       int64_t channels, double pad_value)
{
    const int64_t n_in = ca_window_n_in(w), taps = ca_window_n_taps(w);
    int64_t sum = 0;
    for (int64_t t = 0; t < taps; t++) {
        int64_t at[CA_WINDOW_AXES];
        ca_window_at(w, pos, t, at);
        const int64_t i = ca_window_index(w, at);
        if (i < 0 && pad_value != 0 && pad_value != 1)
            continue;
        for (int64_t c = 0; c < channels; c++) {
            const bool bit = i < 0 ? pad_value == 1 : x[c * n_in + i] != 0;
            sum += bit == (k[c * taps + t] != 0) ? 1 : -1;
        }
    }
    return (double)sum;
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CarinaShape *xs = &r->in[0].shape, *ws = &r->in[1].shape;
    CaWindow w;
    if (!ca_window_set(&w, &at->window, xs->dims + 2, ws->dims + 2, 2)) {
        r->problem = "the kernel does not fit into the data";
        return;
    }
    const int64_t channels = ws->dims[1], n_out = ca_window_n_out(&w);
    for (int64_t i = 0; i < r->out[0].n; i++) {
        const int64_t n = i / n_out / ws->dims[0], o = i / n_out % ws->dims[0];
        r->out[0].real[i] =
            agree_at(&w, i % n_out, r->in[0].real + n * channels * ca_window_n_in(&w),
                     r->in[1].whole + o * channels * ca_window_n_taps(&w), channels,
                     at->pad_value);
    }
}

const CaOp ca_op_binary_convolution = {
    .name = "BinaryConvolution",
    .opset = 1,
    .summary = "convolution of bits: equal less different ones",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
