/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras: convolutions of one to three dimensions, plain, separable, depthwise, transposed, local.
 *
 * Kernels are [k..., in / groups, out]; transposed ones [k..., out, in], depthwise ones [k..., in, multiplier].
 */
#include "formats/keras/keras_reader.h"

#include <string.h>

typedef struct Window {
    int n;
    int64_t kernel[CARINA_MAX_RANK], strides[CARINA_MAX_RANK], dilations[CARINA_MAX_RANK];
    const char *padding; /* valid, same, causal */
} Window;

static Window window_read(CaKerasCall *c)
{
    Window w = {.n = c->layer->op->n, .padding = ca_keras_text(c, "padding", "valid")};
    ca_keras_ints(c, w.kernel, w.n, "kernel_size", 0);
    ca_keras_ints(c, w.strides, w.n, "strides", 1);
    ca_keras_ints(c, w.dilations, w.n, "dilation_rate", 1);
    for (int i = 0; i < w.n; i++)
        if (w.kernel[i] < 1 || w.kernel[i] > INT32_MAX || w.strides[i] < 1 ||
            w.strides[i] > INT32_MAX || w.dilations[i] < 1 ||
            w.dilations[i] > INT32_MAX) {
            ca_build_fail(c->b, CARINA_ERR_FORMAT,
                          "kernel_size, strides and dilation_rate must be positive");
            w.kernel[i] = w.strides[i] = w.dilations[i] =
                1; /* for the arithmetic that follows */
        }
    if (strcmp(w.padding, "valid") != 0 && strcmp(w.padding, "same") != 0 &&
        !(strcmp(w.padding, "causal") == 0 && w.n == 1))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "padding '%s'; valid, same and (1-D) causal are read", w.padding);
    return w;
}

static int64_t extent(const Window *w, int i)
{
    return (w->kernel[i] - 1) * w->dilations[i] + 1;
}

static void window_set(CaKerasCall *c, CaValue *v, const Window *w)
{
    int64_t begin[CARINA_MAX_RANK] = {0}, end[CARINA_MAX_RANK] = {0};
    const bool same = strcmp(w->padding, "same") == 0;
    if (strcmp(w->padding, "causal") == 0)
        begin[0] = extent(w, 0) - 1;
    ca_build_set_ints(c->b, v, "strides", w->strides, w->n);
    ca_build_set_ints(c->b, v, "dilations", w->dilations, w->n);
    ca_build_set_ints(c->b, v, "pads_begin", begin, w->n);
    ca_build_set_ints(c->b, v, "pads_end", end, w->n);
    ca_build_set_text(c->b, v, "auto_pad", same ? "same_upper" : "explicit");
}

/* Kernel dimensions as the file must have them: the window's, then a and b. */
static const int64_t *stored(const Window *w, int64_t a, int64_t b,
                             int64_t dims[CARINA_MAX_RANK])
{
    memcpy(dims, w->kernel, (size_t)w->n * sizeof *dims);
    dims[w->n] = a;
    dims[w->n + 1] = b;
    return dims;
}

/* [k..., a, b] -> [b, a, k...], or [a, b, k...] */
static const int *turned(const Window *w, bool b_first, int perm[CARINA_MAX_RANK])
{
    perm[0] = b_first ? w->n + 1 : w->n;
    perm[1] = b_first ? w->n : w->n + 1;
    for (int i = 0; i < w->n; i++)
        perm[i + 2] = i;
    return perm;
}

/* Bias, activation, and back to Keras' layout. */
static void finish(CaKerasCall *c, CaValue *v, int i, int64_t filters)
{
    if (ca_keras_bool(c, "use_bias", true))
        v = ca_keras_bias(c, v, ca_keras_weight(c, i, "bias", &filters, 1, NULL), 1);
    if (!ca_build_settle(c->b))
        return;
    const char *act = ca_keras_name_of(json_object_get(c->config, "activation"));
    if (strstr(act, "softmax") || strcmp(act, "glu") == 0 || strstr(act, "sparsemax"))
        ca_keras_out(c, ca_keras_activation(c, ca_keras_from_work(c, v)));
    else
        ca_keras_out(c, ca_keras_from_work(c, ca_keras_activation(c, v)));
}

static CaValue *grouped(CaKerasCall *c, CaValue *kernel, int64_t groups, int64_t out,
                        int64_t in, const Window *w)
{
    int64_t dims[CARINA_MAX_RANK] = {groups, out, in};
    memcpy(dims + 3, w->kernel, (size_t)w->n * sizeof *dims);
    return ca_build_reshape(c->b, kernel, dims, w->n + 3);
}

static void conv(CaKerasCall *c)
{
    const Window w = window_read(c);
    const int64_t groups = ca_keras_int(c, "groups", 1),
                  filters = ca_keras_int(c, "filters", -1);
    int64_t dims[CARINA_MAX_RANK];
    int perm[CARINA_MAX_RANK];
    CaValue *x = ca_keras_to_work(c, ca_keras_real_in(c, 0));
    CaValue *kernel = ca_keras_weight(c, 0, "kernel", stored(&w, -1, filters, dims),
                                      w.n + 2, turned(&w, true, perm));
    const CarinaShape s = ca_build_shape(c->b, kernel);
    if (groups < 1 || filters < 1 || filters % (groups < 1 ? 1 : groups))
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "%lld filters do not divide into %lld groups", (long long)filters,
                      (long long)groups);
    if (c->b->status != CARINA_OK)
        return;
    CaValue *v =
        groups == 1
            ? ca_build_2(c->b, "Convolution", x, kernel)
            : ca_build_2(c->b, "GroupConvolution", x,
                         grouped(c, kernel, groups, filters / groups, s.dims[1], &w));
    window_set(c, v, &w);
    finish(c, v, 1, filters);
}

/* [k..., C, M] -> [C, M, 1, k...] */
static CaValue *depthwise(CaKerasCall *c, CaValue *x, const Window *w, int64_t *channels)
{
    int64_t dims[CARINA_MAX_RANK];
    int perm[CARINA_MAX_RANK];
    const int64_t multiplier = ca_keras_int(c, "depth_multiplier", 1);
    CaValue *kernel =
        ca_keras_weight(c, 0, "depthwise_kernel|kernel", stored(w, -1, multiplier, dims),
                        w->n + 2, turned(w, false, perm));
    const CarinaShape s = ca_build_shape(c->b, kernel);
    if (c->b->status != CARINA_OK)
        return NULL;
    *channels = s.dims[0] * s.dims[1];
    CaValue *v = ca_build_2(c->b, "GroupConvolution", x,
                            grouped(c, kernel, s.dims[0], s.dims[1], 1, w));
    window_set(c, v, w);
    return v;
}

static void depthwise_conv(CaKerasCall *c)
{
    const Window w = window_read(c);
    int64_t channels = -1;
    CaValue *x = ca_keras_to_work(c, ca_keras_real_in(c, 0));
    finish(c, depthwise(c, x, &w, &channels), 1, channels);
}

static void separable_conv(CaKerasCall *c)
{
    const Window w = window_read(c);
    Window point = {.n = w.n, .padding = "valid"};
    const int64_t filters = ca_keras_int(c, "filters", -1);
    int64_t channels = -1, dims[CARINA_MAX_RANK];
    int perm[CARINA_MAX_RANK];
    for (int i = 0; i < w.n; i++)
        point.kernel[i] = point.strides[i] = point.dilations[i] = 1;
    CaValue *x = ca_keras_to_work(c, ca_keras_real_in(c, 0));
    CaValue *v = depthwise(c, x, &w, &channels);
    CaValue *kernel =
        ca_keras_weight(c, 1, "pointwise_kernel", stored(&point, channels, filters, dims),
                        w.n + 2, turned(&point, true, perm));
    v = ca_build_2(c->b, "Convolution", v, kernel);
    window_set(c, v, &point);
    finish(c, v, 2, filters);
}

/* The output is as long as Keras makes it; what is cut is cut as the gradient of a padded convolution would. */
static void transposed_window(CaKerasCall *c, CaValue *v, const Window *w)
{
    int64_t begin[CARINA_MAX_RANK] = {0}, end[CARINA_MAX_RANK] = {0},
            extra[CARINA_MAX_RANK] = {0}, asked[CARINA_MAX_RANK];
    const bool same = strcmp(w->padding, "same") == 0;
    ca_keras_ints(c, asked, w->n, "output_padding", -1);
    for (int i = 0; i < w->n; i++) {
        const int64_t k = extent(w, i), s = w->strides[i];
        int64_t cut = same ? k - s : k < s ? k - s : 0; /* from (in - 1) s + k */
        if (asked[i] >= 0)
            cut = (same ? 2 * (k / 2) : 0) - asked[i];
        begin[i] = cut > 0 ? cut / 2 : 0;
        end[i] = cut > 0 ? cut - cut / 2 : 0;
        extra[i] = cut < 0 ? -cut : 0;
    }
    ca_build_set_ints(c->b, v, "strides", w->strides, w->n);
    ca_build_set_ints(c->b, v, "dilations", w->dilations, w->n);
    ca_build_set_ints(c->b, v, "pads_begin", begin, w->n);
    ca_build_set_ints(c->b, v, "pads_end", end, w->n);
    ca_build_set_ints(c->b, v, "output_padding", extra, w->n);
}

static void conv_transpose(CaKerasCall *c)
{
    const Window w = window_read(c);
    const int64_t filters = ca_keras_int(c, "filters", -1);
    int64_t dims[CARINA_MAX_RANK];
    int perm[CARINA_MAX_RANK];
    CaValue *x = ca_keras_to_work(c, ca_keras_real_in(c, 0));
    CaValue *kernel = ca_keras_weight(c, 0, "kernel", stored(&w, filters, -1, dims),
                                      w.n + 2, turned(&w, true, perm));
    if (ca_keras_int(c, "groups", 1) != 1)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "groups in a transposed convolution");
    CaValue *v = ca_build_2(c->b, "ConvolutionBackpropData", x, kernel);
    transposed_window(c, v, &w);
    finish(c, v, 1, filters);
}

/* LocallyConnected (Keras 2): every output position has a kernel of its own, [positions, k... * C, O]. The windows are
 * gathered into [N, positions, k... * C] and multiplied position by position. */
static CaValue *windows_of(CaKerasCall *c, CaValue *x, const Window *w,
                           const CarinaShape *s, int64_t out[CARINA_MAX_RANK])
{
    int64_t n = 1, taps = 1;
    for (int i = 0; i < w->n; i++) {
        out[i] = s->dims[i + 1] < w->kernel[i]
                     ? 0
                     : (s->dims[i + 1] - w->kernel[i]) / w->strides[i] + 1;
        n *= out[i] > 0 && out[i] < 4096 ? out[i] : 0;
        taps *= w->kernel[i] < 4096 ? w->kernel[i] : 0;
    }
    if (n < 1 || taps < 1 || n * taps > (1 << 22) || s->dims[w->n + 1] < 1) {
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "its input has no usable size; give the model's input shape");
        return NULL;
    }
    int64_t *index = ca_arena_array(c->b->work, (size_t)(n * taps), sizeof *index),
            at = 0;
    if (!index) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    const int64_t ow = w->n == 2 ? out[1] : 1, kw = w->n == 2 ? w->kernel[1] : 1,
                  width = w->n == 2 ? s->dims[2] : 1, sw = w->n == 2 ? w->strides[1] : 1;
    for (int64_t p = 0; p < n; p++)
        for (int64_t k = 0; k < taps; k++)
            index[at++] =
                (p / ow * w->strides[0] + k / kw) * width + p % ow * sw + k % kw;
    const int64_t flat[] = {0, -1, s->dims[w->n + 1]},
                  rows[] = {0, n, taps * s->dims[w->n + 1]};
    CaValue *v =
        ca_build_3(c->b, "Gather", ca_build_reshape_0(c->b, x, flat, 3),
                   ca_build_vector(c->b, index, (int)at), ca_build_scalar(c->b, 1));
    return ca_build_reshape_0(c->b, v, rows, 3);
}

static void local_conv(CaKerasCall *c)
{
    const Window w = window_read(c);
    const int64_t filters = ca_keras_int(c, "filters", -1);
    int64_t out[CARINA_MAX_RANK] = {0}, dims[CARINA_MAX_RANK] = {0},
            bias[CARINA_MAX_RANK];
    CaValue *x = ca_keras_real_in(c, 0);
    const CarinaShape s = ca_build_shape(c->b, x);
    if (ca_keras_is_first(c) || strcmp(w.padding, "valid") != 0 ||
        ca_keras_int(c, "implementation", 1) != 1 || s.rank != w.n + 2)
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "local convolution other than channels_last, valid, implementation 1");
    if (c->b->status != CARINA_OK)
        return;
    CaValue *v = windows_of(c, x, &w, &s, out);
    const int64_t kernel[] = {-1, -1, filters}, to_rows[] = {0, 0, 1, -1};
    v = ca_build_reshape_0(c->b, v, to_rows, 4); /* [N, P, 1, K] x [P, K, O] */
    v = ca_build_2(c->b, "MatMul", v, ca_keras_weight(c, 0, "kernel", kernel, 3, NULL));
    for (int i = 0; i < w.n; i++)
        dims[i + 1] = bias[i] = out[i];
    dims[w.n + 1] = bias[w.n] = filters;
    v = ca_build_reshape_0(c->b, v, dims, w.n + 2);
    if (ca_keras_bool(c, "use_bias", true))
        v = ca_build_2(c->b, "Add", v,
                       ca_keras_weight(c, 1, "bias", bias, w.n + 1, NULL));
    ca_keras_out(c, ca_keras_activation(c, v));
}

const CaKerasOp ca_keras_conv[] = {
    {"Conv1D", conv, NULL, 1, CA_KERAS_STOPS},
    {"Conv1DTranspose", conv_transpose, NULL, 1, CA_KERAS_STOPS},
    {"Conv2D", conv, NULL, 2, CA_KERAS_STOPS},
    {"Conv2DTranspose", conv_transpose, NULL, 2, CA_KERAS_STOPS},
    {"Conv3D", conv, NULL, 3, CA_KERAS_STOPS},
    {"Conv3DTranspose", conv_transpose, NULL, 3, CA_KERAS_STOPS},
    {"Convolution1D", conv, NULL, 1, CA_KERAS_STOPS},
    {"Convolution1DTranspose", conv_transpose, NULL, 1, CA_KERAS_STOPS},
    {"Convolution2D", conv, NULL, 2, CA_KERAS_STOPS},
    {"Convolution2DTranspose", conv_transpose, NULL, 2, CA_KERAS_STOPS},
    {"Convolution3D", conv, NULL, 3, CA_KERAS_STOPS},
    {"Convolution3DTranspose", conv_transpose, NULL, 3, CA_KERAS_STOPS},
    {"DepthwiseConv1D", depthwise_conv, NULL, 1, CA_KERAS_STOPS},
    {"DepthwiseConv2D", depthwise_conv, NULL, 2, CA_KERAS_STOPS},
    {"LocallyConnected1D", local_conv, NULL, 1, CA_KERAS_STOPS},
    {"LocallyConnected2D", local_conv, NULL, 2, CA_KERAS_STOPS},
    {"SeparableConv1D", separable_conv, NULL, 1, CA_KERAS_STOPS},
    {"SeparableConv2D", separable_conv, NULL, 2, CA_KERAS_STOPS},
    {"SeparableConvolution1D", separable_conv, NULL, 1, CA_KERAS_STOPS},
    {"SeparableConvolution2D", separable_conv, NULL, 2, CA_KERAS_STOPS},
    {NULL, NULL, NULL, 0, CA_KERAS_PASSES},
};
