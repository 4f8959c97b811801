/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras: preprocessing that is part of a model - scaling, resizing, cropping, encoding of categories - and up-sampling.
 */
#include "formats/keras/keras_reader.h"

#include <math.h>
#include <string.h>

/* --- Resizing. */

/* Plane sizes of a batch of images in Keras' layout; -1 where unknown. */
static void plane_of(CaKerasCall *c, CaValue *x, int64_t size[2])
{
    const CarinaShape s = ca_build_shape(c->b, x);
    const int at = ca_keras_is_first(c) ? 2 : 1;
    size[0] = s.rank == 4 ? s.dims[at] : -1;
    size[1] = s.rank == 4 ? s.dims[at + 1] : -1;
    if (s.rank != 4)
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "its input has %d dimensions; it needs a batch of images", s.rank);
}

CaValue *ca_keras_resized(CaKerasCall *c, CaValue *x, const int64_t size[2],
                          const char *how)
{
    const bool is_nearest = strcmp(how, "nearest") == 0;
    if (!is_nearest && strcmp(how, "bilinear") != 0)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "interpolation '%s'; nearest and bilinear are read", how);
    if (size[0] < 1 || size[1] < 1 || size[0] > INT32_MAX || size[1] > INT32_MAX)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "a size of %lld x %lld", (long long)size[0],
                      (long long)size[1]);
    CaValue *v = ca_build_3(c->b, "Interpolate", ca_keras_to_work(c, x),
                            ca_build_vector(c->b, size, 2), ca_build_iota(c->b, 2, 2));
    ca_build_set_text(c->b, v, "mode", is_nearest ? "nearest" : "linear_onnx");
    ca_build_set_text(c->b, v, "shape_calculation_mode", "sizes");
    ca_build_set_text(c->b, v, "coordinate_transformation_mode",
                      is_nearest ? "tf_half_pixel_for_nn" : "half_pixel");
    ca_build_set_text(c->b, v, "nearest_mode", "floor");
    return ca_keras_from_work(c, v);
}

static CaValue *cropped(CaKerasCall *c, CaValue *x, const int64_t start[2],
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

/* The middle with the target's proportions, resized. */
static CaValue *smart_resized(CaKerasCall *c, CaValue *x, const int64_t target[2],
                              const char *how)
{
    int64_t have[2], size[2], start[2];
    plane_of(c, x, have);
    if (have[0] < 1 || have[1] < 1 || target[0] < 1 || target[1] < 1 ||
        have[0] > INT32_MAX || have[1] > INT32_MAX || target[0] > INT32_MAX ||
        target[1] > INT32_MAX) {
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "proportions are kept, but the image's size is not known; give the "
                      "model's input shape");
        return NULL;
    }
    size[0] = have[1] * target[0] / target[1];
    size[1] = have[0] * target[1] / target[0];
    for (int i = 0; i < 2; i++) {
        size[i] = size[i] < 1 ? 1 : size[i] > have[i] ? have[i] : size[i];
        start[i] = (have[i] - size[i]) / 2;
    }
    return ca_keras_resized(c, cropped(c, x, start, size), target, how);
}

static void resizing(CaKerasCall *c)
{
    const int64_t target[] = {ca_keras_int(c, "height", -1),
                              ca_keras_int(c, "width", -1)};
    const char *how = ca_keras_text(c, "interpolation", "bilinear");
    CaValue *x = ca_keras_real_in(c, 0);
    int64_t have[2];
    plane_of(c, x, have);
    if (ca_keras_bool(c, "antialias", false) ||
        ca_keras_bool(c, "pad_to_aspect_ratio", false))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "antialias or pad_to_aspect_ratio; resize before the model");
    if (ca_keras_bool(c, "crop_to_aspect_ratio", false))
        ca_keras_out(c, smart_resized(c, x, target, how));
    else
        ca_keras_out(c, ca_keras_resized(c, x, target, how));
}

/* RandomCrop at rest is what Keras 2 made it, the middle resized; Keras 3 leaves the image alone. */
static void center_crop(CaKerasCall *c)
{
    const bool is_random = strcmp(c->layer->class_name, "RandomCrop") == 0;
    const int64_t target[] = {ca_keras_int(c, "height", -1),
                              ca_keras_int(c, "width", -1)};
    CaValue *x = ca_keras_real_in(c, 0);
    int64_t have[2], start[2];
    if (is_random && c->r->version >= 3) {
        ca_keras_out(c, ca_keras_in(c, 0));
        return;
    }
    plane_of(c, x, have);
    if (have[0] < target[0] || have[1] < target[1] || is_random) {
        ca_keras_out(c, smart_resized(c, x, target, "bilinear"));
        return;
    }
    for (int i = 0; i < 2; i++)
        start[i] = (have[i] - target[i]) / 2;
    ca_keras_out(c, cropped(c, x, start, target));
}

static void up_sampling(CaKerasCall *c)
{
    const int n = c->layer->op->n;
    const char *how = ca_keras_text(c, "interpolation", "nearest");
    const bool is_nearest = strcmp(how, "nearest") == 0;
    int64_t factor[3];
    double scale[3];
    const int64_t count = n;
    const CarinaShape shape = ca_shape(1, &count);
    ca_keras_ints(c, factor, n, json_object_get(c->config, "size") ? "size" : "length",
                  2);
    if (!is_nearest && strcmp(how, "bilinear") != 0)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "interpolation '%s'; nearest and bilinear are read", how);
    for (int i = 0; i < n; i++) {
        scale[i] = (double)factor[i];
        if (factor[i] < 1 || factor[i] > 65536)
            ca_build_fail(c->b, CARINA_ERR_FORMAT, "size is %lld", (long long)factor[i]);
    }
    CaValue *x = ca_keras_to_work(c, ca_keras_real_in(c, 0));
    CaValue *v = ca_build_3(c->b, "Interpolate", x, ca_build_reals(c->b, &shape, scale),
                            ca_build_iota(c->b, 2, n));
    ca_build_set_text(c->b, v, "mode", is_nearest ? "nearest" : "linear_onnx");
    ca_build_set_text(c->b, v, "shape_calculation_mode", "scales");
    ca_build_set_text(c->b, v, "coordinate_transformation_mode",
                      is_nearest ? "asymmetric" : "half_pixel");
    ca_build_set_text(c->b, v, "nearest_mode", "floor");
    ca_keras_out(c, ca_keras_from_work(c, v));
}

/* --- Scaling. */

static void flatten_numbers(json_t *j, double *out, int64_t max, int64_t *n, int depth)
{
    json_t *item;
    size_t i;
    if (json_is_object(j) && json_object_get(json_object_get(j, "config"), "value"))
        j = json_object_get(json_object_get(j, "config"), "value");
    if (json_is_number(j)) {
        if (*n < max)
            out[*n] = json_number_value(j);
        (*n)++;
    } else if (json_is_array(j) && depth < CARINA_MAX_RANK) {
        json_array_foreach(j, i, item) flatten_numbers(item, out, max, n, depth + 1);
    }
}

/* A number, or a (nested) list, as a scalar or vector. NULL where j is neither. */
static CaValue *numbers(CaKerasCall *c, json_t *j)
{
    int64_t n = 0, again = 0;
    flatten_numbers(j, NULL, 0, &n, 0);
    const bool is_scalar = !json_is_array(j) || n == 1;
    double *v = ca_arena_array(c->b->work, (size_t)n + 1, sizeof *v);
    const CarinaShape shape = is_scalar ? ca_shape(0, NULL) : ca_shape(1, &n);
    if (!v || n < 1)
        return NULL;
    flatten_numbers(j, v, n, &again, 0);
    return ca_build_reals(c->b, &shape, v);
}

static void rescaling(CaKerasCall *c)
{
    CaValue *v = ca_keras_real_in(c, 0);
    CaValue *scale = numbers(c, json_object_get(c->config, "scale")),
            *offset = numbers(c, json_object_get(c->config, "offset"));
    double zero;
    if (scale)
        v = ca_build_2(c->b, "Multiply", v, scale);
    if (offset &&
        (ca_build_known_reals(c->b, offset, &zero, 1) != 1 || zero > 0 || zero < 0))
        v = ca_build_2(c->b, "Add", v, offset);
    ca_keras_out(c, v);
}

/* (x - mean) / max(sqrt(variance), 1e-7), statistics in the configuration or in the weights. */
static void normalization(CaKerasCall *c)
{
    CaValue *x = ca_keras_real_in(c, 0);
    const int rank = ca_build_rank(c->b, x);
    const CarinaShape s = ca_build_shape(c->b, x);
    json_t *axis_json = json_object_get(c->config, "axis"),
           *given = json_object_get(c->config, "mean");
    int64_t axes[CARINA_MAX_RANK] = {-1}, dims[CARINA_MAX_RANK];
    int n = json_is_null(axis_json) ? 0 : ca_keras_list(c, axes, CARINA_MAX_RANK, "axis");
    CaValue *mean, *variance;
    if (n < 0)
        n = json_is_null(axis_json) ? 0 : 1;
    for (int i = 0; i < rank; i++)
        dims[i] = 1;
    for (int i = 0; i < n && c->b->status == CARINA_OK; i++) {
        const int axis = ca_build_axis(c->b, axes[i], rank);
        dims[axis] = s.dims[axis];
    }
    if (given && !json_is_null(given)) {
        mean = numbers(c, given);
        variance = numbers(c, json_object_get(c->config, "variance"));
    } else {
        mean = ca_keras_weight(c, 0, "mean", NULL, -1, NULL);
        variance = ca_keras_weight(c, 1, "variance", NULL, -1, NULL);
    }
    if (!mean || !variance)
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "it has no mean or no variance; adapt it and save again");
    if (c->b->status != CARINA_OK)
        return;
    if (ca_build_rank(c->b, mean) > 0 && n > 0) {
        mean = ca_build_reshape(c->b, mean, dims, rank);
        variance = ca_build_reshape(c->b, variance, dims, rank);
    }
    CaValue *size = ca_build_2(c->b, "Maximum", ca_build_1(c->b, "Sqrt", variance),
                               ca_build_number(c->b, NULL, 1e-7));
    if (ca_keras_bool(c, "invert", false))
        ca_keras_out(
            c, ca_build_2(c->b, "Add", ca_build_2(c->b, "Multiply", x, size), mean));
    else
        ca_keras_out(
            c, ca_build_2(c->b, "Divide", ca_build_2(c->b, "Subtract", x, mean), size));
}

/* --- Categories. */

static CaValue *one_hot(CaKerasCall *c, CaValue *ids, int64_t depth)
{
    const CarinaShape s = ca_build_shape(c->b, ids);
    if (depth < 1 || depth > INT32_MAX)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "%lld categories", (long long)depth);
    (void)s;
    CaValue *const in[] = {ids, ca_build_scalar(c->b, depth),
                           ca_build_number(c->b, NULL, 1),
                           ca_build_number(c->b, NULL, 0)};
    CaValue *v = ca_build_make_at(c->b, "OneHot", 1, in, 4, 1);
    ca_build_set_int(c->b, v, "axis", -1);
    return v;
}

/* Whole numbers as they are, or by one of the output modes. */
static void encoded(CaKerasCall *c, CaValue *ids, int64_t depth, const char *mode)
{
    const CarinaShape s = ca_build_shape(c->b, ids);
    if (strcmp(mode, "int") == 0) {
        ca_keras_out(c, ids);
        return;
    }
    const bool is_one = strcmp(mode, "one_hot") == 0,
               is_count = strcmp(mode, "count") == 0;
    if (!is_one && !is_count && strcmp(mode, "multi_hot") != 0)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "output_mode '%s'; int, one_hot, multi_hot and count are read",
                      mode);
    if (is_one && s.rank > 1 && s.dims[s.rank - 1] == 1) {
        const int64_t last = s.rank - 1;
        ids = ca_build_2(c->b, "Squeeze", ids, ca_build_vector(c->b, &last, 1));
    }
    CaValue *v = one_hot(c, ids, depth);
    if (!is_one) {
        const int64_t axis = s.rank > 1;
        v = ca_build_2(c->b, is_count ? "ReduceSum" : "ReduceMax", v,
                       ca_build_vector(c->b, &axis, 1));
        ca_build_set_text(c->b, v, "keep_dims", "false");
    }
    ca_keras_out(c, v);
}

static CaValue *whole_in(CaKerasCall *c)
{
    CaValue *v = ca_keras_in(c, 0);
    return ca_build_type(c->b, v) == CARINA_I64 ? v
                                                : ca_build_convert(c->b, v, CARINA_I64);
}

static void category_encoding(CaKerasCall *c)
{
    if (ca_keras_value(c, json_object_get(c->kwargs, "count_weights")))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "count_weights; multiply in front of it");
    encoded(c, whole_in(c), ca_keras_int(c, "num_tokens", -1),
            ca_keras_text(c, "output_mode", "multi_hot"));
}

/* How many of the boundaries are at or below x. */
static void discretization(CaKerasCall *c)
{
    CaValue *bounds = numbers(c, json_object_get(c->config, "bin_boundaries"));
    const CarinaShape s = ca_build_shape(c->b, bounds);
    const int64_t last = -1;
    if (!bounds)
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "it has no bin_boundaries; adapt it and save again");
    CaValue *x = ca_build_2(c->b, "Unsqueeze", ca_keras_real_in(c, 0),
                            ca_build_vector(c->b, &last, 1));
    CaValue *v =
        ca_build_convert(c->b, ca_build_2(c->b, "GreaterEqual", x, bounds), CARINA_I64);
    v = ca_build_2(c->b, "ReduceSum", v, ca_build_vector(c->b, &last, 1));
    ca_build_set_text(c->b, v, "keep_dims", "false");
    encoded(c, v, (s.rank == 1 ? s.dims[0] : 1) + 1,
            ca_keras_text(c, "output_mode", "int"));
}

/* The place of the number in the vocabulary, behind one place for all others. */
static void integer_lookup(CaKerasCall *c)
{
    json_t *list = json_object_get(c->config, "vocabulary"), *item;
    const int64_t n = (int64_t)json_array_size(list), last = -1;
    const int64_t before = json_is_null(json_object_get(c->config, "mask_token")) ? 0 : 1;
    int64_t *words = ca_arena_array(c->b->work, (size_t)n + 1, sizeof *words);
    int64_t *places = ca_arena_array(c->b->work, (size_t)n + 1, sizeof *places);
    size_t i;
    if (n < 1 || !words || !places || ca_keras_int(c, "num_oov_indices", 1) != 1 ||
        before || ca_keras_bool(c, "invert", false))
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "a vocabulary that is not in the configuration, a mask token, invert, or "
            "num_oov_indices other than 1");
    if (c->b->status != CARINA_OK)
        return;
    json_array_foreach(list, i, item)
    {
        words[i] = json_is_integer(item) ? json_integer_value(item)
                                         : (int64_t)json_number_value(item);
        places[i] = (int64_t)i + 1;
    }
    CaValue *x =
        ca_build_2(c->b, "Unsqueeze", whole_in(c), ca_build_vector(c->b, &last, 1));
    CaValue *hit = ca_build_convert(
        c->b, ca_build_2(c->b, "Equal", x, ca_build_vector(c->b, words, (int)n)),
        CARINA_I64);
    CaValue *v = ca_build_2(
        c->b, "ReduceSum",
        ca_build_2(c->b, "Multiply", hit, ca_build_vector(c->b, places, (int)n)),
        ca_build_vector(c->b, &last, 1));
    ca_build_set_text(c->b, v, "keep_dims", "false");
    encoded(c, v, n + 1, ca_keras_text(c, "output_mode", "int"));
}

const CaKerasOp ca_keras_image[] = {
    {"CategoryEncoding", category_encoding, NULL, 0, CA_KERAS_STOPS},
    {"CenterCrop", center_crop, NULL, 0, CA_KERAS_STOPS},
    {"Discretization", discretization, NULL, 0, CA_KERAS_STOPS},
    {"IntegerLookup", integer_lookup, NULL, 0, CA_KERAS_STOPS},
    {"Normalization", normalization, NULL, 0, CA_KERAS_PASSES},
    {"RandomCrop", center_crop, NULL, 0, CA_KERAS_STOPS},
    {"Rescaling", rescaling, NULL, 0, CA_KERAS_PASSES},
    {"Resizing", resizing, NULL, 0, CA_KERAS_STOPS},
    {"UpSampling1D", up_sampling, NULL, 1, CA_KERAS_STOPS},
    {"UpSampling2D", up_sampling, NULL, 2, CA_KERAS_STOPS},
    {"UpSampling3D", up_sampling, NULL, 3, CA_KERAS_STOPS},
    {NULL, NULL, NULL, 0, CA_KERAS_PASSES},
};
