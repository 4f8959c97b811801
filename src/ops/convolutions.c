/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shape rules and references of the four plain convolutions.
 */
#include "ops/convolutions.h"
#include "ops/check.h"

/* Data and weights as far as known: one gives the other's rank. False: neither rank is known. */
static CarinaStatus operands(const CaInferArgs *a, bool grouped, CarinaShape *x,
                             CarinaShape *w, bool *known, CarinaError *err)
{
    const int g = grouped ? 1 : 0;
    CA_TRY(ca_check_real(a, 0, 2, err));
    CA_TRY(ca_check_rank(a, 0, 3, 5, err));
    CA_TRY(ca_check_rank(a, 1, 3 + g, 5 + g, err));
    *x = ca_in_shape(a, 0);
    *w = ca_in_shape(a, 1);
    *known = x->rank >= 0 || w->rank >= 0;
    if (!*known)
        return CARINA_OK;
    if (x->rank < 0)
        *x = ca_shape_of_rank(w->rank - g);
    if (w->rank < 0)
        *w = ca_shape_of_rank(x->rank + g);
    if (w->rank != x->rank + g)
        return ca_infer_err(
            a, err, CARINA_ERR_SHAPE,
            "the data has %d dimensions and the weights %d; give weights of %d",
            (int)x->rank, (int)w->rank, (int)x->rank + g);
    if (grouped && w->dims[0] == 0)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE, "the weights have 0 groups");
    return CARINA_OK;
}

/* Channels of the data are groups * each; *out = groups * others. */
static CarinaStatus channels(const CaInferArgs *a, int64_t data, int64_t groups,
                             int64_t each, int64_t others, int64_t *out, CarinaError *err)
{
    int64_t want;
    if (!ca_dim_times(&want, groups, each) || !ca_dim_times(out, groups, others))
        return ca_infer_err(a, err, CARINA_ERR_LIMIT,
                            "the weights have too many channels");
    if (data >= 0 && want >= 0 && data != want)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "the data has %lld channels and the weights want %lld",
                            (long long)data, (long long)want);
    return CARINA_OK;
}

CarinaStatus ca_convolution_infer(const CaInferArgs *a, bool grouped, CarinaError *err)
{
    const int g = grouped ? 1 : 0;
    CarinaShape x, w;
    CaWindow win;
    bool known;
    CA_TRY(operands(a, grouped, &x, &w, &known, err));
    if (!known) {
        const CarinaShape y = ca_shape_unknown();
        ca_out(a, 0, ca_in_type(a, 0), &y);
        return CARINA_OK;
    }
    CarinaShape y = x;
    CA_TRY(channels(a, x.dims[1], grouped ? w.dims[0] : 1, w.dims[g + 1], w.dims[g],
                    &y.dims[1], err));
    if (!ca_window_set(&win, (const CaWindowAttrs *)a->attrs, x.dims + 2, w.dims + g + 2,
                       x.rank - 2))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE, "%s", win.problem);
    ca_window_out(&win, y.dims + 2);
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

CarinaStatus ca_convolution_back_infer(const CaInferArgs *a, bool grouped,
                                       CarinaError *err)
{
    const int g = grouped ? 1 : 0;
    CarinaShape x, w;
    CaWindow win;
    bool known;
    int64_t asked[CA_WINDOW_AXES];
    int n_asked = 0;
    CA_TRY(operands(a, grouped, &x, &w, &known, err));
    const bool has_shape = ca_node_input(a->node, 2) != NULL;
    if (has_shape)
        CA_TRY(ca_check_whole(a, 2, err));
    if (!known) {
        const CarinaShape y = ca_shape_unknown();
        ca_out(a, 0, ca_in_type(a, 0), &y);
        return CARINA_OK;
    }
    const int n = x.rank - 2;
    CarinaShape y = x;
    CA_TRY(channels(a, x.dims[1], grouped ? w.dims[0] : 1, w.dims[g], w.dims[g + 1],
                    &y.dims[1], err));
    const bool has_values =
        has_shape && ca_in_ints(a, 2, asked, CA_WINDOW_AXES, &n_asked);
    if (has_values) {
        if (n_asked != n)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "output_shape has %d numbers; give %d", n_asked, n);
        for (int i = 0; i < n; i++)
            if (asked[i] < 1 || asked[i] > CA_WINDOW_MAX_SIZE)
                return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                    "output_shape holds %lld; give lengths from 1",
                                    (long long)asked[i]);
    }
    if (!ca_window_set_back(&win, (const CaWindowAttrs *)a->attrs, x.dims + 2,
                            w.dims + g + 2, has_values ? asked : NULL, n))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE, "%s", win.problem);
    ca_window_out(&win, y.dims + 2);
    if (has_shape && !has_values)
        for (int i = 0; i < n; i++)
            y.dims[2 + i] = CARINA_DYNAMIC;
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

/* One output: the sum over the channels of a group and the taps that meet the data. */
static double dot_at(const CaWindow *w, int64_t pos, const double *x, const double *k,
                     int64_t channels)
{
    const int64_t n_in = ca_window_n_in(w), taps = ca_window_n_taps(w);
    double sum = 0;
    for (int64_t t = 0; t < taps; t++) {
        int64_t at[CA_WINDOW_AXES];
        ca_window_at(w, pos, t, at);
        const int64_t i = ca_window_index(w, at);
        for (int64_t c = 0; i >= 0 && c < channels; c++)
            sum += x[c * n_in + i] * k[c * taps + t];
    }
    return sum;
}

void ca_convolution_ref(CaRefArgs *r, bool grouped)
{
    const CarinaShape *xs = &r->in[0].shape, *ws = &r->in[1].shape;
    const int g = grouped ? 1 : 0;
    CaWindow w;
    if (!ca_window_set(&w, (const CaWindowAttrs *)r->attrs, xs->dims + 2,
                       ws->dims + g + 2, xs->rank - 2)) {
        r->problem = "the kernel does not fit into the data";
        return;
    }
    const int64_t groups = grouped ? ws->dims[0] : 1, outs = ws->dims[g];
    const int64_t ins = ws->dims[g + 1], taps = ca_window_n_taps(&w);
    const int64_t n_in = ca_window_n_in(&w), n_out = ca_window_n_out(&w);
    double *y = r->out[0].real;
    for (int64_t n = 0; n < xs->dims[0]; n++)
        for (int64_t o = 0; o < groups * outs; o++) {
            const double *x = r->in[0].real + (n * groups + o / outs) * ins * n_in;
            const double *k = r->in[1].real + o * ins * taps;
            for (int64_t p = 0; p < n_out; p++)
                *y++ = dot_at(&w, p, x, k, ins);
        }
}

/* One input channel into one output channel: the window slides over the output. */
static void spread(const CaWindow *w, const double *x, const double *k, double *y)
{
    const int64_t n_in = ca_window_n_out(w), taps = ca_window_n_taps(w);
    for (int64_t p = 0; p < n_in; p++)
        for (int64_t t = 0; t < taps; t++) {
            int64_t at[CA_WINDOW_AXES];
            ca_window_at(w, p, t, at);
            const int64_t i = ca_window_index(w, at);
            if (i >= 0)
                y[i] += x[p] * k[t];
        }
}

void ca_convolution_back_ref(CaRefArgs *r, bool grouped)
{
    const CarinaShape *xs = &r->in[0].shape, *ws = &r->in[1].shape;
    const int g = grouped ? 1 : 0;
    CaWindow w;
    if (!ca_window_set_back(
            &w, (const CaWindowAttrs *)r->attrs, xs->dims + 2, ws->dims + g + 2,
            ca_ref_has(r, 2) ? r->out[0].shape.dims + 2 : NULL, xs->rank - 2)) {
        r->problem = "the kernel does not fit into the data";
        return;
    }
    for (int i = 0; i < CA_WINDOW_AXES;
         i++) { /* seen from the output, x is what the window gives */
        const int64_t in = w.axis[i].in;
        w.axis[i].in = w.axis[i].out;
        w.axis[i].out = in;
    }
    const int64_t groups = grouped ? ws->dims[0] : 1, ins = ws->dims[g];
    const int64_t outs = ws->dims[g + 1], taps = ca_window_n_taps(&w);
    const int64_t n_x = ca_window_n_out(&w), n_y = ca_window_n_in(&w);
    for (int64_t i = 0; i < r->out[0].n; i++)
        r->out[0].real[i] = 0;
    for (int64_t n = 0; n < xs->dims[0]; n++)
        for (int64_t c = 0; c < groups * ins; c++)
            for (int64_t o = 0; o < outs; o++)
                spread(&w, r->in[0].real + (n * groups * ins + c) * n_x,
                       r->in[1].real + (c * outs + o) * taps,
                       r->out[0].real + ((n * groups + c / ins) * outs + o) * n_y);
}
