/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations in functional models that move elements: reshaping, slicing, joining, padding.
 */
#include "formats/keras/keras_reader.h"

#include <string.h>

static CaValue *operand(CaKerasCall *c)
{
    return ca_keras_operand(
        c, ca_keras_arg(c, 0, "x|inputs|input|a|tensor|value|image|images"), NULL);
}

/* The argument as a list of whole numbers: how many, -1 where absent. */
static int ints_of(CaKerasCall *c, int64_t *out, int i, const char *names)
{
    return ca_keras_json_ints(c, out, CARINA_MAX_RANK, ca_keras_arg(c, i, names), names);
}
static int64_t int_of(CaKerasCall *c, int i, const char *names, int64_t absent)
{
    int64_t v[CARINA_MAX_RANK];
    return ints_of(c, v, i, names) >= 1 ? v[0] : absent;
}

/* The batch stays open where the new shape says its present size by -1. */
static void reshape(CaKerasCall *c)
{
    CaValue *v = operand(c);
    int64_t dims[CARINA_MAX_RANK];
    const int n = ints_of(c, dims, 1, "newshape|shape");
    if (n < 0)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "a shape that is not constant");
    for (int i = 0; i < n; i++)
        if (dims[i] < -1)
            ca_build_fail(c->b, CARINA_ERR_SHAPE, "dimension %lld in the new shape",
                          (long long)dims[i]);
    if (c->b->status == CARINA_OK)
        ca_keras_out(c, ca_build_reshape(c->b, v, dims, n));
}

static void transposed(CaKerasCall *c, CaValue *v, const int64_t *dims, int n)
{
    const int rank = ca_build_rank(c->b, v);
    int perm[CARINA_MAX_RANK];
    bool is_used[CARINA_MAX_RANK] = {false};
    if (c->b->status == CARINA_OK && n != rank)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "%d axes for an input of %d dimensions", n,
                      rank);
    for (int i = 0; i < n && c->b->status == CARINA_OK; i++) {
        perm[i] = ca_build_axis(c->b, dims[i], rank);
        if (c->b->status == CARINA_OK && is_used[perm[i]])
            ca_build_fail(c->b, CARINA_ERR_SHAPE, "axis %d twice", perm[i]);
        is_used[c->b->status == CARINA_OK ? perm[i] : 0] = true;
    }
    if (c->b->status == CARINA_OK)
        ca_keras_out(c, ca_build_transpose(c->b, v, perm, rank));
}
static void transpose(CaKerasCall *c)
{
    CaValue *v = operand(c);
    int64_t dims[CARINA_MAX_RANK];
    int n = ints_of(c, dims, 1, "axes|perm");
    if (n < 0)
        for (n = 0; n < ca_build_rank(c->b, v); n++)
            dims[n] = ca_build_rank(c->b, v) - 1 - n;
    transposed(c, v, dims, n);
}
static void swap_axes(CaKerasCall *c)
{
    CaValue *v = operand(c);
    const int rank = ca_build_rank(c->b, v);
    const int a = ca_build_axis(c->b, int_of(c, 1, "axis1", 0), rank),
              b = ca_build_axis(c->b, int_of(c, 2, "axis2", 0), rank);
    int64_t dims[CARINA_MAX_RANK];
    for (int i = 0; i < rank; i++)
        dims[i] = i == a ? b : i == b ? a : i;
    transposed(c, v, dims, rank);
}
static void move_axis(CaKerasCall *c)
{
    CaValue *v = operand(c);
    const int rank = ca_build_rank(c->b, v);
    int64_t from[CARINA_MAX_RANK], to[CARINA_MAX_RANK], dims[CARINA_MAX_RANK];
    if (ints_of(c, from, 1, "source") != 1 || ints_of(c, to, 2, "destination") != 1)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "several axes at once; use transpose");
    if (c->b->status != CARINA_OK)
        return;
    const int a = ca_build_axis(c->b, from[0], rank),
              b = ca_build_axis(c->b, to[0], rank);
    for (int i = 0, at = 0; i < rank; i++) {
        at += at == a;
        dims[i] = i == b ? a : at++;
    }
    transposed(c, v, dims, rank);
}

static void expand_dims(CaKerasCall *c)
{
    CaValue *v = operand(c);
    int64_t axes[CARINA_MAX_RANK] = {-1};
    const int n = ints_of(c, axes, 1, "axis");
    ca_keras_out(
        c, ca_build_2(c->b, "Unsqueeze", v, ca_build_vector(c->b, axes, n < 1 ? 1 : n)));
}
static void squeeze(CaKerasCall *c)
{
    CaValue *v = operand(c);
    int64_t axes[CARINA_MAX_RANK];
    const int n = ints_of(c, axes, 1, "axis");
    ca_keras_out(c, n < 1
                        ? ca_build_1(c->b, "Squeeze", v)
                        : ca_build_2(c->b, "Squeeze", v, ca_build_vector(c->b, axes, n)));
}
static void ravel(CaKerasCall *c)
{
    const int64_t all = -1;
    ca_keras_out(c, ca_build_reshape(c->b, operand(c), &all, 1));
}

/* --- Slices: x[1:5, newaxis, ..., 0] */

typedef struct Slices {
    int64_t begin[2 * CARINA_MAX_RANK], end[2 * CARINA_MAX_RANK],
        step[2 * CARINA_MAX_RANK], begin_free[2 * CARINA_MAX_RANK],
        end_free[2 * CARINA_MAX_RANK], is_new[2 * CARINA_MAX_RANK],
        is_one[2 * CARINA_MAX_RANK], is_rest[2 * CARINA_MAX_RANK];
    int n;
} Slices;

static bool is_ellipsis(json_t *j)
{
    const char *name = json_is_string(j)
                           ? json_string_value(j)
                           : json_string_value(json_object_get(j, "class_name"));
    return name && (strcmp(name, "...") == 0 || strcmp(name, "__ellipsis__") == 0);
}

/* A whole number or none: sets *out and returns whether it was there. */
static bool bound(CaKerasCall *c, json_t *slice, const char *key, int64_t *out)
{
    json_t *inner = json_object_get(slice, "config");
    json_t *j = json_object_get(json_is_object(inner) ? inner : slice, key);
    if (json_is_integer(j))
        *out = json_integer_value(j);
    else if (j && !json_is_null(j))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "a slice whose bounds are not constant");
    return json_is_integer(j);
}

static void add_slice(CaKerasCall *c, Slices *s, json_t *j)
{
    const int i = s->n++;
    s->step[i] = 1;
    s->begin_free[i] = s->end_free[i] = 1;
    if (!j || json_is_null(j)) {
        s->is_new[i] = 1;
    } else if (is_ellipsis(j)) {
        s->is_rest[i] = 1;
    } else if (json_is_integer(j)) {
        s->is_one[i] = 1;
        s->begin[i] = json_integer_value(j);
        s->end[i] = s->begin[i] + 1;
        s->begin_free[i] = s->end_free[i] = 0;
    } else if (json_is_object(j)) {
        s->begin_free[i] = !bound(c, j, "start", &s->begin[i]);
        s->end_free[i] = !bound(c, j, "stop", &s->end[i]);
        (void)bound(c, j, "step", &s->step[i]);
    } else {
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "an index that is neither a number nor a slice");
    }
}

static void get_item(CaKerasCall *c)
{
    CaValue *x = operand(c);
    json_t *spec = ca_keras_arg(c, 1, "key|slice_spec"), *item;
    Slices s = {.n = 0};
    size_t i;
    json_t *items = json_object_get(spec, "items");
    if (json_is_array(items))
        spec = items;
    if (!json_is_array(spec)) {
        add_slice(c, &s, spec);
    } else {
        if (json_array_size(spec) > 2 * CARINA_MAX_RANK)
            ca_build_fail(c->b, CARINA_ERR_LIMIT, "%zu indices", json_array_size(spec));
        else
            json_array_foreach(spec, i, item) add_slice(c, &s, item);
    }
    CaValue *const in[] = {x, ca_build_vector(c->b, s.begin, s.n),
                           ca_build_vector(c->b, s.end, s.n),
                           ca_build_vector(c->b, s.step, s.n)};
    CaValue *v = ca_build_make(c->b, "StridedSlice", in, 4, 1);
    ca_build_set_ints(c->b, v, "begin_mask", s.begin_free, s.n);
    ca_build_set_ints(c->b, v, "end_mask", s.end_free, s.n);
    ca_build_set_ints(c->b, v, "new_axis_mask", s.is_new, s.n);
    ca_build_set_ints(c->b, v, "shrink_axis_mask", s.is_one, s.n);
    ca_build_set_ints(c->b, v, "ellipsis_mask", s.is_rest, s.n);
    ca_keras_out(c, v);
}

static void slice_at(CaKerasCall *c)
{
    CaValue *x = operand(c);
    int64_t begin[CARINA_MAX_RANK], size[CARINA_MAX_RANK], end[CARINA_MAX_RANK],
        step[CARINA_MAX_RANK], none[CARINA_MAX_RANK] = {0}, is_free[CARINA_MAX_RANK];
    const int n = ints_of(c, begin, 1, "start_indices|begin"),
              m = ints_of(c, size, 2, "shape|size");
    if (n < 1 || n != m)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "a slice whose bounds are not constant");
    for (int i = 0; i < n; i++) {
        end[i] = begin[i] + size[i];
        step[i] = 1;
        is_free[i] = size[i] == -1;
    }
    if (c->b->status != CARINA_OK)
        return;
    CaValue *const in[] = {x, ca_build_vector(c->b, begin, n),
                           ca_build_vector(c->b, end, n), ca_build_vector(c->b, step, n)};
    CaValue *v = ca_build_make(c->b, "StridedSlice", in, 4, 1);
    ca_build_set_ints(c->b, v, "begin_mask", none, n);
    ca_build_set_ints(c->b, v, "end_mask", is_free, n);
    ca_keras_out(c, v);
}

/* --- Joining and splitting. */

static void concat_along(CaKerasCall *c, CaValue *const *in, int64_t axis)
{
    const int rank = ca_build_rank(c->b, c->n_in ? in[0] : ca_keras_in(c, 0));
    const int at = ca_build_axis(c->b, axis, rank);
    CaValue *v = ca_build_make(c->b, "Concat", in, c->n_in, 1);
    ca_build_set_int(c->b, v, "axis", at);
    ca_keras_out(c, v);
}
static void concatenate(CaKerasCall *c)
{
    /* The list is argument 0 in new calls and all arguments in old ones, so the axis is a keyword there. */
    concat_along(c, c->in,
                 int_of(c, json_is_array(json_array_get(c->args, 0)) ? 1 : -1, "axis",
                        c->layer->op->n));
}
static void vertical(CaKerasCall *c)
{
    concat_along(c, c->in, strcmp(c->layer->op->name, "Hstack") == 0 ? 1 : 0);
}
static void stack(CaKerasCall *c)
{
    const int64_t axis = int_of(c, -1, "axis", 0);
    CaValue **in = ca_arena_array(c->b->work, (size_t)c->n_in + 1, sizeof *in);
    for (int i = 0; in && i < c->n_in; i++)
        in[i] = ca_build_2(c->b, "Unsqueeze", c->in[i], ca_build_vector(c->b, &axis, 1));
    if (in)
        concat_along(c, in, axis);
}

static void parts_out(CaKerasCall *c, CaValue *v, int n, const int64_t *squeeze_axis)
{
    if (!ca_build_settle(c->b) || !v)
        return;
    for (int i = 0; i < n; i++)
        ca_keras_out(c, squeeze_axis ? ca_build_2(c->b, "Squeeze", v + i,
                                                  ca_build_vector(c->b, squeeze_axis, 1))
                                     : v + i);
}
static CaValue *equal_parts(CaKerasCall *c, CaValue *v, int64_t n, int64_t axis)
{
    CaValue *const in[] = {v, ca_build_scalar(c->b, axis)};
    if (n < 1 || n > CA_MAX_PORTS) {
        ca_build_fail(c->b, CARINA_ERR_LIMIT, "%lld parts", (long long)n);
        return NULL;
    }
    CaValue *out = ca_build_make(c->b, "Split", in, 2, (int)n);
    ca_build_set_int(c->b, out, "num_splits", n);
    return out;
}
/* A number of equal parts; where a list: keras.ops has the places to cut, TensorFlow the sizes. */
static void split(CaKerasCall *c)
{
    CaValue *v = operand(c);
    json_t *how = ca_keras_arg(c, 1, "indices_or_sections|num_or_size_splits");
    const int64_t axis = int_of(c, 2, "axis", 0);
    const bool is_tf = strcmp(c->layer->op->name, "split") == 0;
    const CarinaShape s = ca_build_shape(c->b, v);
    const int at = ca_build_axis(c->b, axis, s.rank < 0 ? 1 : s.rank);
    int64_t list[64], sizes[65];
    if (json_is_integer(how)) {
        const int64_t n = json_integer_value(how);
        parts_out(c, equal_parts(c, v, n, axis), (int)n, NULL);
        return;
    }
    int n = ca_keras_json_ints(c, list, 64, how, "split");
    if (n < 0 || c->b->status != CARINA_OK)
        return;
    for (int i = 0; i < n; i++)
        sizes[i] = is_tf ? list[i] : list[i] - (i ? list[i - 1] : 0);
    if (!is_tf) {
        sizes[n] = s.dims[at] >= 0 ? s.dims[at] - (n ? list[n - 1] : 0) : -1;
        n++;
    }
    CaValue *const in[] = {v, ca_build_scalar(c->b, axis),
                           ca_build_vector(c->b, sizes, n)};
    parts_out(c, ca_build_make(c->b, "VariadicSplit", in, 3, n), n, NULL);
}
static void unstack(CaKerasCall *c)
{
    CaValue *v = operand(c);
    const CarinaShape s = ca_build_shape(c->b, v);
    const int at = ca_build_axis(c->b, int_of(c, -1, "axis", 0), s.rank < 0 ? 1 : s.rank);
    const int64_t axis = at, n = s.rank > 0 ? s.dims[at] : -1;
    CaValue *out = equal_parts(c, v, n, at);
    parts_out(c, out, (int)n, &axis);
}

/* --- Padding, repeating. */

static void pad(CaKerasCall *c)
{
    CaValue *x = operand(c);
    json_t *widths = ca_keras_arg(c, 1, "pad_width|paddings"),
           *mode = ca_keras_arg(c, 2, "mode"),
           *value = ca_keras_arg(c, 3, "constant_values");
    const int rank = ca_build_rank(c->b, x);
    const char *how = json_is_string(mode) ? json_string_value(mode) : "constant";
    int64_t begin[CARINA_MAX_RANK], end[CARINA_MAX_RANK];
    json_t *inner = json_object_get(json_object_get(widths, "config"), "value");
    widths = inner ? inner : widths;
    for (int i = 0; i < rank; i++) {
        int64_t pair[2] = {0, 0};
        json_t *j =
            json_is_array(json_array_get(widths, 0))
                ? json_array_get(widths, json_array_size(widths) == 1 ? 0 : (size_t)i)
                : widths;
        const int n = ca_keras_json_ints(c, pair, 2, j, "pad_width");
        begin[i] = pair[0];
        end[i] = n == 1 ? pair[0] : pair[1];
    }
    const char *ours =
        strcmp(how, "reflect") == 0 || strcmp(how, "REFLECT") == 0       ? "reflect"
        : strcmp(how, "symmetric") == 0 || strcmp(how, "SYMMETRIC") == 0 ? "symmetric"
                                                                         : "constant";
    CaValue *const in[] = {
        x, ca_build_vector(c->b, begin, rank), ca_build_vector(c->b, end, rank),
        value ? ca_keras_operand(c, value, x) : ca_build_number(c->b, x, 0)};
    CaValue *v = ca_build_make_at(c->b, "Pad", 1, in, 4, 1);
    ca_build_set_text(c->b, v, "pad_mode", ours);
    ca_keras_out(c, v);
}
static void tile(CaKerasCall *c)
{
    CaValue *x = operand(c);
    int64_t n_times[CARINA_MAX_RANK];
    const int n = ints_of(c, n_times, 1, "repeats|multiples");
    if (n < 1)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "repeats that are not constant");
    else
        ca_keras_out(c, ca_build_2(c->b, "Tile", x, ca_build_vector(c->b, n_times, n)));
}
/* Each element several times, one behind the other. */
static void repeat(CaKerasCall *c)
{
    CaValue *x = operand(c);
    int64_t times[CARINA_MAX_RANK];
    const CarinaShape s = ca_build_shape(c->b, x);
    const int at = ca_build_axis(c->b, int_of(c, 2, "axis", 0), s.rank < 1 ? 1 : s.rank);
    const int64_t n = s.rank > 0 ? s.dims[at] : -1;
    if (ints_of(c, times, 1, "repeats") != 1 || n < 1 || times[0] < 1 ||
        times[0] > 65536 || n > 65536)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "repeats that differ or a length that is not known");
    if (c->b->status != CARINA_OK)
        return;
    int64_t *which = ca_arena_array(c->b->work, (size_t)(n * times[0]), sizeof *which);
    for (int64_t i = 0; which && i < n * times[0]; i++)
        which[i] = i / times[0];
    if (which)
        ca_keras_out(c, ca_build_3(c->b, "Gather", x,
                                   ca_build_vector(c->b, which, (int)(n * times[0])),
                                   ca_build_scalar(c->b, at)));
}
static void flip(CaKerasCall *c)
{
    CaValue *x = operand(c);
    int64_t axes[CARINA_MAX_RANK];
    const int n = ints_of(c, axes, 1, "axis"), rank = ca_build_rank(c->b, x);
    for (int i = 0; i < n; i++)
        axes[i] = ca_build_axis(c->b, axes[i], rank);
    CaValue *v =
        ca_build_2(c->b, "Reverse", x,
                   n < 0 ? ca_build_iota(c->b, 0, rank) : ca_build_vector(c->b, axes, n));
    ca_build_set_text(c->b, v, "mode", "index");
    ca_keras_out(c, v);
}
static void take(CaKerasCall *c)
{
    CaValue *x = operand(c);
    CaValue *which = ca_keras_operand(c, ca_keras_arg(c, 1, "indices"), NULL);
    json_t *axis = ca_keras_arg(c, 2, "axis");
    const int64_t all = -1;
    const bool is_tf = strcmp(c->layer->op->name, "gather") == 0;
    if (!ca_type_is_whole(ca_build_type(c->b, which)))
        which = ca_build_convert(c->b, which, CARINA_I64);
    if (!axis && !is_tf)
        x = ca_build_reshape(c->b, x, &all, 1);
    ca_keras_out(c,
                 ca_build_3(c->b, "Gather", x, which,
                            ca_build_scalar(c->b, axis ? json_integer_value(axis) : 0)));
}
static void broadcast_to(CaKerasCall *c)
{
    CaValue *x = operand(c);
    int64_t dims[CARINA_MAX_RANK];
    const int n = ints_of(c, dims, 1, "shape");
    CaValue *v =
        ca_build_2(c->b, "Broadcast", x, ca_build_vector(c->b, dims, n < 0 ? 0 : n));
    ca_build_set_text(c->b, v, "mode", "numpy");
    ca_keras_out(c, v);
}
/* The type that the argument names; absent where there is none, CARINA_UNKNOWN where it is another. */
static CarinaType type_named(json_t *j, CarinaType absent)
{
    static const struct {
        const char *theirs;
        CarinaType type;
    } types[] = {
        {"float32", CARINA_F32},  {"float64", CARINA_F32}, {"float16", CARINA_F32},
        {"bfloat16", CARINA_F32}, {"int32", CARINA_I32},   {"int64", CARINA_I64},
        {"uint8", CARINA_U8},     {"int8", CARINA_I8},     {"bool", CARINA_BOOL},
        {"int16", CARINA_I16},    {"uint16", CARINA_U16},  {"uint32", CARINA_U32}};
    const char *name = json_string_value(j);
    for (size_t i = 0; name && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].theirs, name) == 0)
            return types[i].type;
    return name ? CARINA_UNKNOWN : absent;
}

static void filled_like(CaKerasCall *c)
{
    CaValue *x = operand(c);
    const CarinaType type =
        type_named(ca_keras_arg(c, 1, "dtype"), ca_build_type(c->b, x));
    if (type == CARINA_UNKNOWN)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "a dtype that is not read");
    CaValue *shape = ca_build_1(c->b, "ShapeOf", x);
    ca_build_set_text(c->b, shape, "output_type", "i64");
    CaValue *v =
        ca_build_convert(c->b, ca_build_number(c->b, NULL, c->layer->op->n), type);
    v = ca_build_2(c->b, "Broadcast", v, shape);
    ca_build_set_text(c->b, v, "mode", "numpy");
    ca_keras_out(c, v);
}

static void cast(CaKerasCall *c)
{
    CaValue *v = operand(c);
    json_t *j = ca_keras_arg(c, 1, "dtype");
    const CarinaType type = type_named(j, CARINA_F32);
    if (type == CARINA_UNKNOWN)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "a cast to %s", json_string_value(j));
    else
        ca_keras_out(c, ca_build_convert(c->b, v, type));
}

static void to_tensor(CaKerasCall *c)
{
    CaValue *v = operand(c);
    json_t *j = ca_keras_arg(c, 1, "dtype");
    if (json_is_string(j))
        cast(c);
    else
        ca_keras_out(c, v);
}

#define OP(name, fn, n)                   \
    {                                     \
        name, fn, NULL, n, CA_KERAS_STOPS \
    }

const CaKerasOp ca_keras_ops_moves[] = {
    OP("Reshape", reshape, 0),
    OP("reshape", reshape, 0),
    OP("Transpose", transpose, 0),
    OP("transpose", transpose, 0),
    OP("Swapaxes", swap_axes, 0),
    OP("Moveaxis", move_axis, 0),
    OP("ExpandDims", expand_dims, 0),
    OP("expand_dims", expand_dims, 0),
    OP("Squeeze", squeeze, 0),
    OP("squeeze", squeeze, 0),
    OP("Ravel", ravel, 0),
    OP("GetItem", get_item, 0),
    OP("__operators__.getitem", get_item, 0),
    OP("Slice", slice_at, 0),
    OP("slice", slice_at, 0),
    OP("Concatenate", concatenate, 0),
    OP("concat", concatenate, 0),
    OP("Vstack", vertical, 0),
    OP("Hstack", vertical, 0),
    OP("Stack", stack, 0),
    OP("stack", stack, 0),
    OP("Split", split, 0),
    OP("split", split, 0),
    OP("Unstack", unstack, 0),
    OP("unstack", unstack, 0),
    OP("Pad", pad, 0),
    OP("pad", pad, 0),
    OP("Tile", tile, 0),
    OP("tile", tile, 0),
    OP("Repeat", repeat, 0),
    OP("repeat", repeat, 0),
    OP("Flip", flip, 0),
    OP("reverse", flip, 0),
    OP("Take", take, 0),
    OP("gather", take, 0),
    OP("BroadcastTo", broadcast_to, 0),
    OP("broadcast_to", broadcast_to, 0),
    OP("ConvertToTensor", to_tensor, 0),
    OP("convert_to_tensor", to_tensor, 0),
    OP("ZerosLike", filled_like, 0),
    OP("zeros_like", filled_like, 0),
    OP("OnesLike", filled_like, 1),
    OP("ones_like", filled_like, 1),
    OP("Cast", cast, 0),
    OP("cast", cast, 0),
    {NULL, NULL, NULL, 0, CA_KERAS_PASSES},
};
