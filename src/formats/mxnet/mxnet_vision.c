/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet: resizing, regions of interest, priors of detectors.
 */
#include "formats/mxnet/mxnet_reader.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MAX_PRIORS = 1 << 22 };

/* --- Resizing. */

static CaValue *resized(CaBuild *b, CaValue *x, CaValue *target, const char *by,
                        const char *mode, const char *coordinates)
{
    CaValue *const in[] = {x, target, ca_build_iota(b, 2, 2)};
    CaValue *v = ca_build_make_at(b, "Interpolate", 11, in, 3, 1);
    ca_build_set_text(b, v, "mode", mode);
    ca_build_set_text(b, v, "shape_calculation_mode", by);
    ca_build_set_text(b, v, "coordinate_transformation_mode", coordinates);
    ca_build_set_text(b, v, "nearest_mode", "floor");
    return v;
}

static CaValue *by_scale(CaBuild *b, CaValue *x, double scale)
{
    const int64_t two = 2;
    const CarinaShape s = ca_shape(1, &two);
    const double scales[] = {scale, scale};
    return resized(b, x, ca_build_reals(b, &s, scales), "scales", "nearest",
                   "asymmetric");
}

/* A convolution backwards, of one channel each, with the weight that the file holds. */
static CaValue *bilinear(CaMxnetCall *c, CaValue *x, int64_t scale)
{
    CaBuild *const b = c->b;
    CaValue *weight = ca_mxnet_weight(c, 1, "weight");
    const CarinaShape s = ca_build_static_shape(b, weight);
    const int64_t k = 2 * scale - scale % 2, p = scale / 2;
    const int64_t strides[] = {scale, scale}, pads[] = {p, p};
    if (b->status == CARINA_OK && (s.rank != 4 || s.dims[2] != k || s.dims[3] != k))
        ca_build_fail(b, CARINA_ERR_SHAPE, "its weight does not fit scale %lld",
                      (long long)scale);
    if (b->status != CARINA_OK)
        return NULL;
    const int64_t dims[] = {s.dims[0], 1, 1, k, k};
    CaValue *v = ca_build_2(b, "GroupConvolutionBackpropData", x,
                            ca_build_reshape(b, weight, dims, 5));
    ca_build_set_ints(b, v, "strides", strides, 2);
    ca_build_set_ints(b, v, "pads_begin", pads, 2);
    ca_build_set_ints(b, v, "pads_end", pads, 2);
    ca_build_set_text(b, v, "dilations", "1,1");
    return v;
}

/* What input i is enlarged by, so that all have the first's size then. */
static int64_t factor(CaMxnetCall *c, int i, int64_t scale)
{
    const CarinaShape first = ca_build_shape(c->b, ca_mxnet_in(c, 0)),
                      s = ca_build_shape(c->b, ca_mxnet_in(c, i));
    if (i == 0)
        return scale;
    if (first.rank == 4 && s.rank == 4 && s.dims[2] >= 1 && first.dims[2] >= 1 &&
        first.dims[2] <= INT32_MAX && first.dims[2] * scale % s.dims[2] == 0)
        return first.dims[2] * scale / s.dims[2];
    ca_build_fail(c->b, CARINA_ERR_SHAPE,
                  "input %d does not divide the size that is asked", i);
    return 1;
}

/* Each input to the size of the first, enlarged; then side by side or summed. */
static CaValue *all_nearest(CaMxnetCall *c, int64_t scale)
{
    enum { MOST = 64 };
    CaBuild *const b = c->b;
    CaValue *v[MOST];
    const bool sums = ca_mxnet_is(c, "multi_input_mode", "sum");
    if (c->n_in > MOST)
        ca_build_fail(b, CARINA_ERR_LIMIT, "%d inputs; Carina reads at most %d", c->n_in,
                      MOST);
    for (int i = 0; i < c->n_in && b->status == CARINA_OK; i++) {
        v[i] = by_scale(b, ca_mxnet_in(c, i), (double)factor(c, i, scale));
        if (i > 0 && sums)
            v[0] = ca_build_2(b, "Add", v[0], v[i]);
    }
    if (b->status != CARINA_OK)
        return NULL;
    if (c->n_in == 1 || sums)
        return v[0];
    CaValue *out = ca_build_make(b, "Concat", v, c->n_in, 1);
    ca_build_set_int(b, out, "axis", 1);
    return out;
}

static void up_sampling(CaMxnetCall *c)
{
    const int64_t scale = ca_mxnet_int(c, "scale", 0);
    CaValue *x = ca_mxnet_in(c, 0);
    if (scale < 1 || scale > 1024)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "scale is %lld, must be 1 to 1024",
                      (long long)scale);
    if (c->b->status == CARINA_OK)
        ca_mxnet_out(c, ca_mxnet_is(c, "sample_type", "bilinear")
                            ? bilinear(c, x, scale)
                            : all_nearest(c, scale));
}

static void bilinear_resize(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    const char *mode = ca_mxnet_text(c, "mode", "size");
    const double scales[] = {ca_mxnet_real(c, "scale_height", 0),
                             ca_mxnet_real(c, "scale_width", 0)};
    const int64_t sizes[] = {ca_mxnet_int(c, "height", 1), ca_mxnet_int(c, "width", 1)};
    const char *how =
        ca_mxnet_flag(c, "align_corners", true) ? "align_corners" : "half_pixel";
    CaValue *target = NULL;
    if (strcmp(mode, "like") == 0) {
        target = ca_build_3(b, "Gather", ca_mxnet_shape_of(b, ca_mxnet_in(c, 1)),
                            ca_build_iota(b, 2, 2), ca_build_scalar(b, 0));
    } else if (strcmp(mode, "size") != 0) {
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "mode %.20s, which Carina does not have; use size or like", mode);
    } else if (scales[0] > 0 || scales[1] > 0) {
        const CarinaShape s = ca_build_static_shape(b, x);
        int64_t out[2] = {0, 0};
        for (int i = 0; i < 2 && s.rank == 4 && scales[i] < 1e4; i++)
            out[i] = (int64_t)((double)s.dims[2 + i] * scales[i]);
        target = ca_build_vector(b, out, 2);
    } else {
        target = ca_build_vector(b, sizes, 2);
    }
    ca_mxnet_out(c, resized(b, x, target, "sizes", "linear_onnx", how));
}

/* --- Regions. */

static void roi_pooling(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    int64_t size[2] = {0, 0};
    CaValue *x = ca_mxnet_in(c, 0);
    if (ca_mxnet_list(c, "pooled_size", size, 2) != 2)
        ca_build_fail(b, CARINA_ERR_FORMAT, "pooled_size is no pair of numbers");
    CaValue *v = ca_build_2(b, "ROIPooling", x, ca_mxnet_in(c, 1));
    ca_build_set_ints(b, v, "output_size", size, 2);
    ca_build_set_real(b, v, "spatial_scale", ca_mxnet_real(c, "spatial_scale", 0));
    ca_build_set_text(b, v, "method", "max");
    ca_mxnet_out(c, v);
}

static void psroi_pooling(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    const int64_t pooled = ca_mxnet_int(c, "pooled_size", 0),
                  given = ca_mxnet_int(c, "group_size", 0);
    if (given != 0 && given != pooled)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "group_size %lld is not pooled_size %lld, which Carina needs",
                      (long long)given, (long long)pooled);
    CaValue *v = ca_build_2(b, "PSROIPooling", x, ca_mxnet_in(c, 1));
    ca_build_set_int(b, v, "output_dim", ca_mxnet_int(c, "output_dim", 0));
    ca_build_set_int(b, v, "group_size", pooled);
    ca_build_set_real(b, v, "spatial_scale", ca_mxnet_real(c, "spatial_scale", 0));
    ca_build_set_text(b, v, "mode", "average");
    ca_mxnet_out(c, v);
}

/* A region of image -1 gives zeros; MXNet leaves them as they were. */
static void roi_align(CaMxnetCall *c)
{
    static const int64_t lists[] = {-1}, each[] = {-1, 1, 1, 1};
    CaBuild *const b = c->b;
    int64_t size[2] = {0, 0};
    CaValue *x = ca_mxnet_in(c, 0), *rois = ca_mxnet_in(c, 1);
    const int64_t ratio = ca_mxnet_int(c, "sample_ratio", -1);
    if (ca_mxnet_list(c, "pooled_size", size, 2) != 2)
        ca_build_fail(b, CARINA_ERR_FORMAT, "pooled_size is no pair of numbers");
    if (ca_mxnet_flag(c, "position_sensitive", false))
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "position_sensitive, which Carina does not have");
    CaValue *image = ca_build_reshape(b, ca_mxnet_slice(b, rois, 1, 0, 1), lists, 1);
    CaValue *is_there =
        ca_build_2(b, "GreaterEqual", image, ca_build_number(b, image, 0));
    image = ca_mxnet_index(b, ca_build_1(b, "ReLU", image));
    CaValue *v = ca_build_3(b, "ROIAlign", x, ca_mxnet_slice(b, rois, 1, 1, 5), image);
    ca_build_set_int(b, v, "pooled_h", size[0]);
    ca_build_set_int(b, v, "pooled_w", size[1]);
    ca_build_set_int(b, v, "sampling_ratio", ratio > 0 ? ratio : 0);
    ca_build_set_real(b, v, "spatial_scale", ca_mxnet_real(c, "spatial_scale", 0));
    ca_build_set_text(b, v, "mode", "avg");
    ca_build_set_text(b, v, "aligned_mode",
                      ca_mxnet_flag(c, "aligned", false) ? "half_pixel_for_nn"
                                                         : "asymmetric");
    CaValue *keeps =
        ca_build_reshape(b, ca_build_convert(b, is_there, CARINA_F32), each, 4);
    ca_mxnet_out(c, ca_build_2(b, "Multiply", v, keeps));
}

/* --- Priors: boxes around each cell of a map, the sizes with the first ratio, then the first size with the others. */

typedef struct Prior {
    double sizes[64], ratios[64], steps[2], offsets[2];
    int n_sizes, n_ratios;
    int64_t height, width;
} Prior;

static Prior prior_of(CaMxnetCall *c)
{
    Prior p = {.sizes = {1}, .ratios = {1}, .steps = {-1, -1}, .offsets = {0.5, 0.5}};
    const CarinaShape s = ca_build_static_shape(c->b, ca_mxnet_in(c, 0));
    p.n_sizes = ca_mxnet_real_list(c, "sizes", p.sizes, 64);
    p.n_ratios = ca_mxnet_real_list(c, "ratios", p.ratios, 64);
    p.n_sizes = p.n_sizes < 1 ? 1 : p.n_sizes;
    p.n_ratios = p.n_ratios < 1 ? 1 : p.n_ratios;
    ca_mxnet_real_list(c, "steps", p.steps, 2);
    ca_mxnet_real_list(c, "offsets", p.offsets, 2);
    if (c->b->status == CARINA_OK && (s.rank != 4 || s.dims[2] < 1 || s.dims[3] < 1 ||
                                      s.dims[2] > 4096 || s.dims[3] > 4096))
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "needs an input of 4 dimensions, at most "
                      "4096 x 4096");
    p.height = s.rank == 4 ? s.dims[2] : 1;
    p.width = s.rank == 4 ? s.dims[3] : 1;
    for (int i = 0; i < 2; i++)
        if (!(p.steps[i] > 0))
            p.steps[i] = 1.0 / (double)(i ? p.width : p.height);
    return p;
}

static double *put_box(const Prior *p, double *out, int64_t y, int64_t x, double size,
                       double ratio)
{
    const double middle_y = ((double)y + p->offsets[0]) * p->steps[0];
    const double middle_x = ((double)x + p->offsets[1]) * p->steps[1];
    const double root = sqrt(ratio);
    const double half_w = size * (double)p->height / (double)p->width * root / 2,
                 half_h = size / root / 2;
    *out++ = middle_x - half_w;
    *out++ = middle_y - half_h;
    *out++ = middle_x + half_w;
    *out++ = middle_y + half_h;
    return out;
}

static void multi_box_prior(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    const Prior p = prior_of(c);
    const bool clip = ca_mxnet_flag(c, "clip", false);
    const int64_t n = p.height * p.width * (p.n_sizes + p.n_ratios - 1);
    const int64_t dims[] = {1, n, 4};
    const CarinaShape shape = ca_shape(3, dims);
    if (n > MAX_PRIORS)
        ca_build_fail(b, CARINA_ERR_LIMIT, "%lld boxes; Carina makes at most %d",
                      (long long)n, MAX_PRIORS);
    if (b->status != CARINA_OK)
        return;
    double *v = ca_arena_array(b->work, (size_t)n + 1, 4 * sizeof *v), *out = v;
    if (!v) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    for (int64_t y = 0; y < p.height; y++)
        for (int64_t x = 0; x < p.width; x++) {
            for (int i = 0; i < p.n_sizes; i++)
                out = put_box(&p, out, y, x, p.sizes[i], p.ratios[0]);
            for (int i = 1; i < p.n_ratios; i++)
                out = put_box(&p, out, y, x, p.sizes[0], p.ratios[i]);
        }
    for (int64_t i = 0; clip && i < 4 * n; i++)
        v[i] = fmin(fmax(v[i], 0), 1);
    ca_mxnet_out(c, ca_build_reals(b, &shape, v));
}

const CaMxnetOp ca_mxnet_vision[] = {
    {"ROIPooling", roi_pooling, NULL, 0},
    {"UpSampling", up_sampling, NULL, 0},
    {"_contrib_BilinearResize2D", bilinear_resize, NULL, 0},
    {"_contrib_MultiBoxPrior", multi_box_prior, NULL, 0},
    {"_contrib_PSROIPooling", psroi_pooling, NULL, 0},
    {"_contrib_ROIAlign", roi_align, NULL, 0},
    {"_npx_multibox_prior", multi_box_prior, NULL, 0},
    {"_npx_roi_align", roi_align, NULL, 0},
    {"_npx_roi_pooling", roi_pooling, NULL, 0},
    {NULL, NULL, NULL, 0},
};
