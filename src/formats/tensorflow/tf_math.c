/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: arithmetic, comparison, activations, casts.
 */
#include "formats/tensorflow/tf.h"

#include <math.h>
#include <string.h>

static void unary(CaTfCall *c)
{
    ca_tf_out(c, 0, ca_build_1(c->b, c->row->ours, ca_tf_in(c, 0)));
}
static void binary(CaTfCall *c)
{
    ca_tf_out(c, 0, ca_build_2(c->b, c->row->ours, ca_tf_in(c, 0), ca_tf_in(c, 1)));
}

static void chain(CaTfCall *c)
{
    CaValue *v = ca_tf_in(c, 0);
    for (int i = 1; i < c->n_in; i++)
        v = ca_build_2(c->b, c->row->ours, v, ca_tf_in(c, i));
    ca_tf_out(c, 0, v);
}

/* --- Division. */

static CaValue *quotient(CaBuild *b, CaValue *x, CaValue *y, bool down)
{
    CaValue *v = ca_build_2(b, "Divide", x, y);
    ca_build_set_text(b, v, "m_pythondiv", down ? "true" : "false");
    return v;
}

/* Integers are cut toward zero. */
static void divide(CaTfCall *c)
{
    ca_tf_out(c, 0, quotient(c->b, ca_tf_in(c, 0), ca_tf_in(c, 1), false));
}

static void floor_divide(CaTfCall *c)
{
    CaValue *v = quotient(c->b, ca_tf_in(c, 0), ca_tf_in(c, 1), true);
    if (ca_type_is_real(ca_build_type(c->b, v)))
        v = ca_build_1(c->b, "Floor", v);
    ca_tf_out(c, 0, v);
}

/* v, but 0 where x is 0. */
static CaValue *zero_where_zero(CaBuild *b, CaValue *x, CaValue *v)
{
    return ca_build_3(b, "Select", ca_build_2(b, "Equal", x, ca_build_number(b, x, 0)),
                      ca_build_number(b, v, 0), v);
}

static void divide_no_nan(CaTfCall *c)
{
    CaValue *x = ca_tf_in(c, 0), *y = ca_tf_in(c, 1);
    ca_tf_out(c, 0, zero_where_zero(c->b, y, quotient(c->b, x, y, false)));
}
static void multiply_no_nan(CaTfCall *c)
{
    CaValue *x = ca_tf_in(c, 0), *y = ca_tf_in(c, 1);
    ca_tf_out(c, 0, zero_where_zero(c->b, y, ca_build_2(c->b, "Multiply", x, y)));
}
static void x_divided_by_y(CaTfCall *c)
{
    CaValue *x = ca_tf_in(c, 0);
    ca_tf_out(c, 0, zero_where_zero(c->b, x, quotient(c->b, x, ca_tf_in(c, 1), false)));
}
static void x_log_y(CaTfCall *c)
{
    CaValue *x = ca_tf_in(c, 0);
    CaValue *v = ca_build_2(c->b, "Multiply", x, ca_build_1(c->b, "Log", ca_tf_in(c, 1)));
    ca_tf_out(c, 0, zero_where_zero(c->b, x, v));
}

static void x_log_1_plus_y(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tf_in(c, 0);
    CaValue *v = ca_build_2(b, "Multiply", x,
                            ca_build_1(b, "Log", ca_build_plus(b, ca_tf_in(c, 1), 1)));
    ca_tf_out(c, 0, zero_where_zero(b, x, v));
}
static void nearly_equal(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tf_in(c, 0);
    CaValue *d = ca_build_1(b, "Abs", ca_build_2(b, "Subtract", x, ca_tf_in(c, 1)));
    const double most = ca_tf_attr_real(c->r, c->node, "tolerance", 1e-5);
    ca_tf_out(c, 0, ca_build_2(b, "Less", d, ca_build_number(b, x, most)));
}
/* The last axis has 3 elements: a1 b2 - a2 b1, ... */
static void cross(CaTfCall *c)
{
    CaBuild *b = c->b;
    static const int64_t next[] = {1, 2, 0}, other[] = {2, 0, 1};
    CaValue *x = ca_tf_in(c, 0), *y = ca_tf_in(c, 1), *axis = ca_build_scalar(b, -1),
            *one = ca_build_vector(b, next, 3), *two = ca_build_vector(b, other, 3);
    CaValue *v = ca_build_2(b, "Multiply", ca_build_3(b, "Gather", x, one, axis),
                            ca_build_3(b, "Gather", y, two, axis));
    CaValue *w = ca_build_2(b, "Multiply", ca_build_3(b, "Gather", x, two, axis),
                            ca_build_3(b, "Gather", y, one, axis));
    ca_tf_out(c, 0, ca_build_2(b, "Subtract", v, w));
}

static void reciprocal(CaTfCall *c)
{
    CaValue *x = ca_tf_in(c, 0);
    ca_tf_out(c, 0, ca_build_2(c->b, "Divide", ca_build_number(c->b, x, 1), x));
}
static void rsqrt(CaTfCall *c)
{
    CaValue *v = ca_build_1(c->b, "Sqrt", ca_tf_in(c, 0));
    ca_tf_out(c, 0, ca_build_2(c->b, "Divide", ca_build_number(c->b, v, 1), v));
}
static void square(CaTfCall *c)
{
    CaValue *x = ca_tf_in(c, 0);
    ca_tf_out(c, 0, ca_build_2(c->b, "Multiply", x, x));
}

/* --- Exponents and logarithms that keep small arguments apart from 1. */

/* 2 t / (1 - t) with t = tanh(x / 2) near 0, exp(x) - 1 elsewhere. */
static void exp_minus_1(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tf_in(c, 0);
    CaValue *t = ca_build_1(b, "Tanh", ca_build_times(b, x, 0.5));
    CaValue *near = ca_build_2(b, "Divide", ca_build_times(b, t, 2),
                               ca_build_2(b, "Subtract", ca_build_number(b, t, 1), t));
    CaValue *far = ca_build_plus(b, ca_build_1(b, "Exp", x), -1);
    CaValue *is_near =
        ca_build_2(b, "Less", ca_build_1(b, "Abs", x), ca_build_number(b, x, 0.5));
    ca_tf_out(c, 0, ca_build_3(b, "Select", is_near, near, far));
}

/* x log(u) / (u - 1) with u = 1 + x as it is rounded (Kahan); x where u is 1. */
static void log_1_plus(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tf_in(c, 0), *u = ca_build_plus(b, x, 1);
    CaValue *rest = ca_build_plus(b, u, -1), *log = ca_build_1(b, "Log", u);
    CaValue *is_tiny = ca_build_2(b, "Equal", rest, ca_build_number(b, rest, 0));
    CaValue *is_large =
        ca_build_2(b, "Greater", ca_build_1(b, "Abs", x), ca_build_number(b, x, 1));
    CaValue *v = ca_build_2(b, "Multiply", x, ca_build_2(b, "Divide", log, rest));
    v = ca_build_3(b, "Select", is_large, log, v);
    ca_tf_out(c, 0, ca_build_3(b, "Select", is_tiny, x, v));
}

static void erf_complement(CaTfCall *c)
{
    CaValue *v = ca_build_1(c->b, "Erf", ca_tf_in(c, 0));
    ca_tf_out(c, 0, ca_build_2(c->b, "Subtract", ca_build_number(c->b, v, 1), v));
}

/* atan(y / x), half a turn further where x < 0; x = 0 is a quarter turn. */
static void atan_2(CaTfCall *c)
{
    CaBuild *b = c->b;
    const double pi = 3.14159265358979323846;
    CaValue *y = ca_tf_in(c, 0), *x = ca_tf_in(c, 1), *zero = ca_build_number(b, x, 0);
    CaValue *v = ca_build_1(b, "Atan", ca_build_2(b, "Divide", y, x));
    CaValue *half = ca_build_3(b, "Select", ca_build_2(b, "Less", y, zero),
                               ca_build_number(b, x, -pi), ca_build_number(b, x, pi));
    CaValue *quarter = ca_build_times(b, ca_build_1(b, "Sign", y), pi / 2);
    v = ca_build_3(b, "Select", ca_build_2(b, "Less", x, zero),
                   ca_build_2(b, "Add", v, half), v);
    ca_tf_out(c, 0, ca_build_3(b, "Select", ca_build_2(b, "Equal", x, zero), quarter, v));
}

/* --- Comparison and choice. */

static void is_nan(CaTfCall *c)
{
    CaValue *x = ca_tf_in(c, 0);
    ca_tf_out(c, 0, ca_build_2(c->b, "NotEqual", x, x));
}
/* |x| = infinity, |x| < infinity */
static void is_infinite(CaTfCall *c)
{
    CaValue *v = ca_build_1(c->b, "Abs", ca_tf_in(c, 0));
    ca_tf_out(
        c, 0,
        ca_build_2(c->b, c->row->ours, v, ca_build_number(c->b, v, (double)INFINITY)));
}

/* A vector of conditions chooses rows, by the old operator. */
static void select_old(CaTfCall *c)
{
    CaValue *cond = ca_tf_in(c, 0), *x = ca_tf_in(c, 1);
    const CarinaShape s = ca_build_shape(c->b, cond);
    if (s.rank == 1)
        cond = ca_build_per_channel(c->b, cond, 0, ca_build_rank(c->b, x));
    ca_tf_out(c, 0, ca_build_3(c->b, "Select", cond, x, ca_tf_in(c, 2)));
}
static void select_new(CaTfCall *c)
{
    ca_tf_out(c, 0,
              ca_build_3(c->b, "Select", ca_tf_in(c, 0), ca_tf_in(c, 1), ca_tf_in(c, 2)));
}

/* The places of what is not 0, one a row; of three inputs a choice. */
static void where(CaTfCall *c)
{
    static const int perm[] = {1, 0};
    if (c->n_in > 1) {
        select_new(c);
        return;
    }
    CaValue *v = ca_build_1(c->b, "NonZero", ca_tf_in(c, 0));
    ca_build_set_text(c->b, v, "output_type", "i64");
    ca_tf_out(c, 0, ca_build_transpose(c->b, v, perm, 2));
}

static void clip(CaTfCall *c)
{
    CaValue *v = ca_build_2(c->b, "Minimum", ca_tf_in(c, 0), ca_tf_in(c, 2));
    ca_tf_out(c, 0, ca_build_2(c->b, "Maximum", v, ca_tf_in(c, 1)));
}

/* --- Activations. */

static void relu_6(CaTfCall *c)
{
    CaValue *v = ca_build_1(c->b, "Clamp", ca_tf_in(c, 0));
    ca_build_set_real(c->b, v, "min", 0);
    ca_build_set_real(c->b, v, "max", 6);
    ca_tf_out(c, 0, v);
}

static void leaky_relu(CaTfCall *c)
{
    const int64_t one = 1;
    CaValue *x = ca_tf_in(c, 0);
    CaValue *slope =
        ca_build_number(c->b, x, ca_tf_attr_real(c->r, c->node, "alpha", (double)0.2f));
    ca_tf_out(c, 0, ca_build_2(c->b, "PReLU", x, ca_build_reshape(c->b, slope, &one, 1)));
}

static void elu(CaTfCall *c)
{
    CaValue *v = ca_build_1(c->b, "Elu", ca_tf_in(c, 0));
    ca_build_set_real(c->b, v, "alpha", 1);
    ca_tf_out(c, 0, v);
}

static void selu(CaTfCall *c)
{
    CaValue *x = ca_tf_in(c, 0);
    ca_tf_out(c, 0,
              ca_build_3(c->b, "Selu", x, ca_build_number(c->b, x, 1.6732632423543772848),
                         ca_build_number(c->b, x, 1.0507009873554804934)));
}

static void round_even(CaTfCall *c)
{
    CaValue *x = ca_tf_in(c, 0);
    if (ca_type_is_real(ca_build_type(c->b, x))) {
        x = ca_build_1(c->b, "Round", x);
        ca_build_set_text(c->b, x, "mode", "half_to_even");
    }
    ca_tf_out(c, 0, x);
}

/* --- Types. */

static void cast(CaTfCall *c)
{
    const uint64_t to = ca_tf_attr_type(c->r, c->node, "DstT");
    const CarinaType type = ca_tf_type(to);
    if (type == CARINA_UNKNOWN) {
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "casts to %s, which Carina does not compute; cut the model before "
                      "it with --output",
                      ca_tf_type_text(to));
        return;
    }
    ca_tf_out(c, 0, ca_build_convert(c->b, ca_tf_in(c, 0), type));
}

const CaTfOp ca_tf_math[] = {
    {"Abs", unary, "Abs", 0},
    {"AccumulateNV2", chain, "Add", 0},
    {"Acos", unary, "Acos", 0},
    {"Acosh", unary, "Acosh", 0},
    {"Add", binary, "Add", 0},
    {"AddN", chain, "Add", 0},
    {"AddV2", binary, "Add", 0},
    {"Asin", unary, "Asin", 0},
    {"Asinh", unary, "Asinh", 0},
    {"Atan", unary, "Atan", 0},
    {"Atan2", atan_2, NULL, 0},
    {"Atanh", unary, "Atanh", 0},
    {"Cast", cast, NULL, 0},
    {"Ceil", unary, "Ceiling", 0},
    {"ClipByValue", clip, NULL, 0},
    {"Cos", unary, "Cos", 0},
    {"Cosh", unary, "Cosh", 0},
    {"Div", divide, NULL, 0},
    {"DivNoNan", divide_no_nan, NULL, 0},
    {"Elu", elu, NULL, 0},
    {"Equal", binary, "Equal", 0},
    {"Erf", unary, "Erf", 0},
    {"Erfc", erf_complement, NULL, 0},
    {"Exp", unary, "Exp", 0},
    {"Expm1", exp_minus_1, NULL, 0},
    {"Floor", unary, "Floor", 0},
    {"FloorDiv", floor_divide, NULL, 0},
    {"FloorMod", binary, "FloorMod", 0},
    {"Greater", binary, "Greater", 0},
    {"GreaterEqual", binary, "GreaterEqual", 0},
    {"Inv", reciprocal, NULL, 0},
    {"IsFinite", is_infinite, "Less", 0},
    {"IsInf", is_infinite, "Equal", 0},
    {"IsNan", is_nan, NULL, 0},
    {"LeakyRelu", leaky_relu, NULL, 0},
    {"Less", binary, "Less", 0},
    {"LessEqual", binary, "LessEqual", 0},
    {"Log", unary, "Log", 0},
    {"Log1p", log_1_plus, NULL, 0},
    {"LogicalAnd", binary, "LogicalAnd", 0},
    {"LogicalNot", unary, "LogicalNot", 0},
    {"LogicalOr", binary, "LogicalOr", 0},
    {"Maximum", binary, "Maximum", 0},
    {"Minimum", binary, "Minimum", 0},
    {"Mod", binary, "Mod", 0},
    {"Mul", binary, "Multiply", 0},
    {"MulNoNan", multiply_no_nan, NULL, 0},
    {"Neg", unary, "Negative", 0},
    {"NotEqual", binary, "NotEqual", 0},
    {"Pow", binary, "Power", 0},
    {"RealDiv", divide, NULL, 0},
    {"Reciprocal", reciprocal, NULL, 0},
    {"Relu", unary, "ReLU", 0},
    {"Relu6", relu_6, NULL, 0},
    {"Rint", round_even, NULL, 0},
    {"Round", round_even, NULL, 0},
    {"Rsqrt", rsqrt, NULL, 0},
    {"Select", select_old, NULL, 0},
    {"SelectV2", select_new, NULL, 0},
    {"Selu", selu, NULL, 0},
    {"Sigmoid", unary, "Sigmoid", 0},
    {"Sign", unary, "Sign", 0},
    {"Sin", unary, "Sin", 0},
    {"Sinh", unary, "Sinh", 0},
    {"Softplus", unary, "SoftPlus", 0},
    {"Softsign", unary, "SoftSign", 0},
    {"Sqrt", unary, "Sqrt", 0},
    {"Square", square, NULL, 0},
    {"SquaredDifference", binary, "SquaredDifference", 0},
    {"Sub", binary, "Subtract", 0},
    {"Tan", unary, "Tan", 0},
    {"Tanh", unary, "Tanh", 0},
    {"TruncateDiv", divide, NULL, 0},
    {"TruncateMod", binary, "Mod", 0},
    {"Where", where, NULL, 0},
    {"Xdivy", x_divided_by_y, NULL, 0},
    {"ApproximateEqual", nearly_equal, NULL, 0},
    {"Cross", cross, NULL, 0},
    {"Xlog1py", x_log_1_plus_y, NULL, 0},
    {"Xlogy", x_log_y, NULL, 0},
    {NULL, NULL, NULL, 0},
};
