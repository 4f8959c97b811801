/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras: images of another size. Nearest and bilinear are an operator, all else two matrices of weights.
 */
#include "formats/by_weights.h"
#include "formats/keras/keras_reader.h"

#include <string.h>

/* Plane sizes of a batch of images in Keras' layout; -1 where unknown. */
void ca_keras_plane(CaKerasCall *c, CaValue *x, int64_t size[2])
{
    const CarinaShape s = ca_build_shape(c->b, x);
    const int at = ca_keras_is_first(c) ? 2 : 1;
    size[0] = s.rank == 4 ? s.dims[at] : -1;
    size[1] = s.rank == 4 ? s.dims[at + 1] : -1;
    if (s.rank != 4)
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "its input has %d dimensions; it needs a batch of images", s.rank);
}

CaValue *ca_keras_cropped(CaKerasCall *c, CaValue *x, const int64_t start[2],
                          const int64_t size[2])
{
    const int at = ca_keras_is_first(c) ? 2 : 1;
    int64_t begin[4] = {0}, end[4] = {0};
    const int64_t step[] = {1, 1, 1, 1};
    int64_t is_free[] = {1, 1, 1, 1};
    for (int i = 0; i < 2; i++) {
        begin[at + i] = start[i];
        end[at + i] = start[i] + size[i];
        is_free[at + i] = 0;
    }
    CaValue *const in[] = {x, ca_build_vector(c->b, begin, 4),
                           ca_build_vector(c->b, end, 4), ca_build_vector(c->b, step, 4)};
    CaValue *v = ca_build_make(c->b, "StridedSlice", in, 4, 1);
    ca_build_set_ints(c->b, v, "begin_mask", is_free, 4);
    ca_build_set_ints(c->b, v, "end_mask", is_free, 4);
    return v;
}

static CaValue *by_operator(CaKerasCall *c, CaValue *x, const CaKerasResizing *r)
{
    const bool is_nearest = strcmp(r->how, "nearest") == 0;
    CaValue *v = ca_build_3(c->b, "Interpolate", ca_keras_to_work(c, x),
                            ca_build_vector(c->b, r->size, 2), ca_build_iota(c->b, 2, 2));
    ca_build_set_text(c->b, v, "mode", is_nearest ? "nearest" : "linear_onnx");
    ca_build_set_text(c->b, v, "shape_calculation_mode", "sizes");
    ca_build_set_text(c->b, v, "coordinate_transformation_mode",
                      is_nearest ? "tf_half_pixel_for_nn" : "half_pixel");
    ca_build_set_text(c->b, v, "nearest_mode", "floor");
    return ca_keras_from_work(c, v);
}

/* TensorFlow's way: without antialias bicubic reads a table, and area never looks at it. */
static CaValue *by_weights(CaKerasCall *c, CaValue *x, const CaKerasResizing *r)
{
    int64_t have[2];
    CaResize how = {.antialias = r->antialias};
    ca_keras_plane(c, x, have);
    if (!ca_resize_rule(&how.rule, r->how)) {
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "interpolation '%s'; nearest, bilinear, bicubic, area, lanczos3, "
                      "lanczos5, gaussian and mitchellcubic are read",
                      r->how);
        return NULL;
    }
    if (how.rule == CA_RESIZE_CUBIC_TABLE && r->antialias)
        how.rule = CA_RESIZE_CUBIC;
    for (int i = 0; i < 2; i++) {
        const float ratio = (float)r->size[i] / (float)have[i]; /* as there */
        const bool is_exact =
            how.rule == CA_RESIZE_AREA || how.rule == CA_RESIZE_CUBIC_TABLE;
        const double back =
            is_exact ? (double)have[i] / (double)r->size[i] : (double)(1 / ratio);
        *(i ? &how.x : &how.y) = (CaResizeAxis){r->size[i], back, 0};
    }
    return ca_keras_from_work(c, ca_build_resized(c->b, ca_keras_to_work(c, x), &how));
}

/* The part of the middle that has the target's proportions, or with is_more the smallest frame that has. */
static void proportioned(const int64_t have[2], const int64_t target[2], bool is_more,
                         int64_t size[2])
{
    size[0] = have[1] * target[0] / target[1];
    size[1] = have[0] * target[1] / target[0];
    for (int i = 0; i < 2; i++) {
        const bool is_less = size[i] < have[i];
        if (is_less == is_more)
            size[i] = have[i];
        size[i] = size[i] < 1 ? 1 : size[i];
    }
}

/* Keras pads as much behind as in front. */
static CaValue *framed(CaKerasCall *c, CaValue *x, const int64_t have[2],
                       const int64_t size[2], double fill)
{
    const int at = ca_keras_is_first(c) ? 2 : 1;
    int64_t pads[4] = {0};
    for (int i = 0; i < 2; i++)
        pads[at + i] = (size[i] - have[i]) / 2;
    CaValue *const in[] = {x, ca_build_vector(c->b, pads, 4),
                           ca_build_vector(c->b, pads, 4),
                           ca_build_number(c->b, x, fill)};
    CaValue *v = ca_build_make(c->b, "Pad", in, 4, 1);
    ca_build_set_text(c->b, v, "pad_mode", "constant");
    return v;
}

static CaValue *in_proportion(CaKerasCall *c, CaValue *x, const CaKerasResizing *r)
{
    int64_t have[2], size[2], start[2];
    ca_keras_plane(c, x, have);
    if (have[0] < 1 || have[1] < 1 || have[0] > INT32_MAX || have[1] > INT32_MAX) {
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "proportions are kept, but the image's size is not known; give the "
                      "model's input shape");
        return NULL;
    }
    proportioned(have, r->size, r->pad && !r->crop, size);
    if (!r->crop)
        return framed(c, x, have, size, r->fill);
    for (int i = 0; i < 2; i++)
        start[i] = (have[i] - size[i]) / 2;
    return ca_keras_cropped(c, x, start, size);
}

CaValue *ca_keras_resized(CaKerasCall *c, CaValue *x, const CaKerasResizing *r)
{
    const bool is_nearest = strcmp(r->how, "nearest") == 0,
               is_linear = strcmp(r->how, "bilinear") == 0;
    if (r->size[0] < 1 || r->size[1] < 1 || r->size[0] > INT32_MAX ||
        r->size[1] > INT32_MAX) {
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "a size of %lld x %lld",
                      (long long)r->size[0], (long long)r->size[1]);
        return NULL;
    }
    if (r->crop || r->pad)
        x = in_proportion(c, x, r);
    if (c->b->status != CARINA_OK)
        return NULL;
    return is_nearest || (is_linear && !r->antialias) ? by_operator(c, x, r)
                                                      : by_weights(c, x, r);
}
