/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet: the ends of detectors, and deformable convolution.
 */
#include "formats/mxnet/mxnet_reader.h"

#include <string.h>

enum { MAX_PRIORS = 1 << 22 };

/* --- Deformable convolution. */

static void pair_of(CaMxnetCall *c, const char *key, int64_t out[2], int64_t absent)
{
    const int n = ca_mxnet_list(c, key, out, 2);
    if (n > 0 && n != 2)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "%s has %d numbers, needs 2", key, n);
    for (int i = 0; i < 2 && n <= 0; i++)
        out[i] = absent;
}

static void deformable_convolution(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    int64_t stride[2], pad[2], dilate[2];
    CaValue *x = ca_mxnet_in(c, 0), *offset = ca_mxnet_in(c, 1);
    CaValue *const in[] = {x, offset, ca_mxnet_weight(c, 2, "weight")};
    pair_of(c, "stride", stride, 1);
    pair_of(c, "pad", pad, 0);
    pair_of(c, "dilate", dilate, 1);
    CaValue *v = ca_build_make_at(b, "DeformableConvolution", 1, in, 3, 1);
    ca_build_set_ints(b, v, "strides", stride, 2);
    ca_build_set_ints(b, v, "pads_begin", pad, 2);
    ca_build_set_ints(b, v, "pads_end", pad, 2);
    ca_build_set_ints(b, v, "dilations", dilate, 2);
    ca_build_set_int(b, v, "group", ca_mxnet_int(c, "num_group", 1));
    ca_build_set_int(b, v, "deformable_group",
                     ca_mxnet_int(c, "num_deformable_group", 1));
    if (!ca_mxnet_flag(c, "no_bias", false)) {
        CaValue *bias = ca_mxnet_weight(c, 3, "bias");
        v = ca_build_2(b, "Add", v, ca_build_per_channel(b, bias, 1, 4));
    }
    ca_mxnet_out(c, v);
}

/* --- MultiBoxDetection: [1, A, 6] of (class, score, corners), the best first. The boxes that are kept and their order
 * are MXNet's; where it leaves a row of class -1 for one that is suppressed, all such rows come last here. */

typedef struct Boxes {
    int64_t n, classes;
    CaValue *locations, *scores, *priors; /* as DetectionOutput takes them */
} Boxes;

/* The anchors, and below them the variances, once a box. */
static CaValue *priors_of(CaMxnetCall *c, CaValue *anchors, int64_t n)
{
    CaBuild *const b = c->b;
    double variances[4] = {0.1, 0.1, 0.2, 0.2};
    const int64_t dims[] = {1, 1, 4 * n};
    const CarinaShape shape = ca_shape(3, dims);
    double *v = ca_arena_array(b->work, (size_t)n, 4 * sizeof *v);
    if (ca_mxnet_real_list(c, "variances", variances, 4) == 0 || !v) {
        ca_build_fail(b, CARINA_ERR_FORMAT, "variances are no four numbers");
        return NULL;
    }
    for (int64_t i = 0; i < 4 * n; i++)
        v[i] = variances[i % 4];
    CaValue *const parts[] = {ca_build_reshape(b, anchors, dims, 3),
                              ca_build_reals(b, &shape, v)};
    CaValue *out = ca_build_make(b, "Concat", parts, 2, 1);
    ca_build_set_int(b, out, "axis", 1);
    return out;
}

static bool boxes_of(CaMxnetCall *c, Boxes *z)
{
    static const int perm[] = {0, 2, 1};
    CaBuild *const b = c->b;
    CaValue *scores = ca_mxnet_in(c, 0), *locations = ca_mxnet_in(c, 1),
            *anchors = ca_mxnet_in(c, 2);
    const CarinaShape s = ca_build_static_shape(b, scores);
    if (b->status == CARINA_OK && (s.rank != 3 || s.dims[0] != 1 || s.dims[1] < 2 ||
                                   s.dims[2] < 1 || s.dims[2] > MAX_PRIORS))
        ca_build_fail(
            b, CARINA_ERR_UNSUPPORTED,
            "needs scores of one image, [1, classes, boxes]; give it a batch of 1");
    if (b->status != CARINA_OK)
        return false;
    z->classes = s.dims[1];
    z->n = s.dims[2];
    const int64_t flat[] = {1, -1};
    z->scores = ca_build_reshape(b, ca_build_transpose(b, scores, perm, 3), flat, 2);
    z->locations = ca_build_reshape(b, locations, flat, 2);
    z->priors = priors_of(c, anchors, z->n);
    return ca_build_settle(b);
}

/* [1, 1, A, 7] to [1, A, 6]: without the image, sorted by score; -1 where nothing was found. */
static CaValue *sorted(CaBuild *b, CaValue *found, int64_t n)
{
    static const int64_t second = 1, row_dims[] = {1, 6};
    const int64_t rows[] = {n, 6}, out[] = {1, n, 6};
    CaValue *v = ca_build_reshape(b, ca_mxnet_slice(b, found, 3, 1, 7), rows, 2);
    CaValue *score = ca_build_2(b, "Squeeze", ca_mxnet_slice(b, v, 1, 1, 2),
                                ca_build_vector(b, &second, 1));
    CaValue *const in[] = {score, ca_build_scalar(b, n)};
    CaValue *top = ca_build_make_at(b, "TopK", 11, in, 2, 2);
    ca_build_set_int(b, top, "axis", 0);
    ca_build_set_text(b, top, "mode", "max");
    ca_build_set_text(b, top, "sort", "value");
    ca_build_set_text(b, top, "stable", "true");
    ca_build_set_text(b, top, "index_element_type", "i64");
    if (!ca_build_settle(b) || !top)
        return NULL;
    v = ca_build_3(b, "Gather", v, top + 1, ca_build_scalar(b, 0));
    CaValue *is_box = ca_build_2(b, "Greater", top, ca_build_number(b, top, 0));
    is_box = ca_build_2(b, "Unsqueeze", is_box, ca_build_vector(b, &second, 1));
    CaValue *none = ca_build_2(b, "Broadcast", ca_build_number(b, v, -1),
                               ca_build_vector(b, row_dims, 2));
    return ca_build_reshape(b, ca_build_3(b, "Select", is_box, v, none), out, 3);
}

static void multi_box_detection(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    Boxes z;
    if (!boxes_of(c, &z))
        return;
    if (ca_mxnet_flag(c, "force_suppress", false) && z.classes > 2)
        ca_build_fail(
            b, CARINA_ERR_UNSUPPORTED,
            "force_suppress, between boxes of all classes, which Carina does not "
            "have; set it to False");
    const bool clip = ca_mxnet_flag(c, "clip", true);
    CaValue *v = ca_build_3(b, "DetectionOutput", z.locations, z.scores, z.priors);
    ca_build_set_int(b, v, "background_label_id", ca_mxnet_int(c, "background_id", 0));
    ca_build_set_int(b, v, "top_k", ca_mxnet_int(c, "nms_topk", -1));
    ca_build_set_ints(b, v, "keep_top_k", &z.n, 1);
    ca_build_set_text(b, v, "code_type", "caffe.PriorBoxParameter.CENTER_SIZE");
    ca_build_set_text(b, v, "share_location", "true");
    ca_build_set_text(b, v, "variance_encoded_in_target", "false");
    ca_build_set_text(b, v, "normalized", "true");
    ca_build_set_text(b, v, "decrease_label_id", "true");
    ca_build_set_text(b, v, "clip_before_nms", clip ? "true" : "false");
    ca_build_set_real(b, v, "nms_threshold", ca_mxnet_real(c, "nms_threshold", 0.5));
    ca_build_set_real(b, v, "confidence_threshold", ca_mxnet_real(c, "threshold", 0.01));
    ca_mxnet_out(c, sorted(b, v, z.n));
}

/* --- Boxes from what a network says of anchors: [B, N, 4]. */

/* Column i of the last dimension, which stays. */
static CaValue *column(CaBuild *b, CaValue *v, int64_t i)
{
    return ca_mxnet_slice(b, v, -1, i, i + 1);
}

/* The anchor's middle (of x or y) and its length there, from corners or from middle and length. */
static void anchor_of(CaMxnetCall *c, CaValue *anchors, int64_t i, CaValue **middle,
                      CaValue **length)
{
    CaBuild *const b = c->b;
    CaValue *first = column(b, anchors, i), *second = column(b, anchors, i + 2);
    *middle = first;
    *length = second;
    if (ca_mxnet_is(c, "format", "center"))
        return;
    *length = ca_build_2(b, "Subtract", second, first);
    *middle = ca_build_2(b, "Add", first, ca_build_times(b, *length, 0.5));
}

static void box_decode(CaMxnetCall *c)
{
    static const char *const stds[] = {"std0", "std1", "std2", "std3"};
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0), *anchors = ca_mxnet_in(c, 1), *low[2], *high[2];
    const double clip = ca_mxnet_real(c, "clip", -1);
    for (int i = 0; i < 2; i++) {
        CaValue *middle, *length;
        anchor_of(c, anchors, i, &middle, &length);
        CaValue *move = ca_build_times(b, column(b, x, i), ca_mxnet_real(c, stds[i], 1));
        CaValue *at =
            ca_build_2(b, "Add", ca_build_2(b, "Multiply", move, length), middle);
        CaValue *size =
            ca_build_times(b, column(b, x, i + 2), ca_mxnet_real(c, stds[i + 2], 1));
        if (clip > 0)
            size = ca_build_2(b, "Minimum", size, ca_build_number(b, size, clip));
        size = ca_build_2(b, "Multiply", ca_build_1(b, "Exp", size), length);
        size = ca_build_times(b, size, 0.5);
        low[i] = ca_build_2(b, "Subtract", at, size);
        high[i] = ca_build_2(b, "Add", at, size);
    }
    CaValue *const in[] = {low[0], low[1], high[0], high[1]};
    CaValue *v = ca_build_make(b, "Concat", in, 4, 1);
    ca_build_set_int(b, v, "axis", -1);
    ca_mxnet_out(c, v);
}

const CaMxnetOp ca_mxnet_detect[] = {
    {"_contrib_DeformableConvolution", deformable_convolution, NULL, 2},
    {"_contrib_MultiBoxDetection", multi_box_detection, NULL, 0},
    {"_contrib_box_decode", box_decode, NULL, 0},
    {"_npx_multibox_detection", multi_box_detection, NULL, 0},
    {NULL, NULL, NULL, 0},
};
