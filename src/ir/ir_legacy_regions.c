/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IR versions 2 to 7: SimplerNMS, the region proposals of Intel's own Caffe, as the Inference Engine computed them.
 *
 * Three ratios of anchors, from 16 x 16, in all scales; boxes are moved, cut to the image, left out where they are
 * small, and the best are chosen by NonMaxSuppression, with sides that count both ends. Of equal scores the later box is
 * the better one. Rows behind the last region are zeros; there, they were what memory held.
 */
#include "ir/ir_legacy.h"

#include <math.h>
#include <string.h>

enum { MAX_SCALES = 64, N_RATIOS = 3, MAX_BOXES = 1 << 20 };

typedef struct Regions {
    CaLegacyCall *c;
    CaBuild *b;
    double scales[MAX_SCALES];
    int n_scales;
    int64_t n_anchors, height, width, n; /* n: boxes */
    int64_t stride, before, after;
    CaValue *sizes,
        *middles; /* of the anchors in their cells, [n, 2]: along the columns, then the rows */
    CaValue *limit, *least; /* last column and row, [1, 2]; the smallest side, [1] */
} Regions;

static void read_scales(Regions *z)
{
    const char *text = ca_legacy_text(z->c, "scale"), *item = NULL;
    size_t length = 0;
    for (const char *p = text; p && (p = ca_text_item(p, ',', &item, &length));) {
        double *to = &z->scales[z->n_scales < MAX_SCALES ? z->n_scales : 0];
        if (!ca_text_real(to, item, length) || !(*to > 0 && *to < 1e6))
            ca_build_fail(z->b, CARINA_ERR_FORMAT,
                          "attribute scale is \"%.60s\"; its numbers must be above 0",
                          text);
        z->n_scales++;
    }
    if (z->n_scales < 1 || z->n_scales > MAX_SCALES)
        ca_build_fail(z->b, CARINA_ERR_FORMAT,
                      "attribute scale has %d numbers, must be 1 to %d", z->n_scales,
                      MAX_SCALES);
    z->n_anchors = (int64_t)N_RATIOS * z->n_scales;
}

/* Scores of what is none and what is one, [1, 2A, H, W]; moves, [1, 4A, H, W]; either may come first. */
static bool take_shapes(Regions *z, int *scores)
{
    const CarinaShape s[] = {ca_build_static_shape(z->b, z->c->in[0]),
                             ca_build_static_shape(z->b, z->c->in[1])};
    if (z->b->status != CARINA_OK)
        return false;
    *scores = s[0].rank == 4 && s[1].rank == 4 && s[0].dims[1] > s[1].dims[1];
    const CarinaShape *x = &s[*scores], *moves = &s[!*scores];
    if (x->rank != 4 || moves->rank != 4 || x->dims[0] != 1 || moves->dims[0] != 1 ||
        x->dims[1] != 2 * z->n_anchors || moves->dims[1] != 4 * z->n_anchors ||
        x->dims[2] < 1 || x->dims[3] < 1 || x->dims[2] != moves->dims[2] ||
        x->dims[3] != moves->dims[3] ||
        x->dims[2] > MAX_BOXES / z->n_anchors / x->dims[3]) {
        ca_build_fail(z->b, CARINA_ERR_SHAPE,
                      "its scores and moves do not fit %lld anchors; needs [1, 2A, H, W] "
                      "and [1, 4A, H, W]",
                      (long long)z->n_anchors);
        return false;
    }
    z->height = x->dims[2];
    z->width = x->dims[3];
    z->n = z->n_anchors * z->height * z->width;
    z->before = z->before < z->n ? z->before : z->n;
    return true;
}

/* Columns and rows of the anchor: the ratio's sides are whole, and so is the middle of all. */
static void anchor(const Regions *z, int64_t i, double sides[2])
{
    static const double ratios[N_RATIOS] = {0.5, 1, 2};
    const double base = 16, ratio = ratios[i / z->n_scales],
                 scale = z->scales[i % z->n_scales];
    const double columns = round(sqrt(base * base / ratio));
    sides[0] = columns * scale;
    sides[1] = round(columns * ratio) * scale;
}

static bool make_anchors(Regions *z)
{
    const CarinaShape shape = ca_shape(2, (const int64_t[]){z->n, 2});
    double *v = ca_arena_array(z->b->work, 4 * (size_t)z->n, sizeof *v),
           *middles = v ? v + 2 * z->n : NULL;
    if (!v) {
        ca_build_fail(z->b, CARINA_ERR_MEMORY, "out of memory");
        return false;
    }
    for (int64_t i = 0; i < z->n; i++) {
        const int64_t cell = i / z->n_anchors, at[2] = {cell % z->width, cell / z->width};
        anchor(z, i % z->n_anchors, v + 2 * i);
        for (int d = 0; d < 2; d++) /* from 7.5 - (side - 1) / 2, half a side on */
            middles[2 * i + d] = 8 + (double)(at[d] * z->stride);
    }
    z->sizes = ca_build_reals(z->b, &shape, v);
    z->middles = ca_build_reals(z->b, &shape, middles);
    return ca_build_settle(z->b);
}

/* Height, width and scale of the image, whole numbers each. */
static void take_image(Regions *z)
{
    static const int64_t flat[] = {-1}, sides[] = {1, 0}, pair[] = {1, 2}, third[] = {2};
    CaBuild *const b = z->b;
    CaValue *info = ca_build_1(b, "Floor", ca_build_reshape(b, z->c->in[2], flat, 1));
    CaValue *size = ca_build_3(b, "Gather", info, ca_build_vector(b, sides, 2),
                               ca_build_scalar(b, 0));
    z->limit = ca_build_plus(b, ca_build_reshape(b, size, pair, 2), -1);
    z->least = ca_build_times(b,
                              ca_build_3(b, "Gather", info, ca_build_vector(b, third, 1),
                                         ca_build_scalar(b, 0)),
                              (double)ca_legacy_need_int(z->c, "min_bbox_size", 0));
}

static CaValue *joined(CaBuild *b, CaValue *v, CaValue *w, int64_t axis)
{
    v = ca_build_2(b, "Concat", v, w);
    ca_build_set_int(b, v, "axis", axis);
    return v;
}

/* Columns [from, from + 2) of moves [n, 4]. */
static CaValue *two_of(CaBuild *b, CaValue *v, int from)
{
    return ca_build_3(b, "Gather", v, ca_build_iota(b, from, 2), ca_build_scalar(b, 1));
}

/* Corners [n, 2] each, within the image. */
static void corners(const Regions *z, CaValue *moves, CaValue *out[2])
{
    static const int perm[] = {2, 3, 0, 1};
    const int64_t apart[] = {z->n_anchors, 4, z->height, z->width}, rows[] = {z->n, 4};
    CaBuild *const b = z->b;
    moves = ca_build_reshape(
        b, ca_build_transpose(b, ca_build_reshape(b, moves, apart, 4), perm, 4), rows, 2);
    CaValue *middle = ca_build_2(
        b, "Add", ca_build_2(b, "Multiply", two_of(b, moves, 0), z->sizes), z->middles);
    CaValue *half = ca_build_times(
        b, ca_build_2(b, "Multiply", ca_build_1(b, "Exp", two_of(b, moves, 2)), z->sizes),
        0.5);
    out[0] = ca_build_2(b, "Subtract", middle, half);
    out[1] = ca_build_2(b, "Add", middle, half);
    for (int k = 0; k < 2; k++)
        out[k] = ca_build_2(b, "Maximum", ca_build_2(b, "Minimum", out[k], z->limit),
                            ca_build_number(b, out[k], 0));
}

/* Scores [n] of what is large enough, 0 of the rest, the last box first. */
static CaValue *scores_backwards(const Regions *z, CaValue *scores, CaValue *const at[2])
{
    static const int perm[] = {1, 2, 0};
    static const int64_t last_axis = 1, back = -1;
    const int64_t apart[] = {2, z->n_anchors, z->height, z->width}, flat[] = {z->n};
    CaBuild *const b = z->b;
    CaValue *v = ca_build_3(b, "Gather", ca_build_reshape(b, scores, apart, 4),
                            ca_build_scalar(b, 1), ca_build_scalar(b, 0));
    v = ca_build_reshape(b, ca_build_transpose(b, v, perm, 3), flat, 1);
    CaValue *side = ca_build_plus(b, ca_build_2(b, "Subtract", at[1], at[0]), 1);
    CaValue *is_large =
        ca_build_2(b, "ReduceLogicalAnd", ca_build_2(b, "GreaterEqual", side, z->least),
                   ca_build_vector(b, &last_axis, 1));
    ca_build_set_text(b, is_large, "keep_dims", "false");
    v = ca_build_3(b, "Select", is_large, v, ca_build_number(b, v, 0));
    CaValue *step = ca_build_vector(b, &back, 1);
    CaValue *const in[] = {v, step, step, step};
    v = ca_build_make_at(b, "StridedSlice", 1, in, 4, 1);
    ca_build_set_text(b, v, "begin_mask", "1");
    ca_build_set_text(b, v, "end_mask", "1");
    return v;
}

/* Of all boxes [n, 4] the `before` best, and their scores. */
static CaValue *best_of(const Regions *z, CaValue **boxes, CaValue *scores)
{
    CaBuild *const b = z->b;
    CaValue *const in[] = {scores, ca_build_scalar(b, z->before)};
    CaValue *v = ca_build_make_at(b, "TopK", 11, in, 2, 2);
    ca_build_set_int(b, v, "axis", 0);
    ca_build_set_text(b, v, "mode", "max");
    ca_build_set_text(b, v, "sort", "value");
    ca_build_set_text(b, v, "stable", "true");
    ca_build_set_text(b, v, "index_element_type", "i64");
    if (!ca_build_settle(b))
        return NULL;
    *boxes = ca_build_3(b, "Gather", *boxes,
                        ca_build_2(b, "Subtract", ca_build_scalar(b, z->n - 1), v + 1),
                        ca_build_scalar(b, 0));
    return v;
}

/* NonMaxSuppression of them: rows of (0, 0, box), and behind two outputs how many. */
static CaValue *suppressed(const Regions *z, CaValue *boxes, CaValue *scores)
{
    static const double ends[] = {0, 0, 1, 1};
    const int64_t most = z->after < z->before ? z->after : z->before,
                  box_dims[] = {1, z->before, 4}, score_dims[] = {1, 1, z->before};
    const CarinaShape row = ca_build_along(1, 2, 4);
    CaBuild *const b = z->b;
    boxes = ca_build_2(b, "Add", boxes, ca_build_reals(b, &row, ends));
    CaValue *const in[] = {
        ca_build_reshape(b, boxes, box_dims, 3),
        ca_build_reshape(b, scores, score_dims, 3), ca_build_scalar(b, most),
        ca_build_number(b, NULL, ca_legacy_real(z->c, "iou_threshold", 0.7)),
        ca_build_number(b, NULL, 0)};
    CaValue *v = ca_build_make_at(b, "NonMaxSuppression", 5, in, 5, 3);
    ca_build_set_text(b, v, "box_encoding", "corner");
    ca_build_set_text(b, v, "sort_result_descending", "true");
    ca_build_set_text(b, v, "output_type", "i64");
    return ca_build_settle(b) ? v : NULL;
}

/* Those boxes behind the number of their image, 0; [after, 5]. A number stands behind the last, for rows without. */
static CaValue *rows_of(const Regions *z, CaValue *boxes, CaValue *kept, CaValue *count)
{
    static const int64_t flat[] = {-1}, none[] = {0};
    const int64_t column[] = {z->after, 1};
    const CarinaShape images = ca_shape(2, column);
    CaBuild *const b = z->b;
    CaValue *zero = ca_build_scalar(b, 0), *rows = ca_build_iota(b, 0, (int)z->after);
    double *image = ca_arena_array(b->work, (size_t)z->after, sizeof *image);
    if (!image) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    kept = ca_build_3(b, "Gather", kept, ca_build_scalar(b, 2), ca_build_scalar(b, 1));
    kept = joined(b, ca_build_reshape(b, kept, flat, 1), ca_build_vector(b, none, 1), 0);
    kept = ca_build_3(b, "Gather", kept, ca_build_2(b, "Minimum", rows, count), zero);
    CaValue *is_there =
        ca_build_reshape(b, ca_build_2(b, "Less", rows, count), column, 2);
    CaValue *v = joined(
        b, ca_build_reals(b, &images, image),
        ca_build_3(b, "Gather", boxes, ca_build_2(b, "Maximum", kept, zero), zero), 1);
    return ca_build_3(b, "Select", is_there, v, ca_build_number(b, v, 0));
}

static void simpler_nms(CaLegacyCall *c)
{
    Regions z = {.c = c,
                 .b = &c->b,
                 .stride = ca_legacy_int(c, "feat_stride", 1, 16),
                 .before = ca_legacy_need_int(c, "pre_nms_topn", 1),
                 .after = ca_legacy_need_int(c, "post_nms_topn", 1)};
    CaValue *at[2];
    int scores = 0;
    read_scales(&z);
    if (z.after > MAX_BOXES || z.stride > 1 << 16)
        ca_build_fail(z.b, CARINA_ERR_LIMIT,
                      "post_nms_topn %lld or feat_stride %lld is out of range",
                      (long long)z.after, (long long)z.stride);
    if (!take_shapes(&z, &scores) || !make_anchors(&z))
        return;
    take_image(&z);
    corners(&z, c->in[!scores], at);
    CaValue *boxes = joined(z.b, at[0], at[1], 1);
    CaValue *best = best_of(&z, &boxes, scores_backwards(&z, c->in[scores], at));
    CaValue *kept = best ? suppressed(&z, boxes, best) : NULL;
    if (kept)
        c->out[0] = rows_of(&z, boxes, kept, kept + 2);
}

const CaLegacyOp ca_legacy_regions[] = {
    {"SimplerNMS", simpler_nms, 3, 3},
    {NULL, NULL, 0, 0},
};
