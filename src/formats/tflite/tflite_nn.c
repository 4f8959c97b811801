/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFLite: convolution, pooling, normalisation, matrix products, resizing.
 *
 * Spatial operators are made channels first, with a Transpose before and behind.
 */
#include "formats/tflite/tflite_reader.h"

#include <math.h>
#include <string.h>

enum { SPATIAL_MOST = 3 };

/* --- Windows. */

typedef struct Window {
    int n; /* spatial dimensions */
    int64_t kernel[SPATIAL_MOST], strides[SPATIAL_MOST], dilations[SPATIAL_MOST];
    int64_t begin[SPATIAL_MOST], end[SPATIAL_MOST];
    const char *auto_pad;
} Window;

static int64_t positive(CaTfliteCall *c, const char *field)
{
    const int64_t v = ca_tflite_opt_int(c, field);
    if (v < 1)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "%s is %lld; it must be positive", field,
                      (long long)v);
    return v < 1 ? 1 : v;
}

/* Strides and, where the operator has them, dilations: fields of the given names, depth first. */
static Window window_read(CaTfliteCall *c, int n, bool is_dilated)
{
    static const char *const strides[] = {"stride_d", "stride_h", "stride_w"};
    static const char *const dilations[] = {"dil_d", "dil_h", "dil_w"};
    const int64_t padding = ca_tflite_opt_int(c, "padding");
    Window w = {.n = n};
    for (int i = 0; i < n; i++) {
        w.strides[i] = positive(c, strides[SPATIAL_MOST - n + i]);
        w.dilations[i] = is_dilated ? positive(c, dilations[SPATIAL_MOST - n + i]) : 1;
        w.kernel[i] = 1;
    }
    if (padding != CA_TFLITE_SAME && padding != CA_TFLITE_VALID)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "padding %lld is neither SAME nor VALID",
                      (long long)padding);
    w.auto_pad = padding == CA_TFLITE_SAME ? "same_upper" : "valid";
    return w;
}

static void window_set(CaTfliteCall *c, CaValue *v, const Window *w)
{
    ca_build_set_ints(c->b, v, "strides", w->strides, w->n);
    ca_build_set_ints(c->b, v, "pads_begin", w->begin, w->n);
    ca_build_set_ints(c->b, v, "pads_end", w->end, w->n);
    ca_build_set_text(c->b, v, "auto_pad", w->auto_pad);
}

/* Input i, which must be [N, ..., C] with n spatial dimensions; its channels, -1 where unknown. */
static CaValue *spatial_input(CaTfliteCall *c, int i, int n, int64_t *channels)
{
    CaValue *x = ca_tflite_in(c, i);
    const CarinaShape s = ca_build_shape(c->b, x);
    if (s.rank >= 0 && s.rank != n + 2)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "its input has %d dimensions; it needs %d",
                      s.rank, n + 2);
    *channels = s.rank == n + 2 ? s.dims[n + 1] : -1;
    return x;
}

static CaValue *with_bias(CaTfliteCall *c, CaValue *v, int i, int rank)
{
    CaValue *bias = ca_tflite_bias(c, i);
    return bias ? ca_build_2(c->b, "Add", v, ca_build_per_channel(c->b, bias, 1, rank))
                : v;
}

/* --- Dilation written as SPACE_TO_BATCH_ND, a convolution, BATCH_TO_SPACE_ND. */

static const CaTfliteNode *neighbour(const CaTfliteCall *c, int32_t at, const char *type)
{
    const CaTfliteNode *n = at >= 0 ? &c->s->graph->nodes[at] : NULL;
    return n && strcmp(n->type, type) == 0 && n->inputs.n == 3 && n->outputs.n == 1
               ? n
               : NULL;
}

static bool known_constants(CaTfliteCall *c, const CaTfliteNode *n, int i, int64_t *out,
                            int count)
{
    CaTfliteCall of = *c;
    of.node = n;
    CaTfliteTensor *t = ca_tflite_in_tensor(&of, i);
    int64_t n_elements = 0;
    return t && t->is_constant && t->type == CARINA_I32 &&
           ca_shape_count(&t->shape, &n_elements) && n_elements == count &&
           ca_build_known_ints(c->b, ca_tflite_in(&of, i), out, count) == count;
}

/* Takes the neighbours in: *x becomes what SPACE_TO_BATCH_ND reads, and BATCH_TO_SPACE_ND is done. */
static bool take_dilation(CaTfliteCall *c, CaValue **x, Window *w, int *out_node)
{
    const CaTfliteTensor *in = ca_tflite_in_tensor(c, 0),
                         *out = ca_tflite_out_tensor(c, 0);
    const CaTfliteNode *before = in ? neighbour(c, in->maker, "SPACE_TO_BATCH_ND") : NULL;
    const CaTfliteNode *after = out && out->n_readers == 1
                                    ? neighbour(c, out->reader, "BATCH_TO_SPACE_ND")
                                    : NULL;
    int64_t block[2], same[2], pads[4], crops[4];
    if (!before || !after || strcmp(w->auto_pad, "valid") != 0 || w->n != 2 ||
        w->strides[0] != 1 || w->strides[1] != 1 || w->dilations[0] != 1 ||
        w->dilations[1] != 1)
        return false;
    if (!known_constants(c, before, 1, block, 2) ||
        !known_constants(c, after, 1, same, 2) ||
        !known_constants(c, before, 2, pads, 4) ||
        !known_constants(c, after, 2, crops, 4))
        return false;
    for (int i = 0; i < 2; i++) {
        if (block[i] != same[i] || block[i] < 1 || block[i] > INT32_MAX ||
            crops[2 * i] < 0 || crops[2 * i + 1] < 0 || pads[2 * i] < crops[2 * i] ||
            pads[2 * i + 1] < crops[2 * i + 1] || pads[2 * i] > INT32_MAX ||
            pads[2 * i + 1] > INT32_MAX)
            return false;
        w->dilations[i] = block[i];
        w->begin[i] = pads[2 * i] - crops[2 * i];
        w->end[i] = pads[2 * i + 1] - crops[2 * i + 1];
    }
    CaTfliteCall of = *c;
    of.node = before;
    *x = ca_tflite_in(&of, 0);
    w->auto_pad = "explicit";
    *out_node = out->reader;
    return true;
}

/* v, channels first, is output 0, or that of the BATCH_TO_SPACE_ND which was taken in. */
static void convolved(CaTfliteCall *c, CaValue *v, int out_node)
{
    if (out_node >= 0) {
        CaTfliteCall of = *c;
        of.node = &c->s->graph->nodes[out_node];
        c->s->is_done[out_node] = 1;
        ca_tflite_out_last(&of, 0, v);
    } else {
        ca_tflite_out_last(c, 0, v);
    }
}

/* --- Convolution. */

static void conv_2d(CaTfliteCall *c)
{
    static const int to_oihw[] = {0, 3, 1, 2};
    int64_t channels;
    int out_node = -1;
    CaValue *x = spatial_input(c, 0, 2, &channels);
    const CaTfliteTensor *filter = ca_tflite_in_tensor(c, 1);
    const int64_t depth = filter && filter->shape.rank == 4 ? filter->shape.dims[3] : -1;
    Window w = window_read(c, 2, true);
    int64_t groups = 1;
    if (channels > 0 && depth > 0 && channels != depth) {
        groups = channels / depth;
        if (channels % depth)
            ca_build_fail(c->b, CARINA_ERR_SHAPE,
                          "its input has %lld channels, its filter %lld",
                          (long long)channels, (long long)depth);
    }
    if (groups == 1)
        take_dilation(c, &x, &w, &out_node);
    CaValue *filters = ca_tflite_weight(c, 1, 4, to_oihw, groups > 1 ? groups : 0);
    CaValue *v = ca_build_2(c->b, groups > 1 ? "GroupConvolution" : "Convolution",
                            ca_build_channels_first(c->b, x), filters);
    window_set(c, v, &w);
    ca_build_set_ints(c->b, v, "dilations", w.dilations, w.n);
    convolved(c, ca_tflite_act(c, with_bias(c, v, 2, 4)), out_node);
}

/* Filter [1, H, W, C * M]; channel c * M + m. */
static void depthwise_conv_2d(CaTfliteCall *c)
{
    static const int to_cmhw[] = {3, 0, 1, 2};
    int64_t channels;
    int out_node = -1;
    CaValue *x = spatial_input(c, 0, 2, &channels);
    const CaTfliteTensor *filter = ca_tflite_in_tensor(c, 1);
    Window w = window_read(c, 2, true);
    if (channels < 1 && filter &&
        filter->shape.rank == 4) { /* by the multiplier that the file says */
        const int64_t multiplier = ca_tflite_opt_int(c, "depth_multiplier");
        channels = filter->shape.dims[3] / (multiplier > 0 ? multiplier : 1);
    }
    if (channels < 1)
        ca_build_fail(
            c->b, CARINA_ERR_SHAPE,
            "how many channels its input has is not known; give the model's input "
            "shape");
    take_dilation(c, &x, &w, &out_node);
    CaValue *filters = ca_tflite_weight(c, 1, 4, to_cmhw, channels);
    CaValue *v =
        ca_build_2(c->b, "GroupConvolution", ca_build_channels_first(c->b, x), filters);
    window_set(c, v, &w);
    ca_build_set_ints(c->b, v, "dilations", w.dilations, w.n);
    convolved(c, ca_tflite_act(c, with_bias(c, v, 2, 4)), out_node);
}

static void conv_3d(CaTfliteCall *c)
{
    static const int to_oidhw[] = {4, 3, 0, 1, 2};
    int64_t channels;
    CaValue *x = spatial_input(c, 0, 3, &channels);
    Window w = window_read(c, 3, true);
    CaValue *v = ca_build_2(c->b, "Convolution", ca_build_channels_first(c->b, x),
                            ca_tflite_weight(c, 1, 5, to_oidhw, 0));
    window_set(c, v, &w);
    ca_build_set_ints(c->b, v, "dilations", w.dilations, w.n);
    ca_tflite_out_last(c, 0, ca_tflite_act(c, with_bias(c, v, 2, 5)));
}

/* Pads of a transposed convolution whose output has a given size: the whole is split with the odd one behind. */
static void transposed_pads(CaTfliteCall *c, Window *w, const CarinaShape *x,
                            const int64_t *size, int64_t *output_padding)
{
    const bool same = strcmp(w->auto_pad, "same_upper") == 0;
    for (int i = 0; i < w->n; i++) {
        const int64_t in = x->dims[i + 1], ke = (w->kernel[i] - 1) * w->dilations[i] + 1;
        if (in < 1 || in > INT32_MAX || size[i] < 1 || size[i] > INT32_MAX ||
            ke > INT32_MAX || w->strides[i] > INT32_MAX) {
            ca_build_fail(c->b, CARINA_ERR_SHAPE, "its sizes are out of range");
            return;
        }
        const int64_t total = (in - 1) * w->strides[i] + ke - size[i];
        if (same && total > 0) {
            w->begin[i] = total / 2;
            w->end[i] = total - total / 2;
        } else if (total > 0) {
            w->end[i] = total;
        } else {
            output_padding[i] = -total;
        }
    }
    w->auto_pad = "explicit";
}

/* Inputs: output_shape, filter [.., O, I] or OHWI, x, bias. */
static void transposed(CaTfliteCall *c, int n, const int *perm, bool is_dilated)
{
    int64_t channels, size[SPATIAL_MOST + 2], output_padding[SPATIAL_MOST] = {0};
    CaValue *x = spatial_input(c, 2, n, &channels);
    const CarinaShape s = ca_build_shape(c->b, x);
    Window w = window_read(c, n, is_dilated);
    CaValue *filters = ca_tflite_weight(c, 1, n + 2, perm, 0);
    const CarinaShape f = ca_build_shape(c->b, filters);
    for (int i = 0; i < n; i++)
        w.kernel[i] = f.rank == n + 2 ? f.dims[i + 2] : 1;
    const int given = ca_tflite_ints(c, 0, size, n + 2);
    const int from = given == n + 2 ? 1 : 0; /* or the spatial sizes alone */
    if (given != n + 2 && given != n)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "output_shape has %d numbers, needs %d",
                      given, n + 2);
    if (c->b->status == CARINA_OK)
        transposed_pads(c, &w, &s, size + from, output_padding);
    CaValue *v = ca_build_2(c->b, "ConvolutionBackpropData",
                            ca_build_channels_first(c->b, x), filters);
    window_set(c, v, &w);
    ca_build_set_ints(c->b, v, "dilations", w.dilations, n);
    ca_build_set_ints(c->b, v, "output_padding", output_padding, n);
    ca_tflite_out_last(c, 0, ca_tflite_act(c, with_bias(c, v, 3, n + 2)));
}

static void transpose_conv(CaTfliteCall *c)
{
    static const int to_iohw[] = {3, 0, 1, 2};
    transposed(c, 2, to_iohw, false);
}

static void conv_3d_transpose(CaTfliteCall *c)
{
    static const int to_iodhw[] = {4, 3, 0, 1, 2};
    transposed(c, 3, to_iodhw, true);
}

/* --- Pooling. */

static CaValue *pooled(CaTfliteCall *c, CaValue *x, const char *op)
{
    Window w = window_read(c, 2, false);
    w.kernel[0] = positive(c, "filter_h");
    w.kernel[1] = positive(c, "filter_w");
    CaValue *v = ca_build_make_at(c->b, op, 1, &x, 1, 1);
    window_set(c, v, &w);
    ca_build_set_ints(c->b, v, "kernel", w.kernel, 2);
    if (strcmp(op, "AvgPool") == 0)
        ca_build_set_text(c->b, v, "exclude-pad", "true");
    ca_build_set_text(c->b, v, "rounding_type", "floor");
    return v;
}

static void pool_2d(CaTfliteCall *c)
{
    int64_t channels;
    CaValue *x = ca_build_channels_first(c->b, spatial_input(c, 0, 2, &channels));
    ca_tflite_out_last(c, 0, ca_tflite_act(c, pooled(c, x, c->op->ours)));
}

static void l2_pool_2d(CaTfliteCall *c)
{
    int64_t channels;
    CaValue *x = ca_build_channels_first(c->b, spatial_input(c, 0, 2, &channels));
    CaValue *v = pooled(c, ca_build_2(c->b, "Multiply", x, x), "AvgPool");
    ca_tflite_out_last(c, 0, ca_tflite_act(c, ca_build_1(c->b, "Sqrt", v)));
}

/* --- Normalisation. */

static void l2_normalization(CaTfliteCall *c)
{
    const int64_t last = -1;
    CaValue *v = ca_build_2(c->b, "NormalizeL2", ca_tflite_in(c, 0),
                            ca_build_vector(c->b, &last, 1));
    ca_build_set_real(c->b, v, "eps", 1e-12); /* the norm is at least 1e-6 */
    ca_build_set_text(c->b, v, "eps_mode", "max");
    ca_tflite_out(c, 0, ca_tflite_act(c, v));
}

static void local_response_normalization(CaTfliteCall *c)
{
    int64_t channels;
    const int64_t one = 1, size = 2 * ca_tflite_opt_int(c, "radius") + 1;
    CaValue *x = ca_build_channels_first(c->b, spatial_input(c, 0, 2, &channels));
    CaValue *v = ca_build_2(c->b, "LRN", x, ca_build_vector(c->b, &one, 1));
    if (size < 1 || size > INT32_MAX)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "radius is out of range");
    ca_build_set_real(c->b, v, "alpha", ca_tflite_opt_real(c, "alpha") * (double)size);
    ca_build_set_real(c->b, v, "beta", ca_tflite_opt_real(c, "beta"));
    ca_build_set_real(c->b, v, "bias", ca_tflite_opt_real(c, "bias"));
    ca_build_set_int(c->b, v, "size", size);
    ca_tflite_out_last(c, 0, v);
}

static void softmax(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 0);
    const bool is_log = strcmp(c->op->ours, "LogSoftmax") == 0;
    const double beta = is_log ? 1 : ca_tflite_opt_real(c, "beta");
    const int rank = ca_build_rank(c->b, x);
    x = ca_build_times(c->b, x, beta);
    CaValue *v = ca_build_make_at(c->b, c->op->ours, is_log ? 5 : 1, &x, 1, 1);
    ca_build_set_int(c->b, v, "axis", rank > 0 ? rank - 1 : 0);
    ca_tflite_out(c, 0, v);
}

/* --- Matrix products. */

/* [..., K] as [-1, K]; the first dimension stays what it is where that is known to be the same. */
static CaValue *rows_of(CaTfliteCall *c, CaValue *x, int64_t k)
{
    const CarinaShape s = ca_build_shape(c->b, x);
    int64_t tail = 1;
    if (s.rank == 2 && (s.dims[1] == k || k < 0))
        return x;
    if (s.rank > 1) {
        const CarinaShape rest = ca_shape(s.rank - 1, s.dims + 1);
        if (ca_shape_count(&rest, &tail) && tail == k && k > 0)
            return ca_build_reshape_0(c->b, x, (const int64_t[]){0, k}, 2);
    }
    return ca_build_reshape(c->b, x, (const int64_t[]){-1, k}, 2);
}

static void fully_connected(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 0);
    if (ca_tflite_opt_int(c, "weights_format") == CA_TFLITE_SHUFFLED)
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "its weights are shuffled for one kind of processor; convert without "
            "that (weights_format DEFAULT)");
    CaValue *w = ca_tflite_weight(c, 1, 2, NULL, 0);
    const CarinaShape s = ca_build_shape(c->b, w), xs = ca_build_shape(c->b, x);
    const int64_t k = s.rank == 2 ? s.dims[1] : -1;
    const bool keeps = ca_tflite_opt_int(c, "keep_num_dims") != 0 && xs.rank > 1 &&
                       xs.dims[xs.rank - 1] == k;
    if (k == 0)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "its weights have no columns");
    CaValue *v = ca_tflite_matmul(c, keeps ? x : rows_of(c, x, k), w, false, true);
    CaValue *bias = ca_tflite_bias(c, 2);
    if (bias)
        v = ca_build_2(c->b, "Add", v, bias);
    ca_tflite_out(c, 0, ca_tflite_act(c, v));
}

static void batch_matmul(CaTfliteCall *c)
{
    ca_tflite_out(c, 0,
                  ca_tflite_matmul(c, ca_tflite_in(c, 0), ca_tflite_in(c, 1),
                                   ca_tflite_opt_int(c, "adj_x") != 0,
                                   ca_tflite_opt_int(c, "adj_y") != 0));
}

/* --- Resizing. */

static void resize(CaTfliteCall *c)
{
    int64_t channels, size[2] = {1, 1};
    const bool nearest = strcmp(c->op->ours, "nearest") == 0;
    const bool corners = ca_tflite_opt_int(c, "align_corners") != 0,
               half = ca_tflite_opt_int(c, "half_pixel") != 0;
    CaValue *x = ca_build_channels_first(c->b, spatial_input(c, 0, 2, &channels));
    CaValue *to = ca_tflite_in(c, 1);
    if (ca_build_known_ints(c->b, to, size, 2) == 2)
        to = ca_build_vector(c->b, size, 2);
    const CarinaType type = ca_build_type(c->b, x);
    if (!ca_type_is_real(type))
        x = ca_build_convert(c->b, x, CARINA_F32);
    CaValue *v = ca_build_3(c->b, "Interpolate", x, to, ca_build_iota(c->b, 2, 2));
    ca_build_set_text(c->b, v, "mode", c->op->ours);
    ca_build_set_text(c->b, v, "shape_calculation_mode", "sizes");
    ca_build_set_text(c->b, v, "coordinate_transformation_mode",
                      corners           ? "align_corners"
                      : half && nearest ? "tf_half_pixel_for_nn"
                      : half            ? "half_pixel"
                                        : "asymmetric");
    ca_build_set_text(c->b, v, "nearest_mode", corners ? "round_prefer_ceil" : "floor");
    ca_tflite_out_last(c, 0, ca_build_convert(c->b, v, type));
}

const CaTfliteOp ca_tflite_nn[] = {
    {"AVERAGE_POOL_2D", pool_2d, "AvgPool", false},
    {"BATCH_MATMUL", batch_matmul, NULL, false},
    {"CONV_2D", conv_2d, NULL, false},
    {"CONV_3D", conv_3d, NULL, false},
    {"CONV_3D_TRANSPOSE", conv_3d_transpose, NULL, false},
    {"DEPTHWISE_CONV_2D", depthwise_conv_2d, NULL, false},
    {"FULLY_CONNECTED", fully_connected, NULL, false},
    {"L2_NORMALIZATION", l2_normalization, NULL, false},
    {"L2_POOL_2D", l2_pool_2d, NULL, false},
    {"LOCAL_RESPONSE_NORMALIZATION", local_response_normalization, NULL, false},
    {"LOG_SOFTMAX", softmax, "LogSoftmax", false},
    {"MAX_POOL_2D", pool_2d, "MaxPool", true},
    {"RESIZE_BILINEAR", resize, "linear_onnx", false},
    {"RESIZE_NEAREST_NEIGHBOR", resize, "nearest", true},
    {"SOFTMAX", softmax, "SoftMax", false},
    {"TRANSPOSE_CONV", transpose_conv, NULL, false},
    {NULL, NULL, NULL, false},
};
