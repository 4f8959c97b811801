/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IR versions 2 to 7: resizing, and the layers of detectors.
 */
#include "ir/ir_legacy.h"

#include <string.h>

/* --- Resizing. The stated shape is the size. */

static CaValue *resized(CaLegacyCall *c, const char *mode, const char *coordinates)
{
    double scales[CARINA_MAX_RANK] = {1};
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]),
                      y = ca_legacy_stated(c, 0);
    if (c->b.status == CARINA_OK && (x.rank < 3 || x.rank > 5 || y.rank != x.rank))
        ca_build_fail(&c->b, CARINA_ERR_SHAPE,
                      "input of %d dimensions, output of %d; must be 3 to 5 both", x.rank,
                      y.rank);
    if (c->b.status != CARINA_OK)
        return NULL;
    const int n = x.rank - 2;
    for (int i = 0; i < n; i++)
        scales[i] = (double)y.dims[2 + i] / (double)x.dims[2 + i];
    const CarinaShape list = ca_build_along(0, 1, n);
    CaValue *const in[] = {c->in[0], ca_build_vector(&c->b, y.dims + 2, n),
                           ca_build_reals(&c->b, &list, scales),
                           ca_build_iota(&c->b, 2, n)};
    CaValue *v = ca_build_make_at(&c->b, "Interpolate", 4, in, 4, 1);
    ca_build_set_text(&c->b, v, "mode", mode);
    ca_build_set_text(&c->b, v, "shape_calculation_mode", "sizes");
    ca_build_set_text(&c->b, v, "coordinate_transformation_mode", coordinates);
    return v;
}

static void interp(CaLegacyCall *c)
{
    const int64_t begin = ca_legacy_int(c, "pad_beg", INT32_MIN, 0),
                  end = ca_legacy_int(c, "pad_end", INT32_MIN, 0);
    if (begin || end)
        ca_build_fail(&c->b, CARINA_ERR_UNSUPPORTED,
                      "pad_beg %lld and pad_end %lld; Carina resizes without pads",
                      (long long)begin, (long long)end);
    c->out[0] = resized(c, "linear_onnx",
                        ca_legacy_flag(c, "align_corners", true) ? "align_corners"
                                                                 : "asymmetric");
}

static bool shrinks(CaLegacyCall *c)
{
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]),
                      y = ca_legacy_stated(c, 0);
    for (int i = 2; i < x.rank && i < y.rank; i++)
        if (y.dims[i] < x.dims[i])
            return true;
    return false;
}

static void resample(CaLegacyCall *c)
{
    const char *type = ca_legacy_text(c, "type");
    const bool is_linear =
        type && (ca_text_equal_nocase(type, "caffe.ResampleParameter.LINEAR") ||
                 ca_text_equal_nocase(type, "linear"));
    const bool is_filtered =
        is_linear && ca_legacy_flag(c, "antialias", false) && shrinks(c);
    if (type && !is_linear &&
        !ca_text_equal_nocase(type, "caffe.ResampleParameter.NEAREST") &&
        !ca_text_equal_nocase(type, "nearest"))
        ca_build_fail(&c->b, CARINA_ERR_UNSUPPORTED,
                      "type \"%.60s\" is neither LINEAR nor NEAREST", type);
    c->out[0] = resized(c,
                        is_filtered ? "linear"
                        : is_linear ? "linear_onnx"
                                    : "nearest",
                        "half_pixel");
    if (is_filtered)
        ca_build_set_text(&c->b, c->out[0], "antialias", "true");
    if (!is_linear)
        ca_build_set_text(&c->b, c->out[0], "nearest_mode", "round_prefer_ceil");
}

/* --- SSD. */

/* Height and width as [2], followed through the graph so that a new input size reaches the boxes. */
static CaValue *height_and_width(CaLegacyCall *c, CaValue *x)
{
    const int64_t at[] = {2, 3};
    if (ca_build_rank(&c->b, x) != 4)
        ca_build_fail(&c->b, CARINA_ERR_SHAPE, "needs inputs of 4 dimensions");
    CaValue *shape = ca_build_make_at(&c->b, "ShapeOf", 3, &x, 1, 1);
    ca_build_set_text(&c->b, shape, "output_type", "i64");
    CaValue *const in[] = {shape, ca_build_vector(&c->b, at, 2),
                           ca_build_scalar(&c->b, 0)};
    return ca_build_make_at(&c->b, "Gather", 1, in, 3, 1);
}

static CaValue *image_size(CaLegacyCall *c)
{
    const int64_t side = ca_legacy_int(c, "img_size", 0, 0);
    const int64_t size[] = {ca_legacy_int(c, "img_h", 0, side),
                            ca_legacy_int(c, "img_w", 0, side)};
    return size[0] && size[1] ? ca_build_vector(&c->b, size, 2)
                              : height_and_width(c, c->in[1]);
}

static CaValue *priors(CaLegacyCall *c, const char *op)
{
    CaValue *const in[] = {height_and_width(c, c->in[0]), image_size(c)};
    CaValue *v = ca_build_make_at(&c->b, op, 1, in, 2, 1);
    ca_build_set_real(&c->b, v, "offset", ca_legacy_real(c, "offset", 0.5));
    return v;
}

static CaValue *in_front(CaLegacyCall *c, CaValue *v)
{
    const int64_t front[] = {0};
    return ca_build_2(&c->b, "Unsqueeze", v, ca_build_vector(&c->b, front, 1));
}

static void prior_box(CaLegacyCall *c)
{
    const double step = ca_legacy_real(c, "step", 0),
                 step_h = ca_legacy_real(c, "step_h", step),
                 step_w = ca_legacy_real(c, "step_w", step);
    if (step_h != step_w)
        ca_build_fail(&c->b, CARINA_ERR_UNSUPPORTED,
                      "step_h %g and step_w %g differ, which Carina does not have",
                      step_h, step_w);
    CaValue *v = priors(c, "PriorBox");
    ca_legacy_copy(
        c, v, "min_size,max_size,aspect_ratio,variance,density,fixed_ratio,fixed_size");
    ca_build_set_real(&c->b, v, "step", step_h);
    ca_legacy_set_flag(c, v, "flip", ca_legacy_flag(c, "flip", false));
    ca_legacy_set_flag(c, v, "clip", ca_legacy_flag(c, "clip", false));
    ca_legacy_set_flag(c, v, "scale_all_sizes",
                       ca_legacy_flag(c, "scale_all_sizes", true));
    c->out[0] = in_front(c, v);
}

static void prior_box_clustered(CaLegacyCall *c)
{
    CaValue *v = priors(c, "PriorBoxClustered");
    ca_legacy_copy(c, v, "width,height,variance,step,step_w,step_h");
    ca_legacy_set_flag(c, v, "clip", ca_legacy_flag(c, "clip", false));
    c->out[0] = in_front(c, v);
}

static void detection_output(CaLegacyCall *c)
{
    static const int64_t flat[] = {0, -1};
    const double eta = ca_legacy_real(c, "eta", 1);
    CaValue *in[5];
    for (int i = 0; i < c->n_in; i++) {
        const bool is_prior = i == 2;
        in[i] = c->in[i];
        if (!is_prior && ca_build_rank(&c->b, in[i]) != 2)
            in[i] = ca_build_reshape_0(&c->b, in[i], flat, 2);
    }
    if (eta != 1)
        ca_build_fail(&c->b, CARINA_ERR_UNSUPPORTED, "eta %g; Carina has eta 1", eta);
    const int64_t keep = ca_legacy_int(c, "keep_top_k", -1, -1);
    CaValue *v = ca_build_make_at(&c->b, "DetectionOutput", 1, in, c->n_in, 1);
    ca_build_set_int(&c->b, v, "num_classes", ca_legacy_need_int(c, "num_classes", 1));
    ca_build_set_ints(&c->b, v, "keep_top_k", &keep, 1);
    ca_legacy_copy(c, v,
                   "background_label_id,top_k,input_height,input_width,objectness_score,"
                   "confidence_threshold,code_type");
    ca_build_set_real(&c->b, v, "nms_threshold", ca_legacy_real(c, "nms_threshold", 0));
    ca_legacy_set_flag(c, v, "variance_encoded_in_target",
                       ca_legacy_flag(c, "variance_encoded_in_target", false));
    ca_legacy_set_flag(c, v, "share_location", ca_legacy_flag(c, "share_location", true));
    ca_legacy_set_flag(c, v, "clip_before_nms",
                       ca_legacy_flag(c, "clip_before_nms|clip", false));
    ca_legacy_set_flag(c, v, "clip_after_nms",
                       ca_legacy_flag(c, "clip_after_nms", false));
    ca_legacy_set_flag(c, v, "decrease_label_id",
                       ca_legacy_flag(c, "decrease_label_id", false));
    ca_legacy_set_flag(c, v, "normalized", ca_legacy_flag(c, "normalized", false));
    c->out[0] = v;
}

static void non_max_suppression(CaLegacyCall *c)
{
    CaValue *in[5];
    for (int i = 0; i < c->n_in; i++)
        in[i] = i < 2 ? c->in[i] : ca_build_to_scalar(&c->b, c->in[i]);
    if (c->n_in > 2)
        in[2] = ca_legacy_whole(c, in[2]);
    c->out[0] = ca_build_make_at(&c->b, "NonMaxSuppression", 1, in, c->n_in, 1);
    ca_build_set_text(&c->b, c->out[0], "box_encoding",
                      ca_legacy_flag(c, "center_point_box", false) ? "center" : "corner");
}

/* --- Regions. */

static void region_yolo(CaLegacyCall *c)
{
    CaValue *v = ca_build_1(&c->b, "RegionYolo", c->in[0]);
    ca_legacy_copy(c, v, "anchors,mask");
    ca_build_set_int(&c->b, v, "coords", ca_legacy_need_int(c, "coords", 0));
    ca_build_set_int(&c->b, v, "classes", ca_legacy_need_int(c, "classes", 0));
    ca_build_set_int(&c->b, v, "num", ca_legacy_need_int(c, "num", 1));
    ca_build_set_int(&c->b, v, "axis", ca_legacy_int(c, "axis", -CARINA_MAX_RANK, 1));
    ca_build_set_int(&c->b, v, "end_axis",
                     ca_legacy_int(c, "end_axis", -CARINA_MAX_RANK, -1));
    ca_legacy_set_flag(c, v, "do_softmax", ca_legacy_flag(c, "do_softmax", true));
    c->out[0] = v;
}

static void reorg_yolo(CaLegacyCall *c)
{
    c->out[0] = ca_build_1(&c->b, "ReorgYolo", c->in[0]);
    ca_build_set_int(&c->b, c->out[0], "stride", ca_legacy_need_int(c, "stride", 1));
}

static void proposal(CaLegacyCall *c)
{
    const int64_t flat[] = {-1};
    if (ca_legacy_flag(c, "for_deformable", false))
        ca_build_fail(&c->b, CARINA_ERR_UNSUPPORTED,
                      "for_deformable, which Carina does not have");
    CaValue *size = ca_build_rank(&c->b, c->in[2]) == 1
                        ? c->in[2]
                        : ca_build_reshape(&c->b, c->in[2], flat, 1);
    CaValue *const in[] = {c->in[0], c->in[1], size};
    CaValue *v = ca_build_make_at(&c->b, "Proposal", 1, in, 3, 1);
    ca_build_set_int(&c->b, v, "base_size", ca_legacy_int(c, "base_size", 1, 16));
    ca_build_set_int(&c->b, v, "feat_stride", ca_legacy_int(c, "feat_stride", 1, 16));
    ca_build_set_int(&c->b, v, "min_size", ca_legacy_int(c, "min_size", 0, 16));
    ca_build_set_int(&c->b, v, "pre_nms_topn", ca_legacy_int(c, "pre_nms_topn", 1, 6000));
    ca_build_set_int(&c->b, v, "post_nms_topn",
                     ca_legacy_int(c, "post_nms_topn", 1, 300));
    ca_build_set_real(&c->b, v, "nms_thresh", ca_legacy_real(c, "nms_thresh", 0.7));
    ca_legacy_copy(c, v, "ratio,scale,box_size_scale,box_coordinate_scale,framework");
    ca_legacy_set_flag(c, v, "clip_before_nms",
                       ca_legacy_flag(c, "clip_before_nms", true));
    ca_legacy_set_flag(c, v, "clip_after_nms",
                       ca_legacy_flag(c, "clip_after_nms", false));
    ca_legacy_set_flag(c, v, "normalize", ca_legacy_flag(c, "normalize", false));
    c->out[0] = v;
}

/* (batch, x1, y1, x2, y2) in each row. */
static CaValue *rois(CaLegacyCall *c)
{
    const int64_t rows[] = {-1, 5};
    return ca_build_rank(&c->b, c->in[1]) == 2
               ? c->in[1]
               : ca_build_reshape(&c->b, c->in[1], rows, 2);
}

static void roi_pooling(CaLegacyCall *c)
{
    CaValue *v = ca_build_2(&c->b, "ROIPooling", c->in[0], rois(c));
    ca_build_set_int(&c->b, v, "pooled_h", ca_legacy_need_int(c, "pooled_h", 1));
    ca_build_set_int(&c->b, v, "pooled_w", ca_legacy_need_int(c, "pooled_w", 1));
    ca_build_set_real(&c->b, v, "spatial_scale",
                      ca_legacy_real(c, "spatial_scale", 0.0625));
    ca_legacy_copy(c, v, "method");
    c->out[0] = v;
}

static void psroi_pooling(CaLegacyCall *c)
{
    CaValue *v = ca_build_2(&c->b, "PSROIPooling", c->in[0], rois(c));
    ca_build_set_int(&c->b, v, "output_dim", ca_legacy_need_int(c, "output_dim", 1));
    ca_build_set_real(&c->b, v, "spatial_scale",
                      ca_legacy_real(c, "spatial_scale", 0.0625));
    ca_legacy_copy(c, v, "group_size,mode,spatial_bins_x,spatial_bins_y");
    c->out[0] = v;
}

/* The mask says of each step whether it goes on with the one before: of the first it says nothing. */
static void ctc_greedy_decoder(CaLegacyCall *c)
{
    const CarinaShape mask = ca_build_static_shape(&c->b, c->in[1]);
    if (c->b.status == CARINA_OK && (mask.rank != 2 || mask.dims[0] < 1))
        ca_build_fail(&c->b, CARINA_ERR_SHAPE, "its mask must be of steps and sequences");
    if (c->b.status != CARINA_OK)
        return;
    double *is_first = ca_arena_array(c->b.work, (size_t)mask.dims[0], sizeof *is_first);
    if (!is_first) {
        ca_build_fail(&c->b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    is_first[0] = 1;
    const CarinaShape column = ca_shape(2, (const int64_t[]){mask.dims[0], 1});
    CaValue *first = ca_build_reals(&c->b, &column, is_first);
    CaValue *const in[] = {c->in[0], ca_build_2(&c->b, "Maximum", c->in[1], first)};
    c->out[0] = ca_build_make(&c->b, "CTCGreedyDecoder", in, 2, 1);
    ca_legacy_set_flag(c, c->out[0], "ctc_merge_repeated",
                       ca_legacy_flag(c, "ctc_merge_repeated", true));
}

static void refuse(CaLegacyCall *c)
{
    static const struct {
        const char *type, *why;
    } all[] = {
#define LEGACY_REFUSED(type, why) {type, why},
#include "ir/ir_legacy_refused.def"
#undef LEGACY_REFUSED
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (ca_text_equal_nocase(all[i].type, c->l->type))
            ca_build_fail(&c->b, CARINA_ERR_UNSUPPORTED, "%s", all[i].why);
}

const CaLegacyOp ca_legacy_detect[] = {
#define LEGACY_REFUSED(type, why) {type, refuse, 0, CA_MAX_PORTS},
#include "ir/ir_legacy_refused.def"
#undef LEGACY_REFUSED
    {"Interp", interp, 1, 2},
    {"Resample", resample, 1, 2},
    {"PriorBox", prior_box, 2, 2},
    {"PriorBoxClustered", prior_box_clustered, 2, 2},
    {"DetectionOutput", detection_output, 3, 5},
    {"NonMaxSuppression", non_max_suppression, 2, 5},
    {"RegionYolo", region_yolo, 1, 1},
    {"ReorgYolo", reorg_yolo, 1, 1},
    {"Proposal", proposal, 3, 3},
    {"ROIPooling", roi_pooling, 2, 2},
    {"PSROIPooling", psroi_pooling, 2, 2},
    {"CTCGreedyDecoder", ctc_greedy_decoder, 2, 2},
    {NULL, NULL, 0, 0},
};
