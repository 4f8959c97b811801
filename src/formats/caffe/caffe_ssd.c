/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caffe: the layers of the SSD branch and of segmentation branches.
 */
#include "formats/caffe/caffe_reader.h"

#include <float.h>
#include <math.h>

static void permute(CaCaffeCall *c)
{
    const Caffe__Permute *p = c->layer->permute_param;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    int64_t order[CARINA_MAX_RANK] = {0};
    bool used[CARINA_MAX_RANK] = {false};
    const size_t n = p ? p->n_order : 0;
    int to = 0;
    for (size_t i = 0; i < n && c->b->status == CARINA_OK; i++) {
        if (p->order[i] >= (uint32_t)x.rank || used[p->order[i]]) {
            ca_build_fail(c->b, CARINA_ERR_FORMAT,
                          "order %u is repeated or past the %d dimensions of its input",
                          p->order[i], x.rank);
            return;
        }
        used[p->order[i]] = true;
        order[to++] = p->order[i];
    }
    for (int i = 0; i < x.rank; i++) /* what is not named stays behind, in order */
        if (!used[i])
            order[to++] = i;
    c->out[0] =
        ca_build_2(c->b, "Transpose", c->in[0], ca_build_vector(c->b, order, x.rank));
}

static void normalize(CaCaffeCall *c)
{
    Caffe__Normalize none;
    caffe__normalize__init(&none);
    const Caffe__Normalize *p = c->layer->norm_param ? c->layer->norm_param : &none;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    const int64_t axes[] = {1, 2, 3};
    if (c->b->status == CARINA_OK && x.rank != 4)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "needs an input of 4 dimensions, has %d",
                      x.rank);
    if (c->b->status != CARINA_OK)
        return;
    CaValue *v = ca_build_2(c->b, "NormalizeL2", c->in[0],
                            ca_build_vector(c->b, axes, p->across_spatial ? 3 : 1));
    ca_build_set_real(c->b, v, "eps", (double)p->eps);
    ca_build_set_text(c->b, v, "eps_mode", "add");
    const CarinaShape shape = ca_build_along(1, 4, p->channel_shared ? 1 : x.dims[1]);
    c->out[0] = ca_build_2(c->b, "Multiply", v, ca_caffe_weight(c, 0, &shape));
}

/* Height and width as [2], followed through the graph so that a new input size reaches the boxes. */
static CaValue *height_and_width(CaCaffeCall *c, CaValue *x)
{
    const int64_t at[] = {2, 3};
    CaValue *shape = ca_build_1(c->b, "ShapeOf", x);
    ca_build_set_text(c->b, shape, "output_type", "i64");
    CaValue *const in[] = {shape, ca_build_vector(c->b, at, 2), ca_build_scalar(c->b, 0)};
    return ca_build_make_at(c->b, "Gather", 0, in, 3, 1);
}

static CaValue *image_size(CaCaffeCall *c, const Caffe__PriorBox *p)
{
    const int64_t given[] = {p->has_img_size ? p->img_size : p->img_h,
                             p->has_img_size ? p->img_size : p->img_w};
    return given[0] && given[1] ? ca_build_vector(c->b, given, 2)
                                : height_and_width(c, c->in[1]);
}

static bool prior_box_is_good(CaCaffeCall *c, const Caffe__PriorBox *p)
{
    if (!p || !p->n_min_size)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "min_size is missing");
    else if (p->n_max_size && p->n_max_size != p->n_min_size)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "%zu max_size for %zu min_size",
                      p->n_max_size, p->n_min_size);
    else if (p->n_variance > 1 && p->n_variance != 4)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "%zu variances, must be 1 or 4",
                      p->n_variance);
    else if (p->has_step_h != p->has_step_w || p->step_h != p->step_w)
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "step_h %g and step_w %g differ, which Carina does not have; use one step",
            (double)p->step_h, (double)p->step_w);
    else if (ca_build_static_shape(c->b, c->in[0]).rank != 4 ||
             ca_build_static_shape(c->b, c->in[1]).rank != 4)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "needs inputs of 4 dimensions");
    return c->b->status == CARINA_OK;
}

/* SSD-Caffe cuts sizes to whole numbers. */
static void set_sizes(CaCaffeCall *c, CaValue *v, const char *attr, const float *sizes,
                      size_t n)
{
    float *whole = ca_arena_array(c->r->b.work, n + 1, sizeof *whole);
    for (size_t i = 0; whole && i < n; i++)
        whole[i] = truncf(sizes[i]);
    if (whole)
        ca_build_set_floats(c->b, v, attr, whole, n);
    else
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
}

static void prior_box(CaCaffeCall *c)
{
    static const float tenth = 0.1f;
    const Caffe__PriorBox *p = c->layer->prior_box_param;
    const int64_t front[] = {0};
    if (!prior_box_is_good(c, p))
        return;
    CaValue *const in[] = {height_and_width(c, c->in[0]), image_size(c, p)};
    CaValue *v = ca_build_make_at(c->b, "PriorBox", 8, in, 2, 1);
    set_sizes(c, v, "min_size", p->min_size, p->n_min_size);
    set_sizes(c, v, "max_size", p->max_size, p->n_max_size);
    ca_build_set_floats(c->b, v, "aspect_ratio", p->aspect_ratio, p->n_aspect_ratio);
    ca_build_set_floats(c->b, v, "variance", p->n_variance ? p->variance : &tenth,
                        p->n_variance ? p->n_variance : 1);
    ca_build_set_text(c->b, v, "flip", p->flip ? "true" : "false");
    ca_build_set_text(c->b, v, "clip", p->clip ? "true" : "false");
    ca_build_set_real(c->b, v, "step", (double)(p->has_step_h ? p->step_h : p->step));
    ca_build_set_real(c->b, v, "offset", (double)p->offset);
    c->out[0] = ca_build_2(c->b, "Unsqueeze", v, ca_build_vector(c->b, front, 1));
}

static void detection_output(CaCaffeCall *c)
{
    Caffe__Nms no_nms;
    caffe__nms__init(&no_nms);
    const Caffe__DetectionOutput *p = c->layer->detection_output_param;
    if (!p || p->num_classes < 1) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "num_classes is missing or 0");
        return;
    }
    const Caffe__Nms *nms = p->nms_param ? p->nms_param : &no_nms;
    const int64_t keep = p->keep_top_k;
    if (nms->eta != 1 ||
        p->code_type == CAFFE__DETECTION_OUTPUT__CODE_TYPE__CORNER_SIZE) {
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "eta %g and code type %d; Carina has eta 1 with CORNER and CENTER_SIZE",
            (double)nms->eta, (int)p->code_type);
        return;
    }
    CaValue *v = ca_build_make_at(c->b, "DetectionOutput", 8, c->in, 3, 1);
    ca_build_set_int(c->b, v, "background_label_id", p->background_label_id);
    ca_build_set_int(c->b, v, "top_k", nms->top_k);
    ca_build_set_ints(c->b, v, "keep_top_k", &keep, 1);
    ca_build_set_text(c->b, v, "variance_encoded_in_target",
                      p->variance_encoded_in_target ? "true" : "false");
    ca_build_set_text(c->b, v, "share_location", p->share_location ? "true" : "false");
    ca_build_set_text(c->b, v, "normalized", "true");
    ca_build_set_text(c->b, v, "code_type",
                      p->code_type == CAFFE__DETECTION_OUTPUT__CODE_TYPE__CENTER_SIZE
                          ? "caffe.PriorBoxParameter.CENTER_SIZE"
                          : "caffe.PriorBoxParameter.CORNER");
    ca_build_set_real(c->b, v, "nms_threshold", (double)nms->nms_threshold);
    ca_build_set_real(c->b, v, "confidence_threshold",
                      p->has_confidence_threshold ? (double)p->confidence_threshold
                                                  : (double)-FLT_MAX);
    c->out[0] = v;
}

/* Bilinear between the corners: to a size given, or by a whole factor. */
static void interp(CaCaffeCall *c)
{
    static const Caffe__Interp none = CAFFE__INTERP__INIT;
    const Caffe__Interp *p = c->layer->interp_param ? c->layer->interp_param : &none;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    int64_t size[2] = {p->height, p->width};
    const int64_t axes[] = {2, 3};
    const double scales[] = {1, 1};
    if (c->b->status == CARINA_OK && (x.rank != 4 || p->pad_beg || p->pad_end))
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "%d dimensions, pads %d and %d; Carina has 4 dimensions without pads", x.rank,
            p->pad_beg, p->pad_end);
    if (c->b->status == CARINA_OK && (p->shrink_factor < 1 || p->zoom_factor < 1))
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "factors must be at least 1");
    for (int i = 0; i < 2 && c->b->status == CARINA_OK; i++) {
        if (size[i] <= 0)
            size[i] = (x.dims[2 + i] - 1) / p->shrink_factor + 1;
        if (p->height <= 0 || p->width <= 0)
            size[i] += (size[i] - 1) * (p->zoom_factor - 1);
    }
    const CarinaShape two = ca_build_along(0, 1, 2);
    CaValue *const in[] = {c->in[0], ca_build_vector(c->b, size, 2),
                           ca_build_reals(c->b, &two, scales),
                           ca_build_vector(c->b, axes, 2)};
    CaValue *v = ca_build_make_at(c->b, "Interpolate", 4, in, 4, 1);
    ca_build_set_text(c->b, v, "mode", "linear_onnx");
    ca_build_set_text(c->b, v, "shape_calculation_mode", "sizes");
    ca_build_set_text(c->b, v, "coordinate_transformation_mode", "align_corners");
    c->out[0] = v;
}

const CaCaffeOp ca_caffe_ssd[] = {
    {"Permute", permute, 1, 1},    {"Normalize", normalize, 1, 1},
    {"PriorBox", prior_box, 2, 2}, {"DetectionOutput", detection_output, 3, 3},
    {"Interp", interp, 1, 1},      {NULL, NULL, 0, 0},
};
