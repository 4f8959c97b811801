/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras: preprocessing that is part of a model - scaling, resizing, cropping, encoding of categories - and up-sampling.
 */
#include "formats/keras/keras_reader.h"

#include <math.h>
#include <string.h>

/* --- Resizing. */

static void resizing(CaKerasCall *c)
{
    const CaKerasResizing r = {
        .size = {ca_keras_int(c, "height", -1), ca_keras_int(c, "width", -1)},
        .how = ca_keras_text(c, "interpolation", "bilinear"),
        .antialias = ca_keras_bool(c, "antialias", false),
        .crop = ca_keras_bool(c, "crop_to_aspect_ratio", false),
        .pad = ca_keras_bool(c, "pad_to_aspect_ratio", false),
        .fill = ca_keras_real(c, "fill_value", 0)};
    ca_keras_out(c, ca_keras_resized(c, ca_keras_real_in(c, 0), &r));
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
    ca_keras_plane(c, x, have);
    if (have[0] < target[0] || have[1] < target[1] || is_random) {
        const CaKerasResizing r = {
            .size = {target[0], target[1]}, .how = "bilinear", .crop = true};
        ca_keras_out(c, ca_keras_resized(c, x, &r));
        return;
    }
    for (int i = 0; i < 2; i++)
        start[i] = (have[i] - target[i]) / 2;
    ca_keras_out(c, ca_keras_cropped(c, x, start, target));
}

static void up_sampled_by_weights(CaKerasCall *c, const int64_t *factor, const char *how)
{
    CaValue *x = ca_keras_real_in(c, 0);
    CaKerasResizing r = {.how = how};
    ca_keras_plane(c, x, r.size);
    for (int i = 0; i < 2; i++)
        r.size[i] = r.size[i] < 1 || r.size[i] > INT32_MAX ? -1 : r.size[i] * factor[i];
    if (c->layer->op->n != 2 || r.size[0] < 0 || r.size[1] < 0)
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "interpolation '%s' of something else than a batch of images of "
                      "known size; give the model's input shape",
                      how);
    if (c->b->status == CARINA_OK)
        ca_keras_out(c, ca_keras_resized(c, x, &r));
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
    for (int i = 0; i < n; i++) {
        scale[i] = (double)factor[i];
        if (factor[i] < 1 || factor[i] > 65536)
            ca_build_fail(c->b, CARINA_ERR_FORMAT, "size is %lld", (long long)factor[i]);
    }
    if (!is_nearest && strcmp(how, "bilinear") != 0) {
        up_sampled_by_weights(c, factor, how);
        return;
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

/* Each channel of each image from its lowest and highest value to the whole range; one without a range stays. */
static void auto_contrast(CaKerasCall *c)
{
    CaValue *x = ca_keras_real_in(c, 0);
    const int64_t axes[] = {1, 2}; /* whatever data_format says */
    json_t *range = json_object_get(c->config, "value_range");
    double low = 0, high = 255;
    if (json_is_object(range))
        range = json_object_get(range, "items");
    if (json_is_array(range)) {
        low = json_number_value(json_array_get(range, 0));
        high = json_number_value(json_array_get(range, 1));
    }
    CaValue *list = ca_build_vector(c->b, axes, 2);
    CaValue *min = ca_build_2(c->b, "ReduceMin", x, list);
    ca_build_set_text(c->b, min, "keep_dims", "true");
    CaValue *max = ca_build_2(c->b, "ReduceMax", x, list);
    ca_build_set_text(c->b, max, "keep_dims", "true");
    CaValue *v = ca_build_2(c->b, "Divide", ca_build_2(c->b, "Subtract", x, min),
                            ca_build_2(c->b, "Subtract", max, min));
    v = ca_build_plus(c->b, ca_build_times(c->b, v, high - low), low);
    ca_keras_out(c,
                 ca_build_3(c->b, "Select", ca_build_2(c->b, "Equal", min, max), x, v));
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
    {"AutoContrast", auto_contrast, NULL, 0, CA_KERAS_STOPS},
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
