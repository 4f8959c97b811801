/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX: arithmetic, comparison, activations, reductions.
 */
#include "formats/onnx/onnx_reader.h"

#include <float.h>
#include <string.h>

static const char *ours(const CaOnnxCall *c)
{
    const char *domain = c->node->domain ? c->node->domain : "";
    return ca_onnx_op_find(strcmp(domain, "ai.onnx") == 0 ? "" : domain, c->node->op_type)
        ->ours;
}

/* Before opset 7 the second input is stretched only where `broadcast` says so, from `axis` on. */
static CaValue *second(CaOnnxCall *c, CaValue *a, CaValue *b)
{
    const Onnx__AttributeProto *axis = ca_onnx_attr(c, "axis");
    if (c->opset >= 7 || !ca_onnx_attr_int(c, "broadcast", 0) || !axis)
        return b;
    const int rank = ca_build_rank(c->b, a);
    const CarinaShape s = ca_build_shape(c->b, b);
    const int at = ca_build_axis(c->b, axis->i, rank);
    int64_t dims[CARINA_MAX_RANK];
    if (s.rank < 0 || at + s.rank > rank) {
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "axis %lld does not fit its inputs",
                      (long long)axis->i);
        return NULL;
    }
    for (int i = at; i < rank; i++)
        dims[i - at] = i - at < s.rank ? s.dims[i - at] : 1;
    return rank - at == s.rank ? b : ca_build_reshape(c->b, b, dims, rank - at);
}

static void binary(CaOnnxCall *c)
{
    CaValue *a = ca_onnx_in(c, 0);
    ca_onnx_out(c, 0, ca_build_2(c->b, ours(c), a, second(c, a, ca_onnx_in(c, 1))));
}

static void divide(CaOnnxCall *c)
{
    CaValue *a = ca_onnx_in(c, 0);
    CaValue *v = ca_build_2(c->b, "Divide", a, second(c, a, ca_onnx_in(c, 1)));
    ca_build_set_text(c->b, v, "m_pythondiv", "false"); /* integers are cut toward zero */
    ca_onnx_out(c, 0, v);
}

static void power(CaOnnxCall *c)
{
    CaValue *a = ca_onnx_in(c, 0), *b = second(c, a, ca_onnx_in(c, 1));
    const CarinaType type = ca_build_type(c->b, a);
    if (type != CARINA_UNKNOWN)
        b = ca_build_convert(c->b, b, type);
    ca_onnx_out(c, 0, ca_build_2(c->b, "Power", a, b));
}

static void modulo(CaOnnxCall *c)
{
    ca_onnx_out(c, 0,
                ca_build_2(c->b, ca_onnx_attr_int(c, "fmod", 0) ? "Mod" : "FloorMod",
                           ca_onnx_in(c, 0), ca_onnx_in(c, 1)));
}

static void chain(CaOnnxCall *c)
{
    CaValue *v = ca_onnx_in(c, 0);
    for (int i = 1; i < c->n_in; i++)
        v = ca_build_2(c->b, ours(c), v, ca_onnx_in(c, i));
    if (strcmp(c->node->op_type, "Mean") == 0 && c->n_in > 1)
        v = ca_build_2(c->b, "Divide", v, ca_build_number(c->b, v, c->n_in));
    ca_onnx_out(c, 0, v);
}

static void reciprocal(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    ca_onnx_out(c, 0, ca_build_2(c->b, "Divide", ca_build_number(c->b, x, 1), x));
}

/* Until opset 5 the type is a word. */
static void cast(CaOnnxCall *c)
{
    static const char *const words[] = {
        "UNDEFINED", "FLOAT",  "UINT8", "INT8",    "UINT16", "INT16",  "INT32",
        "INT64",     "STRING", "BOOL",  "FLOAT16", "DOUBLE", "UINT32", "UINT64"};
    const Onnx__AttributeProto *to = ca_onnx_attr(c, "to");
    int64_t code = to ? to->i : 0;
    if (to && to->has_s) {
        const char *word = ca_onnx_attr_text(c, "to", "");
        for (int i = 0; i < (int)(sizeof words / sizeof words[0]); i++)
            if (strcmp(word, words[i]) == 0)
                code = i;
    }
    const CarinaType type =
        code > 0 && code < INT32_MAX ? ca_onnx_type((int32_t)code) : CARINA_UNKNOWN;
    if (type == CARINA_UNKNOWN || type == CARINA_I4 || type == CARINA_U4) {
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "casts to element type %s (%lld), which Carina does not compute",
                      code > 0 && code < 64 ? ca_onnx_type_text((int32_t)code)
                                            : "unknown",
                      (long long)code);
        return;
    }
    ca_onnx_out(c, 0, ca_build_convert(c->b, ca_onnx_in(c, 0), type));
}

/* --- Activations. */

/* Clip's limits: attributes until opset 10, inputs after. False where an input is not known. */
static bool clip_limit(CaOnnxCall *c, const char *attr, int input, double *limit)
{
    if (c->opset < 11) {
        *limit = ca_onnx_attr_real(c, attr, *limit);
        return true;
    }
    CaValue *v = ca_onnx_opt(c, input);
    return !v || ca_build_known_reals(c->b, v, limit, 1) == 1;
}

static void clip(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    const CarinaType type = ca_build_type(c->b, x);
    double low = ca_type_is_whole(type) ? -0x1p62
                 : type == CARINA_F64   ? -DBL_MAX
                                        : -(double)FLT_MAX;
    double high = -low;
    const bool known_low = clip_limit(c, "min", 1, &low),
               known_high = clip_limit(c, "max", 2, &high);
    CaValue *v = x;
    if (known_low && known_high) {
        v = ca_build_1(c->b, "Clamp", x);
        ca_build_set_real(c->b, v, "min",
                          low > high ? high : low); /* crossed: all is the maximum */
        ca_build_set_real(c->b, v, "max", high);
    } else {
        if (ca_onnx_opt(c, 1))
            v = ca_build_2(c->b, "Maximum", v, c->in[1]);
        if (ca_onnx_opt(c, 2))
            v = ca_build_2(c->b, "Minimum", v, c->in[2]);
    }
    ca_onnx_out(c, 0, v);
}

static void leaky_relu(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    const int64_t one = 1;
    CaValue *slope =
        ca_build_number(c->b, x, ca_onnx_attr_real(c, "alpha", (double)0.01f));
    ca_onnx_out(c, 0,
                ca_build_2(c->b, "PReLU", x, ca_build_reshape(c->b, slope, &one, 1)));
}

/* The slope is aligned at the last axis from opset 7 on, at the channels before; PReLU guesses for vectors. */
static void prelu(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0), *slope = ca_onnx_in(c, 1);
    const CarinaShape xs = ca_build_shape(c->b, x), s = ca_build_shape(c->b, slope);
    int64_t n = 0, dims[CARINA_MAX_RANK];
    if (xs.rank > 1 && s.rank >= 0 && s.rank < xs.rank && ca_shape_count(&s, &n) &&
        n > 1) {
        if (c->opset < 7 && s.rank == 1) {
            slope = ca_build_per_channel(c->b, slope, 1, xs.rank);
        } else {
            for (int i = 0; i < xs.rank; i++)
                dims[i] = i < xs.rank - s.rank ? 1 : s.dims[i - (xs.rank - s.rank)];
            slope = ca_build_reshape(c->b, slope, dims, xs.rank);
        }
    }
    ca_onnx_out(c, 0, ca_build_2(c->b, "PReLU", x, slope));
}

/* a * elu(x / a) */
static void celu(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    const double alpha = ca_onnx_attr_real(c, "alpha", 1);
    CaValue *v = ca_build_1(
        c->b, "Elu", ca_build_2(c->b, "Divide", x, ca_build_number(c->b, x, alpha)));
    ca_build_set_real(c->b, v, "alpha", 1);
    ca_onnx_out(c, 0, ca_build_2(c->b, "Multiply", v, ca_build_number(c->b, x, alpha)));
}

static void selu(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    const bool old = c->opset < 6;
    CaValue *alpha = ca_build_number(
        c->b, x, ca_onnx_attr_real(c, "alpha", old ? 1.6732 : 1.67326319217681884765625));
    CaValue *gamma = ca_build_number(
        c->b, x, ca_onnx_attr_real(c, "gamma", old ? 1.0507 : 1.05070102214813232421875));
    ca_onnx_out(c, 0, ca_build_3(c->b, "Selu", x, alpha, gamma));
}

static void hard_sigmoid(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    CaValue *alpha =
        ca_build_number(c->b, x, ca_onnx_attr_real(c, "alpha", (double)0.2f));
    CaValue *beta = ca_build_number(c->b, x, ca_onnx_attr_real(c, "beta", 0.5));
    ca_onnx_out(c, 0, ca_build_3(c->b, "HardSigmoid", x, alpha, beta));
}

/* x where x > alpha, else 0. */
static void thresholded_relu(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    CaValue *above = ca_build_2(
        c->b, "Greater", x, ca_build_number(c->b, x, ca_onnx_attr_real(c, "alpha", 1)));
    ca_onnx_out(c, 0, ca_build_3(c->b, "Select", above, x, ca_build_number(c->b, x, 0)));
}

static CaValue *gelu_of(CaOnnxCall *c, CaValue *x, bool tanh)
{
    CaValue *v = ca_build_1(c->b, "Gelu", x);
    ca_build_set_text(c->b, v, "approximation_mode", tanh ? "tanh" : "erf");
    return v;
}

static void gelu(CaOnnxCall *c)
{
    ca_onnx_out(
        c, 0,
        gelu_of(c, ca_onnx_in(c, 0),
                strcmp(ca_onnx_attr_text(c, "approximate", "none"), "tanh") == 0));
}

static void biased_gelu(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    if (ca_onnx_opt(c, 1))
        x = ca_build_2(c->b, "Add", x, c->in[1]);
    ca_onnx_out(c, 0, gelu_of(c, x, strcmp(c->node->op_type, "FastGelu") == 0));
}

static void quick_gelu(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0);
    ca_onnx_out(c, 0,
                ca_build_2(c->b, "Swish", x,
                           ca_build_number(
                               c->b, x, ca_onnx_attr_real(c, "alpha", (double)1.702f))));
}

/* --- Reductions. */

/* The axes: attribute or input; all where none are given. NULL: nothing to reduce (noop_with_empty_axes), or failed. */
static CaValue *reduction_axes(CaOnnxCall *c, CaValue *x)
{
    int n = -1;
    const int64_t *axes = ca_onnx_attr_ints(c, "axes", &n);
    CaValue *given = ca_onnx_opt(c, 1);
    const CarinaShape s = given ? ca_build_shape(c->b, given) : ca_shape_unknown();
    if (n > 0)
        return ca_build_vector(c->b, axes, n);
    if (given && !(s.rank == 1 && s.dims[0] == 0))
        return given;
    if (ca_onnx_attr_int(c, "noop_with_empty_axes", 0) != 0)
        return NULL;
    const int rank = ca_build_rank(c->b, x);
    return c->b->status == CARINA_OK ? ca_build_iota(c->b, 0, rank) : NULL;
}

static CaValue *reduced(CaOnnxCall *c, const char *op, CaValue *x, CaValue *axes,
                        bool keep)
{
    CaValue *v = ca_build_2(c->b, op, x, axes);
    ca_build_set_text(c->b, v, "keep_dims", keep ? "true" : "false");
    return v;
}

static void reduce(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0), *axes = reduction_axes(c, x);
    const bool keep = ca_onnx_attr_int(c, "keepdims", 1) != 0;
    if (c->b->status == CARINA_OK)
        ca_onnx_out(c, 0, axes ? reduced(c, ours(c), x, axes, keep) : x);
}

static void reduce_sum_square(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0), *axes = reduction_axes(c, x);
    CaValue *square = ca_build_2(c->b, "Multiply", x, x);
    if (c->b->status == CARINA_OK)
        ca_onnx_out(c, 0,
                    axes ? reduced(c, "ReduceSum", square, axes,
                                   ca_onnx_attr_int(c, "keepdims", 1) != 0)
                         : square);
}

static void reduce_log_sum(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0), *axes = reduction_axes(c, x);
    const bool keep = ca_onnx_attr_int(c, "keepdims", 1) != 0;
    if (c->b->status == CARINA_OK)
        ca_onnx_out(
            c, 0,
            ca_build_1(c->b, "Log", axes ? reduced(c, "ReduceSum", x, axes, keep) : x));
}

/* max + log sum exp(x - max): does not overflow. */
static void reduce_log_sum_exp(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0), *axes = reduction_axes(c, x);
    const bool keep = ca_onnx_attr_int(c, "keepdims", 1) != 0;
    if (c->b->status != CARINA_OK)
        return;
    if (!axes) {
        ca_onnx_out(c, 0, x);
        return;
    }
    CaValue *peak = reduced(c, "ReduceMax", x, axes, true);
    CaValue *sum = reduced(c, "ReduceSum",
                           ca_build_1(c->b, "Exp", ca_build_2(c->b, "Subtract", x, peak)),
                           axes, true);
    CaValue *v = ca_build_2(c->b, "Add", ca_build_1(c->b, "Log", sum), peak);
    ca_onnx_out(c, 0, keep ? v : ca_build_2(c->b, "Squeeze", v, axes));
}

static CaValue *top_k(CaOnnxCall *c, CaValue *x, CaValue *k, int64_t axis,
                      const char *mode, const char *sort)
{
    CaValue *const in[] = {x, k};
    CaValue *v = ca_build_make(c->b, "TopK", in, 2, 2);
    ca_build_set_int(c->b, v, "axis", axis);
    ca_build_set_text(c->b, v, "mode", mode);
    ca_build_set_text(c->b, v, "sort", sort);
    ca_build_set_text(c->b, v, "index_element_type", "i64");
    if (v && c->b->status == CARINA_OK &&
        carina_node_attr(v->node, "stable", CARINA_ATTR_BOOL))
        ca_build_set_text(c->b, v, "stable", "true");
    return v;
}

static void arg_extreme(CaOnnxCall *c)
{
    const int64_t axis = ca_onnx_attr_int(c, "axis", 0);
    if (ca_onnx_attr_int(c, "select_last_index", 0) != 0)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "select_last_index; export with the first index");
    CaValue *v =
        top_k(c, ca_onnx_in(c, 0), ca_build_scalar(c->b, 1), axis, ours(c), "value");
    if (v)
        v++; /* the indices */
    ca_onnx_out(c, 0,
                ca_onnx_attr_int(c, "keepdims", 1)
                    ? v
                    : ca_build_2(c->b, "Squeeze", v, ca_build_vector(c->b, &axis, 1)));
}

static void top(CaOnnxCall *c)
{
    CaValue *k = c->opset < 10 ? ca_build_scalar(c->b, ca_onnx_attr_int(c, "k", 1))
                               : ca_build_to_scalar(c->b, ca_onnx_in(c, 1));
    CaValue *v = top_k(c, ca_onnx_in(c, 0), k, ca_onnx_attr_int(c, "axis", -1),
                       ca_onnx_attr_int(c, "largest", 1) ? "max" : "min", "value");
    ca_onnx_out(c, 0, v);
    if (v)
        ca_onnx_out(c, 1, v + 1);
}

static void cum_sum(CaOnnxCall *c)
{
    CaValue *v = ca_build_2(c->b, "CumSum", ca_onnx_in(c, 0),
                            ca_build_to_scalar(c->b, ca_onnx_in(c, 1)));
    ca_build_set_text(c->b, v, "exclusive",
                      ca_onnx_attr_int(c, "exclusive", 0) ? "true" : "false");
    ca_build_set_text(c->b, v, "reverse",
                      ca_onnx_attr_int(c, "reverse", 0) ? "true" : "false");
    ca_onnx_out(c, 0, v);
}

static void einsum(CaOnnxCall *c)
{
    CaValue *v = ca_build_make(c->b, "Einsum", c->in, c->n_in, 1);
    ca_build_set_text(c->b, v, "equation", ca_onnx_attr_text(c, "equation", ""));
    ca_onnx_out(c, 0, v);
}

const CaOnnxOp ca_onnx_math[] = {
    {"", "Add", binary, "Add"},
    {"", "And", binary, "LogicalAnd"},
    {"", "ArgMax", arg_extreme, "max"},
    {"", "ArgMin", arg_extreme, "min"},
    {"", "Cast", cast, NULL},
    {"", "Celu", celu, NULL},
    {"", "Clip", clip, NULL},
    {"", "CumSum", cum_sum, NULL},
    {"", "Div", divide, NULL},
    {"", "Einsum", einsum, NULL},
    {"", "Equal", binary, "Equal"},
    {"", "Gelu", gelu, NULL},
    {"", "Greater", binary, "Greater"},
    {"", "GreaterOrEqual", binary, "GreaterEqual"},
    {"", "HardSigmoid", hard_sigmoid, NULL},
    {"", "LeakyRelu", leaky_relu, NULL},
    {"", "Less", binary, "Less"},
    {"", "LessOrEqual", binary, "LessEqual"},
    {"", "Max", chain, "Maximum"},
    {"", "Mean", chain, "Add"},
    {"", "Min", chain, "Minimum"},
    {"", "Mod", modulo, NULL},
    {"", "Mul", binary, "Multiply"},
    {"", "Or", binary, "LogicalOr"},
    {"", "PRelu", prelu, NULL},
    {"", "Pow", power, NULL},
    {"", "Reciprocal", reciprocal, NULL},
    {"", "ReduceL1", reduce, "ReduceL1"},
    {"", "ReduceL2", reduce, "ReduceL2"},
    {"", "ReduceLogSum", reduce_log_sum, NULL},
    {"", "ReduceLogSumExp", reduce_log_sum_exp, NULL},
    {"", "ReduceMax", reduce, "ReduceMax"},
    {"", "ReduceMean", reduce, "ReduceMean"},
    {"", "ReduceMin", reduce, "ReduceMin"},
    {"", "ReduceProd", reduce, "ReduceProd"},
    {"", "ReduceSum", reduce, "ReduceSum"},
    {"", "ReduceSumSquare", reduce_sum_square, NULL},
    {"", "Selu", selu, NULL},
    {"", "Sub", binary, "Subtract"},
    {"", "Sum", chain, "Add"},
    {"", "ThresholdedRelu", thresholded_relu, NULL},
    {"", "TopK", top, NULL},
    {"", "Xor", binary, "LogicalXor"},
    {"com.microsoft", "BiasGelu", biased_gelu, NULL},
    {"com.microsoft", "FastGelu", biased_gelu, NULL},
    {"com.microsoft", "Gelu", gelu, NULL},
    {"com.microsoft", "QuickGelu", quick_gelu, NULL},
    {NULL, NULL, NULL, NULL},
};
