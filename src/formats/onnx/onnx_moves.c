/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX: constants, shapes, and what moves elements about.
 */
#include "formats/onnx/onnx_reader.h"

#include <math.h>
#include <string.h>

static void pass_through(CaOnnxCall *c) { ca_onnx_out(c, 0, ca_onnx_in(c, 0)); }

/* Training drops elements at random, which no inference means: training_mode must be known to be false, or the
 * ratio to be 0. */
static void dropout(CaOnnxCall *c)
{
    CaValue *training = ca_onnx_opt(c, 2), *share = ca_onnx_opt(c, 1);
    double mode = 1, ratio = 0.5;
    if (share && ca_build_known_reals(c->b, share, &ratio, 1) != 1)
        ratio = 0.5;
    if (training && ca_build_known_reals(c->b, training, &mode, 1) != 1)
        mode = 1;
    if (training && mode != 0 && ratio != 0)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "training_mode is not false; export the model for inference");
    pass_through(c);
}

/* --- Constants. */

static CaValue *tensor_constant(CaOnnxCall *c, const Onnx__TensorProto *t)
{
    CaOnnx *r = c->r;
    CarinaTensor *tensor = NULL;
    CaValue *v = NULL;
    const char *where =
        ca_arena_printf(r->b.work, "node '%s' (%s)", c->name, c->node->op_type);
    if (c->b->status != CARINA_OK)
        return NULL;
    c->b->status = ca_onnx_tensor(&tensor, r, where ? where : c->name, t->name, t);
    if (c->b->status == CARINA_OK)
        c->b->status = ca_graph_constant(&v, r->b.graph, NULL, c->name, tensor, r->b.err);
    return v;
}

static CaValue *reals_constant(CaOnnxCall *c, const CarinaShape *shape, const float *v,
                               size_t n)
{
    CaValue *out = NULL;
    double *wide = ca_arena_array(c->r->b.work, n + 1, sizeof *wide);
    if (!wide) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        wide[i] = (double)v[i];
    c->b->status = ca_graph_reals(&out, c->r->b.graph, NULL, c->name, CARINA_F32, shape,
                                  wide, (int64_t)n, c->r->b.err);
    return out;
}

static void constant(CaOnnxCall *c)
{
    const CarinaShape none = ca_shape(0, NULL);
    const Onnx__AttributeProto *a;
    CaValue *v = NULL;
    if ((a = ca_onnx_attr(c, "value")) != NULL && a->t)
        v = tensor_constant(c, a->t);
    else if ((a = ca_onnx_attr(c, "value_float")) != NULL)
        v = reals_constant(c, &none, &a->f, 1);
    else if ((a = ca_onnx_attr(c, "value_floats")) != NULL)
        v = reals_constant(c, NULL, a->floats, a->n_floats);
    else if ((a = ca_onnx_attr(c, "value_int")) != NULL)
        v = ca_build_scalar(c->b, a->i);
    else if ((a = ca_onnx_attr(c, "value_ints")) != NULL)
        v = ca_build_vector(c->b, a->ints, (int)a->n_ints);
    else
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "its value is neither tensor nor number; export dense numbers");
    ca_onnx_out(c, 0, v);
}

static void constant_of_shape(CaOnnxCall *c)
{
    const Onnx__AttributeProto *a = ca_onnx_attr(c, "value");
    const CarinaShape none = ca_shape(0, NULL);
    const float zero = 0;
    CaValue *v = a && a->t ? ca_build_to_scalar(c->b, tensor_constant(c, a->t))
                           : reals_constant(c, &none, &zero, 1);
    ca_onnx_out(c, 0, ca_build_2(c->b, "Broadcast", v, ca_onnx_in(c, 0)));
}

/* --- Shapes. */

static CaValue *shape_of(CaOnnxCall *c, CaValue *x)
{
    CaValue *v = ca_build_1(c->b, "ShapeOf", x);
    ca_build_set_text(c->b, v, "output_type", "i64");
    return v;
}

/* data[from, to) along an axis by step 1. */
static CaValue *sliced(CaOnnxCall *c, CaValue *v, int64_t from, int64_t to, int64_t axis)
{
    const int64_t one = 1;
    CaValue *const in[] = {v, ca_build_vector(c->b, &from, 1),
                           ca_build_vector(c->b, &to, 1), ca_build_vector(c->b, &one, 1),
                           ca_build_vector(c->b, &axis, 1)};
    return ca_build_make(c->b, "Slice", in, 5, 1);
}

static void shape(CaOnnxCall *c)
{
    CaValue *v = shape_of(c, ca_onnx_in(c, 0));
    if (ca_onnx_attr(c, "start") || ca_onnx_attr(c, "end"))
        v = sliced(c, v, ca_onnx_attr_int(c, "start", 0),
                   ca_onnx_attr_int(c, "end", INT32_MAX), 0);
    ca_onnx_out(c, 0, v);
}

static void size(CaOnnxCall *c)
{
    const int64_t axis = 0;
    CaValue *v = ca_build_2(c->b, "ReduceProd", shape_of(c, ca_onnx_in(c, 0)),
                            ca_build_vector(c->b, &axis, 1));
    ca_build_set_text(c->b, v, "keep_dims", "false");
    ca_onnx_out(c, 0, v);
}

static void reshape(CaOnnxCall *c)
{
    int n;
    const int64_t *dims = ca_onnx_attr_ints(c, "shape", &n);
    CaValue *to =
        c->opset < 5 && n >= 0 ? ca_build_vector(c->b, dims, n) : ca_onnx_in(c, 1);
    CaValue *v = ca_build_2(c->b, "Reshape", ca_onnx_in(c, 0), to);
    ca_build_set_text(c->b, v, "special_zero",
                      ca_onnx_attr_int(c, "allowzero", 0) ? "false" : "true");
    ca_onnx_out(c, 0, v);
}

static void flatten(CaOnnxCall *c)
{
    ca_onnx_out(c, 0,
                ca_build_flatten(c->b, ca_onnx_in(c, 0), ca_onnx_attr_int(c, "axis", 1)));
}

static void squeeze(CaOnnxCall *c)
{
    int n;
    const int64_t *axes = ca_onnx_attr_ints(c, "axes", &n);
    CaValue *x = ca_onnx_in(c, 0),
            *at = n >= 0 ? ca_build_vector(c->b, axes, n) : ca_onnx_opt(c, 1);
    if (!at && strcmp(c->node->op_type, "Unsqueeze") == 0)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "axes are missing; the file is damaged");
    ca_onnx_out(c, 0,
                at ? ca_build_2(c->b, c->node->op_type, x, at)
                   : ca_build_1(c->b, c->node->op_type, x));
}

static void transpose(CaOnnxCall *c)
{
    int64_t order[CARINA_MAX_RANK];
    int n;
    const int64_t *perm = ca_onnx_attr_ints(c, "perm", &n);
    CaValue *x = ca_onnx_in(c, 0);
    if (n < 0) {
        n = ca_build_rank(c->b, x);
        for (int i = 0; i < n; i++)
            order[i] = n - 1 - i;
        perm = order;
    }
    ca_onnx_out(c, 0, ca_build_2(c->b, "Transpose", x, ca_build_vector(c->b, perm, n)));
}

static void concat(CaOnnxCall *c)
{
    if (c->opset >= 4 && !ca_onnx_attr(c, "axis"))
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "axis is missing; the file is damaged");
    for (int i = 0; i < c->n_in; i++)
        ca_onnx_in(c, i);
    CaValue *v = ca_build_make(c->b, "Concat", c->in, c->n_in, 1);
    ca_build_set_int(c->b, v, "axis", ca_onnx_attr_int(c, "axis", 1));
    ca_onnx_out(c, 0, v);
}

/* --- Split. */

/* Lengths where they are not even: num_outputs of opset 18, the last is what remains. NULL: even. */
static CaValue *uneven_lengths(CaOnnxCall *c, CaValue *x, int64_t axis, int n)
{
    const int rank = ca_build_rank(c->b, x);
    const CarinaShape s = ca_build_shape(c->b, x);
    const int at = ca_build_axis(c->b, axis, rank);
    if (c->b->status != CARINA_OK || s.dims[at] < 0 || s.dims[at] % n == 0)
        return NULL;
    const int64_t part = (s.dims[at] + n - 1) / n, rest = s.dims[at] - part * (n - 1);
    int64_t *lengths = ca_arena_array(c->r->b.work, (size_t)n, sizeof *lengths);
    if (!lengths || rest < 0) {
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "%lld elements do not divide into %d parts",
                      (long long)s.dims[at], n);
        return NULL;
    }
    for (int i = 0; i < n; i++)
        lengths[i] = i < n - 1 ? part : rest;
    return ca_build_vector(c->b, lengths, n);
}

static void split(CaOnnxCall *c)
{
    const int n = (int)c->node->n_output;
    const int64_t axis = ca_onnx_attr_int(c, "axis", 0);
    int given;
    const int64_t *parts = ca_onnx_attr_ints(c, "split", &given);
    CaValue *x = ca_onnx_in(c, 0), *lengths = ca_onnx_opt(c, 1);
    if (n < 1)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "no outputs; the file is damaged");
    if (c->b->status == CARINA_OK && given > 0)
        lengths = ca_build_vector(c->b, parts, given);
    if (c->b->status == CARINA_OK && !lengths)
        lengths = uneven_lengths(c, x, axis, n);
    CaValue *const in[] = {x, ca_build_scalar(c->b, axis), lengths};
    CaValue *v =
        ca_build_make(c->b, lengths ? "VariadicSplit" : "Split", in, lengths ? 3 : 2, n);
    if (!lengths)
        ca_build_set_int(c->b, v, "num_splits", n);
    for (int i = 0; v && i < n; i++)
        ca_onnx_out(c, i, v + i);
}

/* --- Slice, Gather, Scatter. */

static void slice(CaOnnxCall *c)
{
    int n, n_axes, n_ends;
    const int64_t *starts = ca_onnx_attr_ints(c, "starts", &n);
    const int64_t *ends = ca_onnx_attr_ints(c, "ends", &n_ends);
    const int64_t *axes = ca_onnx_attr_ints(c, "axes", &n_axes);
    const bool old = c->opset < 10;
    CaValue *start =
        old ? ca_build_vector(c->b, starts, n < 0 ? 0 : n) : ca_onnx_in(c, 1);
    CaValue *end =
        old ? ca_build_vector(c->b, ends, n_ends < 0 ? 0 : n_ends) : ca_onnx_in(c, 2);
    CaValue *axis = old ? NULL : ca_onnx_opt(c, 3),
            *step = old ? NULL : ca_onnx_opt(c, 4);
    const CarinaShape s = ca_build_shape(c->b, start);
    const int count = s.rank == 1 && s.dims[0] >= 0 && s.dims[0] <= CARINA_MAX_RANK
                          ? (int)s.dims[0]
                          : -1;
    int64_t ones[CARINA_MAX_RANK];
    if (count < 0 && (!axis || !step))
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "how many axes it cuts is not known; give the model's input shape");
    for (int i = 0; i < count; i++)
        ones[i] = 1;
    if (old && n_axes >= 0)
        axis = ca_build_vector(c->b, axes, n_axes);
    else if (!axis && c->b->status == CARINA_OK)
        axis = ca_build_iota(c->b, 0, count);
    if (!step && c->b->status == CARINA_OK)
        step = ca_build_vector(c->b, ones, count);
    CaValue *const in[] = {ca_onnx_in(c, 0), start, end, step, axis};
    ca_onnx_out(c, 0, ca_build_make(c->b, "Slice", in, 5, 1));
}

static void gather(CaOnnxCall *c)
{
    ca_onnx_out(c, 0,
                ca_build_3(c->b, "Gather", ca_onnx_in(c, 0), ca_onnx_in(c, 1),
                           ca_build_scalar(c->b, ca_onnx_attr_int(c, "axis", 0))));
}

static void gather_elements(CaOnnxCall *c)
{
    CaValue *v = ca_build_2(c->b, "GatherElements", ca_onnx_in(c, 0), ca_onnx_in(c, 1));
    ca_build_set_int(c->b, v, "axis", ca_onnx_attr_int(c, "axis", 0));
    ca_onnx_out(c, 0, v);
}

static void gather_nd(CaOnnxCall *c)
{
    CaValue *v = ca_build_2(c->b, "GatherND", ca_onnx_in(c, 0), ca_onnx_in(c, 1));
    ca_build_set_int(c->b, v, "batch_dims", ca_onnx_attr_int(c, "batch_dims", 0));
    ca_onnx_out(c, 0, v);
}

/* none, add, mul, max, min in our words. */
static const char *reduction(CaOnnxCall *c)
{
    const char *how = ca_onnx_attr_text(c, "reduction", "none");
    return strcmp(how, "add") == 0 ? "sum" : strcmp(how, "mul") == 0 ? "prod" : how;
}

static void scatter_elements(CaOnnxCall *c)
{
    CaValue *const in[] = {ca_onnx_in(c, 0), ca_onnx_in(c, 1), ca_onnx_in(c, 2),
                           ca_build_scalar(c->b, ca_onnx_attr_int(c, "axis", 0))};
    CaValue *v = ca_build_make(c->b, "ScatterElementsUpdate", in, 4, 1);
    if (ca_onnx_attr(c, "reduction"))
        ca_build_set_text(c->b, v, "reduction", reduction(c));
    ca_onnx_out(c, 0, v);
}

static void scatter_nd(CaOnnxCall *c)
{
    CaValue *v = ca_build_3(c->b, "ScatterNDUpdate", ca_onnx_in(c, 0), ca_onnx_in(c, 1),
                            ca_onnx_in(c, 2));
    if (ca_onnx_attr(c, "reduction"))
        ca_build_set_text(c->b, v, "reduction", reduction(c));
    ca_onnx_out(c, 0, v);
}

/* --- Repeating and padding. */

static void expand(CaOnnxCall *c)
{
    CaValue *v = ca_build_2(c->b, "Broadcast", ca_onnx_in(c, 0), ca_onnx_in(c, 1));
    ca_build_set_text(c->b, v, "mode", "bidirectional");
    ca_onnx_out(c, 0, v);
}

static void tile(CaOnnxCall *c)
{
    if (c->opset < 6)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "the form of opset 1; export with opset 6 or higher");
    ca_onnx_out(c, 0, ca_build_2(c->b, "Tile", ca_onnx_in(c, 0), ca_onnx_in(c, 1)));
}

/* The pads of all axes, begins then ends, from the attribute or known inputs. */
static bool read_pads(CaOnnxCall *c, int64_t *all, int rank)
{
    int64_t pads[2 * CARINA_MAX_RANK], axes[CARINA_MAX_RANK];
    int n, n_axes = -1;
    const int64_t *attr = ca_onnx_attr_ints(c, c->opset < 2 ? "paddings" : "pads", &n);
    if (n > 2 * CARINA_MAX_RANK)
        n = -1;
    if (n >= 0)
        memcpy(pads, attr, (size_t)n * sizeof pads[0]);
    else
        n = ca_build_known_ints(c->b, ca_onnx_in(c, 1), pads, 2 * CARINA_MAX_RANK);
    if (ca_onnx_opt(c, 3))
        n_axes = ca_build_known_ints(c->b, c->in[3], axes, CARINA_MAX_RANK);
    else
        for (n_axes = 0; n_axes < rank; n_axes++)
            axes[n_axes] = n_axes;
    if (c->b->status == CARINA_OK && (n < 0 || n_axes < 0))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "pads that are computed; export with fixed shapes");
    else if (n != 2 * n_axes)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "%d pads for %d axes; it needs two an axis",
                      n, n_axes);
    for (int i = 0; c->b->status == CARINA_OK && i < n_axes; i++) {
        const int at = ca_build_axis(c->b, axes[i], rank);
        all[at] = pads[i];
        all[rank + at] = pads[n_axes + i];
    }
    return c->b->status == CARINA_OK;
}

static void pad(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    const int rank = ca_build_rank(c->b, x);
    const char *mode = ca_onnx_attr_text(c, "mode", "constant");
    int64_t all[2 * CARINA_MAX_RANK] = {0};
    CaValue *value = c->opset < 11 ? NULL : ca_onnx_opt(c, 2);
    if (strcmp(mode, "wrap") == 0)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "mode wrap; export with constant, reflect or edge");
    if (!read_pads(c, all, rank))
        return;
    value = value ? ca_build_to_scalar(c->b, value)
                  : ca_build_number(c->b, x, ca_onnx_attr_real(c, "value", 0));
    CaValue *const in[] = {x, ca_build_vector(c->b, all, rank),
                           ca_build_vector(c->b, all + rank, rank), value};
    CaValue *v = ca_build_make(c->b, "Pad", in, 4, 1);
    ca_build_set_text(c->b, v, "pad_mode", mode);
    ca_onnx_out(c, 0, v);
}

/* --- Resize. */

typedef struct Resize {
    int rank, n; /* axes that change */
    int64_t axes[CARINA_MAX_RANK], sizes[CARINA_MAX_RANK];
    double scales[CARINA_MAX_RANK];
    bool by_size, known;
    CaValue *computed; /* sizes or scales that are not known, of all axes */
} Resize;

/* Axes of scale 1 are left out: kernels like two axes better than four. */
static void keep_changing(Resize *z, const CarinaShape *s)
{
    int n = 0;
    for (int i = 0; i < z->n; i++) {
        const bool same =
            z->by_size ? z->sizes[i] == s->dims[z->axes[i]] : z->scales[i] == 1.0;
        if (same && (n > 0 || i < z->n - 1)) /* one is kept in any case */
            continue;
        z->axes[n] = z->axes[i];
        z->sizes[n] = z->sizes[i];
        z->scales[n++] = z->scales[i];
    }
    z->n = n;
}

/* Sizes where given and not empty, else scales. */
static void resize_target(CaOnnxCall *c, Resize *z, CaValue *scales, CaValue *sizes)
{
    const CarinaShape s = sizes ? ca_build_shape(c->b, sizes) : ca_shape_unknown();
    z->by_size = sizes && !(s.rank == 1 && s.dims[0] == 0);
    z->computed = z->by_size ? sizes : scales;
    if (!z->computed) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "neither scales nor sizes are given; the file is damaged");
        return;
    }
    const int n = z->by_size
                      ? ca_build_known_ints(c->b, sizes, z->sizes, CARINA_MAX_RANK)
                      : ca_build_known_reals(c->b, scales, z->scales, CARINA_MAX_RANK);
    z->known = n >= 0;
    if (n >= 0 && n != z->n)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "%d scales or sizes for %d axes", n, z->n);
}

static CaValue *interpolate(CaOnnxCall *c, CaValue *x, Resize *z)
{
    const CarinaShape s = ca_build_shape(c->b, x);
    const CarinaShape vector = ca_shape_of_rank(1);
    CarinaShape of_scales = vector;
    CaValue *target = z->computed;
    if (z->known)
        keep_changing(z, &s);
    if (c->b->status != CARINA_OK)
        return NULL;
    of_scales.dims[0] = z->n;
    if (z->known && z->by_size)
        target = ca_build_vector(c->b, z->sizes, z->n);
    else if (z->known)
        c->b->status = ca_graph_reals(&target, c->r->b.graph, NULL, NULL, CARINA_F32,
                                      &of_scales, z->scales, z->n, c->r->b.err);
    CaValue *v =
        ca_build_3(c->b, "Interpolate", x, target, ca_build_vector(c->b, z->axes, z->n));
    ca_build_set_text(c->b, v, "shape_calculation_mode", z->by_size ? "sizes" : "scales");
    return v;
}

static const char *resize_mode(CaOnnxCall *c)
{
    const char *mode = ca_onnx_attr_text(c, "mode", "nearest");
    if (strcmp(mode, "linear") == 0 || strcmp(mode, "bilinear") == 0)
        return "linear_onnx";
    if (strcmp(mode, "cubic") != 0 && strcmp(mode, "nearest") != 0)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "mode %s; export with nearest, linear or cubic", mode);
    return mode;
}

/* Upsample, and Resize of opset 10: their own rule of coordinates. */
static void upsample(CaOnnxCall *c)
{
    static const char *const nearest[] = {"floor", "simple"};
    const bool is_resize = strcmp(c->node->op_type, "Resize") == 0;
    CaValue *x = ca_onnx_in(c, 0);
    Resize z = {.n = ca_build_rank(c->b, x)};
    const Onnx__AttributeProto *given = ca_onnx_attr(c, "scales");
    for (int i = 0; i < z.n; i++) {
        z.axes[i] = i;
        z.scales[i] = 1;
    }
    if (c->opset >= 9 || is_resize) {
        resize_target(c, &z, ca_onnx_in(c, 1), NULL);
    } else if (given && (int)given->n_floats == z.n) {
        z.known = true;
        for (int i = 0; i < z.n; i++)
            z.scales[i] = (double)given->floats[i];
    } else if (z.n == 4 && ca_onnx_attr(c, "height_scale") &&
               ca_onnx_attr(c, "width_scale")) {
        z.known = true;
        z.scales[2] = ca_onnx_attr_real(c, "height_scale", 1);
        z.scales[3] = ca_onnx_attr_real(c, "width_scale", 1);
    } else {
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "scales do not fit its input of %d dimensions", z.n);
    }
    CaValue *v = interpolate(c, x, &z);
    ca_build_set_text(c->b, v, "mode", resize_mode(c));
    ca_build_set_text(c->b, v, "coordinate_transformation_mode", "asymmetric");
    ca_build_set_text(c->b, v, "nearest_mode", nearest[is_resize]);
    ca_onnx_out(c, 0, v);
}

static void refuse_resize(CaOnnxCall *c, const char *how)
{
    if (ca_onnx_attr_int(c, "antialias", 0))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "antialias; export without it");
    if (ca_onnx_attr_int(c, "exclude_outside", 0))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "exclude_outside; export without it");
    if (strcmp(ca_onnx_attr_text(c, "keep_aspect_ratio_policy", "stretch"), "stretch") !=
        0)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "keep_aspect_ratio_policy; export with fixed sizes");
    if (strcmp(how, "tf_crop_and_resize") == 0 ||
        strcmp(how, "half_pixel_symmetric") == 0)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "coordinates %s; export with half_pixel", how);
}

static void resize(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    const char *how =
        ca_onnx_attr_text(c, "coordinate_transformation_mode", "half_pixel");
    const int rank = ca_build_rank(c->b, x);
    Resize z = {.n = rank};
    int n_axes;
    const int64_t *axes = ca_onnx_attr_ints(c, "axes", &n_axes);
    if (c->opset < 11) {
        upsample(c);
        return;
    }
    refuse_resize(c, how);
    if (n_axes > 0 && n_axes <= rank)
        z.n = n_axes;
    for (int i = 0; i < z.n; i++)
        z.axes[i] = n_axes > 0 ? ca_build_axis(c->b, axes[i], rank) : i;
    resize_target(c, &z, ca_onnx_opt(c, 2), ca_onnx_opt(c, 3));
    CaValue *v = interpolate(c, x, &z);
    ca_build_set_text(c->b, v, "mode", resize_mode(c));
    ca_build_set_text(c->b, v, "coordinate_transformation_mode", how);
    ca_build_set_text(c->b, v, "nearest_mode",
                      ca_onnx_attr_text(c, "nearest_mode", "round_prefer_floor"));
    ca_build_set_real(c->b, v, "cube_coeff",
                      ca_onnx_attr_real(c, "cubic_coeff_a", -0.75));
    ca_onnx_out(c, 0, v);
}

/* --- Blocks, one-hot, ranges. */

static void depth_to_space(CaOnnxCall *c)
{
    const bool to_space = strcmp(c->node->op_type, "DepthToSpace") == 0;
    const bool crd = strcmp(ca_onnx_attr_text(c, "mode", "DCR"), "CRD") == 0;
    CaValue *v = ca_build_1(c->b, c->node->op_type, ca_onnx_in(c, 0));
    ca_build_set_text(c->b, v, "mode", to_space && crd ? "depth_first" : "blocks_first");
    ca_build_set_int(c->b, v, "block_size", ca_onnx_attr_int(c, "blocksize", 1));
    ca_onnx_out(c, 0, v);
}

static void one_hot(CaOnnxCall *c)
{
    CaValue *values = ca_onnx_in(c, 2),
            *depth = ca_build_to_scalar(c->b, ca_onnx_in(c, 1));
    CaValue *index = ca_onnx_in(c, 0);
    if (ca_type_is_real(ca_build_type(c->b, index)))
        index = ca_build_convert(c->b, index, CARINA_I64);
    depth = ca_build_convert(c->b, depth, ca_build_type(c->b, index));
    /* Negative indices count from the end. */
    CaValue *negative = ca_build_2(c->b, "Less", index, ca_build_number(c->b, index, 0));
    index = ca_build_3(c->b, "Select", negative, ca_build_2(c->b, "Add", index, depth),
                       index);
    CaValue *off = ca_build_to_scalar(c->b, sliced(c, values, 0, 1, 0));
    CaValue *on = ca_build_to_scalar(c->b, sliced(c, values, 1, 2, 0));
    CaValue *const in[] = {index, depth, on, off};
    CaValue *v = ca_build_make(c->b, "OneHot", in, 4, 1);
    ca_build_set_int(c->b, v, "axis", ca_onnx_attr_int(c, "axis", -1));
    ca_onnx_out(c, 0, v);
}

static void range(CaOnnxCall *c)
{
    CaValue *const in[] = {ca_build_to_scalar(c->b, ca_onnx_in(c, 0)),
                           ca_build_to_scalar(c->b, ca_onnx_in(c, 1)),
                           ca_build_to_scalar(c->b, ca_onnx_in(c, 2))};
    const CarinaType type = ca_build_type(c->b, in[0]);
    CaValue *v = ca_build_make(c->b, "Range", in, 3, 1);
    ca_build_set_text(c->b, v, "output_type", carina_type_name(type));
    ca_onnx_out(c, 0, v);
}

static void non_zero(CaOnnxCall *c)
{
    CaValue *v = ca_build_1(c->b, "NonZero", ca_onnx_in(c, 0));
    ca_build_set_text(c->b, v, "output_type", "i64");
    ca_onnx_out(c, 0, v);
}

/* max_output_boxes absent: none are kept. */
static void non_max_suppression(CaOnnxCall *c)
{
    CaValue *boxes = ca_onnx_in(c, 0), *scores = ca_onnx_in(c, 1);
    CaValue *most = ca_onnx_opt(c, 2), *iou = ca_onnx_opt(c, 3), *low = ca_onnx_opt(c, 4);
    CaValue *const in[] = {
        boxes, scores, most ? ca_build_to_scalar(c->b, most) : ca_build_scalar(c->b, 0),
        iou ? ca_build_to_scalar(c->b, iou) : ca_build_number(c->b, scores, 0),
        low ? ca_build_to_scalar(c->b, low) : ca_build_number(c->b, scores, -3.0e38)};
    CaValue *v = ca_build_make(c->b, "NonMaxSuppression", in, 5, 3);
    ca_build_set_text(c->b, v, "box_encoding",
                      ca_onnx_attr_int(c, "center_point_box", 0) ? "center" : "corner");
    ca_build_set_text(c->b, v, "sort_result_descending", "false");
    ca_build_set_text(c->b, v, "output_type", "i64");
    ca_onnx_out(c, 0, v);
}

const CaOnnxOp ca_onnx_moves[] = {
    {"", "Concat", concat, NULL},
    {"", "Constant", constant, NULL},
    {"", "ConstantOfShape", constant_of_shape, NULL},
    {"", "DepthToSpace", depth_to_space, NULL},
    {"", "Dropout", dropout, NULL},
    {"", "Expand", expand, NULL},
    {"", "Flatten", flatten, NULL},
    {"", "Gather", gather, NULL},
    {"", "GatherElements", gather_elements, NULL},
    {"", "GatherND", gather_nd, NULL},
    {"", "Identity", pass_through, NULL},
    {"", "NonMaxSuppression", non_max_suppression, NULL},
    {"", "NonZero", non_zero, NULL},
    {"", "OneHot", one_hot, NULL},
    {"", "Pad", pad, NULL},
    {"", "Range", range, NULL},
    {"", "Reshape", reshape, NULL},
    {"", "Resize", resize, NULL},
    {"", "Scatter", scatter_elements, NULL},
    {"", "ScatterElements", scatter_elements, NULL},
    {"", "ScatterND", scatter_nd, NULL},
    {"", "Shape", shape, NULL},
    {"", "Size", size, NULL},
    {"", "Slice", slice, NULL},
    {"", "SpaceToDepth", depth_to_space, NULL},
    {"", "Split", split, NULL},
    {"", "Squeeze", squeeze, NULL},
    {"", "Tile", tile, NULL},
    {"", "Transpose", transpose, NULL},
    {"", "Unsqueeze", squeeze, NULL},
    {"", "Upsample", upsample, NULL},
    {NULL, NULL, NULL, NULL},
};
