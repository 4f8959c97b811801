/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AvgPool: the mean under the window. OpenVINO opset1; opset14 adds the rounding ceil_torch, opset16 dilations.
 *
 * exclude-pad: the divisor counts real elements only; otherwise it counts padding too, but never what lies
 * beyond the padded input (rounding ceil), as ONNX and PyTorch have it. A window with nothing to count gives 0.
 */
#include "ops/check.h"
#include "ops/window.h"

typedef struct {
    CaWindowAttrs window;
    bool exclude_pad;
} Attrs;

#define EXCLUDE_PAD \
    CA_ATTR_AS("exclude-pad", CARINA_ATTR_BOOL, Attrs, exclude_pad, 0, 0, CA_REQUIRED)

static const CarinaAttr attrs1[] = {
    CA_WINDOW_KERNEL, CA_WINDOW_STRIDES,  CA_WINDOW_PADS(0),
    EXCLUDE_PAD,      CA_WINDOW_AUTO_PAD, CA_WINDOW_ROUNDING(ca_window_roundings),
    CA_ATTRS_END,
};
static const CarinaAttr attrs14[] = {
    CA_WINDOW_KERNEL, CA_WINDOW_STRIDES,  CA_WINDOW_PADS(0),
    EXCLUDE_PAD,      CA_WINDOW_AUTO_PAD, CA_WINDOW_ROUNDING(ca_window_roundings3),
    CA_ATTRS_END,
};
static const CarinaAttr attrs16[] = {
    CA_WINDOW_KERNEL,
    CA_WINDOW_STRIDES,
    CA_WINDOW_DILATIONS(CA_DEFAULT("")),
    CA_WINDOW_PADS(0),
    EXCLUDE_PAD,
    CA_WINDOW_AUTO_PAD,
    CA_WINDOW_ROUNDING(ca_window_roundings3),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    CarinaShape y;
    CA_TRY(ca_check_real(a, 0, 1, err));
    CA_TRY(ca_window_infer_pool(a, &y, err));
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static bool within_padded(const CaWindow *w, const int64_t at[CA_WINDOW_AXES])
{
    for (int i = 0; i < CA_WINDOW_AXES; i++)
        if (at[i] >= w->axis[i].in + w->axis[i].end)
            return false;
    return true;
}

static double mean_at(const CaWindow *w, int64_t out, const double *x, bool exclude_pad)
{
    const int64_t taps = ca_window_n_taps(w);
    int64_t n = 0;
    double sum = 0;
    for (int64_t t = 0; t < taps; t++) {
        int64_t at[CA_WINDOW_AXES];
        ca_window_at(w, out, t, at);
        const int64_t i = ca_window_index(w, at);
        if (i >= 0)
            sum += x[i];
        n += i >= 0 || (!exclude_pad && within_padded(w, at));
    }
    return n ? sum / (double)n : 0;
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    CaWindow w;
    if (!ca_window_set(&w, &at->window, r->in[0].shape.dims + 2, at->window.kernel.v,
                       at->window.kernel.n)) {
        r->problem = "the window does not fit the data";
        return;
    }
    const int64_t n_in = ca_window_n_in(&w), n_out = ca_window_n_out(&w);
    for (int64_t i = 0; i < r->out[0].n; i++)
        r->out[0].real[i] =
            mean_at(&w, i % n_out, r->in[0].real + i / n_out * n_in, at->exclude_pad);
}

const CaOp ca_op_avg_pool = {
    .name = "AvgPool",
    .opset = 1,
    .summary = "mean under a sliding window",
    .arity = {1, 1, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs1,
    .infer = infer,
    .ref = ref,
};

const CaOp ca_op_avg_pool_14 = {
    .name = "AvgPool",
    .opset = 14,
    .summary = "mean under a sliding window",
    .arity = {1, 1, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs14,
    .infer = infer,
    .ref = ref,
};

const CaOp ca_op_avg_pool_16 = {
    .name = "AvgPool",
    .opset = 16,
    .summary = "mean under a sliding window that may have gaps",
    .arity = {1, 1, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs16,
    .infer = infer,
    .ref = ref,
};
