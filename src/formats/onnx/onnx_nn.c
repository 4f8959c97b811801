/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX: convolution, pooling, normalisation, matrix products.
 */
#include "formats/onnx/onnx_reader.h"

#include <float.h>
#include <string.h>

/* --- Windows: what convolution and pooling share. */

typedef struct Window {
    int n; /* spatial dimensions */
    int64_t kernel[CARINA_MAX_RANK], strides[CARINA_MAX_RANK], dilations[CARINA_MAX_RANK];
    int64_t begin[CARINA_MAX_RANK], end[CARINA_MAX_RANK];
    const char *auto_pad; /* explicit, same_upper, same_lower, valid */
} Window;

static void window_list(CaOnnxCall *c, int64_t *out, const char *attr, int n,
                        int64_t absent)
{
    int given;
    const int64_t *v = ca_onnx_attr_ints(c, attr, &given);
    for (int i = 0; i < n; i++)
        out[i] = given == n ? v[i] : absent;
    if (given > 0 && given != n)
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "%s has %d numbers, the window %d dimensions", attr, given, n);
    for (int i = 0; i < n; i++)
        if (out[i] < 1 || out[i] > INT32_MAX)
            ca_build_fail(c->b, CARINA_ERR_FORMAT, "%s has %lld; it must be positive",
                          attr, (long long)out[i]);
}

static void window_pads(CaOnnxCall *c, Window *w)
{
    int given;
    const int64_t *pads = ca_onnx_attr_ints(c, "pads", &given);
    const char *how = ca_onnx_attr_text(c, "auto_pad", "NOTSET");
    w->auto_pad = strcmp(how, "SAME_UPPER") == 0   ? "same_upper"
                  : strcmp(how, "SAME_LOWER") == 0 ? "same_lower"
                  : strcmp(how, "VALID") == 0      ? "valid"
                                                   : "explicit";
    if (strcmp(w->auto_pad, "explicit") != 0)
        return;
    if (given > 0 && given != 2 * w->n)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "pads has %d numbers, needs %d", given,
                      2 * w->n);
    for (int i = 0; i < w->n && given == 2 * w->n; i++) {
        w->begin[i] = pads[i];
        w->end[i] = pads[w->n + i];
        if (pads[i] < INT32_MIN || pads[i] > INT32_MAX || pads[w->n + i] < INT32_MIN ||
            pads[w->n + i] > INT32_MAX)
            ca_build_fail(c->b, CARINA_ERR_LIMIT, "pads are too large");
    }
}

static Window window_read(CaOnnxCall *c, int rank)
{
    Window w = {.n = rank - 2, .auto_pad = "explicit"};
    if (rank < 3) {
        w.n = 0;
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "its input has %d dimensions; it needs [N, C, ...]", rank);
        return w;
    }
    window_list(c, w.strides, "strides", w.n, 1);
    window_list(c, w.dilations, "dilations", w.n, 1);
    window_pads(c, &w);
    return w;
}

static int64_t effective(const Window *w, int i)
{
    return (w->kernel[i] - 1) * w->dilations[i] + 1;
}

static void window_set(CaOnnxCall *c, CaValue *v, const Window *w)
{
    ca_build_set_ints(c->b, v, "strides", w->strides, w->n);
    ca_build_set_ints(c->b, v, "pads_begin", w->begin, w->n);
    ca_build_set_ints(c->b, v, "pads_end", w->end, w->n);
    ca_build_set_text(c->b, v, "auto_pad", w->auto_pad);
}

/* --- Convolution. */

/* W [g*a, b, k...] -> [g, a, b, k...] */
static CaValue *grouped_weight(CaOnnxCall *c, CaValue *weight, int64_t group)
{
    const CarinaShape s = ca_build_shape(c->b, weight);
    int64_t dims[CARINA_MAX_RANK + 1];
    if (s.rank < 3 || s.rank >= CARINA_MAX_RANK || !ca_shape_is_static(&s) ||
        s.dims[0] % group) {
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "weight does not divide into %lld groups",
                      (long long)group);
        return NULL;
    }
    dims[0] = group;
    dims[1] = s.dims[0] / group;
    memcpy(dims + 2, s.dims + 1, (size_t)(s.rank - 1) * sizeof dims[0]);
    return ca_build_reshape(c->b, weight, dims, s.rank + 1);
}

static int64_t group_of(CaOnnxCall *c)
{
    const int64_t group = ca_onnx_attr_int(c, "group", 1);
    if (group < 1)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "group is %lld; it must be positive",
                      (long long)group);
    return group < 1 ? 1 : group;
}

static CaValue *with_bias(CaOnnxCall *c, CaValue *v, CaValue *bias, int rank)
{
    return bias ? ca_build_2(c->b, "Add", v, ca_build_per_channel(c->b, bias, 1, rank))
                : v;
}

static CaValue *convolution(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0), *weight = ca_onnx_in(c, 1);
    const int rank = ca_build_rank(c->b, weight);
    const int64_t group = group_of(c);
    Window w = window_read(c, rank);
    CaValue *v = group > 1 ? ca_build_2(c->b, "GroupConvolution", x,
                                        grouped_weight(c, weight, group))
                           : ca_build_2(c->b, "Convolution", x, weight);
    window_set(c, v, &w);
    ca_build_set_ints(c->b, v, "dilations", w.dilations, w.n);
    return with_bias(c, v, ca_onnx_opt(c, 2), rank);
}

static void conv(CaOnnxCall *c) { ca_onnx_out(c, 0, convolution(c)); }

static void fused_conv(CaOnnxCall *c)
{
    static const char *const names[][2] = {
        {"Relu", "ReLU"}, {"Tanh", "Tanh"}, {"Sigmoid", "Sigmoid"}};
    const char *act = ca_onnx_attr_text(c, "activation", "");
    CaValue *v = convolution(c);
    if (ca_onnx_opt(c, 3))
        v = ca_build_2(c->b, "Add", v, c->in[3]);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(act, names[i][0]) == 0) {
            ca_onnx_out(c, 0, ca_build_1(c->b, names[i][1], v));
            return;
        }
    if (act[0])
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "activation %s; export without fusion", act);
    ca_onnx_out(c, 0, v);
}

/* Sizes in which the products below cannot overflow. */
static bool is_size(int64_t v) { return v >= 1 && v <= INT32_MAX; }

/* Pads of a transposed convolution, so that the output has the asked size. */
static void transposed_pads(CaOnnxCall *c, Window *w, const CarinaShape *x,
                            int64_t *output_padding)
{
    int n_shape;
    const int64_t *shape = ca_onnx_attr_ints(c, "output_shape", &n_shape);
    const bool same = strncmp(w->auto_pad, "same", 4) == 0;
    const bool upper = strcmp(w->auto_pad, "same_upper") == 0;
    if (n_shape <= 0 && !same)
        return;
    if (n_shape == w->n + 2) {
        shape += 2;
        n_shape = w->n;
    }
    if (n_shape > 0 && n_shape != w->n)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "output_shape has %d numbers, needs %d",
                      n_shape, w->n);
    for (int i = 0; i < w->n && c->b->status == CARINA_OK; i++) {
        int64_t total = effective(w, i) - w->strides[i] + output_padding[i];
        if (n_shape > 0) {
            if (x->rank != w->n + 2 || !is_size(x->dims[i + 2]) || !is_size(shape[i])) {
                ca_build_fail(
                    c->b, CARINA_ERR_SHAPE,
                    "output_shape with an input of unknown or absurd size; give the model's input shape");
                return;
            }
            total += x->dims[i + 2] * w->strides[i] - shape[i];
        }
        if (total < 0) {
            output_padding[i] -= total;
            total = 0;
        }
        w->begin[i] = upper ? total / 2 : total - total / 2;
        w->end[i] = total - w->begin[i];
    }
    w->auto_pad = "explicit";
}

static void conv_transpose(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0), *weight = ca_onnx_in(c, 1);
    const int rank = ca_build_rank(c->b, weight);
    const CarinaShape s = ca_build_shape(c->b, weight), xs = ca_build_shape(c->b, x);
    const int64_t group = group_of(c);
    int64_t output_padding[CARINA_MAX_RANK] = {0};
    int given;
    const int64_t *extra = ca_onnx_attr_ints(c, "output_padding", &given);
    Window w = window_read(c, rank);
    for (int i = 0; i < w.n; i++) {
        w.kernel[i] = s.dims[i + 2];
        output_padding[i] = given == w.n ? extra[i] : 0;
        if (!is_size(w.kernel[i]) || output_padding[i] < 0 ||
            output_padding[i] > INT32_MAX)
            ca_build_fail(c->b, CARINA_ERR_SHAPE,
                          "kernel or output_padding has no usable size");
    }
    transposed_pads(c, &w, &xs, output_padding);
    CaValue *v = group > 1 ? ca_build_2(c->b, "GroupConvolutionBackpropData", x,
                                        grouped_weight(c, weight, group))
                           : ca_build_2(c->b, "ConvolutionBackpropData", x, weight);
    window_set(c, v, &w);
    ca_build_set_ints(c->b, v, "dilations", w.dilations, w.n);
    ca_build_set_ints(c->b, v, "output_padding", output_padding, w.n);
    ca_onnx_out(c, 0, with_bias(c, v, ca_onnx_opt(c, 2), rank));
}

/* --- Pooling. */

/* ceil_mode: the size by ONNX's rule; where it differs from floor's, the pad at the end grows by the overhang.
 * Returns whether a window hangs over; dynamic sizes leave the rounding to the operator. */
static bool ceil_pads(CaOnnxCall *c, Window *w, const CarinaShape *x, int64_t overhang[],
                      const char **rounding)
{
    bool any = false;
    *rounding = "floor";
    if (!ca_onnx_attr_int(c, "ceil_mode", 0) || strcmp(w->auto_pad, "explicit") != 0)
        return false;
    for (int i = 0; i < w->n; i++) {
        if (x->rank != w->n + 2 || !is_size(x->dims[i + 2])) {
            *rounding = "ceil_torch";
            return false;
        }
        const int64_t in = x->dims[i + 2], s = w->strides[i];
        const int64_t free = in + w->begin[i] + w->end[i] - effective(w, i);
        int64_t out = (free + s - 1) / s + 1;
        if ((out - 1) * s >= in + w->begin[i])
            out--;
        overhang[i] = (out - 1) * s - free;
        if (free < 0 || overhang[i] < 0)
            overhang[i] = 0;
        any = any || overhang[i] > 0;
    }
    return any;
}

static Window pool_window(CaOnnxCall *c, CaValue *x)
{
    Window w = window_read(c, ca_build_rank(c->b, x));
    int given;
    if (!ca_onnx_attr_ints(c, "kernel_shape", &given))
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "kernel_shape is missing");
    window_list(c, w.kernel, "kernel_shape", w.n, 1);
    return w;
}

static void max_pool(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    Window w = pool_window(c, x);
    const CarinaShape s = ca_build_shape(c->b, x);
    const char *rounding;
    int64_t overhang[CARINA_MAX_RANK] = {0};
    if (ca_onnx_out_used(c, 1) && ca_onnx_attr_int(c, "storage_order", 0) != 0)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "indices in column order; export with storage_order 0");
    if (ceil_pads(c, &w, &s, overhang, &rounding))
        for (int i = 0; i < w.n; i++)
            w.end[i] += overhang[i];
    CaValue *v = ca_build_make_at(c->b, "MaxPool",
                                  strcmp(rounding, "floor") == 0 ? 8 : 14, &x, 1, 2);
    window_set(c, v, &w);
    ca_build_set_ints(c->b, v, "kernel", w.kernel, w.n);
    ca_build_set_ints(c->b, v, "dilations", w.dilations, w.n);
    ca_build_set_text(c->b, v, "rounding_type", rounding);
    ca_build_set_text(c->b, v, "index_element_type", "i64");
    ca_onnx_out(c, 0, v);
    if (v)
        ca_onnx_out(c, 1, v + 1);
}

static CaValue *zero_padded(CaOnnxCall *c, CaValue *x, Window *w)
{
    int64_t begin[CARINA_MAX_RANK] = {0}, end[CARINA_MAX_RANK] = {0};
    for (int i = 0; i < w->n; i++) {
        begin[i + 2] = w->begin[i];
        end[i + 2] = w->end[i];
        w->begin[i] = w->end[i] = 0;
    }
    CaValue *const in[] = {x, ca_build_vector(c->b, begin, w->n + 2),
                           ca_build_vector(c->b, end, w->n + 2),
                           ca_build_number(c->b, x, 0)};
    CaValue *v = ca_build_make(c->b, "Pad", in, 4, 1);
    ca_build_set_text(c->b, v, "pad_mode", "constant");
    return v;
}

static void average_pool(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    Window w = pool_window(c, x);
    const CarinaShape s = ca_build_shape(c->b, x);
    bool count_pads = ca_onnx_attr_int(c, "count_include_pad", 0) != 0;
    const char *rounding;
    int64_t overhang[CARINA_MAX_RANK] = {0};
    for (int i = 0; i < w.n; i++)
        if (w.dilations[i] != 1)
            ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                          "averages with dilations; export without them");
    if (ceil_pads(c, &w, &s, overhang, &rounding)) {
        if (count_pads) { /* the pads count, the overhang does not */
            x = zero_padded(c, x, &w);
            count_pads = false;
        }
        for (int i = 0; i < w.n; i++)
            w.end[i] += overhang[i];
    }
    CaValue *v = ca_build_make_at(c->b, "AvgPool",
                                  strcmp(rounding, "floor") == 0 ? 1 : 14, &x, 1, 1);
    window_set(c, v, &w);
    ca_build_set_ints(c->b, v, "kernel", w.kernel, w.n);
    ca_build_set_text(c->b, v, "exclude-pad", count_pads ? "false" : "true");
    ca_build_set_text(c->b, v, "rounding_type", rounding);
    ca_onnx_out(c, 0, v);
}

static void global_pool(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    const int rank = ca_build_rank(c->b, x);
    const char *op = ca_onnx_op_find("", c->node->op_type)->ours;
    if (rank < 3)
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "its input has %d dimensions; it needs [N, C, ...]", rank);
    if (c->b->status != CARINA_OK)
        return;
    CaValue *v = ca_build_2(c->b, op, x, ca_build_iota(c->b, 2, rank - 2));
    ca_build_set_text(c->b, v, "keep_dims", "true");
    ca_onnx_out(c, 0, v);
}

/* --- Normalisation. */

static void batch_norm(CaOnnxCall *c)
{
    CaValue *in[5];
    for (int i = 0; i < 5; i++)
        in[i] = ca_onnx_in(c, i);
    if (ca_onnx_attr_int(c, "training_mode", 0) != 0)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "training_mode is on; export the model for inference");
    if (c->opset < 9 && ca_onnx_attr_int(c, "spatial", 1) == 0)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "statistics per element (spatial 0); export with spatial 1");
    const CarinaType type = ca_build_type(c->b, in[0]);
    for (int i = 1; i < 5 && type != CARINA_UNKNOWN; i++)
        in[i] = ca_build_convert(c->b, in[i], type);
    CaValue *v = ca_build_make(c->b, "BatchNormInference", in, 5, 1);
    ca_build_set_real(c->b, v, "epsilon", ca_onnx_attr_real(c, "epsilon", (double)1e-5f));
    ca_onnx_out(c, 0, v);
}

static CaValue *mvn(CaOnnxCall *c, CaValue *x, CaValue *axes, double eps,
                    const char *eps_mode)
{
    CaValue *v = ca_build_2(c->b, "MVN", x, axes);
    ca_build_set_text(c->b, v, "normalize_variance", "true");
    ca_build_set_real(c->b, v, "eps", eps);
    ca_build_set_text(c->b, v, "eps_mode", eps_mode);
    return v;
}

static void instance_norm(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0), *scale = ca_onnx_in(c, 1), *bias = ca_onnx_in(c, 2);
    const int rank = ca_build_rank(c->b, x);
    if (rank < 3)
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "its input has %d dimensions; it needs [N, C, ...]", rank);
    if (c->b->status != CARINA_OK)
        return;
    CaValue *v = mvn(c, x, ca_build_iota(c->b, 2, rank - 2),
                     ca_onnx_attr_real(c, "epsilon", (double)1e-5f), "inside_sqrt");
    v = ca_build_2(c->b, "Multiply", v, ca_build_per_channel(c->b, scale, 1, rank));
    ca_onnx_out(c, 0,
                ca_build_2(c->b, "Add", v, ca_build_per_channel(c->b, bias, 1, rank)));
}

static CaValue *layer_normalized(CaOnnxCall *c, CaValue *x, CaValue *scale, CaValue *bias,
                                 int64_t first, double eps)
{
    const int rank = ca_build_rank(c->b, x);
    const int axis = ca_build_axis(c->b, first, rank);
    if (c->b->status != CARINA_OK)
        return NULL;
    CaValue *v = mvn(c, x, ca_build_iota(c->b, axis, rank - axis), eps, "inside_sqrt");
    v = ca_build_2(c->b, "Multiply", v, scale);
    return bias ? ca_build_2(c->b, "Add", v, bias) : v;
}

static void layer_norm(CaOnnxCall *c)
{
    ca_onnx_out(c, 0,
                layer_normalized(c, ca_onnx_in(c, 0), ca_onnx_in(c, 1), ca_onnx_opt(c, 2),
                                 ca_onnx_attr_int(c, "axis", -1),
                                 ca_onnx_attr_real(c, "epsilon", (double)1e-5f)));
}

static void skip_layer_norm(CaOnnxCall *c)
{
    CaValue *sum = ca_build_2(c->b, "Add", ca_onnx_in(c, 0), ca_onnx_in(c, 1));
    if (ca_onnx_opt(c, 4))
        sum = ca_build_2(c->b, "Add", sum, c->in[4]);
    ca_onnx_out(c, 3, sum);
    ca_onnx_out(c, 0,
                layer_normalized(c, sum, ca_onnx_in(c, 2), ca_onnx_opt(c, 3), -1,
                                 ca_onnx_attr_real(c, "epsilon", (double)1e-12f)));
}

/* [G] to [C], each number repeated. */
static CaValue *repeated(CaOnnxCall *c, CaValue *v, int64_t groups, int64_t channels)
{
    const int64_t column[] = {groups, 1}, all[] = {groups, channels / groups};
    CaValue *wide = ca_build_2(c->b, "Broadcast", ca_build_reshape(c->b, v, column, 2),
                               ca_build_vector(c->b, all, 2));
    return ca_build_reshape(c->b, wide, &channels, 1);
}

static void group_norm(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0), *scale = ca_onnx_in(c, 1), *bias = ca_onnx_in(c, 2);
    const CarinaShape s = ca_build_shape(c->b, x);
    const int64_t groups = ca_onnx_attr_int(c, "num_groups", 1);
    if (s.rank < 2 || s.dims[1] < 1 || groups < 1 || s.dims[1] % groups)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "channels do not divide into %lld groups",
                      (long long)groups);
    if (c->b->status == CARINA_OK && c->opset < 21 && groups != s.dims[1]) {
        scale = repeated(c, scale, groups, s.dims[1]);
        bias = repeated(c, bias, groups, s.dims[1]);
    }
    CaValue *v = ca_build_3(c->b, "GroupNormalization", x, scale, bias);
    ca_build_set_int(c->b, v, "num_groups", groups);
    ca_build_set_real(c->b, v, "epsilon", ca_onnx_attr_real(c, "epsilon", (double)1e-5f));
    ca_onnx_out(c, 0, v);
}

static void mean_variance(CaOnnxCall *c)
{
    static const int64_t usual[] = {0, 2, 3};
    int n;
    const int64_t *axes = ca_onnx_attr_ints(c, "axes", &n);
    ca_onnx_out(c, 0,
                mvn(c, ca_onnx_in(c, 0),
                    ca_build_vector(c->b, axes ? axes : usual, axes ? n : 3), 1e-9,
                    "outside_sqrt"));
}

static void lrn(CaOnnxCall *c)
{
    const int64_t axis = 1;
    CaValue *v =
        ca_build_2(c->b, "LRN", ca_onnx_in(c, 0), ca_build_vector(c->b, &axis, 1));
    ca_build_set_real(c->b, v, "alpha", ca_onnx_attr_real(c, "alpha", (double)1e-4f));
    ca_build_set_real(c->b, v, "beta", ca_onnx_attr_real(c, "beta", 0.75));
    ca_build_set_real(c->b, v, "bias", ca_onnx_attr_real(c, "bias", 1));
    ca_build_set_int(c->b, v, "size", ca_onnx_attr_int(c, "size", 1));
    ca_onnx_out(c, 0, v);
}

/* 0/0 is 0 here: the norm is kept away from zero. */
static void lp_norm(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    const int64_t axis = ca_onnx_attr_int(c, "axis", -1);
    const bool is_l1 = ca_onnx_attr_int(c, "p", 2) == 1;
    CaValue *norm = ca_build_2(c->b, is_l1 ? "ReduceL1" : "ReduceL2", x,
                               ca_build_vector(c->b, &axis, 1));
    ca_build_set_text(c->b, norm, "keep_dims", "true");
    norm = ca_build_2(c->b, "Maximum", norm, ca_build_number(c->b, x, (double)FLT_MIN));
    ca_onnx_out(c, 0, ca_build_2(c->b, "Divide", x, norm));
}

/* Before opset 13 everything from the axis on is one row. */
static void softmax(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    const char *op = ca_onnx_op_find("", c->node->op_type)->ours;
    const int rank = ca_build_rank(c->b, x);
    const int axis =
        ca_build_axis(c->b, ca_onnx_attr_int(c, "axis", c->opset < 13 ? 1 : -1), rank);
    const CarinaShape s = ca_build_shape(c->b, x);
    bool rest_is_one = true;
    for (int i = axis + 1; i < rank; i++)
        rest_is_one = rest_is_one && s.dims[i] == 1;
    const bool flat = c->opset < 13 && !rest_is_one;
    CaValue *v = ca_build_1(c->b, op, flat ? ca_build_flatten(c->b, x, axis) : x);
    ca_build_set_int(c->b, v, "axis", flat ? 1 : axis);
    if (flat) {
        CaValue *shape;
        if (ca_shape_is_static(&s)) {
            shape = ca_build_vector(c->b, s.dims, rank);
        } else {
            shape = ca_build_1(c->b, "ShapeOf", x);
            ca_build_set_text(c->b, shape, "output_type", "i64");
        }
        v = ca_build_2(c->b, "Reshape", v, shape);
        ca_build_set_text(c->b, v, "special_zero", "false");
    }
    ca_onnx_out(c, 0, v);
}

/* --- Matrix products. */

static CaValue *product(CaOnnxCall *c, CaValue *a, CaValue *b, bool ta, bool tb)
{
    CaValue *v = ca_build_2(c->b, "MatMul", a, b);
    ca_build_set_text(c->b, v, "transpose_a", ta ? "true" : "false");
    ca_build_set_text(c->b, v, "transpose_b", tb ? "true" : "false");
    return v;
}

static CaValue *scaled(CaOnnxCall *c, CaValue *v, double by)
{
    return by < 1 || by > 1
               ? ca_build_2(c->b, "Multiply", v, ca_build_number(c->b, v, by))
               : v;
}

static void gemm(CaOnnxCall *c)
{
    CaValue *v = product(c, ca_onnx_in(c, 0), ca_onnx_in(c, 1),
                         ca_onnx_attr_int(c, "transA", 0) != 0,
                         ca_onnx_attr_int(c, "transB", 0) != 0);
    v = scaled(c, v, ca_onnx_attr_real(c, "alpha", 1));
    if (ca_onnx_opt(c, 2))
        v = ca_build_2(c->b, "Add", v,
                       scaled(c, c->in[2], ca_onnx_attr_real(c, "beta", 1)));
    ca_onnx_out(c, 0, v);
}

static void mat_mul(CaOnnxCall *c)
{
    ca_onnx_out(c, 0, product(c, ca_onnx_in(c, 0), ca_onnx_in(c, 1), false, false));
}

static void fused_mat_mul(CaOnnxCall *c)
{
    if (ca_onnx_attr_int(c, "transBatchA", 0) || ca_onnx_attr_int(c, "transBatchB", 0))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "transposed batches; export without fusion");
    CaValue *v = product(c, ca_onnx_in(c, 0), ca_onnx_in(c, 1),
                         ca_onnx_attr_int(c, "transA", 0) != 0,
                         ca_onnx_attr_int(c, "transB", 0) != 0);
    ca_onnx_out(c, 0, scaled(c, v, ca_onnx_attr_real(c, "alpha", 1)));
}

const CaOnnxOp ca_onnx_nn[] = {
    {"", "AveragePool", average_pool, NULL},
    {"", "BatchNormalization", batch_norm, NULL},
    {"", "Conv", conv, NULL},
    {"", "ConvTranspose", conv_transpose, NULL},
    {"", "Gemm", gemm, NULL},
    {"", "GlobalAveragePool", global_pool, "ReduceMean"},
    {"", "GlobalMaxPool", global_pool, "ReduceMax"},
    {"", "GroupNormalization", group_norm, NULL},
    {"", "InstanceNormalization", instance_norm, NULL},
    {"", "LRN", lrn, NULL},
    {"", "LayerNormalization", layer_norm, NULL},
    {"", "LogSoftmax", softmax, "LogSoftmax"},
    {"", "LpNormalization", lp_norm, NULL},
    {"", "MatMul", mat_mul, NULL},
    {"", "MaxPool", max_pool, NULL},
    {"", "MeanVarianceNormalization", mean_variance, NULL},
    {"", "Softmax", softmax, "Softmax"},
    {"com.microsoft", "FusedConv", fused_conv, NULL},
    {"com.microsoft", "FusedMatMul", fused_mat_mul, NULL},
    {"com.microsoft", "SkipLayerNormalization", skip_layer_norm, NULL},
    {NULL, NULL, NULL, NULL},
};
