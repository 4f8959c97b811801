/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IR versions 2 to 7: activations, arithmetic, comparison, reduction, selection.
 */
#include "ir/ir_legacy.h"

#include <string.h>

/* --- One input, no attributes. */

static void same_name(CaLegacyCall *c)
{
    static const char *const names[][2] = {
        {"Logistic", "Sigmoid"}, {"TanH", "Tanh"},         {"Ceil", "Ceiling"},
        {"Neg", "Negative"},     {"Softplus", "SoftPlus"},
    };
    const char *op = c->b.type;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (ca_text_equal_nocase(op, names[i][0]))
            op = names[i][1];
    c->out[0] = ca_build_1(&c->b, op, c->in[0]);
}

static void logical_not(CaLegacyCall *c)
{
    c->out[0] = ca_build_1(&c->b, "LogicalNot", ca_legacy_truth(c, c->in[0]));
}

static void logical(CaLegacyCall *c)
{
    c->out[0] = ca_build_2(&c->b, c->b.type, ca_legacy_truth(c, c->in[0]),
                           ca_legacy_truth(c, c->in[1]));
}

/* Our operator is of opset9, which IR v10 does not have. */
static void soft_sign(CaLegacyCall *c)
{
    CaValue *size = ca_build_plus(&c->b, ca_build_1(&c->b, "Abs", c->in[0]), 1);
    c->out[0] = ca_build_2(&c->b, "Divide", c->in[0], size);
}

static void reciprocal(CaLegacyCall *c)
{
    c->out[0] =
        ca_build_2(&c->b, "Divide", ca_build_number(&c->b, c->in[0], 1), c->in[0]);
}

static CaValue *one_element(CaLegacyCall *c, double v)
{
    const CarinaShape one = ca_build_along(0, 1, 1);
    return ca_build_reals(&c->b, &one, &v);
}

static void relu(CaLegacyCall *c)
{
    const double slope = ca_legacy_real(c, "negative_slope", 0);
    c->out[0] = slope == 0 ? ca_build_1(&c->b, "ReLU", c->in[0])
                           : ca_build_2(&c->b, "PReLU", c->in[0], one_element(c, slope));
}

static void prelu(CaLegacyCall *c)
{
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]);
    const int64_t n = ca_legacy_blob_count(c, "weights");
    const CarinaShape shape = ca_shape(1, &n);
    CaValue *slope = n >= 0        ? ca_legacy_blob(c, "weights", &shape)
                     : c->n_in > 1 ? c->in[1]
                                   : NULL;
    if (!slope)
        ca_build_fail(&c->b, CARINA_ERR_FORMAT, "it has no weights in <blobs>");
    if (n > 1 && (x.rank < 2 || n != x.dims[1]))
        ca_build_fail(&c->b, CARINA_ERR_SHAPE, "%lld slopes for %lld channels",
                      (long long)n, x.rank < 2 ? 1ll : (long long)x.dims[1]);
    c->out[0] = ca_build_2(&c->b, "PReLU", c->in[0], slope);
}

static void clamp_to(CaLegacyCall *c, double low, double high)
{
    c->out[0] = ca_build_1(&c->b, "Clamp", c->in[0]);
    ca_build_set_real(&c->b, c->out[0], "min", low);
    ca_build_set_real(&c->b, c->out[0], "max", high);
}
static void clamp(CaLegacyCall *c)
{
    clamp_to(c, ca_legacy_real(c, "min", 0), ca_legacy_real(c, "max", 6));
}
static void relu6(CaLegacyCall *c) { clamp_to(c, 0, ca_legacy_real(c, "n", 6)); }

static void elu(CaLegacyCall *c)
{
    c->out[0] = ca_build_1(&c->b, "Elu", c->in[0]);
    ca_build_set_real(&c->b, c->out[0], "alpha", ca_legacy_real(c, "alpha", 1));
}

/* An activation with two numbers. */
static void with_numbers(CaLegacyCall *c, const char *op, double alpha, double beta)
{
    CaValue *const first = ca_build_number(&c->b, NULL, alpha);
    c->out[0] =
        ca_build_3(&c->b, op, c->in[0], first, ca_build_number(&c->b, NULL, beta));
}

static void hard_sigmoid(CaLegacyCall *c)
{
    with_numbers(c, "HardSigmoid", ca_legacy_real(c, "alpha", 0.2),
                 ca_legacy_real(c, "beta", 0.5));
}

static void selu(CaLegacyCall *c)
{
    with_numbers(c, "Selu", ca_legacy_real(c, "alpha", 1.67326324235437728),
                 ca_legacy_real(c, "gamma", 1.05070098735548049));
}

/* type="relu": the layer of that name. */
static void activation(CaLegacyCall *c)
{
    static const CaLegacyOp kinds[] = {
        {"relu", relu, 1, 1},         {"prelu", prelu, 1, 2},
        {"clamp", clamp, 1, 1},       {"elu", elu, 1, 1},
        {"sigmoid", same_name, 1, 1}, {"tanh", same_name, 1, 1},
        {"exp", same_name, 1, 1},     {"relu6", relu6, 1, 1},
        {"not", logical_not, 1, 1},
    };
    const char *type = ca_legacy_text(c, "type");
    for (size_t i = 0; type && i < sizeof kinds / sizeof *kinds; i++)
        if (ca_text_equal_nocase(kinds[i].type, type)) {
            const char *layer = c->b.type;
            c->b.type = kinds[i].type;
            if (kinds[i].fn == same_name && ca_text_equal_nocase(type, "sigmoid"))
                c->b.type = "Sigmoid";
            kinds[i].fn(c);
            c->b.type = layer;
            return;
        }
    ca_build_fail(&c->b, CARINA_ERR_UNSUPPORTED, "type \"%.40s\" is no activation",
                  type ? type : "");
}

static void soft_max(CaLegacyCall *c)
{
    const int rank = ca_build_rank(&c->b, c->in[0]);
    const int64_t axis = ca_legacy_int(c, "axis", -CARINA_MAX_RANK, rank > 1 ? 1 : 0);
    const bool is_log = ca_text_equal_nocase(c->b.type, "LogSoftmax");
    c->out[0] = ca_build_make_at(&c->b, is_log ? "LogSoftmax" : "SoftMax", is_log ? 0 : 1,
                                 c->in, 1, 1);
    ca_build_set_int(&c->b, c->out[0], "axis", ca_build_axis(&c->b, axis, rank));
}

/* (shift + scale x)^power */
static void power(CaLegacyCall *c)
{
    const double p = ca_legacy_real(c, "power", 1);
    CaValue *v = ca_build_times(&c->b, c->in[0], ca_legacy_real(c, "scale", 1));
    v = ca_build_plus(&c->b, v, ca_legacy_real(c, "shift", 0));
    c->out[0] = p == 1 ? v : ca_build_2(&c->b, "Power", v, ca_build_number(&c->b, v, p));
}

/* --- Two inputs and more. */

typedef enum Kind { ARITHMETIC, COMPARES, LOGICAL } Kind;

static const struct {
    const char *name, *op;
    Kind kind;
} operations[] = {
    {"sum", "Add", ARITHMETIC},
    {"sub", "Subtract", ARITHMETIC},
    {"mul", "Multiply", ARITHMETIC},
    {"prod", "Multiply", ARITHMETIC},
    {"div", "Divide", ARITHMETIC},
    {"max", "Maximum", ARITHMETIC},
    {"min", "Minimum", ARITHMETIC},
    {"squared_diff", "SquaredDifference", ARITHMETIC},
    {"floor_mod", "FloorMod", ARITHMETIC},
    {"pow", "Power", ARITHMETIC},
    {"less", "Less", COMPARES},
    {"less_equal", "LessEqual", COMPARES},
    {"greater", "Greater", COMPARES},
    {"greater_equal", "GreaterEqual", COMPARES},
    {"equal", "Equal", COMPARES},
    {"not_equal", "NotEqual", COMPARES},
    {"logical_and", "LogicalAnd", LOGICAL},
    {"logical_or", "LogicalOr", LOGICAL},
    {"logical_xor", "LogicalXor", LOGICAL},
};

/* One type for both: a real one where either is real. */
static CaValue *joined(CaLegacyCall *c, const char *op, Kind kind, CaValue *x, CaValue *y)
{
    if (kind == LOGICAL) {
        x = ca_legacy_truth(c, x);
        return ca_build_2(&c->b, op, x, ca_legacy_truth(c, y));
    }
    const CarinaType p = ca_build_type(&c->b, x), q = ca_build_type(&c->b, y);
    if (p != q) {
        const CarinaType type = ca_type_is_real(p)   ? p
                                : ca_type_is_real(q) ? q
                                                     : CARINA_I64;
        x = ca_build_convert(&c->b, x, type);
        y = ca_build_convert(&c->b, y, type);
    }
    return ca_build_2(&c->b, op, x, y);
}

static double *coefficients(CaLegacyCall *c, bool is_sum)
{
    const char *text = ca_legacy_text(c, "coeff"), *item = NULL;
    double *v = ca_arena_array(c->b.work, (size_t)c->n_in, sizeof *v);
    size_t length = 0;
    int n = 0;
    if (!v)
        ca_build_fail(&c->b, CARINA_ERR_MEMORY, "out of memory");
    for (int i = 0; v && i < c->n_in; i++)
        v[i] = 1;
    if (!v || !text || !is_sum)
        return v;
    for (const char *p = text; (p = ca_text_item(p, ',', &item, &length)); n++)
        if (n == c->n_in || !ca_text_real(&v[n], item, length)) {
            n = -1;
            break;
        }
    if (n != c->n_in)
        ca_build_fail(&c->b, CARINA_ERR_FORMAT,
                      "attribute coeff is \"%.60s\", must be %d numbers", text, c->n_in);
    return v;
}

static void eltwise(CaLegacyCall *c)
{
    const char *name = ca_legacy_text(c, "operation");
    size_t at = 0;
    while (name && at < sizeof operations / sizeof *operations &&
           !ca_text_equal_nocase(operations[at].name, name))
        at++;
    if (at == sizeof operations / sizeof *operations) {
        ca_build_fail(&c->b, CARINA_ERR_UNSUPPORTED,
                      "operation \"%.40s\", which Carina does not know", name);
        return;
    }
    const double *coeff = coefficients(c, at == 0);
    if (c->b.status != CARINA_OK)
        return;
    CaValue *v = ca_build_times(&c->b, c->in[0], coeff[0]);
    for (int i = 1; i < c->n_in; i++)
        v = coeff[i] == -1 ? joined(c, "Subtract", ARITHMETIC, v, c->in[i])
                           : joined(c, operations[at].op, operations[at].kind, v,
                                    ca_build_times(&c->b, c->in[i], coeff[i]));
    c->out[0] = v;
}

static void pick(CaLegacyCall *c)
{
    c->out[0] =
        ca_build_3(&c->b, "Select", ca_legacy_truth(c, c->in[0]), c->in[1], c->in[2]);
}

static void quantize(CaLegacyCall *c)
{
    c->out[0] = ca_build_make(&c->b, "FakeQuantize", c->in, 5, 1);
    ca_build_set_int(&c->b, c->out[0], "levels", ca_legacy_need_int(c, "levels", 2));
}

/* --- Reductions. */

static CaValue *reduced(CaLegacyCall *c, const char *op, CaValue *x)
{
    CaValue *v = ca_build_2(&c->b, op, x, ca_legacy_whole(c, c->in[1]));
    ca_legacy_set_flag(c, v, "keep_dims", ca_legacy_flag(c, "keep_dims", true));
    return v;
}

static void reduce(CaLegacyCall *c)
{
    static const char *const names[][2] = {{"ReduceAnd", "ReduceLogicalAnd"},
                                           {"ReduceOr", "ReduceLogicalOr"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (ca_text_equal_nocase(c->b.type, names[i][0])) {
            c->out[0] = reduced(c, names[i][1], ca_legacy_truth(c, c->in[0]));
            return;
        }
    c->out[0] = reduced(c, c->b.type, c->in[0]);
}

static void reduce_composed(CaLegacyCall *c)
{
    CaValue *x = c->in[0];
    if (ca_text_equal_nocase(c->b.type, "ReduceLogSumExp"))
        x = ca_build_1(&c->b, "Exp", x);
    if (ca_text_equal_nocase(c->b.type, "ReduceSumSquare"))
        x = ca_build_2(&c->b, "Multiply", x, x);
    x = reduced(c, "ReduceSum", x);
    c->out[0] = ca_text_equal_nocase(c->b.type, "ReduceSumSquare")
                    ? x
                    : ca_build_1(&c->b, "Log", x);
}

const CaLegacyOp ca_legacy_math[] = {
    {"Sigmoid", same_name, 1, 1},
    {"Logistic", same_name, 1, 1},
    {"TanH", same_name, 1, 1},
    {"Exp", same_name, 1, 1},
    {"Erf", same_name, 1, 1},
    {"Floor", same_name, 1, 1},
    {"Ceil", same_name, 1, 1},
    {"Abs", same_name, 1, 1},
    {"Neg", same_name, 1, 1},
    {"Log", same_name, 1, 1},
    {"Sqrt", same_name, 1, 1},
    {"Sign", same_name, 1, 1},
    {"Sin", same_name, 1, 1},
    {"Sinh", same_name, 1, 1},
    {"Cos", same_name, 1, 1},
    {"Cosh", same_name, 1, 1},
    {"Tan", same_name, 1, 1},
    {"Asin", same_name, 1, 1},
    {"Asinh", same_name, 1, 1},
    {"Acos", same_name, 1, 1},
    {"Acosh", same_name, 1, 1},
    {"Atan", same_name, 1, 1},
    {"Atanh", same_name, 1, 1},
    {"Softplus", same_name, 1, 1},
    {"Softsign", soft_sign, 1, 1},
    {"Not", logical_not, 1, 1},
    {"LogicalNot", logical_not, 1, 1},
    {"LogicalAnd", logical, 2, 2},
    {"LogicalOr", logical, 2, 2},
    {"LogicalXor", logical, 2, 2},
    {"Reciprocal", reciprocal, 1, 1},
    {"ReLU", relu, 1, 1},
    {"ReLU6", relu6, 1, 1},
    {"PReLU", prelu, 1, 2},
    {"Clamp", clamp, 1, 1},
    {"ELU", elu, 1, 1},
    {"HardSigmoid", hard_sigmoid, 1, 1},
    {"Selu", selu, 1, 1},
    {"Activation", activation, 1, 2},
    {"SoftMax", soft_max, 1, 1},
    {"LogSoftmax", soft_max, 1, 1},
    {"Power", power, 1, 1},
    {"Eltwise", eltwise, 1, CA_MAX_PORTS},
    {"Select", pick, 3, 3},
    {"Quantize", quantize, 5, 5},
    {"FakeQuantize", quantize, 5, 5},
    {"ReduceSum", reduce, 2, 2},
    {"ReduceMean", reduce, 2, 2},
    {"ReduceMax", reduce, 2, 2},
    {"ReduceMin", reduce, 2, 2},
    {"ReduceProd", reduce, 2, 2},
    {"ReduceL1", reduce, 2, 2},
    {"ReduceL2", reduce, 2, 2},
    {"ReduceAnd", reduce, 2, 2},
    {"ReduceOr", reduce, 2, 2},
    {"ReduceLogSum", reduce_composed, 2, 2},
    {"ReduceLogSumExp", reduce_composed, 2, 2},
    {"ReduceSumSquare", reduce_composed, 2, 2},
    {NULL, NULL, 0, 0},
};
