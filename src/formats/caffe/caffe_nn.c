/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caffe: convolution, pooling, inner product, normalisation.
 */
#include "formats/caffe/caffe_reader.h"

#include <math.h>
#include <string.h>

enum { MAX_SPATIAL = 3, LARGEST = 1 << 24 };

typedef struct Window {
    int n; /* spatial axes */
    int64_t kernel[MAX_SPATIAL], stride[MAX_SPATIAL], pad[MAX_SPATIAL],
        dilation[MAX_SPATIAL];
} Window;

/* One value for all axes, one each, or the two of _h and _w. */
static void per_axis(CaCaffeCall *c, int64_t *out, int n, const char *what, int64_t least,
                     const uint32_t *list, size_t n_list, bool has_h, uint32_t h,
                     bool has_w, uint32_t w, int64_t absent)
{
    if (n_list > 1 && n_list != (size_t)n)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "%zu values of %s for %d axes", n_list,
                      what, n);
    for (int i = 0; i < n && c->b->status == CARINA_OK; i++) {
        out[i] = n_list == 0 ? absent : list[n_list > 1 ? i : 0];
        if (n == 2 && (i == 0 ? has_h : has_w))
            out[i] = i == 0 ? h : w;
        if (out[i] < least || out[i] > LARGEST)
            ca_build_fail(c->b, CARINA_ERR_FORMAT, "%s is %lld, must be %lld to %d", what,
                          (long long)out[i], (long long)least, LARGEST);
    }
}

static Window conv_window(CaCaffeCall *c, const Caffe__Convolution *p, int rank)
{
    Window w = {.n = rank - 2};
    if (rank < 3 || rank > 2 + MAX_SPATIAL || p->axis != 1)
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "an input of %d dimensions with axis %d; Carina reads 3 to 5 with axis 1",
            rank, p->axis);
    if (c->b->status != CARINA_OK)
        return w;
    per_axis(c, w.kernel, w.n, "kernel_size", 1, p->kernel_size, p->n_kernel_size,
             p->has_kernel_h, p->kernel_h, p->has_kernel_w, p->kernel_w, 0);
    per_axis(c, w.stride, w.n, "stride", 1, p->stride, p->n_stride, p->has_stride_h,
             p->stride_h, p->has_stride_w, p->stride_w, 1);
    per_axis(c, w.pad, w.n, "pad", 0, p->pad, p->n_pad, p->has_pad_h, p->pad_h,
             p->has_pad_w, p->pad_w, 0);
    per_axis(c, w.dilation, w.n, "dilation", 1, p->dilation, p->n_dilation, false, 0,
             false, 0, 1);
    return w;
}

static void set_window(CaCaffeCall *c, CaValue *v, const Window *w)
{
    ca_build_set_ints(c->b, v, "strides", w->stride, w->n);
    ca_build_set_ints(c->b, v, "pads_begin", w->pad, w->n);
    ca_build_set_ints(c->b, v, "pads_end", w->pad, w->n);
}

/* [O, I / g, k...], or [I, O / g, k...] the other way round; with groups [g, O / g, I / g, k...]. */
static CarinaShape filter_shape(const Window *w, int64_t first, int64_t second,
                                int64_t group)
{
    int64_t dims[3 + MAX_SPATIAL] = {0};
    int n = 0;
    if (group > 1)
        dims[n++] = group;
    dims[n++] = first / group;
    dims[n++] = second / group;
    for (int i = 0; i < w->n; i++)
        dims[n++] = w->kernel[i];
    return ca_shape(n, dims);
}

static CaValue *bias(CaCaffeCall *c, CaValue *v, bool present, int64_t n, int axis,
                     int rank)
{
    const CarinaShape shape = ca_build_along(axis, rank, n);
    return present ? ca_build_2(c->b, "Add", v, ca_caffe_weight(c, 1, &shape)) : v;
}

static void any_convolution(CaCaffeCall *c, bool backwards)
{
    static const Caffe__Convolution none = CAFFE__CONVOLUTION__INIT;
    const Caffe__Convolution *p =
        c->layer->convolution_param ? c->layer->convolution_param : &none;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    const Window w = conv_window(c, p, x.rank);
    if (c->b->status != CARINA_OK)
        return;
    const int64_t in = x.dims[1], out = p->num_output;
    const int64_t group = strstr(c->type, "epthwise") ? in : p->group;
    if (out < 1 || group < 1 || in % group != 0 || out % group != 0) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "%lld channels to %lld do not divide into %lld groups; correct "
                      "num_output or group",
                      (long long)in, (long long)out, (long long)group);
        return;
    }
    const int64_t first = backwards ? in : out, second = backwards ? out : in;
    const CarinaShape stored = filter_shape(&w, first, second / group, 1),
                      shape = filter_shape(&w, first, second, group);
    static const char *const ops[2][2] = {
        {"Convolution", "GroupConvolution"},
        {"ConvolutionBackpropData", "GroupConvolutionBackpropData"}};
    CaValue *v = ca_build_2(c->b, ops[backwards][group > 1], c->in[0],
                            ca_caffe_weight_as(c, 0, &stored, &shape));
    set_window(c, v, &w);
    ca_build_set_ints(c->b, v, "dilations", w.dilation, w.n);
    c->out[0] = bias(c, v, p->bias_term, out, 1, x.rank);
}

static void convolution(CaCaffeCall *c) { any_convolution(c, false); }
static void deconvolution(CaCaffeCall *c) { any_convolution(c, true); }

/* --- Pooling: Caffe rounds up, and cuts the last window off where it would start in the padding behind. */

static void global_pooling(CaCaffeCall *c, bool is_max)
{
    const int64_t axes[] = {2, 3};
    CaValue *v = ca_build_2(c->b, is_max ? "ReduceMax" : "ReduceMean", c->in[0],
                            ca_build_vector(c->b, axes, 2));
    ca_build_set_text(c->b, v, "keep_dims", "true");
    c->out[0] = v;
}

static Window pool_window(CaCaffeCall *c, const Caffe__Pooling *p)
{
    Window w = {.n = 2};
    per_axis(c, w.kernel, 2, "kernel_size", 1, &p->kernel_size,
             p->has_kernel_size ? 1 : 0, p->has_kernel_h, p->kernel_h, p->has_kernel_w,
             p->kernel_w, 0);
    per_axis(c, w.stride, 2, "stride", 1, &p->stride, p->has_stride ? 1 : 0,
             p->has_stride_h, p->stride_h, p->has_stride_w, p->stride_w, 1);
    per_axis(c, w.pad, 2, "pad", 0, &p->pad, p->has_pad ? 1 : 0, p->has_pad_h, p->pad_h,
             p->has_pad_w, p->pad_w, 0);
    for (int i = 0; i < 2 && c->b->status == CARINA_OK; i++)
        if (w.pad[i] >= w.kernel[i])
            ca_build_fail(c->b, CARINA_ERR_FORMAT,
                          "pad %lld is not less than the kernel's %lld",
                          (long long)w.pad[i], (long long)w.kernel[i]);
    return w;
}

/* How far the last window reaches past input and padding; false where it leaves the input altogether. */
static bool overhang(const Window *w, int i, int64_t in, bool ceil, int64_t *over)
{
    const int64_t room = in + 2 * w->pad[i] - w->kernel[i];
    *over = 0;
    if (room < 0)
        return false;
    int64_t out = room / w->stride[i] + 1;
    if (ceil && room % w->stride[i] != 0)
        out++;
    if ((w->pad[0] || w->pad[1]) && (out - 1) * w->stride[i] >= in + w->pad[i])
        out--;
    *over = (out - 1) * w->stride[i] - room;
    return (out - 1) * w->stride[i] - w->pad[i] < in;
}

/* Padding counts in an average, what reaches past it does not: where that matters, zeros are put there first. */
static CaValue *zeros_around(CaCaffeCall *c, CaValue *x, const Window *w)
{
    const int64_t pads[] = {0, 0, w->pad[0], w->pad[1]};
    CaValue *const in[] = {x, ca_build_vector(c->b, pads, 4),
                           ca_build_vector(c->b, pads, 4),
                           ca_build_number(c->b, NULL, 0)};
    CaValue *v = ca_build_make_at(c->b, "Pad", 1, in, 4, 1);
    ca_build_set_text(c->b, v, "pad_mode", "constant");
    return v;
}

static void window_pooling(CaCaffeCall *c, const CarinaShape *x, Window w, bool is_max,
                           bool ceil)
{
    static const int64_t zeros[2] = {0};
    int64_t over[2] = {0}, ends[2];
    for (int i = 0; i < 2; i++)
        if (!overhang(&w, i, x->dims[2 + i], ceil, &over[i])) {
            ca_build_fail(
                c->b, CARINA_ERR_SHAPE,
                "a window of %lld (stride %lld) does not lie in an input of %lld",
                (long long)w.kernel[i], (long long)w.stride[i],
                (long long)x->dims[2 + i]);
            return;
        }
    const bool padded = w.pad[0] || w.pad[1], hangs = over[0] > 0 || over[1] > 0;
    const bool apart = padded && hangs && !is_max;
    CaValue *from = apart ? zeros_around(c, c->in[0], &w) : c->in[0];
    for (int i = 0; i < 2; i++)
        ends[i] = w.pad[i] + (is_max && over[i] > 0 ? over[i] : 0);
    CaValue *v = ca_build_make_at(c->b, is_max ? "MaxPool" : "AvgPool", 1, &from, 1, 1);
    ca_build_set_ints(c->b, v, "kernel", w.kernel, 2);
    ca_build_set_ints(c->b, v, "strides", w.stride, 2);
    ca_build_set_ints(c->b, v, "pads_begin", apart ? zeros : w.pad, 2);
    ca_build_set_ints(c->b, v, "pads_end", apart ? zeros : padded ? ends : w.pad, 2);
    ca_build_set_text(c->b, v, "rounding_type",
                      ceil && (!padded || apart) ? "ceil" : "floor");
    if (!is_max)
        ca_build_set_text(c->b, v, "exclude-pad", padded && !apart ? "false" : "true");
    c->out[0] = v;
}

static void pooling(CaCaffeCall *c)
{
    static const Caffe__Pooling none = CAFFE__POOLING__INIT;
    const Caffe__Pooling *p = c->layer->pooling_param ? c->layer->pooling_param : &none;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    const bool is_max = p->pool == CAFFE__POOLING__METHOD__MAX;
    if (c->b->status != CARINA_OK)
        return;
    if (p->pool == CAFFE__POOLING__METHOD__STOCHASTIC)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "stochastic pooling, which Carina does not have; use MAX or AVE");
    else if (x.rank != 4)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "needs an input of 4 dimensions, has %d",
                      x.rank);
    else if (p->global_pooling)
        global_pooling(c, is_max);
    else {
        const Window w = pool_window(c, p);
        const bool ceil = p->round_mode == CAFFE__POOLING__ROUNDING__CEIL && p->ceil_mode;
        if (c->b->status == CARINA_OK)
            window_pooling(c, &x, w, is_max, ceil);
    }
}

/* --- Inner product. */

static void inner_product(CaCaffeCall *c)
{
    static const Caffe__InnerProduct none = CAFFE__INNER_PRODUCT__INIT;
    const Caffe__InnerProduct *p =
        c->layer->inner_product_param ? c->layer->inner_product_param : &none;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    const int axis = ca_build_axis(c->b, p->axis, x.rank);
    int64_t dims[CARINA_MAX_RANK] = {0};
    if (c->b->status != CARINA_OK)
        return;
    if (p->num_output < 1) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "num_output is missing or 0");
        return;
    }
    const int64_t out = p->num_output, k = ca_shape_product(&x, axis, x.rank);
    const CarinaShape shape =
        ca_shape(2, p->transpose ? (int64_t[]){k, out} : (int64_t[]){out, k});
    dims[axis] = -1;
    CaValue *flat = axis == x.rank - 1
                        ? c->in[0]
                        : ca_build_reshape_0(c->b, c->in[0], dims, axis + 1);
    CaValue *v = ca_build_2(c->b, "MatMul", flat, ca_caffe_weight(c, 0, &shape));
    ca_build_set_text(c->b, v, "transpose_b", p->transpose ? "false" : "true");
    c->out[0] = bias(c, v, p->bias_term, out, axis, axis + 1);
}

/* Rows of a table. */
static void embed(CaCaffeCall *c)
{
    const Caffe__InnerProduct *p = c->layer->embed_param;
    const Caffe__LayerWeights *w = c->weights;
    if (!p || p->num_output < 1 || !w || w->n_blobs < 1) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "num_output or the table of weights is missing");
        return;
    }
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    const Caffe__Blob *b = w->blobs[0];
    const int64_t rows = b->shape && b->shape->n_dim == 2 ? b->shape->dim[0]
                         : b->has_height                  ? b->height
                                                          : 1;
    const CarinaShape shape = ca_shape(2, (int64_t[]){rows, p->num_output});
    CaValue *table = ca_caffe_weight(c, 0, &shape);
    CaValue *at = ca_build_1(c->b, "Convert", c->in[0]);
    ca_build_set_text(c->b, at, "destination_type", "i32");
    CaValue *const in[] = {table, at, ca_build_scalar(c->b, 0)};
    c->out[0] =
        bias(c, ca_build_make_at(c->b, "Gather", 0, in, 3, 1), p->bias_term,
             p->num_output, x.rank, x.rank + 1 <= CARINA_MAX_RANK ? x.rank + 1 : x.rank);
}

/* --- Normalisation. */

/* y = (x - mean / f) / sqrt(variance / f + eps), as a product and a sum. */
static void batch_norm(CaCaffeCall *c)
{
    Caffe__BatchNorm none;
    caffe__batch_norm__init(&none);
    const Caffe__BatchNorm *p =
        c->layer->batch_norm_param ? c->layer->batch_norm_param : &none;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]),
                      one = ca_build_along(0, 1, 1);
    if (c->b->status != CARINA_OK)
        return;
    if (!p->use_global_stats || (c->weights && ca_caffe_n_weights(c) != 3)) {
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "needs stored statistics (use_global_stats, 3 weights), has %zu; "
                      "this is another branch's layer",
                      ca_caffe_n_weights(c));
        return;
    }
    const int axis = x.rank > 1 ? 1 : 0;
    const int64_t n = x.rank ? x.dims[axis] : 1;
    const CarinaShape shape = ca_build_along(axis, x.rank, n);
    CarinaTensor *mean = ca_caffe_tensor(c, 0, &shape, &shape),
                 *variance = ca_caffe_tensor(c, 1, &shape, &shape),
                 *count = ca_caffe_tensor(c, 2, &one, &one);
    double *v = ca_arena_array(c->r->b.work, (size_t)n, 2 * sizeof *v);
    if (!v)
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
    if (c->b->status == CARINA_OK) {
        const double stored = ca_get_real(CARINA_F32, count->data, 0);
        const double f = stored == 0 ? 0 : 1 / stored;
        for (int64_t i = 0; i < n; i++) {
            v[i] =
                1 / sqrt(ca_get_real(CARINA_F32, variance->data, i) * f + (double)p->eps);
            v[n + i] = -ca_get_real(CARINA_F32, mean->data, i) * f * v[i];
        }
        CaValue *product =
            ca_build_2(c->b, "Multiply", c->in[0], ca_build_reals(c->b, &shape, v));
        c->out[0] = ca_build_2(c->b, "Add", product, ca_build_reals(c->b, &shape, v + n));
    }
    carina_tensor_free(&mean);
    carina_tensor_free(&variance);
    carina_tensor_free(&count);
}

static void lrn(CaCaffeCall *c)
{
    static const Caffe__Lrn none = CAFFE__LRN__INIT;
    const Caffe__Lrn *p = c->layer->lrn_param ? c->layer->lrn_param : &none;
    const bool within = p->norm_region == CAFFE__LRN__REGION__WITHIN_CHANNEL;
    const int64_t across_axes[] = {1}, within_axes[] = {2, 3};
    if (p->local_size % 2 == 0 || p->local_size > LARGEST) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "local_size is %u, must be odd",
                      p->local_size);
        return;
    }
    CaValue *v = ca_build_2(c->b, "LRN", c->in[0],
                            within ? ca_build_vector(c->b, within_axes, 2)
                                   : ca_build_vector(c->b, across_axes, 1));
    ca_build_set_real(c->b, v, "alpha", (double)p->alpha);
    ca_build_set_real(c->b, v, "beta", (double)p->beta);
    ca_build_set_real(c->b, v, "bias", within ? 1 : (double)p->k); /* as Caffe does */
    ca_build_set_int(c->b, v, "size", p->local_size);
    c->out[0] = v;
}

static void mvn(CaCaffeCall *c)
{
    Caffe__Mvn none;
    caffe__mvn__init(&none);
    const Caffe__Mvn *p = c->layer->mvn_param ? c->layer->mvn_param : &none;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    const int from = p->across_channels ? 1 : 2;
    int64_t axes[CARINA_MAX_RANK];
    if (c->b->status == CARINA_OK && x.rank <= from)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "needs an input of 4 dimensions, has %d",
                      x.rank);
    if (c->b->status != CARINA_OK)
        return;
    for (int i = from; i < x.rank; i++)
        axes[i - from] = i;
    CaValue *v =
        ca_build_2(c->b, "MVN", c->in[0], ca_build_vector(c->b, axes, x.rank - from));
    ca_build_set_real(c->b, v, "eps", (double)p->eps);
    ca_build_set_text(c->b, v, "normalize_variance",
                      p->normalize_variance ? "true" : "false");
    ca_build_set_text(c->b, v, "eps_mode", "outside_sqrt");
    c->out[0] = v;
}

const CaCaffeOp ca_caffe_nn[] = {
    {"Convolution", convolution, 1, 1},
    {"ConvolutionDepthwise", convolution, 1, 1},
    {"DepthwiseConvolution", convolution, 1, 1},
    {"Deconvolution", deconvolution, 1, 1},
    {"Pooling", pooling, 1, 1},
    {"InnerProduct", inner_product, 1, 1},
    {"Embed", embed, 1, 1},
    {"BatchNorm", batch_norm, 1, 1},
    {"LRN", lrn, 1, 1},
    {"MVN", mvn, 1, 1},
    {NULL, NULL, 0, 0},
};
