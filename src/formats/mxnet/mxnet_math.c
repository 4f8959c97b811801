/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet: element-wise arithmetic with arrays and with scalars, comparison, functions of one variable.
 *
 * Comparisons give 0 and 1 in the type of their inputs; those of the NumPy operators (_npi_) give booleans.
 */
#include "formats/mxnet/mxnet_reader.h"

#include <float.h>
#include <math.h>
#include <string.h>

static CaValue *pair(CaMxnetCall *c, CaValue *x, CaValue *y)
{
    CaValue *v = ca_build_2(c->b, c->op->ours, x, y);
    if (strcmp(c->op->ours, "Divide") == 0)
        ca_build_set_text(c->b, v, "m_pythondiv", "false"); /* integers: toward zero */
    return v;
}

static void binary(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    ca_mxnet_out(c, pair(c, x, ca_mxnet_in(c, 1)));
}

/* The scalar is of the array's type. */
static CaValue *scalar(CaMxnetCall *c, CaValue *like)
{
    return ca_build_number(c->b, like, ca_mxnet_real(c, "scalar", 0));
}

static void with_scalar(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    ca_mxnet_out(c, pair(c, x, scalar(c, x)));
}

static void scalar_first(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    ca_mxnet_out(c, pair(c, scalar(c, x), x));
}

/* NumPy's division of integers is one of reals. */
static CaValue *real(CaBuild *b, CaValue *v)
{
    return ca_type_is_whole(ca_build_type(b, v)) ? ca_build_convert(b, v, CARINA_F32) : v;
}

static void true_divide(CaMxnetCall *c)
{
    CaValue *x = real(c->b, ca_mxnet_in(c, 0));
    ca_mxnet_out(c, ca_build_2(c->b, "Divide", x, real(c->b, ca_mxnet_in(c, 1))));
}

static void true_divide_scalar(CaMxnetCall *c)
{
    CaValue *x = real(c->b, ca_mxnet_in(c, 0));
    ca_mxnet_out(c, ca_build_2(c->b, "Divide", x, scalar(c, x)));
}

static void true_divided_scalar(CaMxnetCall *c)
{
    CaValue *x = real(c->b, ca_mxnet_in(c, 0));
    ca_mxnet_out(c, ca_build_2(c->b, "Divide", scalar(c, x), x));
}

static CaValue *hypotenuse(CaBuild *b, CaValue *x, CaValue *y)
{
    return ca_build_1(b, "Sqrt",
                      ca_build_2(b, "Add", ca_build_2(b, "Multiply", x, x),
                                 ca_build_2(b, "Multiply", y, y)));
}

static void hypot_pair(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    ca_mxnet_out(c, hypotenuse(c->b, x, ca_mxnet_in(c, 1)));
}

static void hypot_scalar(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    ca_mxnet_out(c, hypotenuse(c->b, x, scalar(c, x)));
}

static void add_all(CaMxnetCall *c)
{
    CaValue *v = ca_mxnet_in(c, 0);
    for (int i = 1; i < c->n_in; i++)
        v = ca_build_2(c->b, "Add", v, ca_mxnet_in(c, i));
    ca_mxnet_out(c, v);
}

/* --- Comparisons and logic. */

static CaValue *truth(CaBuild *b, CaValue *v)
{
    if (ca_build_type(b, v) == CARINA_BOOL)
        return v;
    return ca_build_2(b, "NotEqual", v, ca_build_number(b, v, 0));
}

static void said(CaMxnetCall *c, CaValue *v, CaValue *like)
{
    const bool numpy = strncmp(c->node->op, "_npi_", 5) == 0;
    ca_mxnet_out(c, numpy ? v : ca_build_convert(c->b, v, ca_build_type(c->b, like)));
}

static void compare(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    said(c, ca_build_2(c->b, c->op->ours, x, ca_mxnet_in(c, 1)), x);
}

static void compare_scalar(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    said(c, ca_build_2(c->b, c->op->ours, x, scalar(c, x)), x);
}

static void logical(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0), *y = ca_mxnet_in(c, 1);
    said(c, ca_build_2(c->b, c->op->ours, truth(c->b, x), truth(c->b, y)), x);
}

static void logical_scalar(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    CaValue *y = truth(c->b, scalar(c, x));
    said(c, ca_build_2(c->b, c->op->ours, truth(c->b, x), y), x);
}

static void logical_not(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    said(c, ca_build_1(c->b, "LogicalNot", truth(c->b, x)), x);
}

/* A condition of one dimension chooses whole rows. */
static CaValue *condition(CaMxnetCall *c, CaValue *like)
{
    CaBuild *const b = c->b;
    CaValue *v = truth(b, ca_mxnet_in(c, 0));
    const int rank = ca_build_rank(b, v), full = ca_build_rank(b, like);
    return rank == 1 && full > 1 && strcmp(c->node->op, "where") == 0
               ? ca_build_per_channel(b, v, 0, full)
               : v;
}

static void where(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 1), *y = ca_mxnet_in(c, 2);
    ca_mxnet_out(c, ca_build_3(c->b, "Select", condition(c, x), x, y));
}

/* One of the two is a scalar: which, the operator's name says. */
static void where_scalar(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 1), *s = scalar(c, x);
    const bool left = strcmp(c->op->ours, "left") == 0;
    ca_mxnet_out(c,
                 ca_build_3(c->b, "Select", condition(c, x), left ? s : x, left ? x : s));
}

/* --- Functions of one variable. */

static void unary(CaMxnetCall *c)
{
    ca_mxnet_out(c, ca_build_1(c->b, c->op->ours, ca_mxnet_in(c, 0)));
}

static void square(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    ca_mxnet_out(c, ca_build_2(c->b, "Multiply", x, x));
}

static CaValue *inverse(CaBuild *b, CaValue *v)
{
    return ca_build_2(b, "Divide", ca_build_number(b, v, 1), v);
}

static void reciprocal(CaMxnetCall *c)
{
    ca_mxnet_out(c, inverse(c->b, ca_mxnet_in(c, 0)));
}

static void rsqrt(CaMxnetCall *c)
{
    ca_mxnet_out(c, inverse(c->b, ca_build_1(c->b, "Sqrt", ca_mxnet_in(c, 0))));
}

/* Power has no odd root of a negative number. */
static CaValue *cube_root(CaBuild *b, CaValue *x)
{
    CaValue *size = ca_build_1(b, "Abs", x);
    CaValue *root = ca_build_2(b, "Power", size, ca_build_number(b, x, 1.0 / 3));
    return ca_build_2(b, "Multiply", ca_build_1(b, "Sign", x), root);
}

static void cbrt_of(CaMxnetCall *c)
{
    ca_mxnet_out(c, cube_root(c->b, ca_mxnet_in(c, 0)));
}

static void rcbrt(CaMxnetCall *c)
{
    ca_mxnet_out(c, inverse(c->b, cube_root(c->b, ca_mxnet_in(c, 0))));
}

static void log_of_base(CaMxnetCall *c)
{
    const double base = strcmp(c->op->ours, "2") == 0 ? 2 : 10;
    ca_mxnet_out(c, ca_build_times(c->b, ca_build_1(c->b, "Log", ca_mxnet_in(c, 0)),
                                   1 / log(base)));
}

static void log1p_of(CaMxnetCall *c)
{
    ca_mxnet_out(c, ca_build_1(c->b, "Log", ca_build_plus(c->b, ca_mxnet_in(c, 0), 1)));
}

static void expm1_of(CaMxnetCall *c)
{
    ca_mxnet_out(c, ca_build_plus(c->b, ca_build_1(c->b, "Exp", ca_mxnet_in(c, 0)), -1));
}

static void rounded(CaMxnetCall *c)
{
    CaValue *v = ca_build_1(c->b, "Round", ca_mxnet_in(c, 0));
    ca_build_set_text(c->b, v, "mode", c->op->ours);
    ca_mxnet_out(c, v);
}

/* To the nearest whole number, halves down: neither of Round's two rules. */
static void rounded_half_down(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    CaValue *low = ca_build_1(b, "Floor", x), *high = ca_build_1(b, "Ceiling", x);
    CaValue *is_low = ca_build_2(b, "LessEqual", ca_build_2(b, "Subtract", x, low),
                                 ca_build_2(b, "Subtract", high, x));
    ca_mxnet_out(c, ca_build_3(b, "Select", is_low, low, high));
}

/* Toward zero. */
static void truncated(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    CaValue *size = ca_build_1(b, "Floor", ca_build_1(b, "Abs", x));
    ca_mxnet_out(c, ca_build_2(b, "Multiply", ca_build_1(b, "Sign", x), size));
}

static void degrees(CaMxnetCall *c)
{
    ca_mxnet_out(c, ca_build_times(c->b, ca_mxnet_in(c, 0), 180 / acos(-1.0)));
}

static void radians(CaMxnetCall *c)
{
    ca_mxnet_out(c, ca_build_times(c->b, ca_mxnet_in(c, 0), acos(-1.0) / 180));
}

static void hard_sigmoid(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    CaValue *alpha = ca_build_number(b, x, ca_mxnet_real(c, "alpha", 0.2));
    ca_mxnet_out(c, ca_build_3(b, "HardSigmoid", x, alpha,
                               ca_build_number(b, x, ca_mxnet_real(c, "beta", 0.5))));
}

static void clip(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *v = ca_build_1(b, "Clamp", ca_mxnet_in(c, 0));
    const double low = ca_mxnet_real(c, "a_min", -(double)FLT_MAX),
                 high = ca_mxnet_real(c, "a_max", (double)FLT_MAX);
    ca_build_set_real(b, v, "min", low > high ? high : low);
    ca_build_set_real(b, v, "max", high);
    ca_mxnet_out(c, v);
}

/* (s x)^2 / 2 where |x| < 1 / s^2, |x| - 1 / (2 s^2) elsewhere. */
static void smooth_l1(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    const double s = ca_mxnet_real(c, "scalar", 1), bound = 1 / (s * s);
    CaValue *size = ca_build_1(b, "Abs", x);
    CaValue *inside = ca_build_times(b, ca_build_2(b, "Multiply", x, x), s * s / 2);
    CaValue *is_small = ca_build_2(b, "Less", size, ca_build_number(b, x, bound));
    ca_mxnet_out(
        c, ca_build_3(b, "Select", is_small, inside, ca_build_plus(b, size, -bound / 2)));
}

static void quadratic(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    CaValue *v =
        ca_build_times(b, ca_build_2(b, "Multiply", x, x), ca_mxnet_real(c, "a", 0));
    v = ca_build_2(b, "Add", v, ca_build_times(b, x, ca_mxnet_real(c, "b", 0)));
    ca_mxnet_out(c, ca_build_plus(b, v, ca_mxnet_real(c, "c", 0)));
}

static void div_sqrt_dim(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    const CarinaShape s = ca_build_shape(b, x);
    if (b->status == CARINA_OK && (s.rank < 1 || s.dims[s.rank - 1] < 1))
        ca_build_fail(
            b, CARINA_ERR_SHAPE,
            "the last dimension of its input is not known; give the model's input "
            "shape");
    if (b->status == CARINA_OK)
        ca_mxnet_out(c, ca_build_times(b, x, 1 / sqrt((double)s.dims[s.rank - 1])));
}

static void convert(CaMxnetCall *c)
{
    const CarinaType type = ca_mxnet_dtype(c, "dtype", CARINA_F32);
    ca_mxnet_out(c, ca_build_convert(c->b, ca_mxnet_in(c, 0), type));
}

/* All to the widest type among them. */
static void convert_all(CaMxnetCall *c)
{
    CaValue *v[64];
    CarinaType widest = CARINA_UNKNOWN;
    if (c->n_in < 1 || c->n_in > 64) {
        ca_build_fail(c->b, CARINA_ERR_LIMIT, "%d inputs; Carina reads 1 to 64", c->n_in);
        return;
    }
    for (int i = 0; i < c->n_in; i++) {
        v[i] = ca_mxnet_in(c, i);
        const CarinaType type = ca_build_type(c->b, v[i]);
        if (type != CARINA_UNKNOWN && (widest == CARINA_UNKNOWN ||
                                       carina_type_bits(type) > carina_type_bits(widest)))
            widest = type;
    }
    for (int i = 0; i < c->n_in; i++)
        v[i] = ca_build_convert(c->b, v[i], widest);
    ca_mxnet_outs(c, v, c->n_in);
}

const CaMxnetOp ca_mxnet_math[] = {
    {"Cast", convert, NULL, 0},
    {"ElementWiseSum", add_all, NULL, 0},
    {"_Div", binary, "Divide", 0},
    {"_DivScalar", with_scalar, "Divide", 0},
    {"_Equal", compare, "Equal", 0},
    {"_EqualScalar", compare_scalar, "Equal", 0},
    {"_Greater", compare, "Greater", 0},
    {"_GreaterEqualScalar", compare_scalar, "GreaterEqual", 0},
    {"_GreaterScalar", compare_scalar, "Greater", 0},
    {"_Greater_Equal", compare, "GreaterEqual", 0},
    {"_Hypot", hypot_pair, NULL, 0},
    {"_HypotScalar", hypot_scalar, NULL, 0},
    {"_Lesser", compare, "Less", 0},
    {"_LesserEqualScalar", compare_scalar, "LessEqual", 0},
    {"_LesserScalar", compare_scalar, "Less", 0},
    {"_Lesser_Equal", compare, "LessEqual", 0},
    {"_LogicalAndScalar", logical_scalar, "LogicalAnd", 0},
    {"_LogicalOrScalar", logical_scalar, "LogicalOr", 0},
    {"_LogicalXorScalar", logical_scalar, "LogicalXor", 0},
    {"_Logical_And", logical, "LogicalAnd", 0},
    {"_Logical_Or", logical, "LogicalOr", 0},
    {"_Logical_Xor", logical, "LogicalXor", 0},
    {"_Maximum", binary, "Maximum", 0},
    {"_MaximumScalar", with_scalar, "Maximum", 0},
    {"_Minimum", binary, "Minimum", 0},
    {"_MinimumScalar", with_scalar, "Minimum", 0},
    {"_Minus", binary, "Subtract", 0},
    {"_MinusScalar", with_scalar, "Subtract", 0},
    {"_Mod", binary, "FloorMod", 0},
    {"_ModScalar", with_scalar, "FloorMod", 0},
    {"_Mul", binary, "Multiply", 0},
    {"_MulScalar", with_scalar, "Multiply", 0},
    {"_NotEqualScalar", compare_scalar, "NotEqual", 0},
    {"_Not_Equal", compare, "NotEqual", 0},
    {"_Plus", binary, "Add", 0},
    {"_PlusScalar", with_scalar, "Add", 0},
    {"_Power", binary, "Power", 0},
    {"_PowerScalar", with_scalar, "Power", 0},
    {"_RDivScalar", scalar_first, "Divide", 0},
    {"_RMinusScalar", scalar_first, "Subtract", 0},
    {"_RModScalar", scalar_first, "FloorMod", 0},
    {"_RPowerScalar", scalar_first, "Power", 0},
    {"_add", binary, "Add", 0},
    {"_contrib_div_sqrt_dim", div_sqrt_dim, NULL, 0},
    {"_contrib_quadratic", quadratic, NULL, 0},
    {"_contrib_round_ste", rounded, "half_away_from_zero", 0},
    {"_contrib_sign_ste", unary, "Sign", 0},
    {"_div", binary, "Divide", 0},
    {"_div_scalar", with_scalar, "Divide", 0},
    {"_equal", compare, "Equal", 0},
    {"_equal_scalar", compare_scalar, "Equal", 0},
    {"_grad_add", binary, "Add", 0},
    {"_greater", compare, "Greater", 0},
    {"_greater_equal", compare, "GreaterEqual", 0},
    {"_greater_equal_scalar", compare_scalar, "GreaterEqual", 0},
    {"_greater_scalar", compare_scalar, "Greater", 0},
    {"_hypot", hypot_pair, NULL, 0},
    {"_hypot_scalar", hypot_scalar, NULL, 0},
    {"_lesser", compare, "Less", 0},
    {"_lesser_equal", compare, "LessEqual", 0},
    {"_lesser_equal_scalar", compare_scalar, "LessEqual", 0},
    {"_lesser_scalar", compare_scalar, "Less", 0},
    {"_logical_and", logical, "LogicalAnd", 0},
    {"_logical_and_scalar", logical_scalar, "LogicalAnd", 0},
    {"_logical_or", logical, "LogicalOr", 0},
    {"_logical_or_scalar", logical_scalar, "LogicalOr", 0},
    {"_logical_xor", logical, "LogicalXor", 0},
    {"_logical_xor_scalar", logical_scalar, "LogicalXor", 0},
    {"_maximum", binary, "Maximum", 0},
    {"_maximum_scalar", with_scalar, "Maximum", 0},
    {"_minimum", binary, "Minimum", 0},
    {"_minimum_scalar", with_scalar, "Minimum", 0},
    {"_minus", binary, "Subtract", 0},
    {"_minus_scalar", with_scalar, "Subtract", 0},
    {"_mod", binary, "FloorMod", 0},
    {"_mod_scalar", with_scalar, "FloorMod", 0},
    {"_mul", binary, "Multiply", 0},
    {"_mul_scalar", with_scalar, "Multiply", 0},
    {"_not_equal", compare, "NotEqual", 0},
    {"_not_equal_scalar", compare_scalar, "NotEqual", 0},
    {"_npi_absolute", unary, "Abs", 0},
    {"_npi_add", binary, "Add", 0},
    {"_npi_add_scalar", with_scalar, "Add", 0},
    {"_npi_arccos", unary, "Acos", 0},
    {"_npi_arccosh", unary, "Acosh", 0},
    {"_npi_arcsin", unary, "Asin", 0},
    {"_npi_arcsinh", unary, "Asinh", 0},
    {"_npi_arctan", unary, "Atan", 0},
    {"_npi_arctanh", unary, "Atanh", 0},
    {"_npi_cast", convert, NULL, 0},
    {"_npi_cbrt", cbrt_of, NULL, 0},
    {"_npi_ceil", unary, "Ceiling", 0},
    {"_npi_clip", clip, NULL, 0},
    {"_npi_cos", unary, "Cos", 0},
    {"_npi_cosh", unary, "Cosh", 0},
    {"_npi_degrees", degrees, NULL, 0},
    {"_npi_equal", compare, "Equal", 0},
    {"_npi_equal_scalar", compare_scalar, "Equal", 0},
    {"_npi_exp", unary, "Exp", 0},
    {"_npi_expm1", expm1_of, NULL, 0},
    {"_npi_fix", truncated, NULL, 0},
    {"_npi_floor", unary, "Floor", 0},
    {"_npi_greater", compare, "Greater", 0},
    {"_npi_greater_equal", compare, "GreaterEqual", 0},
    {"_npi_greater_equal_scalar", compare_scalar, "GreaterEqual", 0},
    {"_npi_greater_scalar", compare_scalar, "Greater", 0},
    {"_npi_hypot", hypot_pair, NULL, 0},
    {"_npi_hypot_scalar", hypot_scalar, NULL, 0},
    {"_npi_less", compare, "Less", 0},
    {"_npi_less_equal", compare, "LessEqual", 0},
    {"_npi_less_equal_scalar", compare_scalar, "LessEqual", 0},
    {"_npi_less_scalar", compare_scalar, "Less", 0},
    {"_npi_log", unary, "Log", 0},
    {"_npi_log10", log_of_base, "10", 0},
    {"_npi_log1p", log1p_of, NULL, 0},
    {"_npi_log2", log_of_base, "2", 0},
    {"_npi_logical_not", logical_not, NULL, 0},
    {"_npi_maximum", binary, "Maximum", 0},
    {"_npi_maximum_scalar", with_scalar, "Maximum", 0},
    {"_npi_minimum", binary, "Minimum", 0},
    {"_npi_minimum_scalar", with_scalar, "Minimum", 0},
    {"_npi_mod", binary, "FloorMod", 0},
    {"_npi_mod_scalar", with_scalar, "FloorMod", 0},
    {"_npi_multiply", binary, "Multiply", 0},
    {"_npi_multiply_scalar", with_scalar, "Multiply", 0},
    {"_npi_negative", unary, "Negative", 0},
    {"_npi_not_equal", compare, "NotEqual", 0},
    {"_npi_not_equal_scalar", compare_scalar, "NotEqual", 0},
    {"_npi_power", binary, "Power", 0},
    {"_npi_power_scalar", with_scalar, "Power", 0},
    {"_npi_radians", radians, NULL, 0},
    {"_npi_reciprocal", reciprocal, NULL, 0},
    {"_npi_rint", rounded_half_down, NULL, 0},
    {"_npi_rmod_scalar", scalar_first, "FloorMod", 0},
    {"_npi_rpower_scalar", scalar_first, "Power", 0},
    {"_npi_rsubtract_scalar", scalar_first, "Subtract", 0},
    {"_npi_rtrue_divide_scalar", true_divided_scalar, NULL, 0},
    {"_npi_sign", unary, "Sign", 0},
    {"_npi_sin", unary, "Sin", 0},
    {"_npi_sinh", unary, "Sinh", 0},
    {"_npi_sqrt", unary, "Sqrt", 0},
    {"_npi_square", square, NULL, 0},
    {"_npi_subtract", binary, "Subtract", 0},
    {"_npi_subtract_scalar", with_scalar, "Subtract", 0},
    {"_npi_tan", unary, "Tan", 0},
    {"_npi_tanh", unary, "Tanh", 0},
    {"_npi_true_divide", true_divide, NULL, 0},
    {"_npi_true_divide_scalar", true_divide_scalar, NULL, 0},
    {"_npi_trunc", truncated, NULL, 0},
    {"_npi_where", where, NULL, 0},
    {"_npi_where_lscalar", where_scalar, "left", 0},
    {"_npi_where_rscalar", where_scalar, "right", 0},
    {"_npx_cast", convert, NULL, 0},
    {"_npx_relu", unary, "ReLU", 0},
    {"_npx_sigmoid", unary, "Sigmoid", 0},
    {"_plus", binary, "Add", 0},
    {"_plus_scalar", with_scalar, "Add", 0},
    {"_power", binary, "Power", 0},
    {"_power_scalar", with_scalar, "Power", 0},
    {"_rdiv_scalar", scalar_first, "Divide", 0},
    {"_rminus_scalar", scalar_first, "Subtract", 0},
    {"_rmod_scalar", scalar_first, "FloorMod", 0},
    {"_rpower_scalar", scalar_first, "Power", 0},
    {"_scatter_elemwise_div", binary, "Divide", 0},
    {"_scatter_minus_scalar", with_scalar, "Subtract", 0},
    {"_scatter_plus_scalar", with_scalar, "Add", 0},
    {"_sub", binary, "Subtract", 0},
    {"abs", unary, "Abs", 0},
    {"add_n", add_all, NULL, 0},
    {"amp_cast", convert, NULL, 0},
    {"amp_multicast", convert_all, NULL, 0},
    {"arccos", unary, "Acos", 0},
    {"arccosh", unary, "Acosh", 0},
    {"arcsin", unary, "Asin", 0},
    {"arcsinh", unary, "Asinh", 0},
    {"arctan", unary, "Atan", 0},
    {"arctanh", unary, "Atanh", 0},
    {"broadcast_add", binary, "Add", 0},
    {"broadcast_div", binary, "Divide", 0},
    {"broadcast_equal", compare, "Equal", 0},
    {"broadcast_greater", compare, "Greater", 0},
    {"broadcast_greater_equal", compare, "GreaterEqual", 0},
    {"broadcast_hypot", hypot_pair, NULL, 0},
    {"broadcast_lesser", compare, "Less", 0},
    {"broadcast_lesser_equal", compare, "LessEqual", 0},
    {"broadcast_logical_and", logical, "LogicalAnd", 0},
    {"broadcast_logical_or", logical, "LogicalOr", 0},
    {"broadcast_logical_xor", logical, "LogicalXor", 0},
    {"broadcast_maximum", binary, "Maximum", 0},
    {"broadcast_minimum", binary, "Minimum", 0},
    {"broadcast_minus", binary, "Subtract", 0},
    {"broadcast_mod", binary, "FloorMod", 0},
    {"broadcast_mul", binary, "Multiply", 0},
    {"broadcast_not_equal", compare, "NotEqual", 0},
    {"broadcast_plus", binary, "Add", 0},
    {"broadcast_power", binary, "Power", 0},
    {"broadcast_sub", binary, "Subtract", 0},
    {"cast", convert, NULL, 0},
    {"cbrt", cbrt_of, NULL, 0},
    {"ceil", unary, "Ceiling", 0},
    {"clip", clip, NULL, 0},
    {"cos", unary, "Cos", 0},
    {"cosh", unary, "Cosh", 0},
    {"degrees", degrees, NULL, 0},
    {"elemwise_add", binary, "Add", 0},
    {"elemwise_div", binary, "Divide", 0},
    {"elemwise_mul", binary, "Multiply", 0},
    {"elemwise_sub", binary, "Subtract", 0},
    {"erf", unary, "Erf", 0},
    {"exp", unary, "Exp", 0},
    {"expm1", expm1_of, NULL, 0},
    {"fix", truncated, NULL, 0},
    {"floor", unary, "Floor", 0},
    {"hard_sigmoid", hard_sigmoid, NULL, 0},
    {"log", unary, "Log", 0},
    {"log10", log_of_base, "10", 0},
    {"log1p", log1p_of, NULL, 0},
    {"log2", log_of_base, "2", 0},
    {"logical_not", logical_not, NULL, 0},
    {"negative", unary, "Negative", 0},
    {"radians", radians, NULL, 0},
    {"rcbrt", rcbrt, NULL, 0},
    {"reciprocal", reciprocal, NULL, 0},
    {"relu", unary, "ReLU", 0},
    {"rint", rounded_half_down, NULL, 0},
    {"round", rounded, "half_away_from_zero", 0},
    {"rsqrt", rsqrt, NULL, 0},
    {"sigmoid", unary, "Sigmoid", 0},
    {"sign", unary, "Sign", 0},
    {"sin", unary, "Sin", 0},
    {"sinh", unary, "Sinh", 0},
    {"smooth_l1", smooth_l1, NULL, 0},
    {"softsign", unary, "SoftSign", 0},
    {"sqrt", unary, "Sqrt", 0},
    {"square", square, NULL, 0},
    {"tan", unary, "Tan", 0},
    {"tanh", unary, "Tanh", 0},
    {"trunc", truncated, NULL, 0},
    {"where", where, NULL, 0},
    {NULL, NULL, NULL, 0},
};
