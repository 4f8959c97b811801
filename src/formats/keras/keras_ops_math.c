/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations in functional models: arithmetic, comparison, reduction. keras.ops by their classes (Add, TrueDivide),
 * TensorFlow's by their symbols (math.add, __operators__.truediv).
 */
#include "formats/keras/keras_reader.h"

#include <math.h>
#include <string.h>

/* Both operands; where one is whole and the other real, both become real. */
static void two(CaKerasCall *c, CaValue *out[2])
{
    json_t *a = ca_keras_arg(c, 0, "x1|x|a"), *b = ca_keras_arg(c, 1, "x2|y|b");
    CaValue *v = ca_keras_value(c, a), *w = ca_keras_value(c, b);
    if (!a || !b)
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "it needs two operands; the configuration is damaged");
    if (c->b->status != CARINA_OK)
        return;
    out[0] = v ? v : ca_keras_operand(c, a, w);
    out[1] = w ? w : ca_keras_operand(c, b, v);
    const CarinaType s = ca_build_type(c->b, out[0]), t = ca_build_type(c->b, out[1]);
    if (s == t)
        return;
    const CarinaType both = ca_type_is_real(s)                   ? s
                            : ca_type_is_real(t)                 ? t
                            : s == CARINA_I64 || t == CARINA_I64 ? CARINA_I64
                                                                 : CARINA_I32;
    out[0] = ca_build_convert(c->b, out[0], both);
    out[1] = ca_build_convert(c->b, out[1], both);
}

static void binary(CaKerasCall *c)
{
    CaValue *v[2] = {NULL, NULL};
    two(c, v);
    ca_keras_out(c, ca_build_2(c->b, c->layer->op->ours, v[0], v[1]));
}
static void divide(CaKerasCall *c)
{
    CaValue *v[2] = {NULL, NULL};
    two(c, v);
    for (int i = 0; i < 2; i++)
        if (!ca_type_is_real(ca_build_type(c->b, v[i])))
            v[i] = ca_build_convert(c->b, v[i], CARINA_F32);
    ca_keras_out(c, ca_build_2(c->b, "Divide", v[0], v[1]));
}
static void floor_divide(CaKerasCall *c)
{
    CaValue *v[2] = {NULL, NULL};
    two(c, v);
    const CarinaType type = ca_build_type(c->b, v[0]);
    for (int i = 0; i < 2; i++)
        v[i] = ca_build_convert(c->b, v[i], CARINA_F32);
    ca_keras_out(c, ca_build_convert(
                        c->b,
                        ca_build_1(c->b, "Floor", ca_build_2(c->b, "Divide", v[0], v[1])),
                        type));
}
static void log_add_exp(CaKerasCall *c)
{
    CaValue *v[2] = {NULL, NULL};
    two(c, v);
    CaValue *low = ca_build_2(c->b, "Minimum", v[0], v[1]),
            *high = ca_build_2(c->b, "Maximum", v[0], v[1]);
    ca_keras_out(c, ca_build_2(c->b, "Add", high,
                               ca_build_1(c->b, "SoftPlus",
                                          ca_build_2(c->b, "Subtract", low, high))));
}

static CaValue *operand(CaKerasCall *c)
{
    return ca_keras_operand(
        c, ca_keras_arg(c, 0, "x|inputs|input|features|input_tensor|a|tensor|logits"),
        NULL);
}
static CaValue *real_operand(CaKerasCall *c)
{
    CaValue *v = operand(c);
    return v && !ca_type_is_real(ca_build_type(c->b, v))
               ? ca_build_convert(c->b, v, CARINA_F32)
               : v;
}

static void unary(CaKerasCall *c)
{
    ca_keras_out(c, ca_build_1(c->b, c->layer->op->ours, operand(c)));
}
static void unary_real(CaKerasCall *c)
{
    ca_keras_out(c, ca_build_1(c->b, c->layer->op->ours, real_operand(c)));
}
static void same(CaKerasCall *c) { ca_keras_out(c, operand(c)); }
static void square(CaKerasCall *c)
{
    CaValue *v = operand(c);
    ca_keras_out(c, ca_build_2(c->b, "Multiply", v, v));
}
static void root_inverse(CaKerasCall *c)
{
    CaValue *v = real_operand(c);
    ca_keras_out(c, ca_build_2(c->b, "Divide", ca_build_number(c->b, v, 1),
                               ca_build_1(c->b, "Sqrt", v)));
}
static void reciprocal(CaKerasCall *c)
{
    CaValue *v = real_operand(c);
    ca_keras_out(c, ca_build_2(c->b, "Divide", ca_build_number(c->b, v, 1), v));
}
static void expm1_op(CaKerasCall *c)
{
    ca_keras_out(c, ca_build_plus(c->b, ca_build_1(c->b, "Exp", real_operand(c)), -1));
}
static void log1p_op(CaKerasCall *c)
{
    ca_keras_out(c, ca_build_1(c->b, "Log", ca_build_plus(c->b, real_operand(c), 1)));
}
static void log_base(CaKerasCall *c)
{
    ca_keras_out(c, ca_build_times(c->b, ca_build_1(c->b, "Log", real_operand(c)),
                                   1 / log((double)c->layer->op->n)));
}
static void squared_difference(CaKerasCall *c)
{
    CaValue *v[2] = {NULL, NULL};
    two(c, v);
    ca_keras_out(c, ca_build_2(c->b, "SquaredDifference", v[0], v[1]));
}
static void clip(CaKerasCall *c)
{
    CaValue *x = operand(c);
    json_t *low = ca_keras_arg(c, 1, "x_min|clip_value_min|min"),
           *high = ca_keras_arg(c, 2, "x_max|clip_value_max|max");
    CaValue *v = low ? ca_build_2(c->b, "Maximum", x, ca_keras_operand(c, low, x)) : x;
    ca_keras_out(c,
                 high ? ca_build_2(c->b, "Minimum", v, ca_keras_operand(c, high, x)) : v);
}
static void where(CaKerasCall *c)
{
    json_t *a = ca_keras_arg(c, 1, "x1|x"), *b = ca_keras_arg(c, 2, "x2|y");
    CaValue *condition = ca_keras_operand(c, ca_keras_arg(c, 0, "condition"), NULL);
    CaValue *v = ca_keras_value(c, a), *w = ca_keras_value(c, b);
    if (!a || !b)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "where without both values gives a result of unknown size");
    if (c->b->status != CARINA_OK)
        return;
    v = v ? v : ca_keras_operand(c, a, w);
    w = w ? w : ca_keras_operand(c, b, v);
    ca_keras_out(c, ca_build_3(c->b, "Select",
                               ca_build_convert(c->b, condition, CARINA_BOOL), v, w));
}

/* --- Reductions. */

/* The axis argument as a list; all axes where there is none. */
static CaValue *axes_of(CaKerasCall *c, CaValue *x, json_t *j)
{
    int64_t list[CARINA_MAX_RANK];
    const int n = ca_keras_json_ints(c, list, CARINA_MAX_RANK, j, "axis");
    return n < 0 ? ca_build_iota(c->b, 0, ca_build_rank(c->b, x))
                 : ca_build_vector(c->b, list, n);
}
static bool keeps(CaKerasCall *c)
{
    json_t *j = ca_keras_arg(c, 2, "keepdims|keep_dims");
    return json_is_true(j) || (json_is_integer(j) && json_integer_value(j) != 0);
}
static CaValue *reduced(CaKerasCall *c, const char *op, CaValue *x, CaValue *axes,
                        bool keep)
{
    CaValue *v = ca_build_2(c->b, op, x, axes);
    ca_build_set_text(c->b, v, "keep_dims", keep ? "true" : "false");
    return v;
}
static json_t *axis_arg(CaKerasCall *c) { return ca_keras_arg(c, 1, "axis"); }

static void reduce(CaKerasCall *c)
{
    CaValue *x =
        strcmp(c->layer->op->ours, "ReduceMean") == 0 ? real_operand(c) : operand(c);
    ca_keras_out(c,
                 reduced(c, c->layer->op->ours, x, axes_of(c, x, axis_arg(c)), keeps(c)));
}
static void variance(CaKerasCall *c)
{
    CaValue *x = real_operand(c), *axes = axes_of(c, x, axis_arg(c));
    CaValue *d = ca_build_2(c->b, "Subtract", x, reduced(c, "ReduceMean", x, axes, true));
    CaValue *v =
        reduced(c, "ReduceMean", ca_build_2(c->b, "Multiply", d, d), axes, keeps(c));
    ca_keras_out(c, c->layer->op->n ? ca_build_1(c->b, "Sqrt", v) : v);
}
static void log_sum_exp(CaKerasCall *c)
{
    CaValue *x = real_operand(c), *axes = axes_of(c, x, axis_arg(c));
    CaValue *most = reduced(c, "ReduceMax", x, axes, true);
    CaValue *sum = reduced(c, "ReduceSum",
                           ca_build_1(c->b, "Exp", ca_build_2(c->b, "Subtract", x, most)),
                           axes, true);
    CaValue *v = ca_build_2(c->b, "Add", ca_build_1(c->b, "Log", sum), most);
    ca_keras_out(c, keeps(c) ? v : ca_build_2(c->b, "Squeeze", v, axes));
}
/* x / max(norm, eps) along an axis */
static void l2_normalize(CaKerasCall *c)
{
    CaValue *x = real_operand(c);
    json_t *axis = axis_arg(c);
    const int64_t last = -1;
    CaValue *axes = axis ? axes_of(c, x, axis) : ca_build_vector(c->b, &last, 1);
    json_t *eps = ca_keras_arg(c, -1, "epsilon"), *order = ca_keras_arg(c, -1, "order");
    if (order && json_number_value(order) > 2)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "normalize of another order than 2");
    CaValue *sum =
        reduced(c, "ReduceSum", ca_build_2(c->b, "Multiply", x, x), axes, true);
    sum = ca_build_2(
        c->b, "Maximum", sum,
        ca_build_number(c->b, x, json_is_number(eps) ? json_number_value(eps) : 1e-12));
    ca_keras_out(c, ca_build_2(c->b, "Divide", x, ca_build_1(c->b, "Sqrt", sum)));
}
static void norm(CaKerasCall *c)
{
    CaValue *x = real_operand(c);
    json_t *order = ca_keras_arg(c, 1, "ord");
    json_t *axis = ca_keras_arg(c, 2, "axis");
    if (order && !(json_is_integer(order) && json_integer_value(order) == 2) &&
        !json_is_string(order))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "a norm of another order than 2");
    json_t *keep = ca_keras_arg(c, 3, "keepdims");
    ca_keras_out(c, reduced(c, "ReduceL2", x, axes_of(c, x, axis), json_is_true(keep)));
}
static void arg_extreme(CaKerasCall *c)
{
    CaValue *x = operand(c);
    json_t *axis = axis_arg(c);
    const int rank = ca_build_rank(c->b, x);
    const int64_t all = -1;
    int at = 0;
    if (axis)
        at = ca_build_axis(c->b, json_integer_value(axis), rank);
    else
        x = ca_build_reshape(c->b, x, &all, 1);
    CaValue *const in[] = {x, ca_build_scalar(c->b, 1)};
    CaValue *v = ca_build_make_at(c->b, "TopK", 3, in, 2, 2);
    ca_build_set_int(c->b, v, "axis", at);
    ca_build_set_text(c->b, v, "mode", c->layer->op->ours);
    ca_build_set_text(c->b, v, "sort", "value");
    ca_build_set_text(c->b, v, "index_element_type", "i64");
    const int64_t place = at;
    if (!ca_build_settle(c->b) || !v)
        return;
    json_t *keep = ca_keras_arg(c, -1, "keepdims");
    ca_keras_out(c, json_is_true(keep) ? v + 1
                                       : ca_build_2(c->b, "Squeeze", v + 1,
                                                    ca_build_vector(c->b, &place, 1)));
}
static void cum_sum(CaKerasCall *c)
{
    CaValue *x = operand(c);
    json_t *axis = axis_arg(c);
    ca_keras_out(c, ca_build_2(c->b, "CumSum", x,
                               ca_build_scalar(c->b, json_integer_value(axis))));
}

/* --- Products. */

static void matmul(CaKerasCall *c)
{
    CaValue *v[2] = {NULL, NULL};
    two(c, v);
    CaValue *p = ca_build_2(c->b, "MatMul", v[0], v[1]);
    ca_build_set_text(c->b, p, "transpose_a",
                      json_is_true(ca_keras_arg(c, -1, "transpose_a")) ? "true"
                                                                       : "false");
    ca_build_set_text(c->b, p, "transpose_b",
                      json_is_true(ca_keras_arg(c, -1, "transpose_b")) ? "true"
                                                                       : "false");
    ca_keras_out(c, p);
}
static void einsum(CaKerasCall *c)
{
    json_t *equation = ca_keras_arg(c, -1, "subscripts|equation");
    if (!equation)
        equation = ca_keras_arg(c, 0, "");
    CaValue *v = ca_build_make(c->b, "Einsum", c->in, c->n_in, 1);
    ca_build_set_text(c->b, v, "equation",
                      json_is_string(equation) ? json_string_value(equation) : "");
    ca_keras_out(c, v);
}
static void add_all(CaKerasCall *c)
{
    CaValue *v = ca_keras_in(c, 0);
    for (int i = 1; i < c->n_in; i++)
        v = ca_build_2(c->b, "Add", v, c->in[i]);
    ca_keras_out(c, v);
}

#define OP(name, fn, ours)                 \
    {                                      \
        name, fn, ours, 0, CA_KERAS_PASSES \
    }
#define BINARY(class, symbol, operators, ours)                                           \
    OP(class, binary, ours), OP("math." symbol, binary, ours), OP(symbol, binary, ours), \
        OP("__operators__." operators, binary, ours)

const CaKerasOp ca_keras_ops_math[] = {
    BINARY("Add", "add", "add", "Add"),
    BINARY("Subtract", "subtract", "sub", "Subtract"),
    BINARY("Multiply", "multiply", "mul", "Multiply"),
    BINARY("Maximum", "maximum", "max", "Maximum"),
    BINARY("Minimum", "minimum", "min", "Minimum"),
    BINARY("Power", "pow", "pow", "Power"),
    BINARY("Mod", "floormod", "mod", "FloorMod"),
    BINARY("Equal", "equal", "eq", "Equal"),
    BINARY("NotEqual", "not_equal", "ne", "NotEqual"),
    BINARY("Greater", "greater", "gt", "Greater"),
    BINARY("GreaterEqual", "greater_equal", "ge", "GreaterEqual"),
    BINARY("Less", "less", "lt", "Less"),
    BINARY("LessEqual", "less_equal", "le", "LessEqual"),
    BINARY("LogicalAnd", "logical_and", "and", "LogicalAnd"),
    BINARY("LogicalOr", "logical_or", "or", "LogicalOr"),
    BINARY("LogicalXor", "logical_xor", "xor", "LogicalXor"),
    OP("Divide", divide, NULL),
    OP("TrueDivide", divide, NULL),
    OP("math.divide", divide, NULL),
    OP("math.truediv", divide, NULL),
    OP("divide", divide, NULL),
    OP("truediv", divide, NULL),
    OP("realdiv", divide, NULL),
    OP("__operators__.truediv", divide, NULL),
    OP("FloorDivide", floor_divide, NULL),
    OP("math.floordiv", floor_divide, NULL),
    OP("__operators__.floordiv", floor_divide, NULL),
    OP("Logaddexp", log_add_exp, NULL),
    OP("math.squared_difference", squared_difference, NULL),
    OP("Absolute", unary, "Abs"),
    OP("Abs", unary, "Abs"),
    OP("math.abs", unary, "Abs"),
    OP("Negative", unary, "Negative"),
    OP("math.negative", unary, "Negative"),
    OP("__operators__.neg", unary, "Negative"),
    OP("Sign", unary, "Sign"),
    OP("math.sign", unary, "Sign"),
    OP("LogicalNot", unary, "LogicalNot"),
    OP("math.logical_not", unary, "LogicalNot"),
    OP("Sqrt", unary_real, "Sqrt"),
    OP("math.sqrt", unary_real, "Sqrt"),
    OP("Exp", unary_real, "Exp"),
    OP("math.exp", unary_real, "Exp"),
    OP("Log", unary_real, "Log"),
    OP("math.log", unary_real, "Log"),
    OP("Floor", unary_real, "Floor"),
    OP("math.floor", unary_real, "Floor"),
    OP("Ceil", unary_real, "Ceiling"),
    OP("math.ceil", unary_real, "Ceiling"),
    OP("Round", unary_real, "Round"),
    OP("math.round", unary_real, "Round"),
    OP("Sin", unary_real, "Sin"),
    OP("math.sin", unary_real, "Sin"),
    OP("Cos", unary_real, "Cos"),
    OP("math.cos", unary_real, "Cos"),
    OP("Tan", unary_real, "Tan"),
    OP("Sinh", unary_real, "Sinh"),
    OP("Cosh", unary_real, "Cosh"),
    OP("Arcsin", unary_real, "Asin"),
    OP("Arccos", unary_real, "Acos"),
    OP("Arctan", unary_real, "Atan"),
    OP("Arcsinh", unary_real, "Asinh"),
    OP("Arccosh", unary_real, "Acosh"),
    OP("Arctanh", unary_real, "Atanh"),
    OP("Erf", unary_real, "Erf"),
    OP("math.erf", unary_real, "Erf"),
    OP("Square", square, NULL),
    OP("math.square", square, NULL),
    OP("Rsqrt", root_inverse, NULL),
    OP("math.rsqrt", root_inverse, NULL),
    OP("Reciprocal", reciprocal, NULL),
    OP("math.reciprocal", reciprocal, NULL),
    OP("Expm1", expm1_op, NULL),
    OP("Log1p", log1p_op, NULL),
    {"Log2", log_base, NULL, 2, CA_KERAS_PASSES},
    {"Log10", log_base, NULL, 10, CA_KERAS_PASSES},
    OP("Clip", clip, NULL),
    OP("clip_by_value", clip, NULL),
    OP("Where", where, NULL),
    OP("where", where, NULL),
    OP("Copy", same, NULL),
    OP("StopGradient", same, NULL),
    OP("stop_gradient", same, NULL),
    OP("identity", same, NULL),
    OP("convert_to_tensor", same, NULL),
    OP("Mean", reduce, "ReduceMean"),
    OP("math.reduce_mean", reduce, "ReduceMean"),
    OP("Sum", reduce, "ReduceSum"),
    OP("math.reduce_sum", reduce, "ReduceSum"),
    OP("Max", reduce, "ReduceMax"),
    OP("Amax", reduce, "ReduceMax"),
    OP("math.reduce_max", reduce, "ReduceMax"),
    OP("Min", reduce, "ReduceMin"),
    OP("Amin", reduce, "ReduceMin"),
    OP("math.reduce_min", reduce, "ReduceMin"),
    OP("Prod", reduce, "ReduceProd"),
    OP("math.reduce_prod", reduce, "ReduceProd"),
    OP("Any", reduce, "ReduceLogicalOr"),
    OP("All", reduce, "ReduceLogicalAnd"),
    {"Var", variance, NULL, 0, CA_KERAS_PASSES},
    {"math.reduce_variance", variance, NULL, 0, CA_KERAS_PASSES},
    {"Std", variance, NULL, 1, CA_KERAS_PASSES},
    {"math.reduce_std", variance, NULL, 1, CA_KERAS_PASSES},
    OP("Logsumexp", log_sum_exp, NULL),
    OP("math.reduce_logsumexp", log_sum_exp, NULL),
    OP("Normalize", l2_normalize, NULL),
    OP("math.l2_normalize", l2_normalize, NULL),
    OP("linalg.l2_normalize", l2_normalize, NULL),
    OP("nn.l2_normalize", l2_normalize, NULL),
    OP("Norm", norm, NULL),
    OP("norm", norm, NULL),
    OP("linalg.norm", norm, NULL),
    OP("Argmax", arg_extreme, "max"),
    OP("math.argmax", arg_extreme, "max"),
    OP("Argmin", arg_extreme, "min"),
    OP("math.argmin", arg_extreme, "min"),
    OP("Cumsum", cum_sum, NULL),
    OP("math.cumsum", cum_sum, NULL),
    OP("Matmul", matmul, NULL),
    OP("linalg.matmul", matmul, NULL),
    OP("__operators__.matmul", matmul, NULL),
    OP("Einsum", einsum, NULL),
    OP("einsum", einsum, NULL),
    OP("math.add_n", add_all, NULL),
    {NULL, NULL, NULL, 0, CA_KERAS_PASSES},
};
