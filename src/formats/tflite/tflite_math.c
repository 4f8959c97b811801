/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFLite: arithmetic, comparison, activations, reductions, quantisation.
 */
#include "formats/tflite/tflite_reader.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* --- Arithmetic. */

static void unary(CaTfliteCall *c)
{
    ca_tflite_out(c, 0, ca_build_1(c->b, c->op->ours, ca_tflite_in(c, 0)));
}

static void binary(CaTfliteCall *c)
{
    ca_tflite_out(c, 0,
                  ca_build_2(c->b, c->op->ours, ca_tflite_in(c, 0), ca_tflite_in(c, 1)));
}

/* Comparisons of steps say so for the pass whole-steps: those of floats look the same. */
static void comparison(CaTfliteCall *c)
{
    CaValue *v = ca_build_2(c->b, c->op->ours, ca_tflite_in(c, 0), ca_tflite_in(c, 1));
    if (v && c->b->status == CARINA_OK &&
        ca_tflite_is_quantized(ca_tflite_in_tensor(c, 0)))
        ca_node_set_info(c->b->graph, v->node, CA_TFLITE_STEPS_MARK, "value=\"steps\"");
    ca_tflite_out(c, 0, v);
}

static void binary_act(CaTfliteCall *c)
{
    ca_tflite_out(c, 0,
                  ca_tflite_act(c, ca_build_2(c->b, c->op->ours, ca_tflite_in(c, 0),
                                              ca_tflite_in(c, 1))));
}

static void divide(CaTfliteCall *c)
{
    CaValue *v = ca_build_2(c->b, "Divide", ca_tflite_in(c, 0), ca_tflite_in(c, 1));
    ca_build_set_text(c->b, v, "m_pythondiv", "false"); /* integers are cut toward zero */
    ca_tflite_out(c, 0, ca_tflite_act(c, v));
}

static void floor_divide(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 0);
    CaValue *v = ca_build_2(c->b, "Divide", x, ca_tflite_in(c, 1));
    if (ca_type_is_real(ca_build_type(c->b, x)))
        v = ca_build_1(c->b, "Floor", v);
    else
        ca_build_set_text(c->b, v, "m_pythondiv", "true");
    ca_tflite_out(c, 0, v);
}

static void add_n(CaTfliteCall *c)
{
    CaValue *v = ca_tflite_in(c, 0);
    for (int i = 1; i < ca_tflite_n_in(c); i++)
        v = ca_build_2(c->b, "Add", v, ca_tflite_in(c, i));
    ca_tflite_out(c, 0, v);
}

static void square(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 0);
    ca_tflite_out(c, 0, ca_build_2(c->b, "Multiply", x, x));
}

static void rsqrt(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 0);
    ca_tflite_out(c, 0, ca_build_2(c->b, "Power", x, ca_build_number(c->b, x, -0.5)));
}

static void round_even(CaTfliteCall *c)
{
    CaValue *v = ca_build_1(c->b, "Round", ca_tflite_in(c, 0));
    ca_build_set_text(c->b, v, "mode", "half_to_even");
    ca_tflite_out(c, 0, v);
}

/* atan(y / x), turned by pi in the left half plane; x = 0 divides to infinity, 0 / 0 is 0. */
static void atan2_of(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    CaValue *y = ca_tflite_in(c, 0), *x = ca_tflite_in(c, 1);
    CaValue *zero = ca_build_number(b, y, 0),
            *pi = ca_build_number(b, y, 3.14159265358979323846);
    CaValue *both = ca_build_2(b, "LogicalAnd", ca_build_2(b, "Equal", y, zero),
                               ca_build_2(b, "Equal", x, zero));
    CaValue *angle = ca_build_1(b, "Atan", ca_build_2(b, "Divide", y, x));
    CaValue *turn = ca_build_3(b, "Select", ca_build_2(b, "Less", y, zero),
                               ca_build_1(b, "Negative", pi), pi);
    turn = ca_build_3(b, "Select", ca_build_2(b, "Less", x, zero), turn, zero);
    CaValue *v = ca_build_2(b, "Add", angle, turn);
    ca_tflite_out(c, 0, ca_build_3(b, "Select", both, zero, v));
}

static void bitwise_xor(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 0);
    if (ca_build_type(c->b, x) != CARINA_BOOL)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "exclusive or of integers' bits; convert with booleans");
    ca_tflite_out(c, 0, ca_build_2(c->b, "LogicalXor", x, ca_tflite_in(c, 1)));
}

/* --- Types. */

static void cast(CaTfliteCall *c)
{
    CaTfliteTensor *in = ca_tflite_in_tensor(c, 0), *out = ca_tflite_out_tensor(c, 0);
    CaValue *v = ca_tflite_in(c, 0);
    if (!in || !out)
        return;
    if (out->type == CARINA_UNKNOWN || out->type == CARINA_I4 || out->type == CARINA_U4)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "casts to element type %s, which Carina does not compute",
                      ca_tflite_type_text(out->code));
    if (ca_tflite_is_quantized(in)) /* what is cast are the steps */
        v = ca_tflite_to_steps(c, in, v);
    v = ca_build_convert(c->b, v, out->type);
    if (ca_tflite_is_quantized(out))
        v = ca_tflite_from_steps(c, out, v);
    ca_tflite_out(c, 0, v);
}

/* Floats and steps of another size become steps where the result is stored. */
static void quantize(CaTfliteCall *c) { ca_tflite_out(c, 0, ca_tflite_in(c, 0)); }

/* FakeQuant's range is moved so that 0 is one of its steps. */
static void fake_quant(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tflite_in(c, 0);
    const int64_t bits = ca_tflite_opt_int(c, "num_bits");
    const double lowest = ca_tflite_opt_int(c, "narrow_range") ? 1 : 0;
    const double min = ca_tflite_opt_real(c, "min"), max = ca_tflite_opt_real(c, "max");
    if (bits < 2 || bits > 16 || !(min < max) || !isfinite(max - min)) {
        ca_build_fail(b, CARINA_ERR_FORMAT, "%lld bits from %g to %g are no range",
                      (long long)bits, min, max);
        return;
    }
    const double highest = (double)((int64_t)1 << bits) - 1;
    const double scale = (max - min) / (highest - lowest);
    const double zero = fmin(fmax(round(lowest - min / scale), lowest), highest);
    CaValue *low = ca_build_number(b, x, (lowest - zero) * scale),
            *high = ca_build_number(b, x, (highest - zero) * scale);
    CaValue *const in[] = {x, low, high, low, high};
    CaValue *v = ca_build_make(b, "FakeQuantize", in, 5, 1);
    ca_build_set_int(b, v, "levels", (int64_t)(highest - lowest) + 1);
    ca_tflite_out(c, 0, v);
}

/* --- Activations. */

static void clamp(CaTfliteCall *c)
{
    static const int acts[] = {1, 2, 3};
    static const char *const names[] = {"RELU", "RELU_N1_TO_1", "RELU6"};
    for (int i = 0; i < 3; i++)
        if (strcmp(c->op->name, names[i]) == 0)
            ca_tflite_out(c, 0, ca_tflite_activation(c, ca_tflite_in(c, 0), acts[i]));
}

static void relu_0_to_1(CaTfliteCall *c)
{
    CaValue *v = ca_build_1(c->b, "Clamp", ca_tflite_in(c, 0));
    ca_build_set_real(c->b, v, "min", 0);
    ca_build_set_real(c->b, v, "max", 1);
    ca_tflite_out(c, 0, v);
}

static void leaky_relu(CaTfliteCall *c)
{
    const int64_t one = 1;
    CaValue *x = ca_tflite_in(c, 0);
    CaValue *slope = ca_build_number(c->b, x, ca_tflite_opt_real(c, "alpha"));
    ca_tflite_out(c, 0,
                  ca_build_2(c->b, "PReLU", x, ca_build_reshape(c->b, slope, &one, 1)));
}

/* The slope broadcasts from the last dimension; PReLU would guess for vectors. */
static void prelu(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 0), *slope = ca_tflite_in(c, 1);
    const int rank = ca_build_rank(c->b, x);
    const CarinaShape s = ca_build_shape(c->b, slope);
    int64_t dims[CARINA_MAX_RANK];
    if (s.rank >= 0 && s.rank < rank && ca_shape_is_static(&s)) {
        for (int i = 0; i < rank; i++)
            dims[i] = i < rank - s.rank ? 1 : s.dims[i - (rank - s.rank)];
        slope = ca_build_reshape(c->b, slope, dims, rank);
    }
    ca_tflite_out(c, 0, ca_build_2(c->b, "PReLU", x, slope));
}

static void elu(CaTfliteCall *c)
{
    CaValue *v = ca_build_1(c->b, "Elu", ca_tflite_in(c, 0));
    ca_build_set_real(c->b, v, "alpha", 1);
    ca_tflite_out(c, 0, v);
}

static void gelu(CaTfliteCall *c)
{
    CaValue *v = ca_build_1(c->b, "Gelu", ca_tflite_in(c, 0));
    ca_build_set_text(c->b, v, "approximation_mode",
                      ca_tflite_opt_int(c, "approximate") ? "tanh" : "erf");
    ca_tflite_out(c, 0, v);
}

/* --- Reductions. */

static void reduce(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    int64_t axes[CARINA_MAX_RANK];
    CaValue *x = ca_tflite_in(c, 0);
    const int rank = ca_build_rank(b, x), n = ca_tflite_ints(c, 1, axes, CARINA_MAX_RANK);
    bool seen[CARINA_MAX_RANK] = {false};
    int n_axes = 0;
    for (int i = 0; i < n && b->status == CARINA_OK; i++) {
        const int axis = ca_build_axis(b, axes[i], rank);
        if (!seen[axis])
            axes[n_axes++] = axis; /* an axis may be named twice */
        seen[axis] = true;
    }
    if (b->status != CARINA_OK)
        return;
    CaValue *v = x;
    if (n_axes > 0) {
        v = ca_build_2(b, c->op->ours, x, ca_build_vector(b, axes, n_axes));
        ca_build_set_text(b, v, "keep_dims",
                          ca_tflite_opt_int(c, "keep_dims") ? "true" : "false");
    }
    ca_tflite_out(c, 0, v);
}

static CaValue *top_k(CaTfliteCall *c, CaValue *x, CaValue *k, int64_t axis,
                      const char *mode, CarinaType type)
{
    CaValue *const in[] = {x, k};
    CaValue *v = ca_build_make(c->b, "TopK", in, 2, 2);
    ca_build_set_int(c->b, v, "axis", axis);
    ca_build_set_text(c->b, v, "mode", mode);
    ca_build_set_text(c->b, v, "sort", "value");
    ca_build_set_text(c->b, v, "index_element_type", type == CARINA_I64 ? "i64" : "i32");
    if (v && c->b->status == CARINA_OK &&
        carina_node_attr(v->node, "stable", CARINA_ATTR_BOOL))
        ca_build_set_text(c->b, v, "stable", "true"); /* the lowest index among equals */
    return v;
}

static void arg_extreme(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 0);
    const int axis = ca_tflite_axis(c, 1, ca_build_rank(c->b, x));
    const CarinaType type = ca_tflite_type((int32_t)ca_tflite_opt_int(c, "output_type"));
    if (type != CARINA_I32 && type != CARINA_I64 && type != CARINA_F32)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "its indices are of type %s",
                      carina_type_name(type));
    CaValue *v = top_k(c, x, ca_build_scalar(c->b, 1), axis, c->op->ours,
                       type == CARINA_F32 ? CARINA_I32 : type);
    ca_tflite_out(c, 0, ca_tflite_squeeze(c, v ? v + 1 : NULL, axis));
}

static void top_k_v2(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 0);
    const int rank = ca_build_rank(c->b, x);
    const CaTfliteTensor *index = ca_tflite_out_tensor(c, 1);
    CaValue *v = top_k(c, x, ca_build_to_scalar(c->b, ca_tflite_in(c, 1)), rank - 1,
                       "max", index ? index->type : CARINA_I32);
    ca_tflite_out(c, 0, v);
    ca_tflite_out(c, 1, v ? v + 1 : NULL);
}

static void cumsum(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 0);
    const int axis = ca_tflite_axis(c, 1, ca_build_rank(c->b, x));
    CaValue *v = ca_build_2(c->b, "CumSum", x, ca_build_scalar(c->b, axis));
    ca_build_set_text(c->b, v, "exclusive",
                      ca_tflite_opt_int(c, "exclusive") ? "true" : "false");
    ca_build_set_text(c->b, v, "reverse",
                      ca_tflite_opt_int(c, "reverse") ? "true" : "false");
    ca_tflite_out(c, 0, v);
}

/* How many boundaries each element has reached. */
static void bucketize(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tflite_in(c, 0);
    const CaFlatVector v = ca_tflite_opt_ints(c, "boundaries"); /* f32, as many bytes */
    double *list = ca_arena_array(b->work, (size_t)v.n + 1, sizeof *list);
    const CarinaShape shape = ca_build_along(0, 1, (int64_t)v.n);
    if (!list) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < v.n; i++)
        list[i] = (double)ca_flat_load_f32(c->r->flat.data + v.at + (size_t)i * 4);
    if (!ca_type_is_real(ca_build_type(b, x)))
        x = ca_build_convert(b, x, CARINA_F32);
    CaValue *reached = ca_build_2(b, "GreaterEqual", ca_tflite_unsqueeze(c, x, -1),
                                  ca_build_reals(b, &shape, list));
    ca_tflite_out(c, 0,
                  ca_tflite_reduced(c, "ReduceSum",
                                    ca_build_convert(b, reached, CARINA_I32), -1, false));
}

static void select_rows(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    CaValue *cond = ca_tflite_in(c, 0), *x = ca_tflite_in(c, 1), *y = ca_tflite_in(c, 2);
    const CarinaShape s = ca_build_shape(b, cond), xs = ca_build_shape(b, x);
    int64_t dims[CARINA_MAX_RANK];
    if (strcmp(c->op->name, "SELECT") == 0 && s.rank == 1 &&
        xs.rank > 1) { /* chooses rows */
        for (int i = 0; i < xs.rank; i++)
            dims[i] = i == 0 ? (s.dims[0] >= 0 ? s.dims[0] : -1) : 1;
        cond = ca_build_reshape(b, cond, dims, xs.rank);
    }
    ca_tflite_out(c, 0, ca_build_3(b, "Select", cond, x, y));
}

const CaTfliteOp ca_tflite_math[] = {
    {"ABS", unary, "Abs", false},
    {"ADD", binary_act, "Add", false},
    {"ADD_N", add_n, NULL, false},
    {"ARG_MAX", arg_extreme, "max", false},
    {"ARG_MIN", arg_extreme, "min", false},
    {"ATAN2", atan2_of, NULL, false},
    {"BITWISE_XOR", bitwise_xor, NULL, false},
    {"BUCKETIZE", bucketize, NULL, false},
    {"CAST", cast, NULL, false},
    {"CEIL", unary, "Ceiling", false},
    {"COS", unary, "Cos", false},
    {"CUMSUM", cumsum, NULL, false},
    {"DEQUANTIZE", quantize, NULL, false},
    {"DIV", divide, NULL, false},
    {"ELU", elu, NULL, false},
    {"EQUAL", comparison, "Equal", false},
    {"EXP", unary, "Exp", false},
    {"FAKE_QUANT", fake_quant, NULL, false},
    {"FLOOR", unary, "Floor", false},
    {"FLOOR_DIV", floor_divide, NULL, false},
    {"FLOOR_MOD", binary, "FloorMod", false},
    {"GELU", gelu, NULL, false},
    {"GREATER", comparison, "Greater", false},
    {"GREATER_EQUAL", comparison, "GreaterEqual", false},
    {"HARD_SWISH", unary, "HSwish", false},
    {"LEAKY_RELU", leaky_relu, NULL, false},
    {"LESS", comparison, "Less", false},
    {"LESS_EQUAL", comparison, "LessEqual", false},
    {"LOG", unary, "Log", false},
    {"LOGICAL_AND", binary, "LogicalAnd", false},
    {"LOGICAL_NOT", unary, "LogicalNot", false},
    {"LOGICAL_OR", binary, "LogicalOr", false},
    {"LOGISTIC", unary, "Sigmoid", false},
    {"MAXIMUM", binary, "Maximum", true},
    {"MEAN", reduce, "ReduceMean", false},
    {"MINIMUM", binary, "Minimum", true},
    {"MUL", binary_act, "Multiply", false},
    {"NEG", unary, "Negative", false},
    {"NOT_EQUAL", comparison, "NotEqual", false},
    {"POW", binary, "Power", false},
    {"PRELU", prelu, NULL, false},
    {"QUANTIZE", quantize, NULL, false},
    {"REDUCE_ALL", reduce, "ReduceLogicalAnd", false},
    {"REDUCE_ANY", reduce, "ReduceLogicalOr", false},
    {"REDUCE_MAX", reduce, "ReduceMax", true},
    {"REDUCE_MIN", reduce, "ReduceMin", true},
    {"REDUCE_PROD", reduce, "ReduceProd", false},
    {"RELU", clamp, NULL, false},
    {"RELU6", clamp, NULL, false},
    {"RELU_0_TO_1", relu_0_to_1, NULL, false},
    {"RELU_N1_TO_1", clamp, NULL, false},
    {"ROUND", round_even, NULL, false},
    {"RSQRT", rsqrt, NULL, false},
    {"SELECT", select_rows, NULL, true},
    {"SELECT_V2", select_rows, NULL, true},
    {"SIGN", unary, "Sign", false},
    {"SIN", unary, "Sin", false},
    {"SQRT", unary, "Sqrt", false},
    {"SQUARE", square, NULL, false},
    {"SQUARED_DIFFERENCE", binary, "SquaredDifference", false},
    {"SUB", binary_act, "Subtract", false},
    {"SUM", reduce, "ReduceSum", false},
    {"TANH", unary, "Tanh", false},
    {"TOPK_V2", top_k_v2, NULL, true},
    {NULL, NULL, NULL, false},
};
