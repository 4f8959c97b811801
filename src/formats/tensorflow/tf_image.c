/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: blocks, resizing, boxes.
 */
#include "formats/tensorflow/tf_layout.h"
#include "formats/tensorflow/tf_resize.h"

#include <string.h>

/* --- Blocks. */

static void depth_to_space(CaTfCall *c)
{
    CaValue *v = ca_build_1(c->b, c->node->op, ca_tf_first(c, ca_tf_in(c, 0), 2));
    ca_build_set_text(c->b, v, "mode", "blocks_first");
    ca_build_set_int(c->b, v, "block_size",
                     ca_tf_attr_int(c->r, c->node, "block_size", 1));
    ca_tf_out(c, 0, ca_tf_back(c, v, 2));
}

/* Block sizes and pairs of pads or crops, an axis from the second on each. */
typedef struct Blocks {
    int n;
    int64_t size[CARINA_MAX_RANK], begin[CARINA_MAX_RANK], end[CARINA_MAX_RANK];
    CarinaShape x;
} Blocks;

static bool read_blocks(CaTfCall *c, Blocks *k, CaValue *x)
{
    CaBuild *b = c->b;
    int64_t pairs[2 * CARINA_MAX_RANK];
    const int64_t both = ca_tf_attr_int(c->r, c->node, "block_size", 0);
    const int input = both ? 1 : 2;
    k->n = both ? 2 : ca_build_known_ints(b, ca_tf_in(c, 1), k->size, CARINA_MAX_RANK);
    k->x = ca_build_shape(b, x);
    const int n = ca_build_known_ints(b, ca_tf_in(c, input), pairs, 2 * CARINA_MAX_RANK);
    if (k->n < 1 || n != 2 * k->n || k->x.rank < k->n + 1 ||
        k->x.rank + k->n > CARINA_MAX_RANK) {
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "its blocks or pads are not known or do not fit its input; give "
                      "the model's input shape");
        return false;
    }
    for (int i = 0; i < k->n; i++) {
        if (both)
            k->size[i] = both;
        k->begin[i] = pairs[2 * i];
        k->end[i] = pairs[2 * i + 1];
        if (k->size[i] < 1 || k->size[i] > 1 << 24 || k->begin[i] < 0 || k->end[i] < 0 ||
            k->begin[i] > 1 << 24 || k->end[i] > 1 << 24) {
            ca_build_fail(b, CARINA_ERR_FORMAT, "blocks of %lld, pads of %lld and %lld",
                          (long long)k->size[i], (long long)k->begin[i],
                          (long long)k->end[i]);
            return false;
        }
    }
    for (int i = 1; i < k->x.rank; i++)
        if (k->x.dims[i] < 0 || k->x.dims[i] > INT32_MAX) {
            ca_build_fail(
                b, CARINA_ERR_SHAPE,
                "the size of its input is not known or absurd; give the model's input "
                "shape");
            return false;
        }
    return b->status == CARINA_OK;
}

static CaValue *padded(CaBuild *b, CaValue *x, const Blocks *k)
{
    int64_t begin[CARINA_MAX_RANK] = {0}, end[CARINA_MAX_RANK] = {0};
    bool any = false;
    for (int i = 0; i < k->n; i++) {
        begin[i + 1] = k->begin[i];
        end[i + 1] = k->end[i];
        any = any || k->begin[i] || k->end[i];
    }
    if (!any)
        return x;
    CaValue *const in[] = {x, ca_build_vector(b, begin, k->x.rank),
                           ca_build_vector(b, end, k->x.rank), ca_build_number(b, x, 0)};
    CaValue *v = ca_build_make_at(b, "Pad", 1, in, 4, 1);
    ca_build_set_text(b, v, "pad_mode", "constant");
    return v;
}

/* [N, H, W, C] as [N, H/b, b, W/b, b, C], then [b, b, N, H/b, W/b, C], then [b b N, H/b, W/b, C] */
static void space_to_batch(CaTfCall *c)
{
    CaBuild *b = c->b;
    Blocks k;
    int64_t wide[CARINA_MAX_RANK], narrow[CARINA_MAX_RANK];
    int perm[CARINA_MAX_RANK], at = 0, to = 0;
    CaValue *x = ca_tf_in(c, 0);
    if (!read_blocks(c, &k, x))
        return;
    const int rank = k.x.rank;
    wide[at++] = narrow[to++] = -1;
    for (int i = 1; i < rank; i++) {
        const int64_t size = i <= k.n ? k.size[i - 1] : 1,
                      length =
                          k.x.dims[i] + (i <= k.n ? k.begin[i - 1] + k.end[i - 1] : 0);
        if (length % size) {
            ca_build_fail(b, CARINA_ERR_SHAPE, "%lld does not divide into blocks of %lld",
                          (long long)length, (long long)size);
            return;
        }
        narrow[to++] = wide[at++] = length / size;
        if (i <= k.n)
            wide[at++] = size;
    }
    to = 0;
    for (int i = 0; i < k.n; i++)
        perm[to++] = 2 * i + 2;
    perm[to++] = 0;
    for (int i = 1; i < rank; i++)
        perm[to++] = i <= k.n ? 2 * i - 1 : i + k.n;
    CaValue *v = ca_build_reshape(b, padded(b, x, &k), wide, at);
    v = ca_build_transpose(b, v, perm, at);
    ca_tf_out(c, 0, ca_build_reshape(b, v, narrow, rank));
}

static CaValue *cropped(CaBuild *b, CaValue *v, const Blocks *k)
{
    int64_t from[CARINA_MAX_RANK], to[CARINA_MAX_RANK], ones[CARINA_MAX_RANK];
    for (int i = 0; i < k->n; i++) {
        from[i] = k->begin[i];
        to[i] = k->x.dims[i + 1] * k->size[i] - k->end[i];
        ones[i] = 1;
    }
    CaValue *const in[] = {v, ca_build_vector(b, from, k->n),
                           ca_build_vector(b, to, k->n), ca_build_vector(b, ones, k->n),
                           ca_build_iota(b, 1, k->n)};
    return ca_build_make(b, "Slice", in, 5, 1);
}

/* The way back: [b b N, H, W, C] as [b, b, N, H, W, C], then [N, H, b, W, b, C], then [N, H b, W b, C] */
static void batch_to_space(CaTfCall *c)
{
    CaBuild *b = c->b;
    Blocks k;
    int64_t wide[CARINA_MAX_RANK], narrow[CARINA_MAX_RANK];
    int perm[CARINA_MAX_RANK], at = 0, to = 0;
    CaValue *x = ca_tf_in(c, 0);
    if (!read_blocks(c, &k, x))
        return;
    const int rank = k.x.rank;
    for (int i = 0; i < k.n; i++)
        wide[at++] = k.size[i];
    wide[at++] = narrow[0] = -1;
    perm[to++] = k.n;
    for (int i = 1; i < rank; i++) {
        wide[at++] = k.x.dims[i];
        narrow[i] = k.x.dims[i] * (i <= k.n ? k.size[i - 1] : 1);
        perm[to++] = k.n + i;
        if (i <= k.n)
            perm[to++] = i - 1;
    }
    CaValue *v = ca_build_reshape(b, x, wide, at);
    v = ca_build_transpose(b, v, perm, at);
    v = ca_build_reshape(b, v, narrow, rank);
    ca_tf_out(c, 0, cropped(b, v, &k));
}

/* --- Resizing: [N, H, W, C] to the size of the second input. */

static void set_coordinates(CaTfCall *c, CaValue *v, bool nearest)
{
    const bool corners = ca_tf_attr_bool(c->r, c->node, "align_corners", false),
               half = ca_tf_attr_bool(c->r, c->node, "half_pixel_centers", false);
    ca_build_set_text(c->b, v, "coordinate_transformation_mode",
                      corners           ? "align_corners"
                      : half && nearest ? "tf_half_pixel_for_nn"
                      : half            ? "half_pixel"
                                        : "asymmetric");
    ca_build_set_text(c->b, v, "nearest_mode", corners ? "round_prefer_ceil" : "floor");
}

static void resize(CaTfCall *c)
{
    static const int64_t axes[] = {2, 3};
    CaBuild *b = c->b;
    const char *mode = c->row->ours;
    const bool nearest = strcmp(mode, "nearest") == 0;
    CaValue *x = ca_tf_in(c, 0);
    if (strcmp(mode, "cubic") == 0 &&
        ca_tf_attr_bool(c->r, c->node, "half_pixel_centers", false)) {
        ca_tf_resize_by_weights(c);
        return;
    }
    if (!nearest)
        x = ca_build_convert(b, x, CARINA_F32);
    CaValue *v = ca_build_3(b, "Interpolate", ca_build_channels_first(b, x),
                            ca_tf_in(c, 1), ca_build_vector(b, axes, 2));
    ca_build_set_text(b, v, "shape_calculation_mode", "sizes");
    ca_build_set_text(b, v, "mode", mode);
    set_coordinates(c, v, nearest);
    ca_build_set_real(b, v, "cube_coeff", -0.75);
    ca_tf_out(c, 0, ca_build_channels_last(b, v));
}

/* boxes [n, 4] of y1, x1, y2, x2 in 0 to 1, each from one image. Ours samples the corners, too. */
static void crop_and_resize(CaTfCall *c)
{
    static const int perm[] = {0, 2, 3, 1};
    static const int64_t order[] = {1, 0, 3, 2};
    CaBuild *b = c->b;
    int64_t size[2], last = -1;
    const char *method = ca_tf_attr_text(c->r, c->node, "method", "bilinear");
    if (ca_build_known_ints(b, ca_tf_in(c, 3), size, 2) != 2)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "its crop_size is computed");
    if (strcmp(method, "bilinear") != 0 ||
        ca_tf_attr_real(c->r, c->node, "extrapolation_value", 0) != 0)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "method %s or a value outside; export with bilinear and 0", method);
    CaValue *index = ca_build_convert(b, ca_tf_in(c, 2), CARINA_F32);
    CaValue *boxes = ca_build_3(b, "Gather", ca_tf_in(c, 1), ca_build_vector(b, order, 4),
                                ca_build_scalar(b, 1));
    CaValue *const both[] = {
        ca_build_2(b, "Unsqueeze", index, ca_build_vector(b, &last, 1)), boxes};
    CaValue *rois = ca_build_make(b, "Concat", both, 2, 1);
    ca_build_set_int(b, rois, "axis", 1);
    CaValue *x =
        ca_build_channels_first(b, ca_build_convert(b, ca_tf_in(c, 0), CARINA_F32));
    CaValue *v = ca_build_2(b, "ROIPooling", x, rois);
    ca_build_set_ints(b, v, "output_size", size, 2);
    ca_build_set_real(b, v, "spatial_scale", 1);
    ca_build_set_text(b, v, "method", "bilinear");
    ca_tf_out(c, 0, ca_build_transpose(b, v, perm, 4));
}

/* --- Boxes. */

static CaValue *column(CaBuild *b, CaValue *rows, int64_t i)
{
    return ca_build_3(b, "Gather", rows, ca_build_scalar(b, i), ca_build_scalar(b, 1));
}

/* With zeros behind it as long as n, where the operator is to do that. A device may have filled up with -1. */
static CaValue *padded_to(CaTfCall *c, CaValue *v, CaValue *index, CaValue *n)
{
    CaBuild *b = c->b;
    const int64_t zero = 0, one = 1;
    if (!ca_tf_attr_bool(c->r, c->node, "pad_to_max_output_size", false))
        return v;
    CaValue *length = ca_build_reshape(b, n, &one, 1);
    v = ca_build_3(b, "Select",
                   ca_build_2(b, "Less", index, ca_build_number(b, index, 0)),
                   ca_build_number(b, v, 0), v);
    CaValue *const both[] = {
        v, ca_build_2(b, "Broadcast", ca_build_number(b, v, 0), length)};
    CaValue *longer = ca_build_make(b, "Concat", both, 2, 1);
    ca_build_set_int(b, longer, "axis", 0);
    CaValue *const in[] = {longer, ca_build_vector(b, &zero, 1), length,
                           ca_build_vector(b, &one, 1), ca_build_vector(b, &zero, 1)};
    return ca_build_make(b, "Slice", in, 5, 1);
}

/* boxes [n, 4], scores [n]; behind them how many, the overlap, the least score and the softness, as far as the
 * version has them. */
static void non_max_suppression(CaTfCall *c)
{
    CaBuild *b = c->b;
    static const int64_t two[] = {0, 1};
    const bool has_sigma = strcmp(c->node->op, "NonMaxSuppressionV5") == 0;
    CaValue *boxes = ca_tf_in(c, 0), *scores = ca_tf_in(c, 1);
    CaValue *const given[] = {ca_tf_opt(c, 3), ca_tf_opt(c, 4), ca_tf_opt(c, 5)};
    CaValue *overlap =
        given[0] ? ca_build_to_scalar(b, given[0])
                 : ca_build_number(b, NULL,
                                   ca_tf_attr_real(c->r, c->node, "iou_threshold", 0.5));
    CaValue *least =
        given[1] ? ca_build_to_scalar(b, given[1]) : ca_build_number(b, NULL, -3.0e38);
    CaValue *const in[] = {
        ca_build_2(b, "Unsqueeze", boxes, ca_build_vector(b, two, 1)),
        ca_build_2(b, "Unsqueeze", scores, ca_build_vector(b, two, 2)),
        ca_build_convert(b, ca_build_to_scalar(b, ca_tf_in(c, 2)), CARINA_I64),
        overlap,
        least,
        has_sigma && given[2] ? ca_build_to_scalar(b, given[2]) : NULL};
    CaValue *v = ca_build_make(b, "NonMaxSuppression", in, in[5] ? 6 : 5, 3);
    ca_build_set_text(b, v, "box_encoding", "corner");
    ca_build_set_text(b, v, "sort_result_descending", "false");
    ca_build_set_text(b, v, "output_type", "i32");
    if (!ca_build_settle(b) || !v)
        return;
    CaValue *index = column(b, v, 2);
    ca_tf_out(c, 0, padded_to(c, index, index, in[2]));
    if (has_sigma && ca_tf_out_used(c, 1))
        ca_tf_out(c, 1, padded_to(c, column(b, v + 1, 2), index, in[2]));
    if (ca_tf_out_used(c, has_sigma ? 2 : 1))
        ca_tf_out(c, has_sigma ? 2 : 1, ca_build_to_scalar(b, v + 2));
}

const CaTfOp ca_tf_image[] = {
    {"BatchToSpace", batch_to_space, NULL, 0},
    {"BatchToSpaceND", batch_to_space, NULL, 0},
    {"CropAndResize", crop_and_resize, NULL, 0},
    {"DepthToSpace", depth_to_space, NULL, 0},
    {"NonMaxSuppression", non_max_suppression, NULL, 0},
    {"NonMaxSuppressionV2", non_max_suppression, NULL, 0},
    {"NonMaxSuppressionV3", non_max_suppression, NULL, 0},
    {"NonMaxSuppressionV4", non_max_suppression, NULL, 0},
    {"NonMaxSuppressionV5", non_max_suppression, NULL, 0},
    {"ResizeArea", ca_tf_resize_by_weights, NULL, 0},
    {"ResizeBicubic", resize, "cubic", 0},
    {"ResizeBilinear", resize, "linear_onnx", 0},
    {"ResizeNearestNeighbor", resize, "nearest", 0},
    {"ScaleAndTranslate", ca_tf_scale_and_translate, NULL, 0},
    {"SpaceToBatch", space_to_batch, NULL, 0},
    {"SpaceToBatchND", space_to_batch, NULL, 0},
    {"SpaceToDepth", depth_to_space, NULL, 0},
    {NULL, NULL, NULL, 0},
};
