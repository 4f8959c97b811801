/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interpolate: resizing along axes. OpenVINO opset1, opset4 (sizes and scales are two inputs), opset11 (one input,
 * and Pillow's filters).
 *
 * Zeros are padded first. Every mode is separable here: for each axis a table of weights, output by input, then
 * one pass an axis. A scale of 1 or an unchanged length keeps an axis as it is. Given scales enter the coordinates
 * as they are; otherwise the scale is output / padded input. Integers are rounded half away from zero.
 */
#include "ops/check.h"

#include <float.h>
#include <math.h>

enum { NEAREST, LINEAR, LINEAR_ONNX, CUBIC, BILINEAR_PILLOW, BICUBIC_PILLOW };
static const char *const modes4[] = {"nearest", "linear", "linear_onnx", "cubic", NULL};
static const char *const modes11[] = {"nearest", "linear",          "linear_onnx",
                                      "cubic",   "bilinear_pillow", "bicubic_pillow",
                                      NULL};
enum { V1_NEAREST, V1_LINEAR, V1_CUBIC, V1_AREA };
static const char *const modes1[] = {"nearest", "linear", "cubic", "area", NULL};
enum { SIZES, SCALES };
static const char *const calculations[] = {"sizes", "scales", NULL};
enum { HALF_PIXEL, PYTORCH_HALF_PIXEL, ASYMMETRIC, TF_HALF_PIXEL_FOR_NN, ALIGN_CORNERS };
static const char *const coordinates[] = {"half_pixel",    "pytorch_half_pixel",
                                          "asymmetric",    "tf_half_pixel_for_nn",
                                          "align_corners", NULL};
enum { ROUND_PREFER_FLOOR, ROUND_PREFER_CEIL, FLOOR, CEIL, SIMPLE };
static const char *const nearests[] = {
    "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple", NULL};

typedef struct {
    CarinaInts pads_begin, pads_end, axes;
    double cube_coeff;
    int32_t mode, shape_calculation_mode, coordinate_transformation_mode, nearest_mode;
    bool antialias, align_corners;
} Attrs;

#define PADS                                                     \
    CA_ATTR_INTS(Attrs, pads_begin, 0, 1 << 24, CA_DEFAULT("")), \
        CA_ATTR_INTS(Attrs, pads_end, 0, 1 << 24, CA_DEFAULT(""))
#define SINCE_4                                                                        \
    CA_ATTR_ENUM(Attrs, shape_calculation_mode, calculations, CA_REQUIRED),            \
        CA_ATTR_ENUM(Attrs, coordinate_transformation_mode, coordinates,               \
                     CA_DEFAULT("half_pixel")),                                        \
        CA_ATTR_ENUM(Attrs, nearest_mode, nearests, CA_DEFAULT("round_prefer_floor")), \
        CA_ATTR_BOOL(Attrs, antialias, CA_DEFAULT("false")), PADS,                     \
        CA_ATTR_FLOAT(Attrs, cube_coeff, -FLT_MAX, FLT_MAX, CA_DEFAULT("-0.75"))

static const CarinaAttr attrs1[] = {
    CA_ATTR_BOOL(Attrs, align_corners, CA_DEFAULT("true")),
    CA_ATTR_BOOL(Attrs, antialias, CA_DEFAULT("false")),
    CA_ATTR_INTS(Attrs, axes, 0, CARINA_MAX_RANK - 1, CA_REQUIRED),
    CA_ATTR_ENUM(Attrs, mode, modes1, CA_REQUIRED),
    PADS,
    CA_ATTRS_END,
};
static const CarinaAttr attrs4[] = {
    CA_ATTR_ENUM(Attrs, mode, modes4, CA_REQUIRED),
    SINCE_4,
    CA_ATTRS_END,
};
static const CarinaAttr attrs11[] = {
    CA_ATTR_ENUM(Attrs, mode, modes11, CA_REQUIRED),
    SINCE_4,
    CA_ATTRS_END,
};

/* Which inputs say what; -1: none. */
typedef struct {
    int sizes, scales, axes;
} Inputs;
static const Inputs inputs1 = {1, -1, -1}, inputs4 = {1, 2, 3}, inputs11 = {1, 1, 2};

static CarinaStatus pad(const CaInferArgs *a, CarinaShape *x, CarinaError *err)
{
    const Attrs *at = (const Attrs *)a->attrs;
    if (at->pads_begin.n > x->rank || at->pads_end.n > x->rank)
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                            "there are %d pads_begin, %d pads_end and only %d dimensions",
                            (int)at->pads_begin.n, (int)at->pads_end.n, (int)x->rank);
    for (int d = 0; d < x->rank; d++) {
        if (x->dims[d] > INT32_MAX)
            return ca_infer_err(a, err, CARINA_ERR_LIMIT, "dimension %d is %lld long", d,
                                (long long)x->dims[d]);
        if (x->dims[d] < 0)
            continue;
        x->dims[d] += (d < at->pads_begin.n ? at->pads_begin.v[d] : 0) +
                      (d < at->pads_end.n ? at->pads_end.v[d] : 0);
    }
    return CARINA_OK;
}

static CarinaStatus resize(const CaInferArgs *a, Inputs in, const int64_t *axes, int n,
                           CarinaShape *y, CarinaError *err)
{
    const Attrs *at = (const Attrs *)a->attrs;
    const bool by_scales = in.scales >= 0 && at->shape_calculation_mode == SCALES;
    const int from = by_scales ? in.scales : in.sizes;
    const CaValue *v = ca_node_input(a->node, from);
    const CarinaTensor *t = v ? v->constant : NULL;
    if (!v || (by_scales ? !ca_type_is_real(v->type) : !ca_type_is_whole(v->type)))
        return ca_infer_err(a, err, CARINA_ERR_TYPE, "input %d must hold %s", from,
                            by_scales ? "scales, floating numbers" : "sizes, integers");
    if (t && ca_tensor_count(t) != n)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "input %d has %lld numbers for %d axes", from,
                            (long long)ca_tensor_count(t), n);
    for (int i = 0; i < n; i++) {
        int d;
        if (!ca_axis(axes[i], y->rank, &d))
            return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                                "axis %lld is out of range; the input has %d dimensions",
                                (long long)axes[i], (int)y->rank);
        const int64_t padded = y->dims[d];
        y->dims[d] = CARINA_DYNAMIC;
        if (!t || (by_scales && padded < 0))
            continue;
        const double scale = by_scales ? ca_get_real(t->type, t->data, i) : 1;
        const double len = by_scales ? floor((double)padded * (scale + 1e-6))
                                     : (double)ca_get_int(t->type, t->data, i);
        if (!(scale > 0 && len >= 1 && len <= INT32_MAX) || padded == 0)
            return ca_infer_err(
                a, err, CARINA_ERR_SHAPE,
                "axis %d would be resized from %lld to %g; give lengths from 1", d,
                (long long)padded, len);
        y->dims[d] = (int64_t)len;
    }
    return CARINA_OK;
}

static CarinaStatus infer_from(const CaInferArgs *a, Inputs in, CarinaError *err)
{
    const Attrs *at = (const Attrs *)a->attrs;
    CarinaShape y = ca_in_shape(a, 0);
    int64_t axes[CARINA_MAX_RANK];
    int n = 0;
    CA_TRY(ca_check_same(a, 0, 1, err));
    if (in.axes >= 0 && ca_node_input(a->node, in.axes))
        CA_TRY(ca_check_axes(a, in.axes, err));
    if (y.rank < 0) {
        ca_out(a, 0, ca_in_type(a, 0), &y);
        return CARINA_OK;
    }
    CA_TRY(pad(a, &y, err));
    bool known = true;
    if (in.axes < 0)
        for (n = 0; n < at->axes.n && n < CARINA_MAX_RANK; n++)
            axes[n] = at->axes.v[n];
    else if (ca_node_input(a->node, in.axes))
        known = ca_in_ints(a, in.axes, axes, CARINA_MAX_RANK, &n);
    else
        for (n = 0; n < y.rank; n++)
            axes[n] = n;
    if (known)
        CA_TRY(resize(a, in, axes, n, &y, err));
    else
        y = ca_shape_of_rank(y.rank);
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static CarinaStatus infer1(const CaInferArgs *a, CarinaError *err)
{
    if (((const Attrs *)a->attrs)->mode == V1_AREA)
        return ca_infer_err(a, err, CARINA_ERR_UNSUPPORTED,
                            "mode area is not offered; use linear with antialias");
    return infer_from(a, inputs1, err);
}
static CarinaStatus infer4(const CaInferArgs *a, CarinaError *err)
{
    return infer_from(a, inputs4, err);
}
static CarinaStatus infer11(const CaInferArgs *a, CarinaError *err)
{
    return infer_from(a, inputs11, err);
}

/* One axis: out outputs from in inputs; row o of weights is non-zero within [first[o], last[o]). */
typedef struct {
    int64_t in, out;
    double scale, stretch; /* stretch: how much the linear kernel widens, as 1 / a */
    double *weights;
    int64_t *first, *last;
} Axis;

static double coordinate(const Attrs *at, const Axis *x, int64_t o)
{
    const double i = (double)o;
    if (x->scale == 1 || x->in == x->out)
        return i;
    switch (at->coordinate_transformation_mode) {
    case PYTORCH_HALF_PIXEL: return x->out > 1 ? (i + 0.5) / x->scale - 0.5 : 0;
    case ASYMMETRIC: return i / x->scale;
    case TF_HALF_PIXEL_FOR_NN: return (i + 0.5) / x->scale;
    case ALIGN_CORNERS:
        return x->out == 1 ? 0 : i * (double)(x->in - 1) / (double)(x->out - 1);
    default: return (i + 0.5) / x->scale - 0.5;
    }
}

/* Index within the input, however far x lies outside. */
static int64_t clamp(const Axis *x, double i)
{
    return (int64_t)fmin(fmax(i, 0), (double)(x->in - 1));
}

static void add(Axis *x, int64_t o, double index, double weight)
{
    const int64_t i = clamp(x, index);
    x->weights[o * x->in + i] += weight;
    if (i < x->first[o])
        x->first[o] = i;
    if (i >= x->last[o])
        x->last[o] = i + 1;
}

static double nearest(const Attrs *at, double scale, double x)
{
    switch (at->nearest_mode) {
    case ROUND_PREFER_CEIL: return round(x);
    case FLOOR: return floor(x);
    case CEIL: return ceil(x);
    case SIMPLE: return scale < 1 ? ceil(x) : trunc(x);
    default: return x == floor(x) + 0.5 ? floor(x) : round(x);
    }
}

/* The cubic kernel with coefficient a at distance t. */
static double cubic(double a, double t)
{
    t = fabs(t);
    if (t <= 1)
        return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

static void normalise(Axis *x, int64_t o, double at)
{
    double sum = 0;
    for (int64_t i = x->first[o]; i < x->last[o]; i++)
        sum += x->weights[o * x->in + i];
    if (sum == 0)
        add(x, o, at, 1);
    for (int64_t i = x->first[o]; i < x->last[o] && sum != 0; i++)
        x->weights[o * x->in + i] /= sum;
}

/* Triangle of radius 1 * stretch, normalised over what lies inside. */
static void add_linear(Axis *x, int64_t o, double at)
{
    const double reach = 2 * x->stretch;
    const int64_t lo = clamp(x, floor(at - reach)), hi = clamp(x, ceil(at + reach));
    for (int64_t i = lo; i <= hi; i++) {
        const double w = 1 - fabs(at - (double)i) / x->stretch;
        if (w > 0)
            add(x, o, (double)i, w);
    }
    normalise(x, o, at);
}

static void add_pillow(Axis *x, const Attrs *at, int64_t o)
{
    const bool is_cubic = at->mode == BICUBIC_PILLOW;
    const double stretch = fmax(1 / x->scale, 1), reach = (is_cubic ? 2 : 1) * stretch;
    const double centre = ((double)o + 0.5) / x->scale;
    const double lo = fmax(floor(centre - reach + 0.5), 0);
    const double hi = fmin(floor(centre + reach + 0.5), (double)x->in);
    for (double i = lo; i < hi; i++) {
        const double t = (i - centre + 0.5) / stretch;
        add(x, o, i, is_cubic ? cubic(at->cube_coeff, t) : fmax(1 - fabs(t), 0));
    }
    normalise(x, o, centre);
}

static void fill(Axis *x, const Attrs *at)
{
    for (int64_t o = 0; o < x->out; o++) {
        const double p = coordinate(at, x, o),
                     inside = fmin(fmax(p, 0), (double)(x->in - 1));
        x->first[o] = x->in;
        switch (at->mode) {
        case NEAREST: add(x, o, nearest(at, x->scale, p), 1); break;
        case LINEAR: add_linear(x, o, p); break;
        case LINEAR_ONNX:
            add(x, o, floor(inside), 1 - (inside - floor(inside)));
            add(x, o, floor(inside) + 1, inside - floor(inside));
            break;
        case CUBIC:
            for (int k = -1; k <= 2; k++)
                add(x, o, floor(p) + k, cubic(at->cube_coeff, floor(p) + k - p));
            break;
        default: add_pillow(x, at, o); break;
        }
    }
}

static double *padded(CaRefArgs *r, const Attrs *at, CarinaShape *shape)
{
    const CaRefTensor *x = &r->in[0];
    int64_t begin[CARINA_MAX_RANK] = {0}, strides[CARINA_MAX_RANK], n = 1;
    *shape = x->shape;
    for (int d = 0; d < shape->rank; d++) {
        begin[d] = d < at->pads_begin.n ? at->pads_begin.v[d] : 0;
        shape->dims[d] += begin[d] + (d < at->pads_end.n ? at->pads_end.v[d] : 0);
    }
    if (!ca_shape_count(shape, &n)) {
        r->problem = "the padded input is too large";
        return NULL;
    }
    double *p = ca_ref_doubles(r, n);
    ca_ref_strides(shape, strides);
    for (int64_t i = 0; p && i < x->n; i++) {
        int64_t to = 0, rest = i;
        for (int d = shape->rank - 1; d >= 0; d--) {
            to += (rest % x->shape.dims[d] + begin[d]) * strides[d];
            rest /= x->shape.dims[d];
        }
        p[to] = x->real ? x->real[i] : (double)x->whole[i];
    }
    return p;
}

/* Resizes dimension d of p, whose shape changes with it. */
static double *pass(CaRefArgs *r, const Attrs *at, Axis *x, const double *p,
                    CarinaShape *shape, int d)
{
    const int64_t outer = ca_shape_product(shape, 0, d);
    const int64_t inner = ca_shape_product(shape, d + 1, shape->rank);
    x->weights = ca_ref_doubles(r, x->in * x->out);
    x->first = (int64_t *)ca_arena_array(r->arena, (size_t)x->out, 2 * sizeof *x->first);
    double *y = ca_ref_doubles(r, outer * x->out * inner);
    if (!x->weights || !x->first || !y) {
        r->problem = "out of memory for work space";
        return NULL;
    }
    x->last = x->first + x->out;
    fill(x, at);
    for (int64_t k = 0; k < outer; k++)
        for (int64_t o = 0; o < x->out; o++)
            for (int64_t i = x->first[o]; i < x->last[o]; i++)
                for (int64_t j = 0; j < inner; j++)
                    y[(k * x->out + o) * inner + j] +=
                        x->weights[o * x->in + i] * p[(k * x->in + i) * inner + j];
    shape->dims[d] = x->out;
    return y;
}

static int64_t to_whole(CarinaType type, double v)
{
    const int bits = type == CARINA_BOOL ? 1 : carina_type_bits(type);
    const bool is_unsigned = type == CARINA_BOOL || ca_type_is_unsigned(type);
    const double hi = ldexp(1, is_unsigned ? bits : bits - 1), lo = is_unsigned ? 0 : -hi;
    v = round(v);
    if (!(v > lo))
        return is_unsigned ? 0 : INT64_MIN >> (64 - bits);
    if (v < 0x1p63)
        return v < hi ? (int64_t)v : (int64_t)(hi - 1);
    return is_unsigned ? (int64_t)(uint64_t)fmin(v, 0x1.fffffffffffffp63) : INT64_MAX;
}

/* Axes as a list, from input i (all of them where absent) or the attribute. */
static bool axes_of(const CaRefArgs *r, const Attrs *at, Inputs in, int *axes, int *n)
{
    const int rank = r->in[0].shape.rank;
    const bool given = in.axes >= 0 && ca_ref_has(r, in.axes);
    const int64_t count = in.axes < 0 ? at->axes.n : given ? r->in[in.axes].n : rank;
    if (count > CARINA_MAX_RANK)
        return false;
    *n = (int)count;
    for (int i = 0; i < *n; i++) {
        const int64_t v = in.axes < 0 ? at->axes.v[i]
                          : given     ? r->in[in.axes].whole[i]
                                      : i;
        if (!ca_axis(v, rank, &axes[i]))
            return false;
    }
    return true;
}

static void ref_from(CaRefArgs *r, const Attrs *at, Inputs in)
{
    const bool by_scales = in.scales >= 0 && at->shape_calculation_mode == SCALES;
    CaRefTensor *y = &r->out[0];
    int axes[CARINA_MAX_RANK], n = 0;
    CarinaShape shape;
    double scales[CARINA_MAX_RANK], least = 1;
    if (!axes_of(r, at, in, axes, &n) || r->in[by_scales ? in.scales : in.sizes].n != n) {
        r->problem = "axes and sizes do not fit the data";
        return;
    }
    const double *p = padded(r, at, &shape);
    for (int i = 0; p && i < n; i++) {
        scales[i] = by_scales
                        ? r->in[in.scales].real[i]
                        : (double)y->shape.dims[axes[i]] / (double)shape.dims[axes[i]];
        least = fmin(least, scales[i]);
    }
    for (int i = 0; p && i < n; i++) {
        Axis x = {
            .in = shape.dims[axes[i]], .out = y->shape.dims[axes[i]], .scale = scales[i]};
        x.stretch = at->antialias && least < 1 ? 1 / x.scale : 1;
        p = pass(r, at, &x, p, &shape, axes[i]);
    }
    if (p && !ca_shape_equal(&shape, &y->shape))
        r->problem = "the axes do not lead to the output's shape";
    for (int64_t i = 0; p && !r->problem && i < y->n; i++)
        if (y->real)
            y->real[i] = p[i];
        else
            y->whole[i] = to_whole(y->type, p[i]);
}

/* The first version in terms of the fourth. */
static void ref1(CaRefArgs *r)
{
    Attrs at = *(const Attrs *)r->attrs;
    const int rank = r->in[0].shape.rank;
    bool has_pads = false, is_plane = rank == 4 && at.axes.n == 2;
    for (int i = 0; i < at.pads_begin.n; i++)
        has_pads = has_pads || at.pads_begin.v[i];
    for (int i = 0; i < at.pads_end.n; i++)
        has_pads = has_pads || at.pads_end.v[i];
    for (int i = 0; is_plane && i < 2; i++)
        is_plane = at.axes.v[i] >= 2 && at.axes.v[0] != at.axes.v[1];
    at.coordinate_transformation_mode = at.align_corners ? ALIGN_CORNERS : ASYMMETRIC;
    if (at.mode == V1_LINEAR && !at.align_corners && !has_pads && !is_plane)
        at.coordinate_transformation_mode = HALF_PIXEL;
    at.nearest_mode = SIMPLE;
    at.cube_coeff = -0.75;
    if (at.mode == V1_NEAREST)
        at.mode = NEAREST;
    else if (at.mode == V1_LINEAR)
        at.mode = rank < 5 ? LINEAR_ONNX : LINEAR;
    else
        at.mode = CUBIC;
    ref_from(r, &at, inputs1);
}
static void ref4(CaRefArgs *r) { ref_from(r, (const Attrs *)r->attrs, inputs4); }
static void ref11(CaRefArgs *r) { ref_from(r, (const Attrs *)r->attrs, inputs11); }

/* Padded input; for each axis its table and a tensor that is resized so far: no dimension of it is longer than the
 * padded input's or the output's. */
static size_t work(const CarinaNode *node)
{
    const Attrs *at = (const Attrs *)node->attrs;
    const CarinaShape *x = &node->inputs[0].value->shape, *y = &node->outputs[0].shape;
    CarinaShape most = *y;
    size_t total = 0;
    for (int d = 0; d < x->rank && d < y->rank; d++) {
        const int64_t n = x->dims[d] + (d < at->pads_begin.n ? at->pads_begin.v[d] : 0) +
                          (d < at->pads_end.n ? at->pads_end.v[d] : 0);
        int64_t weights = 0;
        most.dims[d] = n > y->dims[d] ? n : y->dims[d];
        if (!ca_dim_times(&weights, n, y->dims[d]))
            return SIZE_MAX;
        total = ca_work_array(total, weights, sizeof(double));
        total = ca_work_array(total, y->dims[d], 2 * sizeof(int64_t));
    }
    int64_t n = 0;
    if (!ca_shape_count(&most, &n))
        return SIZE_MAX;
    for (int i = 0; i <= y->rank; i++)
        total = ca_work_array(total, n, sizeof(double));
    return total;
}

const CaOp ca_op_interpolate = {
    .name = "Interpolate",
    .opset = 1,
    .summary = "resizing to given lengths",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs1,
    .infer = infer1,
    .ref = ref1,
    .work = work,
};

const CaOp ca_op_interpolate_4 = {
    .name = "Interpolate",
    .opset = 4,
    .summary = "resizing by sizes or scales",
    .arity = {3, 4, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs4,
    .infer = infer4,
    .ref = ref4,
    .work = work,
};

const CaOp ca_op_interpolate_11 = {
    .name = "Interpolate",
    .opset = 11,
    .summary = "resizing by sizes or scales, with Pillow's filters too",
    .arity = {2, 3, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs11,
    .infer = infer11,
    .ref = ref11,
    .work = work,
};
