/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whole-steps: functions of one tensor, computed for each of its 256 (65536) integers when the model is compiled.
 */
#include "passes/whole_steps.h"

#include "base/fixed_inverse.h"
#include "base/text.h"

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

static int64_t requantized(const CaStepFunction *f, int64_t x)
{
    return ca_fixed_twice(x - f->from->zero, f->factor) + f->to->zero;
}

static int64_t leaky(const CaStepFunction *f, int64_t x)
{
    const int64_t v = x - f->from->zero;
    return ca_fixed_twice(v, v >= 0 ? f->factor : f->other) + f->to->zero;
}

/* In f32, as the tables of its kernels are filled. */
static int64_t in_reals(const CaStepFunction *f, int64_t x)
{
    const float v = (float)f->from->scale * (float)(x - f->from->zero);
    const float y = roundf(f->real(v, f) * (1.0f / (float)f->to->scale));
    const float q = y + (float)f->to->zero;
    return !(q > (float)f->to->lowest)    ? f->to->lowest
           : !(q < (float)f->to->highest) ? f->to->highest
                                          : (int64_t)q;
}

static float real_elu(float x, const CaStepFunction *f)
{
    (void)f;
    return x < 0 ? expm1f(x) : x;
}
static float real_exp(float x, const CaStepFunction *f)
{
    (void)f;
    return expf(x);
}
static float real_sigmoid(float x, const CaStepFunction *f)
{
    (void)f;
    return 1.0f / (1.0f + expf(-x));
}
static float real_tanh(float x, const CaStepFunction *f)
{
    (void)f;
    return tanhf(x);
}
static float real_gelu(float x, const CaStepFunction *f)
{
    const float root_half = 0.707106781f, root_2_by_pi = 0.797884561f;
    return ca_text_equal(carina_node_enum(f->node, "approximation_mode"), "tanh")
               ? 0.5f * x * (1.0f + tanhf(root_2_by_pi * (x + 0.044715f * x * x * x)))
               : 0.5f * x * erfcf(x * -root_half);
}
static float real_log(float x, const CaStepFunction *f)
{
    return x > 0 ? logf(x) : (float)(f->to->lowest - f->to->zero) * (float)f->to->scale;
}
/* Of 16 bits; those of 8 are root_inverse. */
static float real_root_inverse(float x, const CaStepFunction *f)
{
    return x > 0 ? 1.0f / sqrtf(x) : (float)f->to->highest * (float)f->to->scale;
}

static int64_t root_inverse(const CaStepFunction *f, int64_t x)
{
    enum { MORE = 20 };
    const int64_t v = x - f->from->zero;
    CaFixed inverse = ca_fixed_inverse_root((int32_t)v), by = f->other;
    if (v <= 0)
        return f->to->highest;
    inverse.exponent += MORE;
    by.exponent -= MORE;
    return ca_fixed_twice(ca_fixed_twice(1, inverse), by) + f->to->zero;
}

/* Cut, not rounded. */
static int64_t square_root(const CaStepFunction *f, int64_t x)
{
    const float v = (float)f->from->scale * (float)(x - f->from->zero);
    return (v > 0 ? (int64_t)(sqrtf(v) / (float)f->to->scale) : 0) + f->to->zero;
}

/* Two tensors of one scale are not multiplied. */
static int64_t absolute(const CaStepFunction *f, int64_t x)
{
    const int64_t v = x < f->from->zero ? f->from->zero - x : x - f->from->zero;
    return (f->from->scale == f->to->scale ? v : ca_fixed_twice(v, f->factor)) +
           f->to->zero;
}

/* The bits are negated, whatever they stand for; the lowest number stays what it is. */
static int64_t negative(const CaStepFunction *f, int64_t x)
{
    return x == f->from->lowest && f->from->lowest < 0 ? x : -x;
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

static int64_t hard_swish(const CaStepFunction *f, int64_t x)
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

/* Functions by their names; where there is none of 16 bits, or of u8, TensorFlow Lite has none. */
typedef struct Row {
    const char *op;
    CaStepAt *at, *at_16;
    float (*real)(float x, const CaStepFunction *f);
} Row;
static const Row rows[] = {
    {"Abs", absolute, absolute, NULL},
    {"Elu", in_reals, NULL, real_elu},
    {"Exp", in_reals, ca_step_by_lines, real_exp},
    {"Gelu", in_reals, ca_step_by_lines, real_gelu},
    {"HSwish", hard_swish, NULL, NULL},
    {"Log", in_reals, ca_step_by_lines, real_log},
    {"Negative", negative, negative, NULL},
    {"Power", root_inverse, ca_step_by_lines, real_root_inverse},
    {"Sigmoid", in_reals, ca_step_logistic_16, real_sigmoid},
    {"Sqrt", square_root, square_root, NULL},
    {"Tanh", in_reals, ca_step_tanh_16, real_tanh},
};

static const Row *row_of(const CaNode *n)
{
    double power = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ca_node_is(n, rows[i].op))
            return rows[i].at == root_inverse &&
                           (!ca_rewrite_number(ca_node_input(n, 1), &power) ||
                            power != -0.5)
                       ? NULL
                       : &rows[i];
    return NULL;
}

/* A quotient of scales in f32, as most kernels take it. */
static CaFixed factor_of(double from, double to)
{
    return ca_fixed_of((double)((float)from / (float)to));
}

static CaValue *table(CaStepsPass *p, const CaTwin *t, const CaStepRange *range,
                      const CaStepFunction *f, CaStepAt *at, const CaNode *like)
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

/* Slopes of PReLU that are one number; it may be negative, as may its factor. */
static CaValue *leaky_relu(CaStepsPass *p, const CaNode *n, const CaSteps *s,
                           const CaStepRange *range)
{
    const CaTwin t = ca_steps_twin(p, ca_node_input(n, 0));
    double slope = 0;
    if (!t.q || t.s.type != s->type || !ca_rewrite_number(ca_node_input(n, 1), &slope))
        return NULL;
    const float by = (float)t.s.scale * (float)slope / (float)s->scale;
    CaStepFunction f = {.from = &t.s,
                        .to = s,
                        .factor = factor_of(t.s.scale, s->scale),
                        .other = ca_fixed_of(fabs((double)by))};
    f.other.mantissa = by < 0 ? -f.other.mantissa : f.other.mantissa;
    return table(p, &t, range, &f, leaky, n);
}

static CaValue *by_row(CaStepsPass *p, const CaNode *n, const CaSteps *s,
                       const CaStepRange *range)
{
    const Row *row = n->n_inputs >= 1 ? row_of(n) : NULL;
    const CaTwin t = row ? ca_steps_twin(p, ca_node_input(n, 0)) : (CaTwin){.q = NULL};
    CaStepAt *at = row && s->type == CARINA_I16 ? row->at_16 : row ? row->at : NULL;
    if (!t.q || !at || t.s.type != s->type)
        return NULL;
    const CaStepFunction f = {
        .node = n,
        .from = &t.s,
        .to = s,
        .factor = factor_of(t.s.scale, s->scale),
        .other =
            ca_fixed_of((double)(1.0f / (sqrtf((float)t.s.scale) * (float)s->scale))),
        .real = row->real};
    return table(p, &t, range, &f, at, n);
}

CaValue *ca_steps_table(CaStepsPass *p, CaValue *core, const CaSteps *s,
                        const CaStepRange *range)
{
    const CaNode *n = core->node;
    if (p->status != CARINA_OK)
        return NULL;
    const CaTwin self = ca_steps_twin(p, core);
    if (self.q) { /* steps of another size, or an activation alone */
        const CaStepFunction f = {.from = &self.s,
                                  .to = s,
                                  .factor = range->has_activation
                                                ? factor_of(self.s.scale, s->scale)
                                                : ca_fixed_of(self.s.scale / s->scale)};
        return table(p, &self, range, &f, requantized, n);
    }
    return ca_node_is(n, "PReLU") ? leaky_relu(p, n, s, range) : by_row(p, n, s, range);
}
