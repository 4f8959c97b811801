/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whole-steps: sums, products, means. Factors are computed from the scales as TensorFlow Lite computes them: in double,
 * or in f32 where it does so.
 */
#include "passes/whole_steps.h"

#include "base/text.h"

#include <math.h>

static CaValue *inferred(CaStepsPass *p, CaValue *v)
{
    if (!v || p->status != CARINA_OK)
        return NULL;
    p->status = ca_node_infer(p->g, v->node, p->err);
    return p->status == CARINA_OK ? v : NULL;
}

static CaValue *named(CaStepsPass *p, CaValue *v, const CaNode *like)
{
    if (v && p->status == CARINA_OK)
        p->status = ca_node_rename(p->g, v->node, like->name, p->err);
    return inferred(p, v);
}

/* --- Two tensors. */

typedef struct Pair {
    CaFixed a, b, y;
    int64_t left;
    bool is_shifted;
} Pair;

static bool is_power_of_two(double x)
{
    int exponent = 0;
    return frexp(x, &exponent) == 0.5;
}

/* Scales that are powers of two: the exponents say how far one is shifted onto the other. */
static bool shifted_factors(Pair *f, const CaSteps *a, const CaSteps *b, const CaSteps *s)
{
    if (!is_power_of_two(a->scale) || !is_power_of_two(b->scale) ||
        !is_power_of_two(s->scale))
        return false;
    f->is_shifted = true;
    f->a.exponent = ilogb(a->scale) - ilogb(s->scale);
    f->b.exponent = ilogb(b->scale) - ilogb(s->scale);
    return f->a.exponent <= 0 && f->b.exponent <= 0 && f->a.exponent >= -31 &&
           f->b.exponent >= -31;
}

/* Both onto twice the larger scale, with 20 bits (16-bit types: 15) behind the point. */
static bool sum_factors(Pair *f, const CaSteps *a, const CaSteps *b, const CaSteps *s)
{
    const double twice = 2 * fmax(a->scale, b->scale);
    f->left = s->type == CARINA_I16 ? 15 : 20;
    f->a = ca_fixed_of(a->scale / twice);
    f->b = ca_fixed_of(b->scale / twice);
    f->y = ca_fixed_of(twice / ((double)(1 << f->left) * s->scale));
    return true;
}

static bool square_factors(Pair *f, const CaSteps *a, const CaSteps *b, const CaSteps *s)
{
    const double twice = 2 * fmax(a->scale, b->scale);
    f->left = 7;
    f->a = ca_fixed_of(a->scale / twice);
    f->b = ca_fixed_of(b->scale / twice);
    f->y = ca_fixed_of(twice * twice / ((double)(1 << 14) * s->scale));
    return s->type != CARINA_I16;
}

static bool product_factors(Pair *f, const CaSteps *a, const CaSteps *b, const CaSteps *s)
{
    f->y = ca_fixed_of((double)((float)a->scale * (float)b->scale / (float)s->scale));
    return true;
}

static bool quotient_factors(Pair *f, const CaSteps *a, const CaSteps *b,
                             const CaSteps *s)
{
    f->y = ca_fixed_of((double)((float)a->scale / ((float)b->scale * (float)s->scale)));
    return true;
}

static bool slope_factors(Pair *f, const CaSteps *a, const CaSteps *b, const CaSteps *s)
{
    f->a = ca_fixed_of((double)((float)a->scale / (float)s->scale));
    return product_factors(f, a, b, s);
}

static const struct {
    const char *op, *mode, *shifted;
    bool (*factors)(Pair *f, const CaSteps *a, const CaSteps *b, const CaSteps *s);
} pairs[] = {{"Add", "add", "add_shifted", sum_factors},
             {"Subtract", "sub", "sub_shifted", sum_factors},
             {"Multiply", "mul", NULL, product_factors},
             {"Divide", "div", NULL, quotient_factors},
             {"PReLU", "prelu", NULL, slope_factors},
             {"SquaredDifference", "squared_difference", NULL, square_factors}};

/* PReLU's slopes broadcast from the last dimension where they have as many. */
static bool broadcasts(const CaNode *n)
{
    if (!ca_node_is(n, "PReLU"))
        return ca_rewrite_is_numpy(n);
    return ca_node_input(n, 0)->shape.rank == ca_node_input(n, 1)->shape.rank;
}

/* Slopes for 16 bits have 8. */
static CaTwin other_twin(CaStepsPass *p, const CaNode *n, const CaSteps *s)
{
    CaTwin t = ca_steps_twin(p, ca_node_input(n, 1));
    if (!t.q || !ca_node_is(n, "PReLU") || s->type != CARINA_I16 || t.s.type != CARINA_I8)
        return t;
    t.q = ca_steps_node(p, "Convert", &t.q, 1, NULL, 0);
    if (t.q)
        p->status = ca_node_set_text(p->g, t.q->node, "destination_type", "i16", p->err);
    t.q = inferred(p, t.q);
    t.s.type = CARINA_I16;
    return t;
}

static CaValue *pair(CaStepsPass *p, const CaNode *n, const CaSteps *s,
                     const CaStepRange *range)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (!ca_node_is(n, pairs[i].op) || n->n_inputs != 2 || !broadcasts(n))
            continue;
        const CaTwin a = ca_steps_twin(p, ca_node_input(n, 0));
        const CaTwin b = other_twin(p, n, s);
        Pair f = {.left = 0};
        if (!a.q || !b.q || a.s.type != s->type || b.s.type != s->type ||
            !(range->of == CA_STEPS_OF_SHIFTED_SUM && pairs[i].shifted
                  ? shifted_factors
                  : pairs[i].factors)(&f, &a.s, &b.s, s))
            return NULL;
        CaValue *const in[] = {a.q, b.q};
        const CaStepAttr attrs[] = {{"left", f.left},
                                    {"zero_a", a.s.zero},
                                    {"zero_b", b.s.zero},
                                    {"zero_y", s->zero},
                                    {"low", range->low},
                                    {"high", range->high},
                                    {"mantissa_a", f.a.mantissa},
                                    {"exponent_a", f.a.exponent},
                                    {"mantissa_b", f.b.mantissa},
                                    {"exponent_b", f.b.exponent},
                                    {"mantissa_y", f.y.mantissa},
                                    {"exponent_y", f.y.exponent}};
        CaValue *y = ca_steps_node(p, "QuantizedBinary", in, 2, attrs, 12);
        if (y)
            p->status =
                ca_node_set_text(p->g, y->node, "mode",
                                 f.is_shifted ? pairs[i].shifted : pairs[i].mode, p->err);
        return named(p, y, n);
    }
    return NULL;
}

/* FLOOR_DIV and FLOOR_MOD take the integers for what they stand for. */
static CaValue *floored(CaStepsPass *p, const CaNode *n, const CaSteps *s,
                        const CaStepRange *range)
{
    const CaNode *of = ca_node_is(n, "Floor") ? ca_node_input_node(n, 0) : n;
    if ((of != n && !ca_node_is(of, "Divide")) || of->n_inputs != 2 ||
        !ca_rewrite_is_numpy(of))
        return NULL;
    const CaTwin a = ca_steps_twin(p, ca_node_input(of, 0)),
                 b = ca_steps_twin(p, ca_node_input(of, 1));
    if (!a.q || !b.q || a.s.type != s->type || b.s.type != s->type ||
        s->type == CARINA_U8)
        return NULL;
    CaValue *const in[] = {a.q, b.q};
    const CaStepAttr attrs[] = {
        {"low", range->low}, {"high", range->high}, {"mantissa_y", 0}, {"exponent_y", 0}};
    CaValue *y = ca_steps_node(p, "QuantizedBinary", in, 2, attrs, 4);
    if (y)
        p->status = ca_node_set_text(p->g, y->node, "mode",
                                     of != n ? "floor_div" : "floor_mod", p->err);
    return named(p, y, n);
}

/* Comparisons, whose results are no steps. NULL: no rule. */
CaValue *ca_steps_compare(CaStepsPass *p, const CaNode *n)
{
    static const char *const modes[][2] = {
        {"Equal", "equal"},     {"NotEqual", "not_equal"},
        {"Less", "less"},       {"LessEqual", "less_equal"},
        {"Greater", "greater"}, {"GreaterEqual", "greater_equal"}};
    size_t i = 0;
    while (i < 6 && !ca_node_is(n, modes[i][0]))
        i++;
    if (i == 6 || n->n_inputs != 2 || !ca_rewrite_is_numpy(n))
        return NULL;
    const CaTwin a = ca_steps_twin(p, ca_node_input(n, 0)),
                 b = ca_steps_twin(p, ca_node_input(n, 1));
    if (!a.q || !b.q || a.s.type != b.s.type)
        return NULL;
    /* of 16 bits only these two look at the scales */
    const bool is_scaled = a.s.type != CARINA_I16 || i < 2;
    const CaFixed fa = ca_fixed_of(is_scaled ? a.s.scale : 0),
                  fb = ca_fixed_of(is_scaled ? b.s.scale : 0);
    CaValue *const in[] = {a.q, b.q};
    const CaStepAttr attrs[] = {{"zero_a", a.s.zero},        {"zero_b", b.s.zero},
                                {"mantissa_a", fa.mantissa}, {"exponent_a", fa.exponent},
                                {"mantissa_b", fb.mantissa}, {"exponent_b", fb.exponent}};
    CaValue *y = ca_steps_node(p, "QuantizedCompare", in, 2, attrs, 6);
    if (y)
        p->status = ca_node_set_text(p->g, y->node, "mode", modes[i][1], p->err);
    return named(p, y, n);
}

/* --- Products of matrices. */

/* [..., K, N] as [..., N, K]. */
static CaValue *turned(CaStepsPass *p, CaValue *v)
{
    int64_t order[CARINA_MAX_RANK];
    const int rank = v->shape.rank;
    for (int i = 0; i < rank; i++)
        order[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    CaValue *const in[] = {v, ca_steps_ints(p, CARINA_I64, order, rank)};
    CaValue *out = inferred(p, ca_steps_node(p, "Transpose", in, 2, NULL, 0));
    if (out && ca_steps_known(p, v))
        ca_steps_known(p, out);
    return out;
}

static CaValue *product(CaStepsPass *p, const CaNode *n, const CaSteps *s,
                        const CaStepRange *range)
{
    const CaTwin a = ca_steps_twin(p, ca_node_input(n, 0)),
                 b = ca_steps_twin(p, ca_node_input(n, 1));
    if (range->of != CA_STEPS_OF_BATCH_MATMUL || !a.q || !b.q || a.s.type != s->type ||
        a.q->shape.rank < 2 || b.q->shape.rank < 2)
        return NULL;
    const CaFixed f =
        ca_fixed_of((double)((float)a.s.scale * (float)b.s.scale) / s->scale);
    CaValue *const in[] = {
        carina_node_bool(n, "transpose_a", false) ? turned(p, a.q) : a.q,
        carina_node_bool(n, "transpose_b", false) ? b.q : turned(p, b.q)};
    const CaStepAttr attrs[] = {{"zero_a", a.s.zero},    {"zero_b", b.s.zero},
                                {"zero_y", s->zero},     {"low", range->low},
                                {"high", range->high},   {"mantissa", f.mantissa},
                                {"exponent", f.exponent}};
    CaValue *y = ca_steps_node(p, "QuantizedMatMul", in, 2, attrs, 7);
    if (y)
        p->status = ca_node_set_text(p->g, y->node, "rounding",
                                     s->type == CARINA_I16 ? "short" : "twice", p->err);
    return named(p, y, n);
}

/* --- Means. */

static CaValue *pool(CaStepsPass *p, const CaNode *n, const CaSteps *s,
                     const CaStepRange *range)
{
    static const char *const lists[] = {"kernel", "strides", "pads_begin", "pads_end"};
    CaValue *x = ca_node_input(n, 0);
    const CaTwin t = ca_steps_twin(p, x);
    const CarinaInts dilations = carina_node_ints(n, "dilations");
    if (!t.q || !ca_steps_same(&t.s, s) || x->shape.rank != 4 || dilations.n ||
        !carina_node_bool(n, "exclude-pad", false))
        return NULL;
    const CaStepAttr attrs[] = {{"low", range->low}, {"high", range->high}};
    CaValue *const in[] = {t.q};
    CaValue *y = ca_steps_node(p, "QuantizedAvgPool", in, 1, attrs, 2);
    for (int i = 0; y && i < 4 && p->status == CARINA_OK; i++) {
        const CarinaInts v = carina_node_ints(n, lists[i]);
        p->status = ca_node_set_ints(p->g, y->node, lists[i], v.v, v.n, p->err);
    }
    if (y && p->status == CARINA_OK)
        p->status = ca_node_set_text(p->g, y->node, "auto_pad",
                                     carina_node_enum(n, "auto_pad"), p->err);
    y = named(p, y, n);
    return y && ca_shape_equal(&y->shape, &n->outputs[0].shape) ? y : NULL;
}

/* The division by n of a mean goes into the factor, with as many bits more as n has. */
static CaFixed divided(CaFixed f, int64_t n)
{
    int shift = 0;
    while (n >> (shift + 1))
        shift++;
    shift = shift < 32 ? shift : 32;
    shift = shift < 31 + f.exponent ? shift : 31 + f.exponent;
    return (CaFixed){(int32_t)(((int64_t)f.mantissa << shift) / n), f.exponent - shift};
}

/* The reference kernel for sums takes all types for u8: the others are summed as by the default one, which rounds f32. */
static const char *reduced_rounding(const CaNode *n, const CaSteps *s)
{
    return ca_node_is(n, "ReduceSum") && s->type != CARINA_U8 ? "once" : "twice";
}

static CaValue *reduced(CaStepsPass *p, const CaNode *n, const CaSteps *s,
                        const CaStepRange *range)
{
    const CaTwin t = ca_steps_twin(p, ca_node_input(n, 0));
    const CarinaShape *y_shape = &n->outputs[0].shape;
    int64_t n_x = 0, n_y = 0;
    if (!t.q || t.s.type != s->type || !ca_shape_count(&t.q->shape, &n_x) ||
        !ca_shape_count(y_shape, &n_y) || n_y < 1 || n_x < 1)
        return NULL;
    const bool is_product = ca_node_is(n, "ReduceProd");
    CaFixed f = ca_fixed_of(
        t.s.scale / (is_product ? pow(s->scale, 1.0 / (double)(n_x / n_y)) : s->scale));
    if (ca_node_is(n, "ReduceMean"))
        f = divided(f, n_x / n_y);
    CaValue *const in[] = {t.q, ca_node_input(n, 1)};
    const CaStepAttr attrs[] = {{"keep_dims", carina_node_bool(n, "keep_dims", false)},
                                {"zero_x", t.s.zero},
                                {"zero_y", s->zero},
                                {"low", range->low},
                                {"high", range->high},
                                {"mantissa", f.mantissa},
                                {"exponent", f.exponent}};
    CaValue *y = ca_steps_node(p, "QuantizedReduce", in, 2, attrs + 1, 6);
    if (y)
        p->status = ca_node_set_text(p->g, y->node, "keep_dims",
                                     attrs[0].v ? "true" : "false", p->err);
    if (y && p->status == CARINA_OK && is_product)
        p->status = ca_node_set_text(p->g, y->node, "mode", "prod", p->err);
    if (y && p->status == CARINA_OK)
        p->status =
            ca_node_set_text(p->g, y->node, "rounding", reduced_rounding(n, s), p->err);
    return named(p, y, n);
}

/* --- Resizing. */

static bool axes_are(CaStepsPass *p, const CaNode *n, int64_t first)
{
    CaValue *v = ca_node_input(n, 2);
    const CarinaTensor *t = v ? ca_steps_known(p, v) : NULL;
    return t && ca_tensor_count(t) == 2 && ca_get_int(t->type, t->data, 0) == first &&
           ca_get_int(t->type, t->data, 1) == first + 1;
}

static bool is_bilinear(const CaNode *n)
{
    static const char *const known[] = {"asymmetric", "align_corners", "half_pixel"};
    const char *mode = carina_node_enum(n, "mode"),
               *coordinates = carina_node_enum(n, "coordinate_transformation_mode");
    bool is_known = false;
    for (int i = 0; coordinates && i < 3; i++)
        is_known = is_known || ca_text_equal(coordinates, known[i]);
    return is_known && ca_text_equal(mode, "linear_onnx") &&
           n->outputs[0].shape.rank == 4 && !carina_node_ints(n, "pads_begin").n &&
           !carina_node_ints(n, "pads_end").n;
}

static CaValue *transposed(CaStepsPass *p, CaValue *v, const int64_t *order)
{
    CaValue *const in[] = {v, ca_steps_ints(p, CARINA_I64, order, 4)};
    return inferred(p, ca_steps_node(p, "Transpose", in, 2, NULL, 0));
}

/* Channels first, or last where Transposes around it have gone. */
static CaValue *resized(CaStepsPass *p, const CaNode *n, const CaSteps *s)
{
    static const int64_t to_first[] = {0, 3, 1, 2}, to_last[] = {0, 2, 3, 1};
    const CaTwin t = ca_steps_twin(p, ca_node_input(n, 0));
    if (!t.q || !ca_steps_same(&t.s, s) || !is_bilinear(n))
        return NULL;
    const bool is_last = axes_are(p, n, 1);
    if (!is_last && !axes_are(p, n, 2))
        return NULL;
    CaValue *const in[] = {is_last ? transposed(p, t.q, to_first) : t.q};
    CaValue *y = ca_steps_node(p, "QuantizedInterpolate", in, 1, NULL, 0);
    if (!y)
        return NULL;
    p->status = ca_node_set_ints(p->g, y->node, "sizes",
                                 n->outputs[0].shape.dims + (is_last ? 1 : 2), 2, p->err);
    if (p->status == CARINA_OK)
        p->status = ca_node_set_text(
            p->g, y->node, "coordinates",
            carina_node_enum(n, "coordinate_transformation_mode"), p->err);
    y = named(p, y, n);
    return y && is_last ? transposed(p, y, to_last) : y;
}

CaValue *ca_steps_arithmetic(CaStepsPass *p, CaValue *core, const CaSteps *s,
                             const CaStepRange *range)
{
    const CaNode *n = core->node;
    if (p->status != CARINA_OK)
        return NULL;
    if (ca_node_is(n, "AvgPool"))
        return pool(p, n, s, range);
    if (ca_node_is(n, "ReduceMean") || ca_node_is(n, "ReduceSum") ||
        ca_node_is(n, "ReduceProd"))
        return reduced(p, n, s, range);
    if (ca_node_is(n, "Interpolate") && range->low == s->lowest &&
        range->high == s->highest)
        return resized(p, n, s);
    if (ca_node_is(n, "MatMul"))
        return product(p, n, s, range);
    if (ca_node_is(n, "Floor") || ca_node_is(n, "FloorMod"))
        return floored(p, n, s, range);
    return pair(p, n, s, range);
}
