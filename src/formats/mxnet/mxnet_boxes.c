/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet: box_nms, which GluonCV's SSD, YOLO and Faster-RCNN end in.
 *
 * Rows (class, score, corners, ...) of an image, the best first; those that overlap a better one of their class, and
 * all behind, become -1. Where classes part the boxes they are moved away from each other, class by class, in f64: no
 * two of different classes then overlap, and nothing is rounded that was not.
 */
#include "formats/mxnet/mxnet_reader.h"

#include <float.h>
#include <string.h>

enum { MAX_IMAGES = 64 };

typedef struct Nms {
    int64_t n, width, top; /* rows, numbers of each, rows that take part */
    int64_t coordinates, score, id, background;
    double overlap, lowest;
    bool is_center, by_class;
} Nms;

static CaValue *column(CaBuild *b, CaValue *rows, int64_t i)
{
    return ca_mxnet_slice(b, rows, 1, i, i + 1);
}

static CaValue *flat(CaBuild *b, CaValue *v, int64_t n)
{
    return ca_build_reshape(b, v, &n, 1);
}

/* -FLT_MAX where the row takes no part. */
static CaValue *scores_of(CaBuild *b, const Nms *z, CaValue *rows)
{
    CaValue *s = flat(b, column(b, rows, z->score), z->n);
    CaValue *takes_part = ca_build_2(b, "Greater", s, ca_build_number(b, s, z->lowest));
    if (z->id >= 0) {
        CaValue *id = flat(b, column(b, rows, z->id), z->n);
        takes_part = ca_build_2(
            b, "LogicalAnd", takes_part,
            ca_build_2(b, "NotEqual", id, ca_build_number(b, id, (double)z->background)));
    }
    return ca_build_3(b, "Select", takes_part, s, ca_build_number(b, s, -FLT_MAX));
}

/* The boxes [top, 4], each class in a place of its own. */
static CaValue *placed(CaBuild *b, const Nms *z, CaValue *rows)
{
    static const int64_t both[] = {0, 1};
    CaValue *boxes = ca_mxnet_slice(b, rows, 1, z->coordinates, z->coordinates + 4);
    if (!z->by_class)
        return boxes;
    boxes = ca_build_convert(b, boxes, CARINA_F64);
    CaValue *id = ca_build_convert(b, column(b, rows, z->id), CARINA_F64);
    CaValue *most = ca_build_2(b, "ReduceMax", ca_build_1(b, "Abs", boxes),
                               ca_build_vector(b, both, 2));
    /* No box is longer than 2 * most to either side of 0. */
    CaValue *step = ca_build_plus(b, ca_build_times(b, most, 4), 1);
    CaValue *move = ca_build_2(b, "Multiply", id, step);
    if (!z->is_center)
        return ca_build_2(b, "Add", boxes, move);
    CaValue *const parts[] = {
        ca_build_2(b, "Add", ca_mxnet_slice(b, boxes, 1, 0, 2), move),
        ca_mxnet_slice(b, boxes, 1, 2, 4)};
    CaValue *v = ca_build_make(b, "Concat", parts, 2, 1);
    ca_build_set_int(b, v, "axis", 1);
    return v;
}

/* Which of the rows are kept, best first, -1 behind: [top]. */
static CaValue *kept(CaBuild *b, const Nms *z, CaValue *rows, CaValue *scores)
{
    const int64_t box_dims[] = {1, z->top, 4}, score_dims[] = {1, 1, z->top};
    CaValue *boxes = ca_build_reshape(b, placed(b, z, rows), box_dims, 3);
    CaValue *s = ca_build_reshape(b, scores, score_dims, 3);
    if (z->by_class)
        s = ca_build_convert(b, s, CARINA_F64);
    CaValue *const in[] = {boxes, s, ca_build_scalar(b, z->top),
                           ca_build_number(b, NULL, z->overlap),
                           ca_build_number(b, NULL, z->lowest)};
    CaValue *v = ca_build_make_at(b, "NonMaxSuppression", 5, in, 5, 3);
    ca_build_set_text(b, v, "box_encoding", z->is_center ? "center" : "corner");
    ca_build_set_text(b, v, "sort_result_descending", "true");
    ca_build_set_text(b, v, "output_type", "i64");
    return ca_build_settle(b) ? flat(b, column(b, v, 2), z->top) : NULL;
}

/* Rows behind n become -1. */
static CaValue *filled(CaBuild *b, const Nms *z, CaValue *rows)
{
    const int64_t rest[] = {z->n - z->top, z->width};
    if (rest[0] == 0)
        return rows;
    CaValue *const parts[] = {rows,
                              ca_build_2(b, "Broadcast", ca_build_number(b, rows, -1),
                                         ca_build_vector(b, rest, 2))};
    CaValue *v = ca_build_make(b, "Concat", parts, 2, 1);
    ca_build_set_int(b, v, "axis", 0);
    return v;
}

/* rows [n, width] of one image. */
static CaValue *suppressed(CaBuild *b, const Nms *z, CaValue *rows)
{
    static const int64_t second = 1;
    CaValue *const in[] = {scores_of(b, z, rows), ca_build_scalar(b, z->top)};
    CaValue *best = ca_build_make_at(b, "TopK", 11, in, 2, 2);
    ca_build_set_int(b, best, "axis", 0);
    ca_build_set_text(b, best, "mode", "max");
    ca_build_set_text(b, best, "sort", "value");
    ca_build_set_text(b, best, "stable", "true");
    ca_build_set_text(b, best, "index_element_type", "i64");
    if (!ca_build_settle(b))
        return NULL;
    rows = ca_build_3(b, "Gather", rows, best + 1, ca_build_scalar(b, 0));
    CaValue *at = kept(b, z, rows, best), *none = ca_build_scalar(b, 0);
    if (b->status != CARINA_OK)
        return NULL;
    CaValue *is_kept = ca_build_2(b, "Unsqueeze", ca_build_2(b, "GreaterEqual", at, none),
                                  ca_build_vector(b, &second, 1));
    rows = ca_build_3(b, "Gather", rows, ca_build_2(b, "Maximum", at, none),
                      ca_build_scalar(b, 0));
    return filled(b, z,
                  ca_build_3(b, "Select", is_kept, rows, ca_build_number(b, rows, -1)));
}

static Nms nms_of(CaMxnetCall *c, const CarinaShape *s)
{
    CaBuild *const b = c->b;
    const int64_t top = ca_mxnet_int(c, "topk", -1);
    Nms z = {.coordinates = ca_mxnet_int(c, "coord_start", 2),
             .score = ca_mxnet_int(c, "score_index", 1),
             .id = ca_mxnet_int(c, "id_index", -1),
             .background = ca_mxnet_int(c, "background_id", -1),
             .overlap = ca_mxnet_real(c, "overlap_thresh", 0.5),
             .lowest = ca_mxnet_real(c, "valid_thresh", 0),
             .is_center = ca_mxnet_is(c, "in_format", "center")};
    if (b->status != CARINA_OK)
        return z;
    z.n = s->rank >= 2 ? s->dims[s->rank - 2] : 0;
    z.width = s->rank >= 2 ? s->dims[s->rank - 1] : 0;
    z.top = top > 0 && top < z.n ? top : z.n;
    z.by_class = z.id >= 0 && !ca_mxnet_flag(c, "force_suppress", false);
    if (z.n < 1 || z.coordinates < 0 || z.coordinates > z.width - 4 || z.score < 0 ||
        z.score >= z.width || z.id >= z.width)
        ca_build_fail(
            b, CARINA_ERR_SHAPE,
            "rows of %lld numbers do not have what score_index, coord_start and "
            "id_index name",
            (long long)z.width);
    if (ca_mxnet_is(c, "out_format", "center") != z.is_center)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "out_format is not in_format, which Carina does not have; set both "
                      "alike");
    return z;
}

static void box_nms(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0), *parts[MAX_IMAGES];
    const CarinaShape s = ca_build_static_shape(b, x);
    const Nms z = nms_of(c, &s);
    int64_t n_images = 1;
    for (int d = 0; b->status == CARINA_OK && d < s.rank - 2; d++)
        n_images = s.dims[d] <= MAX_IMAGES ? n_images * s.dims[d] : MAX_IMAGES + 1;
    if (b->status == CARINA_OK && (n_images < 1 || n_images > MAX_IMAGES))
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "needs rows of 1 to %d images; give it a smaller batch",
                      MAX_IMAGES);
    if (b->status != CARINA_OK)
        return;
    const int64_t all[] = {n_images * z.n, z.width};
    CaValue *rows = ca_build_reshape(b, x, all, 2);
    for (int64_t i = 0; i < n_images; i++)
        parts[i] = suppressed(b, &z, ca_mxnet_slice(b, rows, 0, i * z.n, (i + 1) * z.n));
    CaValue *v =
        n_images > 1 ? ca_build_make(b, "Concat", parts, (int)n_images, 1) : parts[0];
    if (n_images > 1)
        ca_build_set_int(b, v, "axis", 0);
    ca_mxnet_out(c, ca_build_reshape(b, v, s.dims, s.rank));
}

const CaMxnetOp ca_mxnet_boxes[] = {
    {"_contrib_box_nms", box_nms, NULL, 0},
    {"_contrib_box_non_maximum_suppression", box_nms, NULL, 0},
    {"_npx_box_nms", box_nms, NULL, 0},
    {NULL, NULL, NULL, 0},
};
