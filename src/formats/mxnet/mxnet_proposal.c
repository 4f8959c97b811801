/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet: Proposal and MultiProposal, the regions of Faster-RCNN. OpenVINO's Proposal has boxes that are one wider, so
 * these are made of its parts: anchors moved by deltas, clipped, sorted, suppressed, and repeated up to their number.
 *
 * Boxes have sides of x2 - x1 + 1. Boxes that are too small, and those beyond the image, have the score -1 and come
 * last, but take part.
 */
#include "formats/mxnet/mxnet_reader.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MAX_IMAGES = 64, MAX_LIST = 32, MAX_BOXES = 1 << 22 };

typedef struct Proposal {
    double scales[MAX_LIST], ratios[MAX_LIST], overlap, min_size;
    int n_scales, n_ratios;
    int64_t height, width, n_anchors, n; /* n: boxes of an image */
    int64_t stride, before, after;       /* pixels; boxes before and after suppression */
    CaValue *sizes, *middles, *cells;    /* [n, 2] of the anchors: x, y */
} Proposal;

static CaValue *columns(CaBuild *b, CaValue *v, int64_t from, int64_t to)
{
    return ca_mxnet_slice(b, v, 1, from, to);
}

static CaValue *joined(CaBuild *b, CaValue *const *parts, int n, int64_t axis)
{
    CaValue *v = n > 1 ? ca_build_make(b, "Concat", parts, n, 1) : parts[0];
    if (n > 1)
        ca_build_set_int(b, v, "axis", axis);
    return v;
}

/* Sides of anchor i: each ratio with each scale, rounded as Faster-RCNN always did. */
static void sides(const Proposal *z, int64_t i, double side[2])
{
    const double ratio = z->ratios[i / z->n_scales], scale = z->scales[i % z->n_scales];
    const double area = floor((double)(z->stride * z->stride) / ratio);
    const double w = floor(sqrt(area) + 0.5);
    side[0] = w * scale;
    side[1] = floor(w * ratio + 0.5) * scale;
}

/* Anchors by row, column, kind. */
static bool make_anchors(CaBuild *b, Proposal *z)
{
    const CarinaShape shape = ca_shape(2, (const int64_t[]){z->n, 2});
    double *v[3];
    for (int k = 0; k < 3; k++) {
        v[k] = ca_arena_array(b->work, (size_t)z->n, 2 * sizeof *v[k]);
        if (!v[k]) {
            ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
            return false;
        }
    }
    for (int64_t i = 0; i < z->n; i++) {
        const int64_t cell = i / z->n_anchors, at[2] = {cell % z->width, cell / z->width};
        sides(z, i % z->n_anchors, v[0] + 2 * i);
        for (int d = 0; d < 2; d++) {
            v[1][2 * i + d] = (double)(at[d] * z->stride) + 0.5 * (double)(z->stride - 1);
            v[2][2 * i + d] = (double)at[d];
        }
    }
    z->sizes = ca_build_reals(b, &shape, v[0]);
    z->middles = ca_build_reals(b, &shape, v[1]);
    z->cells = ca_build_reals(b, &shape, v[2]);
    return ca_build_settle(b);
}

static void read_attributes(CaMxnetCall *c, Proposal *z)
{
    static const double scales[] = {4, 8, 16, 32}, ratios[] = {0.5, 1, 2};
    memcpy(z->scales, scales, sizeof scales);
    memcpy(z->ratios, ratios, sizeof ratios);
    z->n_scales = ca_mxnet_real_list(c, "scales", z->scales, MAX_LIST);
    z->n_ratios = ca_mxnet_real_list(c, "ratios", z->ratios, MAX_LIST);
    z->n_scales = z->n_scales < 1 ? 4 : z->n_scales;
    z->n_ratios = z->n_ratios < 1 ? 3 : z->n_ratios;
    z->n_anchors = (int64_t)z->n_scales * z->n_ratios;
    z->overlap = ca_mxnet_real(c, "threshold", 0.7);
    z->min_size = ca_mxnet_real(c, "rpn_min_size", 16);
    z->stride = ca_mxnet_int(c, "feature_stride", 16);
    z->before = ca_mxnet_int(c, "rpn_pre_nms_top_n", 6000);
    z->after = ca_mxnet_int(c, "rpn_post_nms_top_n", 300);
    if (ca_mxnet_flag(c, "iou_loss", false))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "iou_loss, which Carina does not have");
    for (int i = 0; i < z->n_ratios; i++)
        if (!(z->ratios[i] > 0 && z->ratios[i] < 1e6))
            ca_build_fail(c->b, CARINA_ERR_FORMAT, "ratio %g, must be above 0",
                          z->ratios[i]);
    if (z->stride < 1 || z->stride > 1 << 16 || z->after < 1 || z->after > MAX_BOXES)
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "feature_stride %lld or rpn_post_nms_top_n %lld is out of range",
                      (long long)z->stride, (long long)z->after);
}

static void check_shapes(CaMxnetCall *c, Proposal *z, const CarinaShape *s)
{
    const CarinaShape d = ca_build_static_shape(c->b, ca_mxnet_in(c, 1)),
                      i = ca_build_static_shape(c->b, ca_mxnet_in(c, 2));
    if (c->b->status != CARINA_OK)
        return;
    if (s->rank != 4 || d.rank != 4 || i.rank != 2 || s->dims[1] != 2 * z->n_anchors ||
        d.dims[1] != 4 * z->n_anchors || s->dims[2] < 1 || s->dims[3] < 1 ||
        s->dims[2] != d.dims[2] || s->dims[3] != d.dims[3] || s->dims[0] != d.dims[0] ||
        i.dims[0] != s->dims[0] || i.dims[1] != 3 || s->dims[0] < 1 ||
        s->dims[0] > MAX_IMAGES || s->dims[2] > MAX_BOXES / s->dims[3] / z->n_anchors) {
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "its scores, deltas and sizes do not fit %lld anchors; needs "
                      "[N, 2A, H, W], [N, 4A, H, W] and [N, 3], N at most %d",
                      (long long)z->n_anchors, MAX_IMAGES);
        return;
    }
    z->height = s->dims[2];
    z->width = s->dims[3];
    z->n = z->height * z->width * z->n_anchors;
    z->before = z->before > 0 && z->before < z->n ? z->before : z->n;
}

/* Of image i: v [N, groups * A, H, W] as [H * W * A, groups'], a group of channels an anchor. */
static CaValue *by_box(CaBuild *b, const Proposal *z, CaValue *v, int64_t i, int64_t from,
                       int64_t each)
{
    static const int perm[] = {2, 3, 0, 1};
    const int64_t apart[] = {z->n_anchors, each, z->height, z->width},
                  rows[] = {z->n, each};
    v = ca_mxnet_slice(b, v, 0, i, i + 1);
    v = ca_mxnet_slice(b, v, 1, from, from + each * z->n_anchors);
    v = ca_build_transpose(b, ca_build_reshape(b, v, apart, 4), perm, 4);
    return ca_build_reshape(b, v, rows, 2);
}

/* Corners [n, 2] each: the anchors moved, within the image. limit [1, 2]: its last column and row. */
static void corners(CaBuild *b, const Proposal *z, CaValue *deltas, CaValue *limit,
                    CaValue *out[2])
{
    CaValue *middle = ca_build_2(
        b, "Add", ca_build_2(b, "Multiply", columns(b, deltas, 0, 2), z->sizes),
        z->middles);
    CaValue *side = ca_build_2(b, "Multiply",
                               ca_build_1(b, "Exp", columns(b, deltas, 2, 4)), z->sizes);
    CaValue *half = ca_build_times(b, ca_build_plus(b, side, -1), 0.5);
    out[0] = ca_build_2(b, "Subtract", middle, half);
    out[1] = ca_build_2(b, "Add", middle, half);
    for (int k = 0; k < 2; k++)
        out[k] = ca_build_2(b, "Maximum", ca_build_2(b, "Minimum", out[k], limit),
                            ca_build_number(b, out[k], 0));
}

static CaValue *any(CaBuild *b, const char *op, CaValue *v)
{
    static const int64_t second = 1;
    v = ca_build_2(b, op, v, ca_build_vector(b, &second, 1));
    ca_build_set_text(b, v, "keep_dims", "true");
    return v;
}

/* The boxes that are kept, best first, and again from the first on: *at of the rows of *boxes [before, 4]. */
static CaValue *chosen(CaBuild *b, const Proposal *z, CaValue *boxes, CaValue *scores)
{
    const int64_t flat = -1, box_dims[] = {1, z->before, 4},
                  score_dims[] = {1, 1, z->before}, one[] = {1, 4};
    const double ends[] = {0, 0, 1, 1};
    const CarinaShape row = ca_shape(2, one);
    CaValue *wide = ca_build_2(b, "Add", boxes, ca_build_reals(b, &row, ends));
    CaValue *const in[] = {
        ca_build_reshape(b, wide, box_dims, 3),
        ca_build_reshape(b, scores, score_dims, 3),
        ca_build_scalar(b, z->after < z->before ? z->after : z->before),
        ca_build_number(b, NULL, z->overlap), ca_build_number(b, NULL, -FLT_MAX)};
    CaValue *v = ca_build_make_at(b, "NonMaxSuppression", 5, in, 5, 3);
    ca_build_set_text(b, v, "box_encoding", "corner");
    ca_build_set_text(b, v, "sort_result_descending", "true");
    ca_build_set_text(b, v, "output_type", "i64");
    if (!ca_build_settle(b))
        return NULL;
    CaValue *kept = ca_build_reshape(b, columns(b, v, 2, 3), &flat, 1);
    CaValue *count = ca_build_2(b, "Maximum", v + 2, ca_build_scalar(b, 1));
    CaValue *order = ca_build_2(b, "FloorMod", ca_build_iota(b, 0, (int)z->after), count);
    return ca_build_3(b, "Gather", kept, order, ca_build_scalar(b, 0));
}

/* Regions [after, 5] and their scores [after, 1] of image i. */
static void propose(CaMxnetCall *c, const Proposal *z, int64_t i, CaValue *out[2])
{
    CaBuild *const b = c->b;
    const int64_t turn[] = {1, 0}, pair[] = {1, 2}, column[] = {z->after, 1}, flat = -1;
    CaValue *corner[2], *zero = ca_build_scalar(b, 0);
    CaValue *info = ca_mxnet_slice(b, ca_mxnet_in(c, 2), 0, i, i + 1);
    CaValue *size = ca_build_reshape(
        b,
        ca_build_3(b, "Gather", info, ca_build_vector(b, turn, 2), ca_build_scalar(b, 1)),
        pair, 2);
    CaValue *least = ca_build_times(b, columns(b, info, 2, 3), z->min_size);
    CaValue *scores = by_box(b, z, ca_mxnet_in(c, 0), i, z->n_anchors, 1);
    corners(b, z, by_box(b, z, ca_mxnet_in(c, 1), i, 0, 4), ca_build_plus(b, size, -1),
            corner);
    CaValue *cells =
        ca_build_1(b, "Floor", ca_build_times(b, size, 1.0 / (double)z->stride));
    CaValue *is_inside =
        any(b, "ReduceLogicalAnd", ca_build_2(b, "Less", z->cells, cells));
    CaValue *side = ca_build_plus(b, ca_build_2(b, "Subtract", corner[1], corner[0]), 1);
    CaValue *is_small = any(b, "ReduceLogicalOr", ca_build_2(b, "Less", side, least));
    CaValue *half = ca_build_times(b, least, 0.5);
    for (int k = 0; k < 2; k++)
        corner[k] =
            ca_build_3(b, "Select", is_small,
                       ca_build_2(b, k ? "Add" : "Subtract", corner[k], half), corner[k]);
    CaValue *counts =
        ca_build_2(b, "LogicalAnd", is_inside, ca_build_1(b, "LogicalNot", is_small));
    scores = ca_build_reshape(
        b, ca_build_3(b, "Select", counts, scores, ca_build_number(b, scores, -1)), &flat,
        1);
    CaValue *const in[] = {scores, ca_build_scalar(b, z->before)};
    CaValue *best = ca_build_make_at(b, "TopK", 11, in, 2, 2);
    ca_build_set_int(b, best, "axis", 0);
    ca_build_set_text(b, best, "mode", "max");
    ca_build_set_text(b, best, "sort", "value");
    ca_build_set_text(b, best, "stable", "true");
    ca_build_set_text(b, best, "index_element_type", "i64");
    if (!ca_build_settle(b))
        return;
    CaValue *boxes = ca_build_3(b, "Gather", joined(b, corner, 2, 1), best + 1, zero);
    CaValue *at = chosen(b, z, boxes, best);
    CaValue *const parts[] = {ca_build_2(b, "Broadcast",
                                         ca_build_number(b, NULL, (double)i),
                                         ca_build_vector(b, column, 2)),
                              ca_build_3(b, "Gather", boxes, at, zero)};
    if (b->status != CARINA_OK)
        return;
    out[0] = joined(b, parts, 2, 1);
    out[1] = ca_build_reshape(b, ca_build_3(b, "Gather", best, at, zero), column, 2);
}

static void proposal(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    static const char *const names[] = {"output", "score"};
    Proposal z = {0};
    CaValue *parts[2][MAX_IMAGES] = {{NULL}}, *outs[2];
    const CarinaShape s = ca_build_static_shape(b, ca_mxnet_in(c, 0));
    read_attributes(c, &z);
    check_shapes(c, &z, &s);
    if (b->status != CARINA_OK || !make_anchors(b, &z))
        return;
    const int n = (int)s.dims[0];
    for (int i = 0; i < n && b->status == CARINA_OK; i++) {
        CaValue *both[2] = {NULL, NULL};
        propose(c, &z, i, both);
        parts[0][i] = both[0];
        parts[1][i] = both[1];
    }
    if (b->status != CARINA_OK)
        return;
    for (int k = 0; k < 2; k++)
        outs[k] = joined(b, parts[k], n, 0);
    if (ca_mxnet_flag(c, "output_score", false))
        ca_mxnet_named_outs(c, outs, 2, names);
    else
        ca_mxnet_out(c, outs[0]);
}

const CaMxnetOp ca_mxnet_proposal[] = {
    {"_contrib_MultiProposal", proposal, NULL, 0},
    {"_contrib_Proposal", proposal, NULL, 0},
    {NULL, NULL, NULL, 0},
};
