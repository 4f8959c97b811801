/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedAvgPool: the mean of quantised integers under the window, without the padding, to the nearest, halves away
 * from zero, held within [low, high]. [N, C, H, W]; input and output have the same steps. Carina's own.
 */
#include "ops/quantized.h"
#include "ops/window.h"

typedef struct {
    CaWindowAttrs window;
    int64_t low, high;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_WINDOW_KERNEL,
    CA_WINDOW_STRIDES,
    CA_WINDOW_PADS(0),
    CA_WINDOW_AUTO_PAD,
    CA_STEP_ATTR(Attrs, low, CA_REQUIRED),
    CA_STEP_ATTR(Attrs, high, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    CarinaShape y;
    CA_TRY(ca_check_steps(a, 0, err));
    CA_TRY(ca_window_infer_pool(a, &y, err));
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static int64_t mean_at(const CaWindow *w, int64_t out, const int64_t *x)
{
    const int64_t taps = ca_window_n_taps(w);
    int64_t n = 0, sum = 0;
    for (int64_t t = 0; t < taps; t++) {
        int64_t at[CA_WINDOW_AXES];
        ca_window_at(w, out, t, at);
        const int64_t i = ca_window_index(w, at);
        sum += i >= 0 ? x[i] : 0;
        n += i >= 0;
    }
    if (n == 0)
        return 0;
    return sum > 0 ? (sum + n / 2) / n : (sum - n / 2) / n;
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
        r->out[0].whole[i] = ca_step_held(
            mean_at(&w, i % n_out, r->in[0].whole + i / n_out * n_in), at->low, at->high);
}

const CaOp ca_op_quantized_avg_pool = {
    .name = "QuantizedAvgPool",
    .opset = 1,
    .summary = "mean under a window of quantised integers, exact to TensorFlow Lite's",
    .arity = {1, 1, 1},
    .flags = CA_OP_OWN,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};
