/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet: convolution, pooling, products, normalisation, activations, the losses that end a network.
 */
#include "formats/mxnet/mxnet_reader.h"

#include <float.h>
#include <string.h>

static const char *const with_mask[] = {"output", "mask"}, *const with_statistics[] = {
                                                               "output", "mean", "var"};

enum { MAX_SPATIAL = 3, MAX_CHANNELS = 1 << 24 };
static const int64_t largest = 1 << 24; /* of a kernel, stride, dilation or pad */

/* --- Windows: what convolution and pooling share. */

typedef struct Window {
    int n;
    int64_t kernel[MAX_SPATIAL], stride[MAX_SPATIAL], dilate[MAX_SPATIAL],
        begin[MAX_SPATIAL], end[MAX_SPATIAL];
    bool channels_last;
} Window;

static void per_axis(CaMxnetCall *c, const char *key, int64_t *out, int n, int64_t absent,
                     int64_t least)
{
    const int given = ca_mxnet_list(c, key, out, n);
    if (given > 0 && given != n)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "%s has %d numbers, the window %d", key,
                      given, n);
    for (int i = 0; i < n; i++) {
        if (given <= 0)
            out[i] = absent;
        if (out[i] < least || out[i] > largest)
            ca_build_fail(c->b, CARINA_ERR_FORMAT, "%s is %lld, must be %lld to %lld",
                          key, (long long)out[i], (long long)least, (long long)largest);
    }
}

/* rank: of the input. */
static Window window_of(CaMxnetCall *c, int rank)
{
    const char *layout = ca_mxnet_text(c, "layout", "NC");
    Window w = {.n = rank - 2, .channels_last = strncmp(layout, "NC", 2) != 0};
    if (c->b->status == CARINA_OK && (rank < 3 || rank - 2 > MAX_SPATIAL)) {
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "an input of %d dimensions; Carina reads 3 to 5", rank);
        w.n = 0;
    }
    if (c->b->status != CARINA_OK)
        return w;
    per_axis(c, "kernel", w.kernel, w.n, 1, 1);
    per_axis(c, "stride", w.stride, w.n, 1, 1);
    per_axis(c, "dilate", w.dilate, w.n, 1, 1);
    per_axis(c, "pad", w.begin, w.n, 0, 0);
    memcpy(w.end, w.begin, sizeof w.end);
    return w;
}

static void set_window(CaBuild *b, CaValue *v, const Window *w)
{
    ca_build_set_ints(b, v, "strides", w->stride, w->n);
    ca_build_set_ints(b, v, "pads_begin", w->begin, w->n);
    ca_build_set_ints(b, v, "pads_end", w->end, w->n);
}

/* --- Convolution. */

/* The weight as [O, I / g, k...], or [I, O / g, k...] backwards; [g, O / g, I / g, k...] with groups. */
static CaValue *filter(CaMxnetCall *c, CaValue *weight, const Window *w, int64_t group)
{
    CaBuild *const b = c->b;
    if (w->channels_last)
        weight = ca_build_channels_first(b, weight);
    const CarinaShape s = ca_build_static_shape(b, weight);
    int64_t dims[CARINA_MAX_RANK + 1];
    bool fits = s.rank == w->n + 2;
    for (int i = 0; fits && i < w->n; i++)
        fits = s.dims[i + 2] == w->kernel[i];
    if (!fits || s.dims[0] % group != 0) {
        char text[CA_SHAPE_TEXT];
        ca_build_fail(
            b, CARINA_ERR_SHAPE,
            "its weight is %s, which does not fit its kernel or %lld groups; the "
            "two files do not belong together",
            ca_shape_text(text, sizeof text, &s), (long long)group);
        return NULL;
    }
    if (group == 1)
        return weight;
    dims[0] = group;
    dims[1] = s.dims[0] / group;
    memcpy(dims + 2, s.dims + 1, (size_t)(s.rank - 1) * sizeof dims[0]);
    return ca_build_reshape(b, weight, dims, s.rank + 1);
}

static CaValue *biased(CaMxnetCall *c, CaValue *v, int i, bool none, int rank)
{
    if (none)
        return v;
    CaValue *bias = ca_mxnet_weight(c, i, "bias");
    bias = ca_build_convert(c->b, bias, ca_build_type(c->b, v));
    return ca_build_2(c->b, "Add", v, ca_build_per_channel(c->b, bias, 1, rank));
}

static int64_t positive(CaMxnetCall *c, const char *key, int64_t absent)
{
    const int64_t v = ca_mxnet_int(c, key, absent);
    if (v >= 1 && v <= INT32_MAX)
        return v;
    ca_build_fail(c->b, CARINA_ERR_FORMAT, "%s is %lld or missing; it must be positive",
                  key, (long long)v);
    return 1;
}

static void convolution(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0), *weight = ca_mxnet_weight(c, 1, "weight");
    const int rank = ca_build_rank(b, weight);
    const Window w = window_of(c, rank);
    const int64_t group = positive(c, "num_group", 1);
    if (b->status != CARINA_OK)
        return;
    if (w.channels_last)
        x = ca_build_channels_first(b, x);
    weight = ca_build_convert(b, filter(c, weight, &w, group), ca_build_type(b, x));
    CaValue *v = ca_build_2(b, group > 1 ? "GroupConvolution" : "Convolution", x, weight);
    set_window(b, v, &w);
    ca_build_set_ints(b, v, "dilations", w.dilate, w.n);
    v = biased(c, v, 2, ca_mxnet_flag(c, "no_bias", false), rank);
    ca_mxnet_out(c, w.channels_last ? ca_build_channels_last(b, v) : v);
}

/* target_shape stands above pad and adj: the pads that lead to it. */
static void target_pads(CaMxnetCall *c, const CarinaShape *x, Window *w, int64_t *adj)
{
    int64_t target[MAX_SPATIAL];
    const int n = ca_mxnet_list(c, "target_shape", target, w->n);
    if (n != w->n)
        return;
    for (int i = 0; i < n && target[i] == 0; i++)
        if (i == n - 1)
            return; /* (0, 0): none */
    for (int i = 0; i < n && c->b->status == CARINA_OK; i++) {
        const int64_t in = x->rank == n + 2 ? x->dims[i + 2] : -1;
        if (in < 1 || in > INT32_MAX || target[i] < 1 || target[i] > INT32_MAX) {
            ca_build_fail(
                c->b, CARINA_ERR_SHAPE,
                "target_shape with an input of unknown or absurd size; give the "
                "model's input shape");
            return;
        }
        const int64_t full =
            w->stride[i] * (in - 1) + (w->kernel[i] - 1) * w->dilate[i] + 1;
        const int64_t total = full - target[i];
        if (total < 0) {
            ca_build_fail(c->b, CARINA_ERR_SHAPE, "target_shape %lld is past %lld",
                          (long long)target[i], (long long)full);
            return;
        }
        w->begin[i] = w->end[i] = (total + 1) / 2;
        adj[i] = total % 2;
    }
}

static void deconvolution(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0), *weight = ca_mxnet_weight(c, 1, "weight");
    const int rank = ca_build_rank(b, weight);
    Window w = window_of(c, rank);
    int64_t adj[MAX_SPATIAL] = {0};
    const int64_t group = positive(c, "num_group", 1);
    if (b->status != CARINA_OK)
        return;
    per_axis(c, "adj", adj, w.n, 0, 0);
    if (w.channels_last)
        x = ca_build_channels_first(b, x);
    const CarinaShape s = ca_build_shape(b, x);
    target_pads(c, &s, &w, adj);
    weight = ca_build_convert(b, filter(c, weight, &w, group), ca_build_type(b, x));
    CaValue *v = ca_build_2(
        b, group > 1 ? "GroupConvolutionBackpropData" : "ConvolutionBackpropData", x,
        weight);
    set_window(b, v, &w);
    ca_build_set_ints(b, v, "dilations", w.dilate, w.n);
    ca_build_set_ints(b, v, "output_padding", adj, w.n);
    v = biased(c, v, 2, ca_mxnet_flag(c, "no_bias", true), rank);
    ca_mxnet_out(c, w.channels_last ? ca_build_channels_last(b, v) : v);
}

/* --- Pooling. `full` rounds up and never cuts a window off; padding counts in an average, what lies past it does
 * not. */

static CaValue *global_pool(CaMxnetCall *c, CaValue *x, const char *type, int rank)
{
    const char *op = strcmp(type, "max") == 0   ? "ReduceMax"
                     : strcmp(type, "sum") == 0 ? "ReduceSum"
                                                : "ReduceMean";
    return ca_mxnet_reduce(c->b, op, x, ca_build_iota(c->b, 2, rank - 2), true);
}

/* How far the last window reaches past input and padding; -1 where that is not known. */
static int64_t overhang(CaMxnetCall *c, const Window *w, int i, int64_t in, bool full)
{
    const int64_t room = in + 2 * w->begin[i] - w->kernel[i], s = w->stride[i];
    if (!full)
        return 0;
    if (in < 0 || in > INT32_MAX)
        return -1;
    if (room < 0)
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "a window of %lld does not lie in an input of %lld",
                      (long long)w->kernel[i], (long long)in);
    const int64_t over = (room + s - 1) / s * s - room;
    if (over >= w->kernel[i])
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "a window of %lld (stride %lld) lies wholly outside an input of "
                      "%lld; use pooling_convention valid",
                      (long long)w->kernel[i], (long long)s, (long long)in);
    return over;
}

static CaValue *zeros_around(CaBuild *b, CaValue *x, Window *w)
{
    int64_t begin[CARINA_MAX_RANK] = {0};
    memcpy(begin + 2, w->begin, (size_t)w->n * sizeof begin[0]);
    CaValue *const in[] = {x, ca_build_vector(b, begin, w->n + 2),
                           ca_build_vector(b, begin, w->n + 2), ca_build_number(b, x, 0)};
    CaValue *v = ca_build_make_at(b, "Pad", 1, in, 4, 1);
    ca_build_set_text(b, v, "pad_mode", "constant");
    memset(w->begin, 0, sizeof w->begin);
    memset(w->end, 0, sizeof w->end);
    return v;
}

static CaValue *window_pool(CaMxnetCall *c, CaValue *x, Window w, bool is_max,
                            bool count_pads, bool full)
{
    CaBuild *const b = c->b;
    const CarinaShape s = ca_build_shape(b, x);
    bool padded = false, hangs = false, unknown = false;
    int64_t over[MAX_SPATIAL] = {0};
    for (int i = 0; i < w.n && b->status == CARINA_OK; i++) {
        over[i] = overhang(c, &w, i, s.rank == w.n + 2 ? s.dims[i + 2] : -1, full);
        padded = padded || w.begin[i] > 0;
        hangs = hangs || over[i] > 0;
        unknown = unknown || over[i] < 0;
    }
    if (!is_max && padded && count_pads && (hangs || unknown)) {
        x = zeros_around(b, x, &w);
        padded = false;
    }
    for (int i = 0; i < w.n && padded && hangs && !unknown; i++)
        w.end[i] += over[i];
    const bool ceil = unknown || (hangs && !padded);
    CaValue *v = ca_build_make_at(b, is_max ? "MaxPool" : "AvgPool", 1, &x, 1, 1);
    set_window(b, v, &w);
    ca_build_set_ints(b, v, "kernel", w.kernel, w.n);
    ca_build_set_text(b, v, "rounding_type", ceil ? "ceil" : "floor");
    if (!is_max)
        ca_build_set_text(b, v, "exclude-pad", padded && count_pads ? "false" : "true");
    return v;
}

/* The sum over a window is the average with zeros that count, times the area. */
static CaValue *any_pool(CaMxnetCall *c, CaValue *x, const Window *w, const char *type)
{
    const bool full = ca_mxnet_is(c, "pooling_convention", "full");
    const bool is_sum = strcmp(type, "sum") == 0;
    double area = 1;
    for (int i = 0; i < w->n; i++)
        area *= (double)w->kernel[i];
    if (is_sum && full)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "sums with pooling_convention full; use valid");
    CaValue *v = window_pool(c, x, *w, strcmp(type, "max") == 0,
                             is_sum || ca_mxnet_flag(c, "count_include_pad", true), full);
    return is_sum ? ca_build_times(c->b, v, area) : v;
}

static void pooling(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    const char *type = ca_mxnet_text(c, "pool_type", "max");
    const bool global = ca_mxnet_flag(c, "global_pool", false);
    const int rank = ca_build_rank(b, x);
    const Window w = window_of(c, rank);
    if (strcmp(type, "max") != 0 && strcmp(type, "avg") != 0 && strcmp(type, "sum") != 0)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "pool_type %.20s, which Carina does not have; use max, avg or sum",
                      type);
    if (ca_mxnet_is(c, "pooling_convention", "same"))
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "pooling_convention same; use valid or full with pads");
    if (!global && !ca_mxnet_attr(c->node, "kernel"))
        ca_build_fail(b, CARINA_ERR_FORMAT, "kernel is missing; the file is damaged");
    if (b->status != CARINA_OK)
        return;
    if (w.channels_last)
        x = ca_build_channels_first(b, x);
    CaValue *v = global ? global_pool(c, x, type, rank) : any_pool(c, x, &w, type);
    ca_mxnet_out(c, w.channels_last ? ca_build_channels_last(b, v) : v);
}

/* out_h and out_w of bins that share the input out evenly. */
static void adaptive_average(CaMxnetCall *c)
{
    int64_t size[2] = {1, 1};
    CaValue *x = ca_mxnet_in(c, 0);
    if (ca_mxnet_list(c, "output_size", size, 2) == 1)
        size[1] = size[0];
    ca_mxnet_out(c,
                 ca_build_2(c->b, "AdaptiveAvgPool", x, ca_build_vector(c->b, size, 2)));
}

/* --- Products. */

static void fully_connected(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0), *weight = ca_mxnet_weight(c, 1, "weight");
    const int rank = ca_build_rank(b, x);
    if (ca_mxnet_flag(c, "flatten", true) && rank != 2)
        x = ca_build_flatten(b, x, 1);
    weight = ca_build_convert(b, weight, ca_build_type(b, x));
    CaValue *v = ca_mxnet_matmul(b, x, weight, false, true);
    if (!ca_mxnet_flag(c, "no_bias", false)) {
        CaValue *bias = ca_mxnet_weight(c, 2, "bias");
        v = ca_build_2(b, "Add", v, ca_build_convert(b, bias, ca_build_type(b, v)));
    }
    ca_mxnet_out(c, v);
}

/* --- Normalisation. */

static CaValue *constant_like(CaBuild *b, CaValue *v, double number)
{
    const CarinaShape s = ca_build_static_shape(b, v);
    CaValue *out = NULL;
    int64_t n = 0;
    if (b->status == CARINA_OK && (!ca_shape_count(&s, &n) || n > MAX_CHANNELS))
        ca_build_fail(b, CARINA_ERR_LIMIT, "more than %d channels", MAX_CHANNELS);
    if (b->status != CARINA_OK)
        return NULL;
    double *list = ca_arena_array(b->work, (size_t)n + 1, sizeof *list);
    if (!list)
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
    for (int64_t i = 0; list && i < n; i++)
        list[i] = number;
    out = ca_build_reals(b, &s, list);
    return ca_build_convert(b, out, ca_build_type(b, v));
}

/* x [N, C, ...] with the axis of its channels second; *back: its order was changed. */
static CaValue *axis_second(CaMxnetCall *c, CaValue *x, int axis)
{
    return axis == 1 ? x : ca_mxnet_transposed(c->b, x, 1, axis);
}

static void batch_norm(CaMxnetCall *c)
{
    static const char *const names[] = {"gamma", "beta", "moving_mean", "moving_var"};
    CaBuild *const b = c->b;
    CaValue *in[5] = {ca_mxnet_in(c, 0)};
    const int rank = ca_build_rank(b, in[0]);
    const int axis = ca_build_axis(b, ca_mxnet_int(c, "axis", 1), rank);
    for (int i = 1; i < 5; i++)
        in[i] = ca_mxnet_weight(c, i, names[i - 1]);
    if (ca_mxnet_flag(c, "fix_gamma", true))
        in[1] = constant_like(b, in[1], 1);
    in[0] = axis_second(c, in[0], axis);
    const CarinaType type = ca_build_type(b, in[0]);
    for (int i = 1; i < 5; i++)
        in[i] = ca_build_convert(b, in[i], type);
    CaValue *v = ca_build_make(b, "BatchNormInference", in, 5, 1);
    ca_build_set_real(b, v, "epsilon", ca_mxnet_real(c, "eps", 1e-3));
    if (strcmp(c->node->op, "_contrib_BatchNormWithReLU") == 0)
        v = ca_build_1(b, "ReLU", v);
    v = axis_second(c, v, axis);
    CaValue *const out[] = {v, NULL, NULL}; /* the statistics of a batch are training's */
    ca_mxnet_named_outs(c, out, 3, with_statistics);
}

static CaValue *mvn(CaBuild *b, CaValue *x, CaValue *axes, double eps)
{
    CaValue *v = ca_build_2(b, "MVN", x, axes);
    ca_build_set_text(b, v, "normalize_variance", "true");
    ca_build_set_real(b, v, "eps", eps);
    ca_build_set_text(b, v, "eps_mode", "inside_sqrt");
    return v;
}

static CaValue *scaled(CaMxnetCall *c, CaValue *v, CaValue *gamma, CaValue *beta,
                       int axis, int rank)
{
    v = ca_build_2(c->b, "Multiply", v, ca_build_per_channel(c->b, gamma, axis, rank));
    return ca_build_2(c->b, "Add", v, ca_build_per_channel(c->b, beta, axis, rank));
}

static void instance_norm(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    CaValue *gamma = ca_mxnet_weight(c, 1, "gamma"),
            *beta = ca_mxnet_weight(c, 2, "beta");
    const int rank = ca_build_rank(b, x);
    if (b->status == CARINA_OK && rank < 3)
        ca_build_fail(b, CARINA_ERR_SHAPE, "an input of %d dimensions, needs 3", rank);
    if (b->status != CARINA_OK)
        return;
    CaValue *v = mvn(b, x, ca_build_iota(b, 2, rank - 2), ca_mxnet_real(c, "eps", 1e-3));
    ca_mxnet_out(c, scaled(c, v, gamma, beta, 1, rank));
}

static void layer_norm(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    CaValue *gamma = ca_mxnet_weight(c, 1, "gamma"),
            *beta = ca_mxnet_weight(c, 2, "beta");
    const int rank = ca_build_rank(b, x);
    const int axis = ca_build_axis(b, ca_mxnet_int(c, "axis", -1), rank);
    CaValue *v = mvn(b, x, ca_build_iota(b, axis, 1), ca_mxnet_real(c, "eps", 1e-5));
    CaValue *const out[] = {scaled(c, v, gamma, beta, axis, rank), NULL, NULL};
    ca_mxnet_named_outs(c, out, 3, with_statistics);
}

/* [G] to [C], each number repeated. */
static CaValue *repeated(CaBuild *b, CaValue *v, int64_t groups, int64_t channels)
{
    const int64_t column[] = {groups, 1}, all[] = {groups, channels / groups};
    CaValue *wide = ca_build_2(b, "Broadcast", ca_build_reshape(b, v, column, 2),
                               ca_build_vector(b, all, 2));
    return ca_build_reshape(b, wide, &channels, 1);
}

/* gamma is as long as the groups or, from MXNet 1.7 on, as the channels. */
static void group_norm(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    CaValue *gamma = ca_mxnet_weight(c, 1, "gamma"),
            *beta = ca_mxnet_weight(c, 2, "beta");
    const CarinaShape s = ca_build_shape(b, x), g = ca_build_shape(b, gamma);
    const int64_t groups = positive(c, "num_groups", 1);
    if (b->status == CARINA_OK &&
        (s.rank < 2 || s.dims[1] < 1 || s.dims[1] % groups != 0))
        ca_build_fail(b, CARINA_ERR_SHAPE, "channels do not divide into %lld groups",
                      (long long)groups);
    if (b->status != CARINA_OK)
        return;
    if (g.rank == 1 && g.dims[0] == groups && groups != s.dims[1]) {
        gamma = repeated(b, gamma, groups, s.dims[1]);
        beta = repeated(b, beta, groups, s.dims[1]);
    }
    CaValue *v = ca_build_3(b, "GroupNormalization", x, gamma, beta);
    ca_build_set_int(b, v, "num_groups", groups);
    ca_build_set_real(b, v, "epsilon", ca_mxnet_real(c, "eps", 1e-5));
    CaValue *const out[] = {v, NULL, NULL};
    ca_mxnet_named_outs(c, out, 3, with_statistics);
}

static void l2_normalization(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    const int rank = ca_build_rank(b, x);
    const bool channel = ca_mxnet_is(c, "mode", "channel");
    const int from = ca_mxnet_is(c, "mode", "spatial") ? 2 : 1;
    if (b->status == CARINA_OK && rank <= from)
        ca_build_fail(b, CARINA_ERR_SHAPE, "an input of %d dimensions, needs %d", rank,
                      from + 1);
    if (b->status != CARINA_OK)
        return;
    CaValue *v = ca_build_2(b, "NormalizeL2", x,
                            ca_build_iota(b, from, channel ? 1 : rank - from));
    ca_build_set_real(b, v, "eps", ca_mxnet_real(c, "eps", 1e-10));
    ca_build_set_text(b, v, "eps_mode", "add");
    ca_mxnet_out(c, v);
}

static void lrn(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *v = ca_build_2(b, "LRN", ca_mxnet_in(c, 0), ca_build_iota(b, 1, 1));
    ca_build_set_real(b, v, "alpha", ca_mxnet_real(c, "alpha", 1e-4));
    ca_build_set_real(b, v, "beta", ca_mxnet_real(c, "beta", 0.75));
    ca_build_set_real(b, v, "bias", ca_mxnet_real(c, "knorm", 2));
    ca_build_set_int(b, v, "size", positive(c, "nsize", 0));
    ca_mxnet_out(c, v);
}

/* --- Activations. */

static CaValue *activated(CaMxnetCall *c, CaValue *x, const char *type)
{
    static const char *const names[][2] = {{"relu", "ReLU"},
                                           {"sigmoid", "Sigmoid"},
                                           {"tanh", "Tanh"},
                                           {"softrelu", "SoftPlus"},
                                           {"softsign", "SoftSign"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(type, names[i][0]) == 0)
            return ca_build_1(c->b, names[i][1], x);
    ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                  "act_type %.20s; Carina has relu, sigmoid, tanh, softrelu and softsign",
                  type);
    return NULL;
}

static void activation(CaMxnetCall *c)
{
    ca_mxnet_out(c,
                 activated(c, ca_mxnet_in(c, 0), ca_mxnet_text(c, "act_type", "(none)")));
}

static CaValue *leaky(CaBuild *b, CaValue *x, double slope)
{
    const int64_t one = 1;
    return ca_build_2(b, "PReLU", x,
                      ca_build_reshape(b, ca_build_number(b, x, slope), &one, 1));
}

static CaValue *prelu(CaMxnetCall *c, CaValue *x)
{
    CaBuild *const b = c->b;
    CaValue *gamma = ca_mxnet_weight(c, 1, "gamma");
    const int rank = ca_build_rank(b, x);
    const CarinaShape s = ca_build_shape(b, gamma);
    gamma = ca_build_convert(b, gamma, ca_build_type(b, x));
    if (s.rank == 1 && s.dims[0] > 1 && rank > 1)
        gamma = ca_build_per_channel(b, gamma, 1, rank);
    return ca_build_2(b, "PReLU", x, gamma);
}

static void leaky_relu(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0), *v = NULL;
    const char *type = ca_mxnet_text(c, "act_type", "leaky");
    const double slope = ca_mxnet_real(c, "slope", 0.25);
    if (strcmp(type, "leaky") == 0) {
        v = leaky(b, x, slope);
    } else if (strcmp(type, "rrelu") == 0) {
        v = leaky(b, x,
                  (ca_mxnet_real(c, "lower_bound", 0.125) +
                   ca_mxnet_real(c, "upper_bound", (double)0.334f)) /
                      2);
    } else if (strcmp(type, "prelu") == 0) {
        v = prelu(c, x);
    } else if (strcmp(type, "elu") == 0) {
        v = ca_build_1(b, "Elu", x);
        ca_build_set_real(b, v, "alpha", slope);
    } else if (strcmp(type, "selu") == 0) {
        v = ca_build_3(b, "Selu", x, ca_build_number(b, x, 1.6732632423543772848),
                       ca_build_number(b, x, 1.0507009873554804934));
    } else if (strcmp(type, "gelu") == 0) {
        v = ca_build_1(b, "Gelu", x);
        ca_build_set_text(b, v, "approximation_mode", "erf");
    } else {
        ca_build_fail(
            b, CARINA_ERR_UNSUPPORTED,
            "act_type %.20s; Carina has leaky, rrelu, prelu, elu, selu and gelu", type);
    }
    CaValue *const out[] = {v, NULL}; /* the mask of rrelu is training's */
    ca_mxnet_named_outs(c, out, 2, with_mask);
}

/* --- Softmax and the losses. */

static void softmax(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    const double temperature = ca_mxnet_real(c, "temperature", 1);
    if (ca_mxnet_flag(c, "use_length", false))
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "use_length, which Carina does not have; mask before it");
    if (temperature != 1)
        x = ca_build_2(b, "Divide", x, ca_build_number(b, x, temperature));
    if (strcmp(c->node->op, "softmin") == 0)
        x = ca_build_1(b, "Negative", x);
    CaValue *v = ca_mxnet_softmax(b, c->op->ours, x, ca_mxnet_int(c, "axis", -1));
    ca_mxnet_out(c,
                 ca_build_convert(b, v, ca_mxnet_dtype(c, "dtype", ca_build_type(b, v))));
}

/* Of all but the first dimension at once. */
static CaValue *flat_softmax(CaBuild *b, CaValue *x)
{
    const int rank = ca_build_rank(b, x);
    if (rank <= 2)
        return ca_mxnet_softmax(b, "SoftMax", x, -1);
    CaValue *shape = ca_mxnet_shape_of(b, x);
    CaValue *v = ca_mxnet_softmax(b, "SoftMax", ca_build_flatten(b, x, 1), 1);
    v = ca_build_2(b, "Reshape", v, shape);
    ca_build_set_text(b, v, "special_zero", "false");
    return v;
}

/* Since 1.0 an instance is the last axis, before it was all but the batch: the same for two dimensions. */
static void softmax_activation(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    const bool channel = ca_mxnet_is(c, "mode", "channel");
    if (channel || c->r->symbol.version >= 10000)
        ca_mxnet_out(c, ca_mxnet_softmax(c->b, "SoftMax", x, channel ? 1 : -1));
    else
        ca_mxnet_out(c, flat_softmax(c->b, x));
}

static void softmax_output(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    if (ca_mxnet_flag(c, "multi_output", false))
        ca_mxnet_out(c, ca_mxnet_softmax(c->b, "SoftMax", x, 1));
    else if (ca_mxnet_flag(c, "preserve_shape", false))
        ca_mxnet_out(c, ca_mxnet_softmax(c->b, "SoftMax", x, -1));
    else
        ca_mxnet_out(c, flat_softmax(c->b, x));
}

static void pass(CaMxnetCall *c) { ca_mxnet_out(c, ca_mxnet_in(c, 0)); }

static void logistic_output(CaMxnetCall *c)
{
    ca_mxnet_out(c, ca_build_1(c->b, "Sigmoid", ca_mxnet_in(c, 0)));
}

static void dropout(CaMxnetCall *c)
{
    if (ca_mxnet_is(c, "mode", "always"))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "mode always drops elements at random; export with mode training");
    CaValue *const out[] = {ca_mxnet_in(c, 0), NULL};
    ca_mxnet_named_outs(c, out, 2, with_mask);
}

const CaMxnetOp ca_mxnet_nn[] = {
    {"Activation", activation, NULL, 0},
    {"BatchNorm", batch_norm, NULL, 1},
    {"BatchNorm_v1", batch_norm, NULL, 1},
    {"BlockGrad", pass, NULL, 0},
    {"Convolution", convolution, NULL, 1},
    {"Convolution_v1", convolution, NULL, 1},
    {"CuDNNBatchNorm", batch_norm, NULL, 1},
    {"Deconvolution", deconvolution, NULL, 1},
    {"Dropout", dropout, NULL, 0},
    {"FullyConnected", fully_connected, NULL, 1},
    {"GroupNorm", group_norm, NULL, 1},
    {"IdentityAttachKLSparseReg", pass, NULL, 1},
    {"InstanceNorm", instance_norm, NULL, 1},
    {"L2Normalization", l2_normalization, NULL, 0},
    {"LRN", lrn, NULL, 0},
    {"LayerNorm", layer_norm, NULL, 1},
    {"LeakyReLU", leaky_relu, NULL, 1},
    {"LinearRegressionOutput", pass, NULL, 0},
    {"LogisticRegressionOutput", logistic_output, NULL, 0},
    {"MAERegressionOutput", pass, NULL, 0},
    {"MakeLoss", pass, NULL, 0},
    {"Pooling", pooling, NULL, 0},
    {"Pooling_v1", pooling, NULL, 0},
    {"RNN", ca_mxnet_rnn, NULL, 1},
    {"SVMOutput", pass, NULL, 0},
    {"Softmax", softmax_output, NULL, 0},
    {"SoftmaxActivation", softmax_activation, NULL, 0},
    {"SoftmaxOutput", softmax_output, NULL, 0},
    {"_contrib_AdaptiveAvgPooling2D", adaptive_average, NULL, 0},
    {"_contrib_BatchNormWithReLU", batch_norm, NULL, 1},
    {"_contrib_SyncBatchNorm", batch_norm, NULL, 1},
    {"_copy", pass, NULL, 0},
    {"_copyto", pass, NULL, 0},
    {"_np_copy", pass, NULL, 0},
    {"_npx_dropout", dropout, NULL, 0},
    {"_npx_log_softmax", softmax, "LogSoftmax", 0},
    {"_npx_softmax", softmax, "SoftMax", 0},
    {"identity", pass, NULL, 0},
    {"log_softmax", softmax, "LogSoftmax", 0},
    {"make_loss", pass, NULL, 0},
    {"softmax", softmax, "SoftMax", 0},
    {"softmin", softmax, "SoftMax", 0},
    {"stop_gradient", pass, NULL, 0},
    {NULL, NULL, NULL, 0},
};
