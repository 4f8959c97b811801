/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IR versions 2 to 7: convolution, pooling, inner product, normalisation.
 */
#include "ir/ir_legacy.h"

#include <string.h>

enum { MAX_SPATIAL = 3 };

typedef struct Window {
    int n; /* spatial axes, outermost first */
    int64_t kernel[MAX_SPATIAL], stride[MAX_SPATIAL], begin[MAX_SPATIAL],
        end[MAX_SPATIAL], dilation[MAX_SPATIAL];
    const char *auto_pad; /* NULL: the pads above */
} Window;

/* How one property of a window is spelt: a list; a number for each axis, x last; one number for all. */
typedef struct Spelling {
    const char *list, *axis[MAX_SPATIAL], *single; /* axis: z, y, x */
} Spelling;

static const Spelling kernels = {
    "kernel",
    {"kernel-z|kernel_d", "kernel-y|kernel_h", "kernel-x|kernel_w"},
    "kernel_size"};
static const Spelling strides = {
    "strides",
    {"stride-z|stride_d", "stride-y|stride_h", "stride-x|stride_w"},
    "stride"};
static const Spelling begins = {"pads_begin",
                                {"pad-z|pad_d", "pad-y|pad_h", "pad-x|pad_w"},
                                "pad"};
static const Spelling ends = {"pads_end", {"pad-back", "pad-b", "pad-r"}, NULL};
static const Spelling dilations = {"dilations",
                                   {"dilation-z", "dilation-y", "dilation-x"},
                                   "dilation"};

static void per_axis(CaLegacyCall *c, int64_t *out, int n, const Spelling *s,
                     int64_t lowest, const int64_t *absent)
{
    int64_t list[MAX_SPATIAL + 1] = {0};
    const int n_list = ca_legacy_ints(c, s->list, list, MAX_SPATIAL);
    if (n_list > 1 && n_list != n)
        ca_build_fail(&c->b, CARINA_ERR_FORMAT, "attribute %s has %d numbers for %d axes",
                      s->list, n_list, n);
    for (int i = 0; i < n && c->b.status == CARINA_OK; i++) {
        const char *name = s->axis[MAX_SPATIAL - n + i];
        const char *single = s->single ? ca_legacy_text(c, s->single) : NULL;
        out[i] = absent[i];
        if (n_list > 0)
            out[i] = list[n_list > 1 ? i : 0];
        else if (ca_legacy_text(c, name))
            out[i] = ca_legacy_int(c, name, INT32_MIN, 0);
        else if (single && !strchr(single, ',')) /* v2 also wrote stride="1,1,2,2" */
            out[i] = ca_legacy_int(c, s->single, INT32_MIN, 0);
        if (c->b.status == CARINA_OK && (out[i] < lowest || out[i] > CA_LEGACY_LARGEST))
            ca_build_fail(&c->b, CARINA_ERR_FORMAT,
                          "%s is %lld on axis %d, must be %lld to %d", s->list,
                          (long long)out[i], i, (long long)lowest, CA_LEGACY_LARGEST);
    }
}

static Window window(CaLegacyCall *c, int rank)
{
    static const int64_t zeros[MAX_SPATIAL] = {0, 0, 0}, ones[MAX_SPATIAL] = {1, 1, 1};
    Window w = {.n = rank - 2, .auto_pad = ca_legacy_text(c, "auto_pad")};
    if (rank < 3 || rank > 2 + MAX_SPATIAL) {
        ca_build_fail(&c->b, CARINA_ERR_SHAPE,
                      "its input has %d dimensions, must have 3 to 5", rank);
        return w;
    }
    per_axis(c, w.kernel, w.n, &kernels, 1, zeros);
    per_axis(c, w.stride, w.n, &strides, 1, ones);
    per_axis(c, w.begin, w.n, &begins, 0, zeros);
    per_axis(c, w.end, w.n, &ends, 0, w.begin);
    per_axis(c, w.dilation, w.n, &dilations, 1, ones);
    if (w.auto_pad && (ca_text_equal_nocase(w.auto_pad, "explicit") ||
                       ca_text_equal_nocase(w.auto_pad, "notset")))
        w.auto_pad = NULL;
    return w;
}

static void set_window(CaLegacyCall *c, CaValue *v, const Window *w)
{
    ca_build_set_ints(&c->b, v, "strides", w->stride, w->n);
    ca_build_set_ints(&c->b, v, "pads_begin", w->begin, w->n);
    ca_build_set_ints(&c->b, v, "pads_end", w->end, w->n);
    if (w->auto_pad)
        ca_build_set_text(&c->b, v, "auto_pad", w->auto_pad);
}

/* --- Convolution. */

/* [first, second / g, k...], with groups [g, first / g, second / g, k...]. */
static CarinaShape filter_shape(const Window *w, int64_t first, int64_t second,
                                int64_t group, bool is_grouped)
{
    int64_t dims[3 + MAX_SPATIAL] = {0};
    int n = 0;
    if (is_grouped)
        dims[n++] = group;
    dims[n++] = is_grouped ? first / group : first;
    dims[n++] = second / group;
    for (int i = 0; i < w->n; i++)
        dims[n++] = w->kernel[i];
    return ca_shape(n, dims);
}

static CaValue *plus_biases(CaLegacyCall *c, CaValue *v, int input, int64_t n, int rank)
{
    const CarinaShape shape = ca_build_along(1, rank, n);
    CaValue *biases = ca_legacy_blob_or_input(c, "biases", input, &shape);
    return biases ? ca_build_2(&c->b, "Add", v, biases) : v;
}

static CaValue *weights(CaLegacyCall *c, int input, const CarinaShape *shape)
{
    CaValue *v = ca_legacy_blob_or_input(c, "weights", input, shape);
    if (!v)
        ca_build_fail(&c->b, CARINA_ERR_FORMAT, "it has no weights in <blobs>");
    return v;
}

typedef struct Channels {
    CarinaShape x;
    int64_t in, out, group;
} Channels;

static Channels channels(CaLegacyCall *c, const CarinaShape *x)
{
    Channels ch = {*x, x->rank > 1 ? x->dims[1] : 0, 0, 1};
    ch.out = ca_legacy_need_int(c, "output|num_output", 1);
    ch.group = ca_legacy_int(c, "group", 1, 1);
    if (c->b.status == CARINA_OK && (ch.in % ch.group != 0 || ch.out % ch.group != 0))
        ca_build_fail(&c->b, CARINA_ERR_FORMAT,
                      "%lld channels to %lld do not divide into %lld groups",
                      (long long)ch.in, (long long)ch.out, (long long)ch.group);
    return ch;
}

static void convolve(CaLegacyCall *c, bool backwards)
{
    static const char *const ops[2][2] = {
        {"Convolution", "GroupConvolution"},
        {"ConvolutionBackpropData", "GroupConvolutionBackpropData"}};
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]);
    const Window w = window(c, x.rank);
    const Channels ch = channels(c, &x);
    if (c->b.status != CARINA_OK)
        return;
    const CarinaShape shape =
        filter_shape(&w, backwards ? ch.in : ch.out, backwards ? ch.out : ch.in, ch.group,
                     ch.group > 1);
    CaValue *v =
        ca_build_2(&c->b, ops[backwards][ch.group > 1], c->in[0], weights(c, 1, &shape));
    set_window(c, v, &w);
    ca_build_set_ints(&c->b, v, "dilations", w.dilation, w.n);
    c->out[0] = plus_biases(c, v, 2, ch.out, x.rank);
}

static void convolution(CaLegacyCall *c) { convolve(c, false); }
static void deconvolution(CaLegacyCall *c) { convolve(c, true); }

static void deformable(CaLegacyCall *c)
{
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]);
    const Window w = window(c, x.rank);
    const Channels ch = channels(c, &x);
    if (c->b.status != CARINA_OK)
        return;
    const CarinaShape shape = filter_shape(&w, ch.out, ch.in, ch.group, false);
    CaValue *const in[] = {c->in[0], c->in[1], weights(c, 2, &shape)};
    CaValue *v = ca_build_make_at(&c->b, "DeformableConvolution", 1, in, 3, 1);
    set_window(c, v, &w);
    ca_build_set_ints(&c->b, v, "dilations", w.dilation, w.n);
    ca_build_set_int(&c->b, v, "group", ch.group);
    ca_build_set_int(&c->b, v, "deformable_group",
                     ca_legacy_int(c, "deformable_group|num_deformable_group", 1, 1));
    c->out[0] = plus_biases(c, v, 3, ch.out, x.rank);
}

/* Weights are bits, eight a byte, the first in the highest. */
static void binary(CaLegacyCall *c)
{
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]);
    const Window w = window(c, x.rank);
    const Channels ch = channels(c, &x);
    if (c->b.status == CARINA_OK && ch.group != 1)
        ca_build_fail(&c->b, CARINA_ERR_UNSUPPORTED,
                      "%lld groups; binary convolutions have 1 in the operator set",
                      (long long)ch.group);
    if (c->b.status != CARINA_OK)
        return;
    const CarinaShape shape = filter_shape(&w, ch.out, ch.in, 1, false);
    c->precision = CARINA_U1;
    CaValue *v = ca_build_2(&c->b, "BinaryConvolution", c->in[0], weights(c, 1, &shape));
    c->precision = CARINA_F32;
    set_window(c, v, &w);
    ca_build_set_ints(&c->b, v, "dilations", w.dilation, w.n);
    ca_legacy_copy(c, v, "mode");
    ca_build_set_real(&c->b, v, "pad_value", ca_legacy_real(c, "pad_value", 0));
    c->out[0] = v;
}

/* --- Pooling. */

/* By the Inference Engine's rule: rounded up, a last window that starts behind the input is cut off. */
static int64_t pooled(const Window *w, int i, int64_t in, bool ceil, bool clip)
{
    const int64_t room = in + w->begin[i] + w->end[i] - w->kernel[i];
    if (room < 0)
        return 0;
    int64_t out = room / w->stride[i] + 1;
    out += ceil && room % w->stride[i] != 0;
    return out - (clip && (out - 1) * w->stride[i] >= in + w->begin[i] ? 1 : 0);
}

static bool gives(const Window *w, const CarinaShape *x, const CarinaShape *y, bool ceil)
{
    for (int i = 0; i < w->n; i++)
        if (pooled(w, i, x->dims[2 + i], ceil, true) != y->dims[2 + i])
            return false;
    return true;
}

/* MO of 2018 R3 wrote pad-x and pad-y of pooling the wrong way round; the stated shape tells. */
static void turn_pads(Window *w, const CarinaShape *x, const CarinaShape *y, bool ceil)
{
    Window turned = *w;
    if (w->n != 2 || gives(w, x, y, ceil))
        return;
    for (int i = 0; i < 2; i++) {
        turned.begin[i] = w->begin[1 - i];
        turned.end[i] = w->end[1 - i];
    }
    if (gives(&turned, x, y, ceil))
        *w = turned;
}

static bool is_ceil(CaLegacyCall *c, const Window *w, const CarinaShape *x,
                    const CarinaShape *y)
{
    const char *rounding = ca_legacy_text(c, "rounding_type|rounding-type");
    if (rounding)
        return !ca_text_equal_nocase(rounding, "floor");
    return gives(w, x, y, true) || !gives(w, x, y, false);
}

/* Pads behind that end just where the last window does. */
static void fit_ends(Window *w, const CarinaShape *x, bool ceil)
{
    for (int i = 0; i < w->n; i++) {
        const int64_t in = x->dims[2 + i], out = pooled(w, i, in, ceil, true);
        const int64_t end = (out - 1) * w->stride[i] + w->kernel[i] - in - w->begin[i];
        w->end[i] = end > 0 ? end : 0;
    }
}

static bool is_clipped(const Window *w, const CarinaShape *x)
{
    for (int i = 0; i < w->n; i++)
        if (pooled(w, i, x->dims[2 + i], true, false) !=
            pooled(w, i, x->dims[2 + i], true, true))
            return true;
    return false;
}

static bool has_pads(const Window *w)
{
    for (int i = 0; i < w->n; i++)
        if (w->begin[i] || w->end[i])
            return true;
    return false;
}

static void pooling(CaLegacyCall *c)
{
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]),
                      y = ca_legacy_stated(c, 0);
    const char *method = ca_legacy_text(c, "pool-method|pool");
    const bool is_max = !method || ca_text_equal_nocase(method, "max");
    Window w = window(c, x.rank);
    if (c->b.status == CARINA_OK && !is_max && !ca_text_equal_nocase(method, "avg"))
        ca_build_fail(&c->b, CARINA_ERR_UNSUPPORTED,
                      "pool-method \"%.40s\" is neither max nor avg", method);
    if (c->b.status == CARINA_OK && y.rank != x.rank)
        ca_build_fail(&c->b, CARINA_ERR_SHAPE, "input of %d dimensions, output of %d",
                      x.rank, y.rank);
    if (c->b.status != CARINA_OK)
        return;
    bool ceil = is_ceil(c, &w, &x, &y);
    if (!w.auto_pad)
        turn_pads(&w, &x, &y, ceil);
    /* Padding counts in an average where exclude-pad says so and there is some; then all of the window counts. */
    const bool exclude = ca_legacy_flag(c, "exclude-pad|exclude_pad", false) ||
                         (!w.auto_pad && !has_pads(&w));
    if (!w.auto_pad && ceil && (is_clipped(&w, &x) || (!is_max && !exclude))) {
        fit_ends(&w, &x, true);
        ceil = false;
    }
    CaValue *v = ca_build_make_at(&c->b, is_max ? "MaxPool" : "AvgPool", 1, c->in, 1, 1);
    ca_build_set_ints(&c->b, v, "kernel", w.kernel, w.n);
    set_window(c, v, &w);
    ca_build_set_text(&c->b, v, "rounding_type", ceil ? "ceil" : "floor");
    if (!is_max)
        ca_legacy_set_flag(c, v, "exclude-pad", exclude);
    c->out[0] = v;
}

/* --- Inner product. */

static void fully_connected(CaLegacyCall *c)
{
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]),
                      y = ca_legacy_stated(c, 0);
    const int64_t out = ca_legacy_need_int(c, "out-size|out_size|num_output", 1),
                  flat[] = {0, -1};
    const bool keeps = x.rank == 2 || (x.rank == 3 && y.rank == 3);
    if (c->b.status == CARINA_OK && x.rank < 2)
        ca_build_fail(&c->b, CARINA_ERR_SHAPE,
                      "its input has %d dimensions, must have 2 or more", x.rank);
    if (c->b.status != CARINA_OK)
        return;
    const int64_t k = keeps ? x.dims[x.rank - 1] : ca_shape_product(&x, 1, x.rank);
    const CarinaShape shape = ca_shape(2, (int64_t[]){out, k}), row = ca_shape(1, &out);
    CaValue *from = keeps ? c->in[0] : ca_build_reshape_0(&c->b, c->in[0], flat, 2);
    CaValue *v = ca_build_2(&c->b, "MatMul", from, weights(c, 1, &shape));
    ca_build_set_text(&c->b, v, "transpose_b", "true");
    CaValue *biases = ca_legacy_blob_or_input(c, "biases", 2, &row);
    c->out[0] = biases ? ca_build_2(&c->b, "Add", v, biases) : v;
}

static void gemm(CaLegacyCall *c)
{
    const double alpha = ca_legacy_real(c, "alpha", 1),
                 beta = ca_legacy_real(c, "beta", 1);
    CaValue *v = ca_build_2(&c->b, "MatMul", c->in[0], c->in[1]);
    ca_legacy_set_flag(c, v, "transpose_a", ca_legacy_flag(c, "transpose_a", false));
    ca_legacy_set_flag(c, v, "transpose_b", ca_legacy_flag(c, "transpose_b", false));
    v = ca_build_times(&c->b, v, alpha);
    c->out[0] = c->n_in > 2
                    ? ca_build_2(&c->b, "Add", v, ca_build_times(&c->b, c->in[2], beta))
                    : v;
}

/* --- Normalisation. */

/* y = (x - mean) / sqrt(variance + epsilon); the blob called weights is the variance, biases the mean. */
static void batch_normalization(CaLegacyCall *c)
{
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]);
    const int64_t n = x.rank > 1 ? x.dims[1] : 1;
    const CarinaShape shape = ca_shape(1, &n);
    double *ones = ca_arena_array(c->b.work, (size_t)n * 2, sizeof *ones);
    if (!ones)
        ca_build_fail(&c->b, CARINA_ERR_MEMORY, "out of memory");
    for (int64_t i = 0; ones && i < n; i++)
        ones[i] = 1;
    CaValue *variance = ca_legacy_blob(c, "weights", &shape),
            *mean = ca_legacy_blob(c, "biases", &shape);
    if (!variance || !mean)
        ca_build_fail(&c->b, CARINA_ERR_FORMAT,
                      "it has no weights (variances) or no biases (means) in <blobs>");
    if (c->b.status != CARINA_OK)
        return;
    CaValue *const in[] = {c->in[0], ca_build_reals(&c->b, &shape, ones),
                           ca_build_reals(&c->b, &shape, ones + n), mean, variance};
    c->out[0] = ca_build_make_at(&c->b, "BatchNormInference", 5, in, 5, 1);
    ca_build_set_real(&c->b, c->out[0], "epsilon",
                      ca_legacy_real(c, "epsilon|eps", 9.99999974737875e-06));
}

static CarinaShape scale_shape(CaLegacyCall *c, const char *blob, const CarinaShape *x)
{
    return ca_build_along(x->rank > 1 ? 1 : 0, x->rank, ca_legacy_blob_count(c, blob));
}

static void scale_shift(CaLegacyCall *c)
{
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]);
    const CarinaShape s = scale_shape(c, "weights", &x), t = scale_shape(c, "biases", &x);
    CaValue *scale =
        ca_legacy_blob_count(c, "weights") >= 0 ? ca_legacy_blob(c, "weights", &s) : NULL;
    CaValue *shift =
        ca_legacy_blob_count(c, "biases") >= 0 ? ca_legacy_blob(c, "biases", &t) : NULL;
    CaValue *v = c->in[0];
    if (!scale && !shift)
        ca_build_fail(&c->b, CARINA_ERR_FORMAT,
                      "it has neither weights nor biases in <blobs>");
    if (scale)
        v = ca_build_2(&c->b, "Multiply", v, scale);
    c->out[0] = shift ? ca_build_2(&c->b, "Add", v, shift) : v;
}

static void norm(CaLegacyCall *c)
{
    const char *region = ca_legacy_text(c, "region");
    const bool is_same = region && ca_text_equal_nocase(region, "same");
    const int rank = ca_build_rank(&c->b, c->in[0]);
    CaValue *axes = ca_build_iota(&c->b, is_same ? 2 : 1, is_same ? rank - 2 : 1);
    CaValue *v = ca_build_2(&c->b, "LRN", c->in[0], axes);
    ca_build_set_real(&c->b, v, "alpha", ca_legacy_real(c, "alpha", 1));
    ca_build_set_real(&c->b, v, "beta", ca_legacy_real(c, "beta", 0.75));
    ca_build_set_real(&c->b, v, "bias", ca_legacy_real(c, "k", 1));
    ca_build_set_int(&c->b, v, "size", ca_legacy_need_int(c, "local-size|local_size", 1));
    c->out[0] = v;
}

static void mvn(CaLegacyCall *c)
{
    CaValue *v = ca_build_make_at(&c->b, "MVN", 2, c->in, 1, 1);
    ca_build_set_real(&c->b, v, "eps", ca_legacy_real(c, "eps", 1e-9));
    ca_legacy_set_flag(c, v, "across_channels",
                       ca_legacy_flag(c, "across_channels", false));
    ca_legacy_set_flag(c, v, "normalize_variance",
                       ca_legacy_flag(c, "normalize_variance", true));
    c->out[0] = v;
}

static void grn(CaLegacyCall *c)
{
    c->out[0] = ca_build_1(&c->b, "GRN", c->in[0]);
    ca_build_set_real(&c->b, c->out[0], "bias", ca_legacy_real(c, "bias", 1));
}

static void normalize(CaLegacyCall *c)
{
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]);
    const bool across = ca_legacy_flag(c, "across_spatial", false);
    CaValue *v = ca_build_2(&c->b, "NormalizeL2", c->in[0],
                            ca_build_iota(&c->b, 1, across ? x.rank - 1 : 1));
    ca_build_set_real(&c->b, v, "eps", ca_legacy_real(c, "eps", 1e-10));
    ca_build_set_text(&c->b, v, "eps_mode", "add");
    c->out[0] = v;
    if (ca_legacy_blob_count(c, "weights") < 0)
        return;
    const bool is_shared = ca_legacy_flag(c, "channel_shared", false);
    const int64_t n = is_shared || x.rank < 2 ? 1 : x.dims[1];
    const CarinaShape shape = ca_build_along(x.rank > 1 ? 1 : 0, x.rank, n);
    c->out[0] = ca_build_2(&c->b, "Multiply", v, ca_legacy_blob(c, "weights", &shape));
}

const CaLegacyOp ca_legacy_nn[] = {
    {"Convolution", convolution, 1, 3},
    {"Deconvolution", deconvolution, 1, 3},
    {"DeformableConvolution", deformable, 2, 4},
    {"BinaryConvolution", binary, 1, 2},
    {"Pooling", pooling, 1, 1},
    {"FullyConnected", fully_connected, 1, 3},
    {"InnerProduct", fully_connected, 1, 3},
    {"Gemm", gemm, 2, 3},
    {"BatchNormalization", batch_normalization, 1, 1},
    {"ScaleShift", scale_shift, 1, 1},
    {"Norm", norm, 1, 1},
    {"LRN", norm, 1, 1},
    {"MVN", mvn, 1, 1},
    {"GRN", grn, 1, 1},
    {"Normalize", normalize, 1, 1},
    {NULL, NULL, 0, 0},
};
