/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: CombinedNonMaxSuppression, the end of detection networks: suppression within each class, then the best
 * of all classes, as many as the operator says, zeros behind them.
 *
 * Boxes that stay write their score into a field of all boxes and classes that is full of "no box"; the largest of it
 * are the answer. One image more than there are takes what a device fills up with, number -1.
 */
#include "formats/tensorflow/tf.h"

static const double no_box = -3e38;

typedef struct Detect {
    int64_t batch, boxes, classes, most, each; /* most: in all, each: per class */
    bool is_shared;                            /* the same boxes for all classes */
} Detect;

static bool sizes(CaTfCall *c, Detect *d)
{
    const CarinaShape s = ca_build_shape(c->b, ca_tf_in(c, 0)),
                      t = ca_build_shape(c->b, ca_tf_in(c, 1));
    bool good = s.rank == 4 && t.rank == 3 && s.dims[3] == 4 &&
                (s.dims[2] == 1 || s.dims[2] == t.dims[2]);
    for (int i = 0; good && i < 3; i++)
        good = s.dims[i] >= 1 && t.dims[i] >= 1 && t.dims[i] <= INT32_MAX;
    good = good && ca_build_known_ints(c->b, ca_tf_in(c, 2), &d->each, 1) == 1 &&
           ca_build_known_ints(c->b, ca_tf_in(c, 3), &d->most, 1) == 1 && d->each > 0 &&
           d->most > 0 && d->each <= INT32_MAX && d->most <= INT32_MAX;
    if (!good) {
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "how many boxes it reads and keeps is not known; give the model's "
                      "input shape");
        return false;
    }
    d->batch = t.dims[0];
    d->boxes = t.dims[1];
    d->classes = t.dims[2];
    d->is_shared = s.dims[2] == 1;
    if (ca_tf_attr_bool(c->r, c->node, "pad_per_class", false) &&
        d->most > d->each * d->classes)
        d->most = d->each * d->classes;
    return true;
}

/* Scores of the boxes that stay, [images, classes * boxes], no_box elsewhere. Boxes of their own for each class are
 * as images of one class. */
static CaValue *scores_that_stay(CaTfCall *c, const Detect *d, CaValue *boxes,
                                 CaValue *scores)
{
    CaBuild *b = c->b;
    const int64_t images = d->is_shared ? d->batch : d->batch * d->classes,
                  classes = d->is_shared ? d->classes : 1, zero = 0, one = 1;
    const int64_t flat[] = {images, d->boxes, 4}, deep[] = {images, classes, d->boxes},
                  more[] = {images + 1, classes, d->boxes},
                  back[] = {d->batch, d->classes * d->boxes};
    static const int turn[] = {0, 2, 1}, apart[] = {0, 2, 1, 3};
    boxes = ca_build_reshape(b, ca_build_transpose(b, boxes, apart, 4), flat, 3);
    scores = ca_build_reshape(b, ca_build_transpose(b, scores, turn, 3), deep, 3);
    CaValue *const in[] = {boxes, scores, ca_build_scalar(b, d->each),
                           ca_build_to_scalar(b, ca_tf_in(c, 4)),
                           ca_build_to_scalar(b, ca_tf_in(c, 5))};
    CaValue *v = ca_build_make(b, "NonMaxSuppression", in, 5, 3);
    ca_build_set_text(b, v, "box_encoding", "corner");
    ca_build_set_text(b, v, "sort_result_descending", "false");
    ca_build_set_text(b, v, "output_type", "i64");
    if (!ca_build_settle(b) || !v)
        return NULL;
    CaValue *is_real = ca_build_2(b, "GreaterEqual", v, ca_build_scalar(b, 0));
    const int64_t nowhere[] = {images, 0, 0};
    CaValue *index = ca_build_3(b, "Select", is_real, v, ca_build_vector(b, nowhere, 3));
    CaValue *kept =
        ca_build_3(b, "Gather", v + 1, ca_build_scalar(b, 2), ca_build_scalar(b, 1));
    CaValue *field = ca_build_2(b, "Broadcast", ca_build_number(b, scores, no_box),
                                ca_build_vector(b, more, 3));
    field = ca_build_3(b, "ScatterNDUpdate", field, index, kept);
    CaValue *const cut[] = {field, ca_build_vector(b, &zero, 1),
                            ca_build_vector(b, &images, 1), ca_build_vector(b, &one, 1),
                            ca_build_vector(b, &zero, 1)};
    return ca_build_reshape(b, ca_build_make(b, "Slice", cut, 5, 1), back, 2);
}

/* [N, k] or [N, k, 4], with zeros up to the number that the operator gives. */
static CaValue *lengthened(CaTfCall *c, CaValue *v, int64_t by)
{
    const int rank = ca_build_rank(c->b, v);
    const int64_t before[] = {0, 0, 0}, behind[] = {0, by, 0};
    if (by <= 0)
        return v;
    CaValue *const in[] = {v, ca_build_vector(c->b, before, rank),
                           ca_build_vector(c->b, behind, rank),
                           ca_build_number(c->b, v, 0)};
    v = ca_build_make(c->b, "Pad", in, 4, 1);
    ca_build_set_text(c->b, v, "pad_mode", "constant");
    return v;
}

/* The boxes at these places of the field, [N, k, 4]. class_of: place / boxes. */
static CaValue *chosen(CaTfCall *c, const Detect *d, CaValue *place, CaValue *class_of)
{
    CaBuild *b = c->b;
    static const int apart[] = {0, 2, 1, 3};
    const int64_t dims[] = {d->batch, d->is_shared ? d->boxes : d->classes * d->boxes, 4};
    CaValue *boxes = ca_tf_in(c, 0);
    if (d->is_shared)
        place =
            ca_build_2(b, "Subtract", place,
                       ca_build_2(b, "Multiply", class_of, ca_build_scalar(b, d->boxes)));
    else
        boxes = ca_build_transpose(b, boxes, apart, 4);
    CaValue *v = ca_build_3(b, "Gather", ca_build_reshape(b, boxes, dims, 3), place,
                            ca_build_scalar(b, 1));
    ca_build_set_int(b, v, "batch_dims", 1);
    if (ca_tf_attr_bool(c->r, c->node, "clip_boxes", true)) {
        v = ca_build_1(b, "Clamp", v);
        ca_build_set_real(b, v, "min", 0);
        ca_build_set_real(b, v, "max", 1);
    }
    return v;
}

static void combined(CaTfCall *c)
{
    CaBuild *b = c->b;
    Detect d = {0};
    if (!sizes(c, &d))
        return;
    const int64_t all = d.classes * d.boxes, k = d.most < all ? d.most : all, one = 1,
                  last = -1, rest = d.most - k;
    CaValue *const top[] = {scores_that_stay(c, &d, ca_tf_in(c, 0), ca_tf_in(c, 1)),
                            ca_build_scalar(b, k)};
    CaValue *v = ca_build_make(b, "TopK", top, 2, 2);
    ca_build_set_int(b, v, "axis", 1);
    ca_build_set_text(b, v, "mode", "max");
    ca_build_set_text(b, v, "sort", "value");
    ca_build_set_text(b, v, "index_element_type", "i64");
    if (!ca_build_settle(b) || !v)
        return;
    CaValue *class_of = ca_build_2(b, "Divide", v + 1, ca_build_scalar(b, d.boxes)),
            *is_box = ca_build_2(b, "Greater", v, ca_build_number(b, v, no_box / 2)),
            *zero = ca_build_number(b, v, 0);
    CaValue *count = ca_build_2(b, "ReduceSum", ca_build_convert(b, is_box, CARINA_I32),
                                ca_build_vector(b, &one, 1));
    ca_build_set_text(b, count, "keep_dims", "false");
    CaValue *wide = ca_build_2(b, "Unsqueeze", is_box, ca_build_vector(b, &last, 1));
    CaValue *boxes = ca_build_3(b, "Select", wide, chosen(c, &d, v + 1, class_of), zero);
    CaValue *classes =
        ca_build_3(b, "Select", is_box, ca_build_convert(b, class_of, CARINA_F32), zero);
    ca_tf_out(c, 0, lengthened(c, boxes, rest));
    ca_tf_out(c, 1, lengthened(c, ca_build_3(b, "Select", is_box, v, zero), rest));
    ca_tf_out(c, 2, lengthened(c, classes, rest));
    ca_tf_out(c, 3, count);
}

const CaTfOp ca_tf_detect[] = {
    {"CombinedNonMaxSuppression", combined, NULL, 0},
    {NULL, NULL, NULL, 0},
};
