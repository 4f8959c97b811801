/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whole-steps: functions of one tensor, computed for each of its 256 (65536) integers when the model is compiled; and
 * softmax, whose exponentials are such a table.
 */
#include "passes/whole_steps.h"

#include <math.h>
#include <string.h>

static CaValue *inferred(CaStepsPass *p, CaValue *v, const CaNode *like)
{
    if (!v || p->status != CARINA_OK)
        return NULL;
    p->status = ca_node_rename(p->g, v->node, like->name, p->err);
    if (p->status == CARINA_OK)
        p->status = ca_node_infer(p->g, v->node, p->err);
    return p->status == CARINA_OK ? v : NULL;
}

/* One function: what integer x of steps `from` becomes in steps `to`. */
typedef struct Function {
    const CaNode *node;
    const CaSteps *from, *to;
    CaFixed factor, other;
    float (*real)(float x, const CaNode *node);
} Function;
typedef int64_t At(const Function *f, int64_t x);

static int64_t requantized(const Function *f, int64_t x)
{
    return ca_fixed_twice(x - f->from->zero, f->factor) + f->to->zero;
}

static int64_t leaky(const Function *f, int64_t x)
{
    const int64_t v = x - f->from->zero;
    return ca_fixed_twice(v, v >= 0 ? f->factor : f->other) + f->to->zero;
}

/* In f32, as the tables of its kernels are filled. */
static int64_t in_reals(const Function *f, int64_t x)
{
    const float v = (float)f->from->scale * (float)(x - f->from->zero);
    const float y = roundf(f->real(v, f->node) * (1.0f / (float)f->to->scale));
    const float q = y + (float)f->to->zero;
    return !(q > (float)f->to->lowest)    ? f->to->lowest
           : !(q < (float)f->to->highest) ? f->to->highest
                                          : (int64_t)q;
}

static float real_elu(float x, const CaNode *n)
{
    (void)n;
    return x < 0 ? expm1f(x) : x;
}
static float real_exp(float x, const CaNode *n)
{
    (void)n;
    return expf(x);
}

static float real_sigmoid(float x, const CaNode *n)
{
    (void)n;
    return 1.0f / (1.0f + expf(-x));
}
static float real_tanh(float x, const CaNode *n)
{
    (void)n;
    return tanhf(x);
}

/* Cut, not rounded. */
static int64_t square_root(const Function *f, int64_t x)
{
    const float v = (float)f->from->scale * (float)(x - f->from->zero);
    return (v > 0 ? (int64_t)(sqrtf(v) / (float)f->to->scale) : 0) + f->to->zero;
}

/* Two tensors of one scale are not multiplied. */
static int64_t absolute(const Function *f, int64_t x)
{
    const int64_t v = x < f->from->zero ? f->from->zero - x : x - f->from->zero;
    return (f->from->scale == f->to->scale ? v : ca_fixed_twice(v, f->factor)) +
           f->to->zero;
}

/* The bits are negated, whose lowest number stays what it is. */
static int64_t negative(const Function *f, int64_t x)
{
    return x == f->from->lowest && f->from->lowest < 0 ? x : -x;
}
static bool can_negate(const CaSteps *from, const CaSteps *to)
{
    return from->zero + to->zero == 0 && from->scale == to->scale;
}

/* --- HardSwish is computed in 16-bit fixed point. */

static int64_t held_16(int64_t x) { return x < -32768 ? -32768 : x > 32767 ? 32767 : x; }
static int64_t high_16(int64_t a, int64_t b)
{
    const int64_t product = a * b;
    return held_16((product + (product >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15));
}
static int64_t mantissa_16(CaFixed f)
{
    return f.mantissa >= INT32_MAX - (1 << 15) ? 32767 : (f.mantissa + (1 << 15)) >> 16;
}
static int64_t shifted_right(int64_t x, int n)
{
    const int64_t mask = (INT64_C(1) << n) - 1;
    return (x >> n) + ((x & mask) > (mask >> 1) + (x < 0));
}

static int64_t hard_swish(const Function *f, int64_t x)
{
    const float hires = 1.0f / 128.0f * (float)f->from->scale;
    const CaFixed out = ca_fixed_of((double)(hires / (float)f->to->scale)),
                  gate = ca_fixed_of((double)(hires / (3.0f / 32768.0f)));
    const int64_t v = held_16((x - f->from->zero) * 128);
    int64_t g = v;
    if (gate.exponent > 0)
        g = held_16(g * (INT64_C(1) << (gate.exponent - 1)));
    g = high_16(g, mantissa_16(gate));
    if (gate.exponent > 0)
        g = held_16(g * 2);
    if (gate.exponent < 0)
        g = shifted_right(g, -gate.exponent);
    g = (g + (1 << 15)) >> 1;
    const int64_t product = g * high_16(v, mantissa_16(out)) / (1 << 15);
    return shifted_right(product, out.exponent < 0 ? -out.exponent : 0) + f->to->zero;
}

/* Where factors are greater than 1 TensorFlow Lite refuses; there are no tables of 16 bits of these. */
typedef struct Row {
    const char *op;
    At *at;
    float (*real)(float x, const CaNode *node);
    bool is_wide; /* of 16 bits too */
} Row;
static const Row rows[] = {
    {"Abs", absolute, NULL, true},      {"Elu", in_reals, real_elu, false},
    {"Exp", in_reals, real_exp, false}, {"HSwish", hard_swish, NULL, false},
    {"Negative", negative, NULL, true}, {"Sigmoid", in_reals, real_sigmoid, false},
    {"Sqrt", square_root, NULL, false}, {"Tanh", in_reals, real_tanh, false},
};

static CaValue *table(CaStepsPass *p, const CaTwin *t, const CaStepRange *range,
                      const Function *f, At *at, const CaNode *like)
{
    const int64_t n = t->s.highest - t->s.lowest + 1;
    int64_t *v = ca_alloc((size_t)n * sizeof *v);
    if (!v) {
        p->status = ca_err(p->err, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    for (int64_t i = 0; i < n; i++) {
        const int64_t y = at(f, t->s.lowest + i);
        v[i] = y < range->low ? range->low : y > range->high ? range->high : y;
    }
    CaValue *const in[] = {t->q, ca_steps_ints(p, f->to->type, v, n)};
    ca_free(v);
    return inferred(p, ca_steps_node(p, "QuantizedTable", in, 2, NULL, 0), like);
}

/* Slopes of PReLU that are one number. */
static CaValue *leaky_relu(CaStepsPass *p, const CaNode *n, const CaSteps *s,
                           const CaStepRange *range)
{
    const CaTwin t = ca_steps_twin(p, ca_node_input(n, 0));
    double slope = 0;
    if (!t.q || t.s.type != s->type || !ca_rewrite_number(ca_node_input(n, 1), &slope) ||
        slope < 0)
        return NULL;
    const double alpha = (double)(float)slope;
    const Function f = {.from = &t.s,
                        .to = s,
                        .factor = ca_fixed_of(t.s.scale / s->scale),
                        .other = ca_fixed_of(t.s.scale * alpha / s->scale)};
    return table(p, &t, range, &f, leaky, n);
}

/* --- Softmax. */

static CaValue *soft_max(CaStepsPass *p, const CaNode *n, const CaSteps *s)
{
    CaValue *x = ca_node_input(n, 0);
    double beta = 1, e[256];
    CaValue *table_of = NULL;
    const CarinaShape shape = ca_shape(1, (const int64_t[]){256});
    if (ca_node_is(x->node, "Multiply") && !ca_steps_twin(p, x).q) {
        if (!ca_rewrite_number(ca_node_input(x->node, 1), &beta))
            return NULL;
        x = ca_node_input(x->node, 0);
    }
    const CaTwin t = ca_steps_twin(p, x);
    const int64_t axis = carina_node_int(n, "axis", 1), rank = x->shape.rank;
    if (!t.q || t.s.type == CARINA_I16 || t.s.type != s->type ||
        (axis != -1 && axis != rank - 1))
        return NULL;
    const float by = -(float)t.s.scale * (float)beta;
    for (int i = 0; i < 256; i++)
        e[255 - i] = (double)expf(by * (float)i);
    p->status = ca_graph_reals(&table_of, p->g, p->before, NULL, CARINA_F32, &shape, e,
                               256, p->err);
    if (p->status != CARINA_OK)
        return NULL;
    CaValue *const in[] = {t.q, table_of};
    const CaStepAttr zero = {"zero_y", s->zero};
    CaValue *y = ca_steps_node(p, "QuantizedSoftMax", in, 2, &zero, 1);
    if (y)
        p->status = ca_node_set_float(p->g, y->node, "scale_y", s->scale, p->err);
    return inferred(p, y, n);
}

CaValue *ca_steps_table(CaStepsPass *p, CaValue *core, const CaSteps *s,
                        const CaStepRange *range)
{
    const CaNode *n = core->node;
    if (p->status != CARINA_OK)
        return NULL;
    const CaTwin self = ca_steps_twin(p, core);
    if (self.q) { /* steps of another size, or an activation alone */
        const Function f = {
            .from = &self.s, .to = s, .factor = ca_fixed_of(self.s.scale / s->scale)};
        return table(p, &self, range, &f, requantized, n);
    }
    if (ca_node_is(n, "SoftMax"))
        return soft_max(p, n, s);
    if (ca_node_is(n, "PReLU"))
        return leaky_relu(p, n, s, range);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ca_node_is(n, rows[i].op) && n->n_inputs >= 1) {
            const CaTwin t = ca_steps_twin(p, ca_node_input(n, 0));
            const Function f = {.node = n,
                                .from = &t.s,
                                .to = s,
                                .factor = ca_fixed_of(t.s.scale / s->scale),
                                .real = rows[i].real};
            if (t.q && rows[i].at == negative && !can_negate(&t.s, s))
                return NULL;
            return t.q && t.s.type == s->type &&
                           (rows[i].is_wide || s->type != CARINA_I16)
                       ? table(p, &t, range, &f, rows[i].at, n)
                       : NULL;
        }
    return NULL;
}
