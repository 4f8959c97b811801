/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DeformableConvolution: convolution whose taps are moved by offsets and sampled bilinearly. OpenVINO opset1; opset8 adds the mask and bilinear_interpolation_pad.
 *
 * Inputs: x [N, C, H, W], offsets [N, 2 D KH KW, OH, OW] (dy before dx), weights [O, C/G, KH, KW], mask
 * [N, D KH KW, OH, OW] or none. Without bilinear_interpolation_pad a sample counts where 0 <= y < H and its lower
 * neighbour is held at H - 1; with it where -1 < y < H and neighbours outside are 0 (torchvision's way).
 */
#include "ops/check.h"
#include "ops/window.h"

#include <math.h>

typedef struct {
    CaWindowAttrs window;
    int64_t group, deformable_group;
    bool bilinear_interpolation_pad;
} Attrs;

static const CarinaAttr attrs1[] = {
    CA_WINDOW_STRIDES,
    CA_WINDOW_DILATIONS(CA_REQUIRED),
    CA_WINDOW_PADS(-CA_WINDOW_MAX_STEP),
    CA_WINDOW_AUTO_PAD,
    CA_ATTR_INT(Attrs, group, 1, INT32_MAX, CA_DEFAULT("1")),
    CA_ATTR_INT(Attrs, deformable_group, 1, INT32_MAX, CA_DEFAULT("1")),
    CA_ATTRS_END,
};
static const CarinaAttr attrs8[] = {
    CA_WINDOW_STRIDES,
    CA_WINDOW_DILATIONS(CA_REQUIRED),
    CA_WINDOW_PADS(-CA_WINDOW_MAX_STEP),
    CA_WINDOW_AUTO_PAD,
    CA_ATTR_INT(Attrs, group, 1, INT32_MAX, CA_DEFAULT("1")),
    CA_ATTR_INT(Attrs, deformable_group, 1, INT32_MAX, CA_DEFAULT("1")),
    CA_ATTR_BOOL(Attrs, bilinear_interpolation_pad, CA_DEFAULT("false")),
    CA_ATTRS_END,
};

/* Offsets (each 2) or mask (each 1): channels and place fit the output. */
static CarinaStatus check_taps(const CaInferArgs *a, int i, int each,
                               const CarinaShape *w, const CarinaShape *y,
                               CarinaError *err)
{
    const int64_t groups = ((const Attrs *)a->attrs)->deformable_group;
    const CarinaShape s = ca_in_shape(a, i);
    int64_t want[4] = {y->dims[0], each * groups, y->dims[2], y->dims[3]};
    bool fits = ca_dim_times(&want[1], want[1], w->dims[2]) &&
                ca_dim_times(&want[1], want[1], w->dims[3]);
    for (int d = 0; d < 4; d++)
        fits = fits && ca_dim_meet(&want[d], ca_dim(&s, d));
    char text[CA_SHAPE_TEXT];
    if (fits)
        return CARINA_OK;
    return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                        "input %d has shape %s; give %d for each tap, group and output",
                        i, ca_shape_text(text, sizeof text, &s), each);
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const Attrs *at = (const Attrs *)a->attrs;
    const bool has_mask = ca_node_input(a->node, 3) != NULL;
    CarinaShape x = ca_in_shape(a, 0), w = ca_in_shape(a, 2);
    CaWindow win;
    CA_TRY(ca_check_real(a, 0, has_mask ? 4 : 3, err));
    for (int i = 0; i < 4; i++)
        CA_TRY(ca_check_rank(a, i, 4, 4, err));
    x = x.rank < 0 ? ca_shape_of_rank(4) : x;
    w = w.rank < 0 ? ca_shape_of_rank(4) : w;
    int64_t channels;
    if (!ca_dim_times(&channels, w.dims[1], at->group) ||
        !ca_dim_meet(&channels, x.dims[1]) || (w.dims[0] >= 0 && w.dims[0] % at->group) ||
        (x.dims[1] >= 0 && x.dims[1] % at->deformable_group))
        return ca_infer_err(
            a, err, CARINA_ERR_SHAPE,
            "the data has %lld channels and the weights are for %lld in %lld groups",
            (long long)x.dims[1], (long long)w.dims[1], (long long)at->group);
    if (!ca_window_set(&win, &at->window, x.dims + 2, w.dims + 2, 2))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE, "%s", win.problem);
    CarinaShape y = x;
    y.dims[1] = w.dims[0];
    ca_window_out(&win, y.dims + 2);
    CA_TRY(check_taps(a, 1, 2, &w, &y, err));
    if (has_mask)
        CA_TRY(check_taps(a, 3, 1, &w, &y, err));
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static double element(const double *x, int64_t h, int64_t w, int64_t row, int64_t col)
{
    return row < 0 || row >= h || col < 0 || col >= w ? 0 : x[row * w + col];
}

static double sample(const double *x, int64_t h, int64_t w, double row, double col,
                     bool pads)
{
    const double least = pads ? -1 : 0;
    const bool is_in = row < (double)h && col < (double)w &&
                       (pads ? row > least && col > least : row >= least && col >= least);
    if (!is_in)
        return 0;
    const int64_t r0 = (int64_t)floor(row), c0 = (int64_t)floor(col);
    const int64_t r1 = !pads && r0 + 1 >= h ? h - 1 : r0 + 1;
    const int64_t c1 = !pads && c0 + 1 >= w ? w - 1 : c0 + 1;
    const double fr = row - (double)r0, fc = col - (double)c0;
    return (element(x, h, w, r0, c0) * (1 - fc) + element(x, h, w, r0, c1) * fc) *
               (1 - fr) +
           (element(x, h, w, r1, c0) * (1 - fc) + element(x, h, w, r1, c1) * fc) * fr;
}

/* Output o of image n at place p. */
static double dot_at(const CaRefArgs *r, const CaWindow *win, int64_t n, int64_t o,
                     int64_t p)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CarinaShape *xs = &r->in[0].shape, *ws = &r->in[2].shape;
    const int64_t h = xs->dims[2], w = xs->dims[3], channels = xs->dims[1];
    const int64_t each = ws->dims[1], taps = ca_window_n_taps(win);
    const int64_t places = ca_window_n_out(win), groups = at->deformable_group;
    const int64_t first = o / (ws->dims[0] / at->group) * each;
    double sum = 0;
    for (int64_t c = 0; c < each; c++)
        for (int64_t t = 0; t < taps; t++) {
            const int64_t g = (first + c) / (channels / groups);
            const int64_t tap = (n * groups + g) * taps + t;
            const double *move = r->in[1].real + 2 * tap * places + p;
            int64_t pos[CA_WINDOW_AXES];
            ca_window_at(win, p, t, pos);
            double v = sample(r->in[0].real + (n * channels + first + c) * h * w, h, w,
                              (double)pos[1] + move[0], (double)pos[2] + move[places],
                              at->bilinear_interpolation_pad);
            if (ca_ref_has(r, 3))
                v *= r->in[3].real[tap * places + p];
            sum += v * r->in[2].real[(o * each + c) * taps + t];
        }
    return sum;
}

static void ref(CaRefArgs *r)
{
    const CarinaShape *ws = &r->in[2].shape;
    CaWindow win;
    if (!ca_window_set(&win, &((const Attrs *)r->attrs)->window, r->in[0].shape.dims + 2,
                       ws->dims + 2, 2)) {
        r->problem = "the kernel does not fit into the data";
        return;
    }
    const int64_t places = ca_window_n_out(&win);
    for (int64_t i = 0; i < r->out[0].n; i++)
        r->out[0].real[i] = dot_at(r, &win, i / places / ws->dims[0],
                                   i / places % ws->dims[0], i % places);
}

const CaOp ca_op_deformable_convolution = {
    .name = "DeformableConvolution",
    .opset = 1,
    .summary = "convolution with taps moved by offsets",
    .arity = {3, 3, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs1,
    .infer = infer,
    .ref = ref,
};

const CaOp ca_op_deformable_convolution_8 = {
    .name = "DeformableConvolution",
    .opset = 8,
    .summary = "convolution with taps moved by offsets and weighed by a mask",
    .arity = {3, 4, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs8,
    .infer = infer,
    .ref = ref,
};
