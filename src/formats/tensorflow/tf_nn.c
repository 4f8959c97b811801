/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: convolution, pooling, normalisation, matrix products.
 */
#include "formats/tensorflow/tf_layout.h"

#include <string.h>

/* --- Windows: what convolution and pooling share. */

typedef struct Window {
    int n; /* spatial dimensions */
    int64_t strides[CARINA_MAX_RANK], dilations[CARINA_MAX_RANK];
    int64_t begin[CARINA_MAX_RANK], end[CARINA_MAX_RANK];
    const char *auto_pad; /* explicit, same_upper, valid */
} Window;

static void explicit_pads(CaTfCall *c, Window *w)
{
    int64_t pads[2 * CARINA_MAX_RANK];
    const int first = ca_tf_channels_last(c) ? 1 : 2;
    const int count =
        ca_tf_attr_ints(c->r, c->node, "explicit_paddings", pads, 2 * CARINA_MAX_RANK);
    if (count != 2 * (w->n + 2)) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "explicit_paddings has %d numbers, needs %d", count < 0 ? 0 : count,
                      2 * (w->n + 2));
        return;
    }
    for (int i = 0; i < w->n; i++) {
        w->begin[i] = pads[2 * (first + i)];
        w->end[i] = pads[2 * (first + i) + 1];
        if (w->begin[i] < 0 || w->end[i] < 0 || w->begin[i] > 1 << 24 ||
            w->end[i] > 1 << 24)
            ca_build_fail(c->b, CARINA_ERR_FORMAT,
                          "explicit_paddings has %lld, %lld; they must be positive",
                          (long long)w->begin[i], (long long)w->end[i]);
    }
}

static Window window_read(CaTfCall *c, int n)
{
    Window w = {.n = n, .auto_pad = "explicit"};
    const char *padding = ca_tf_attr_text(c->r, c->node, "padding", "");
    ca_tf_spatial(c, w.strides, "strides", n);
    ca_tf_spatial(c, w.dilations, "dilations", n);
    if (strcmp(padding, "SAME") == 0)
        w.auto_pad = "same_upper";
    else if (strcmp(padding, "VALID") == 0)
        w.auto_pad = "valid";
    else if (strcmp(padding, "EXPLICIT") == 0)
        explicit_pads(c, &w);
    else
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "padding is '%s'; it must be SAME, VALID or EXPLICIT", padding);
    return w;
}

static void window_set(CaTfCall *c, CaValue *v, const Window *w)
{
    ca_build_set_ints(c->b, v, "strides", w->strides, w->n);
    ca_build_set_ints(c->b, v, "pads_begin", w->begin, w->n);
    ca_build_set_ints(c->b, v, "pads_end", w->end, w->n);
    ca_build_set_text(c->b, v, "auto_pad", w->auto_pad);
}

/* --- Convolution. */

/* SpaceToBatchND before and BatchToSpaceND behind a convolution are dilations and pads: tf_dilated.c has put the
 * block, the pads and the crops behind the convolution's own two inputs. */
static void dilated(CaTfCall *c, Window *w)
{
    int64_t block[CARINA_MAX_RANK], pads[2 * CARINA_MAX_RANK], crops[2 * CARINA_MAX_RANK];
    if (c->n_in != 5)
        return;
    const int n = ca_build_known_ints(c->b, c->in[2], block, CARINA_MAX_RANK);
    const int n_pads = ca_build_known_ints(c->b, c->in[3], pads, 2 * CARINA_MAX_RANK);
    const int n_crops = ca_build_known_ints(c->b, c->in[4], crops, 2 * CARINA_MAX_RANK);
    if (n != w->n || n_pads != 2 * n || n_crops != 2 * n) {
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "the pads around its dilation are not known; give the model's "
                      "input shape");
        return;
    }
    w->auto_pad = "explicit";
    for (int i = 0; i < n; i++) {
        if (block[i] < 1 || block[i] > 1 << 24 || pads[2 * i] < 0 ||
            pads[2 * i + 1] < 0 || pads[2 * i] > 1 << 24 || pads[2 * i + 1] > 1 << 24 ||
            crops[2 * i] < 0 || crops[2 * i + 1] < 0 || crops[2 * i] > 1 << 24 ||
            crops[2 * i + 1] > 1 << 24) {
            ca_build_fail(c->b, CARINA_ERR_FORMAT,
                          "the block, pads or crops around its dilation are absurd");
            return;
        }
        w->dilations[i] = block[i];
        w->begin[i] = pads[2 * i] - crops[2 * i];
        w->end[i] = pads[2 * i + 1] - crops[2 * i + 1];
    }
}

static CaValue *weights_of(CaTfCall *c, int input, int n)
{
    CaValue *w = ca_tf_in(c, input);
    const CarinaShape s = ca_build_shape(c->b, w);
    if (w && s.rank != n + 2)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "its filter has %d dimensions, needs %d",
                      s.rank, n + 2);
    return w;
}

/* [k..., I, O] to [O, I, k...] */
static CaValue *out_first(CaTfCall *c, CaValue *w, int n)
{
    int perm[CARINA_MAX_RANK] = {n + 1, n};
    for (int i = 0; i < n; i++)
        perm[i + 2] = i;
    return ca_build_transpose(c->b, w, perm, n + 2);
}

/* [O, I, k...] to [g, O/g, I, k...] */
static CaValue *grouped(CaTfCall *c, CaValue *w, int64_t group)
{
    const CarinaShape s = ca_build_static_shape(c->b, w);
    int64_t dims[CARINA_MAX_RANK + 1];
    if (c->b->status != CARINA_OK)
        return NULL;
    if (s.dims[0] % group) {
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "%lld output channels do not divide into %lld groups",
                      (long long)s.dims[0], (long long)group);
        return NULL;
    }
    dims[0] = group;
    dims[1] = s.dims[0] / group;
    memcpy(dims + 2, s.dims + 1, (size_t)(s.rank - 1) * sizeof dims[0]);
    return ca_build_reshape(c->b, w, dims, s.rank + 1);
}

static void convolution(CaTfCall *c, int n)
{
    CaValue *weight = weights_of(c, 1, n);
    CaValue *x = ca_tf_first(c, ca_tf_in(c, 0), n);
    const CarinaShape xs = ca_build_shape(c->b, x), s = ca_build_shape(c->b, weight);
    Window w = window_read(c, n);
    dilated(c, &w);
    if (c->b->status != CARINA_OK)
        return;
    const int64_t have = xs.rank == n + 2 ? xs.dims[1] : -1, per = s.dims[n];
    const int64_t group = have > 0 && per > 0 && have % per == 0 ? have / per : 1;
    weight = out_first(c, weight, n);
    CaValue *v = group > 1
                     ? ca_build_2(c->b, "GroupConvolution", x, grouped(c, weight, group))
                     : ca_build_2(c->b, "Convolution", x, weight);
    window_set(c, v, &w);
    ca_build_set_ints(c->b, v, "dilations", w.dilations, n);
    ca_tf_out(c, 0, ca_tf_back(c, v, n));
}

static void conv_2d(CaTfCall *c) { convolution(c, 2); }
static void conv_3d(CaTfCall *c) { convolution(c, 3); }

/* [H, W, C, M] to [C, M, 1, H, W]: C groups, each from M channels to one. */
static CaValue *depthwise_weights(CaTfCall *c, int input)
{
    static const int perm[] = {2, 3, 0, 1};
    CaValue *w = ca_build_transpose(c->b, weights_of(c, input, 2), perm, 4);
    const CarinaShape s = ca_build_static_shape(c->b, w);
    const int64_t dims[] = {s.dims[0], s.dims[1], 1, s.dims[2], s.dims[3]};
    return c->b->status == CARINA_OK ? ca_build_reshape(c->b, w, dims, 5) : NULL;
}

/* Filter [H, W, C, M]: output channel c M + m reads channel c. */
static void depthwise(CaTfCall *c)
{
    CaValue *weight = depthwise_weights(c, 1);
    CaValue *x = ca_tf_first(c, ca_tf_in(c, 0), 2);
    Window w = window_read(c, 2);
    dilated(c, &w);
    if (c->b->status != CARINA_OK)
        return;
    CaValue *v = ca_build_2(c->b, "GroupConvolution", x, weight);
    window_set(c, v, &w);
    ca_build_set_ints(c->b, v, "dilations", w.dilations, 2);
    ca_tf_out(c, 0, ca_tf_back(c, v, 2));
}

/* What lies under the window at each place: a depthwise filter for each element of the window, 1 there and 0
 * elsewhere. Ours has the channels outside, theirs inside. */
static void patches(CaTfCall *c)
{
    static const int perm[] = {0, 3, 4, 2, 1};
    CaBuild *b = c->b;
    int64_t kernel[CARINA_MAX_RANK];
    CaValue *x = ca_build_channels_first(b, ca_tf_in(c, 0));
    const CarinaShape xs = ca_build_shape(b, x);
    Window w = window_read(c, 2);
    ca_tf_spatial(c, kernel, "ksizes", 2);
    ca_tf_spatial(c, w.dilations, "rates", 2);
    const int64_t n = kernel[0] * kernel[1], channels = xs.rank == 4 ? xs.dims[1] : -1;
    const bool fits =
        channels > 0 && n <= 4096 && channels <= 4096 && channels * n * n <= 1 << 24;
    double *filter =
        fits ? ca_arena_array(b->work, (size_t)(channels * n * n), sizeof *filter) : NULL;
    if (!filter) {
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "windows of an input whose channels are not known or too many");
        return;
    }
    for (int64_t i = 0; i < channels * n; i++)
        filter[i * n + i % n] = 1;
    const int64_t dims[] = {channels, n, 1, kernel[0], kernel[1]};
    const CarinaShape s = ca_shape(5, dims);
    CaValue *v = ca_build_2(b, "GroupConvolution", x, ca_build_reals(b, &s, filter));
    window_set(c, v, &w);
    ca_build_set_ints(b, v, "dilations", w.dilations, 2);
    const CarinaShape out = ca_build_static_shape(b, v);
    if (b->status != CARINA_OK)
        return;
    const int64_t apart[] = {out.dims[0], channels, n, out.dims[2], out.dims[3]},
                  joined[] = {out.dims[0], out.dims[2], out.dims[3], n * channels};
    v = ca_build_transpose(b, ca_build_reshape(b, v, apart, 5), perm, 5);
    ca_tf_out(c, 0, ca_build_reshape(b, v, joined, 4));
}

/* --- Transposed convolution: the gradient of a convolution that made input_sizes smaller. */

/* The pads of the convolution it undoes, and what is missing at the end. False where the size is not known. */
static bool transposed_pads(Window *w, const CarinaShape *x, const CarinaShape *weight,
                            const int64_t *want, int64_t *output_padding)
{
    const bool same = strcmp(w->auto_pad, "same_upper") == 0;
    for (int i = 0; i < w->n; i++) {
        const int64_t taps = weight->dims[weight->rank - w->n + i],
                      in = x->rank == w->n + 2 ? x->dims[i + 2] : -1, out = want[i];
        if (in < 1 || out < 1 || in > INT32_MAX || out > INT32_MAX || taps > 1 << 24)
            return false;
        const int64_t kernel = (taps - 1) * w->dilations[i] + 1;
        const int64_t full = (in - 1) * w->strides[i] + kernel;
        if (same) {
            const int64_t total = full > out ? full - out : 0;
            w->begin[i] = total / 2;
            w->end[i] = total - total / 2;
        }
        output_padding[i] = out - (full - w->begin[i] - w->end[i]);
    }
    w->auto_pad = "explicit";
    return true;
}

/* The spatial part of an input_sizes that is computed. */
static CaValue *spatial_sizes(CaTfCall *c, int n)
{
    CaValue *sizes = ca_tf_in(c, 0);
    const int first = ca_tf_channels_last(c) ? 1 : 2;
    return ca_build_3(c->b, "Gather", sizes, ca_build_iota(c->b, first, n),
                      ca_build_scalar(c->b, 0));
}

static void transposed(CaTfCall *c, int n)
{
    const bool depthwise = c->row->ours != NULL;
    CaBuild *b = c->b;
    int64_t sizes[CARINA_MAX_RANK], want[CARINA_MAX_RANK] = {0},
                                    output_padding[CARINA_MAX_RANK] = {0};
    /* [k..., O, I] to [I, O, k...] */
    CaValue *weight =
        depthwise ? depthwise_weights(c, 1) : out_first(c, weights_of(c, 1, n), n);
    CaValue *x = ca_tf_first(c, ca_tf_in(c, 2), n);
    const CarinaShape xs = ca_build_shape(b, x), s = ca_build_static_shape(b, weight);
    const int first = ca_tf_channels_last(c) ? 1 : 2;
    Window w = window_read(c, n);
    const int count = ca_tf_some_ints(c, 0, sizes, CARINA_MAX_RANK);
    for (int i = 0; i < n; i++)
        want[i] = count == n + 2 ? sizes[first + i] : count == n ? sizes[i] : -1;
    if (b->status != CARINA_OK)
        return;
    const bool is_known = transposed_pads(&w, &xs, &s, want, output_padding);
    for (int i = 0; i < n; i++)
        if (is_known && (output_padding[i] < 0 || output_padding[i] >= w.strides[i])) {
            ca_build_fail(b, CARINA_ERR_SHAPE,
                          "input_sizes asks for %lld, which no stride of %lld makes of "
                          "its input",
                          (long long)want[i], (long long)w.strides[i]);
            return;
        }
    CaValue *const in[] = {x, weight, is_known ? NULL : spatial_sizes(c, n)};
    if (!is_known) /* of Carina's two rules the one that puts the odd pad at the end */
        w.auto_pad = strcmp(w.auto_pad, "same_upper") == 0 ? "same_lower" : w.auto_pad;
    CaValue *v = ca_build_make(
        b, depthwise ? "GroupConvolutionBackpropData" : "ConvolutionBackpropData", in,
        is_known ? 2 : 3, 1);
    window_set(c, v, &w);
    ca_build_set_ints(b, v, "dilations", w.dilations, n);
    if (is_known)
        ca_build_set_ints(b, v, "output_padding", output_padding, n);
    ca_tf_out(c, 0, ca_tf_back(c, v, n));
}

static void transposed_2d(CaTfCall *c) { transposed(c, 2); }
static void transposed_3d(CaTfCall *c) { transposed(c, 3); }

/* --- Pooling. */

/* ksize and strides are attributes, of MaxPoolV2 inputs. */
static Window pool_window(CaTfCall *c, int n, int64_t *kernel)
{
    int64_t list[CARINA_MAX_RANK];
    Window w = window_read(c, n);
    if (c->n_in < 3) {
        ca_tf_spatial(c, kernel, "ksize", n);
        return w;
    }
    int count = ca_build_known_ints(c->b, c->in[1], list, CARINA_MAX_RANK);
    ca_tf_spatial_of(c, kernel, "ksize", list, count < 0 ? 0 : count, n);
    count = ca_build_known_ints(c->b, c->in[2], list, CARINA_MAX_RANK);
    ca_tf_spatial_of(c, w.strides, "strides", list, count < 0 ? 0 : count, n);
    return w;
}

static void pool(CaTfCall *c, int n)
{
    const bool average = strncmp(c->row->ours, "Avg", 3) == 0;
    int64_t kernel[CARINA_MAX_RANK];
    CaValue *x = ca_tf_first(c, ca_tf_in(c, 0), n);
    const Window w = pool_window(c, n, kernel);
    CaValue *v = average ? ca_build_make_at(c->b, "AvgPool", 1, &x, 1, 1)
                         : ca_build_make_at(c->b, "MaxPool", 1, &x, 1, 1);
    window_set(c, v, &w);
    ca_build_set_ints(c->b, v, "kernel", kernel, n);
    ca_build_set_text(c->b, v, "rounding_type", "floor");
    if (average)
        ca_build_set_text(c->b, v, "exclude-pad", "true");
    ca_tf_out(c, 0, ca_tf_back(c, v, n));
}

static void pool_2d(CaTfCall *c) { pool(c, 2); }
static void pool_3d(CaTfCall *c) { pool(c, 3); }

/* Ours counts y W + x in each channel, theirs (y W + x) C + c, and the batch too where it is asked for. */
static CaValue *their_index(CaTfCall *c, CaValue *index, const CarinaShape *x)
{
    CaBuild *b = c->b;
    const bool with_batch =
        ca_tf_attr_bool(c->r, c->node, "include_batch_in_index", false);
    double numbers[1 << 12];
    const int64_t channels = x->rank == 4 ? x->dims[1] : -1;
    int64_t n;
    if (channels < 1 || channels > 1 << 12 ||
        (with_batch && (!ca_shape_count(x, &n) || x->dims[0] > 1 << 12))) {
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "indices of an input whose size is not known or absurd; give the "
                      "model's input shape");
        return NULL;
    }
    for (int i = 0; i < channels; i++)
        numbers[i] = i;
    const CarinaShape along = ca_build_along(3, 4, channels),
                      batch = ca_build_along(0, 4, x->dims[0]);
    CaValue *v = ca_build_times(b, index, (double)channels);
    v = ca_build_2(
        b, "Add", v,
        ca_build_convert(b, ca_build_reals(b, &along, numbers), ca_build_type(b, v)));
    for (int i = 0; with_batch && i < x->dims[0]; i++)
        numbers[i] =
            (double)i * (double)x->dims[2] * (double)x->dims[3] * (double)channels;
    return with_batch ? ca_build_2(b, "Add", v,
                                   ca_build_convert(b, ca_build_reals(b, &batch, numbers),
                                                    ca_build_type(b, v)))
                      : v;
}

static void pool_with_index(CaTfCall *c)
{
    CaBuild *b = c->b;
    int64_t kernel[CARINA_MAX_RANK];
    CaValue *x = ca_tf_first(c, ca_tf_in(c, 0), 2);
    const Window w = pool_window(c, 2, kernel);
    const CarinaShape xs = ca_build_shape(b, x);
    CaValue *v = ca_build_make_at(b, "MaxPool", 8, &x, 1, 2);
    window_set(c, v, &w);
    ca_build_set_ints(b, v, "kernel", kernel, 2);
    ca_build_set_ints(b, v, "dilations", w.dilations, 2);
    ca_build_set_text(b, v, "rounding_type", "floor");
    ca_build_set_text(b, v, "index_element_type", "i64");
    ca_build_set_int(b, v, "axis", 2);
    if (!v || b->status != CARINA_OK)
        return;
    CaValue *index = v + 1;
    ca_tf_out(c, 0, ca_tf_back(c, v, 2));
    if (!ca_tf_out_used(c, 1))
        return;
    index = their_index(c, ca_tf_back(c, index, 2), &xs);
    ca_tf_out(c, 1,
              ca_build_convert(b, index,
                               ca_tf_type(ca_tf_attr_type(c->r, c->node, "Targmax")) ==
                                       CARINA_I32
                                   ? CARINA_I32
                                   : CARINA_I64));
}

/* --- Normalisation. */

/* Statistics of the batch itself: is_training, in graphs that were frozen so. */
static CaValue *batch_statistics(CaTfCall *c, CaValue *x, CaValue *scale, CaValue *offset,
                                 int rank, double epsilon)
{
    CaBuild *b = c->b;
    int64_t axes[CARINA_MAX_RANK];
    int n = 0;
    for (int i = 0; i < rank; i++)
        if (i != 1)
            axes[n++] = i;
    CaValue *v = ca_build_2(b, "MVN", x, ca_build_vector(b, axes, n));
    ca_build_set_text(b, v, "normalize_variance", "true");
    ca_build_set_real(b, v, "eps", epsilon);
    ca_build_set_text(b, v, "eps_mode", "inside_sqrt");
    v = ca_build_2(b, "Multiply", v, ca_build_per_channel(b, scale, 1, rank));
    return ca_build_2(b, "Add", v, ca_build_per_channel(b, offset, 1, rank));
}

static void fused_batch_norm(CaTfCall *c)
{
    CaBuild *b = c->b;
    const int rank = ca_build_rank(b, ca_tf_in(c, 0)), n = rank - 2;
    const double epsilon = ca_tf_attr_real(c->r, c->node, "epsilon", (double)0.0001f);
    CaValue *in[5] = {ca_tf_first(c, ca_tf_in(c, 0), n)};
    const CarinaType type = ca_build_type(b, in[0]);
    for (int i = 1; i < 5; i++)
        in[i] = ca_build_convert(b, ca_tf_in(c, i), type);
    if (b->status != CARINA_OK)
        return;
    CaValue *v;
    if (ca_tf_attr_bool(c->r, c->node, "is_training", true)) {
        v = batch_statistics(c, in[0], in[1], in[2], rank, epsilon);
    } else {
        v = ca_build_make(b, "BatchNormInference", in, 5, 1);
        ca_build_set_real(b, v, "epsilon", epsilon);
    }
    ca_tf_out(c, 0, ca_tf_back(c, v, n));
}

/* Inputs t, m, v, beta, gamma; channels last. */
static void global_normalization(CaTfCall *c)
{
    CaBuild *b = c->b;
    const bool scaled =
        ca_tf_attr_bool(c->r, c->node, "scale_after_normalization", false);
    CaValue *x = ca_tf_first(c, ca_tf_in(c, 0), 2);
    CaValue *gamma = ca_tf_in(c, 4), *variance = ca_tf_in(c, 2);
    if (!scaled)
        gamma = ca_build_2(b, "Divide", variance, variance);
    CaValue *const in[] = {x, gamma, ca_tf_in(c, 3), ca_tf_in(c, 1), variance};
    CaValue *v = ca_build_make(b, "BatchNormInference", in, 5, 1);
    ca_build_set_real(b, v, "epsilon",
                      ca_tf_attr_real(c->r, c->node, "variance_epsilon", 0.001));
    ca_tf_out(c, 0, ca_tf_back(c, v, 2));
}

static void bias_add(CaTfCall *c)
{
    CaValue *x = ca_tf_in(c, 0), *bias = ca_tf_in(c, 1);
    if (!ca_tf_channels_last(c))
        bias = ca_build_per_channel(c->b, bias, 1, ca_build_rank(c->b, x));
    ca_tf_out(c, 0, ca_build_2(c->b, "Add", x, bias));
}

/* alpha is not divided by the size here. */
static void lrn(CaTfCall *c)
{
    CaBuild *b = c->b;
    const int64_t axis = 1, radius = ca_tf_attr_int(c->r, c->node, "depth_radius", 5);
    if (radius < 0 || radius > 1 << 20) {
        ca_build_fail(b, CARINA_ERR_FORMAT, "depth_radius is %lld", (long long)radius);
        return;
    }
    const int64_t size = 2 * radius + 1;
    CaValue *v = ca_build_2(b, "LRN", ca_build_channels_first(b, ca_tf_in(c, 0)),
                            ca_build_vector(b, &axis, 1));
    ca_build_set_real(b, v, "alpha",
                      (double)size * ca_tf_attr_real(c->r, c->node, "alpha", 1));
    ca_build_set_real(b, v, "beta", ca_tf_attr_real(c->r, c->node, "beta", 0.5));
    ca_build_set_real(b, v, "bias", ca_tf_attr_real(c->r, c->node, "bias", 1));
    ca_build_set_int(b, v, "size", size);
    ca_tf_out(c, 0, ca_build_channels_last(b, v));
}

static void softmax(CaTfCall *c)
{
    CaValue *x = ca_tf_in(c, 0);
    const int rank = ca_build_rank(c->b, x);
    CaValue *v = ca_build_1(c->b, c->row->ours, x);
    ca_build_set_int(c->b, v, "axis", rank > 0 ? rank - 1 : 0);
    ca_tf_out(c, 0, v);
}

/* --- Matrix products. */

static void mat_mul(CaTfCall *c)
{
    const bool batch = strncmp(c->node->op, "Batch", 5) == 0;
    const bool a = ca_tf_attr_bool(c->r, c->node, batch ? "adj_x" : "transpose_a", false),
               b = ca_tf_attr_bool(c->r, c->node, batch ? "adj_y" : "transpose_b", false);
    CaValue *v = ca_build_2(c->b, "MatMul", ca_tf_in(c, 0), ca_tf_in(c, 1));
    ca_build_set_text(c->b, v, "transpose_a", a ? "true" : "false");
    ca_build_set_text(c->b, v, "transpose_b", b ? "true" : "false");
    ca_tf_out(c, 0, v);
}

static void einsum(CaTfCall *c)
{
    CaValue *v = ca_build_make(c->b, "Einsum", c->in, c->n_in, 1);
    ca_build_set_text(c->b, v, "equation",
                      ca_tf_attr_text(c->r, c->node, "equation", ""));
    ca_tf_out(c, 0, v);
}

const CaTfOp ca_tf_nn[] = {
    {"AvgPool", pool_2d, "AvgPool", 0},
    {"AvgPool3D", pool_3d, "AvgPool", 0},
    {"BatchMatMul", mat_mul, NULL, 0},
    {"BatchMatMulV2", mat_mul, NULL, 0},
    {"BatchMatMulV3", mat_mul, NULL, 0},
    {"BatchNormWithGlobalNormalization", global_normalization, NULL, 0},
    {"BiasAdd", bias_add, NULL, 0},
    {"BiasAddV1", bias_add, NULL, 0},
    {"Conv2D", conv_2d, NULL, 0},
    {"Conv2DBackpropInput", transposed_2d, NULL, 0},
    {"Conv3D", conv_3d, NULL, 0},
    {"Conv3DBackpropInputV2", transposed_3d, NULL, 0},
    {"DepthwiseConv2dNative", depthwise, NULL, 0},
    {"DepthwiseConv2dNativeBackpropInput", transposed_2d, "depthwise", 0},
    {"Einsum", einsum, NULL, 0},
    {"ExtractImagePatches", patches, NULL, 0},
    {"FusedBatchNorm", fused_batch_norm, NULL, 0},
    {"FusedBatchNormV2", fused_batch_norm, NULL, 0},
    {"FusedBatchNormV3", fused_batch_norm, NULL, 0},
    {"LRN", lrn, NULL, 0},
    {"LogSoftmax", softmax, "LogSoftmax", 0},
    {"MatMul", mat_mul, NULL, 0},
    {"MaxPool", pool_2d, "MaxPool", 0},
    {"MaxPool3D", pool_3d, "MaxPool", 0},
    {"MaxPoolV2", pool_2d, "MaxPool", 0},
    {"MaxPoolWithArgmax", pool_with_index, NULL, 0},
    {"Softmax", softmax, "SoftMax", 0},
    {NULL, NULL, NULL, 0},
};
