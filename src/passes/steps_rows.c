/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whole-steps: what is computed along the last axis: softmax, of 16 bits by tables, its logarithm, and L2
 * normalisation.
 */
#include "passes/whole_steps.h"

#include <math.h>

static CaValue *inferred(CaStepsPass *p, CaValue *v, const CaNode *like)
{
    if (!v || p->status != CARINA_OK)
        return NULL;
    p->status = ca_node_rename(p->g, v->node, like->name, p->err);
    if (p->status == CARINA_OK)
        p->status = ca_node_infer(p->g, v->node, p->err);
    return p->status == CARINA_OK ? v : NULL;
}

/* --- Softmax. */

static bool is_last_axis(int64_t axis, const CaValue *x)
{
    return x->shape.rank > 0 && (axis == -1 || axis == x->shape.rank - 1);
}

static CaValue *soft_max_8(CaStepsPass *p, const CaTwin *t, double beta)
{
    const double step = (double)(float)beta * t->s.scale;
    const CaFixed f = ca_fixed_of(step * (1 << 26));
    const CaStepAttr attrs[] = {{"mantissa", f.mantissa}, {"exponent", f.exponent}};
    CaValue *const in[] = {t->q};
    return step > 0 && step < 16 ? ca_steps_node(p, "QuantizedSoftMax", in, 1, attrs, 2)
                                 : NULL;
}

/* 513 values of f over the numbers of i16 of these steps, 1 is 2^15: as steps_lines.c has them, in double. */
static CaValue *lines(CaStepsPass *p, double (*f)(double), double scale, int64_t zero)
{
    enum { LINES = 512 };
    int64_t v[LINES + 1];
    const double from = scale * (double)(-32768 - zero),
                 to = scale * (double)(32767 - zero), step = (to - from) / LINES,
                 unit = 2.0 / 65535, by = 65536 / (unit * 32767 - unit * -32768);
    for (int i = 0; i < LINES; i++) {
        const double x = from + i * step, here = round(f(x) * by),
                     next = f(from + (i + 1) * step) * by,
                     middle = round(f(x + step / 2) * by);
        const double y = here - round((round((next + here) / 2) - middle) / 2);
        v[i] = (int64_t)fmin(fmax(y, -32768), 32767);
    }
    v[LINES] = (int64_t)fmin(round(f(to) * by), 32767);
    return ca_steps_ints(p, CARINA_I16, v, LINES + 1);
}

static double inverse_plus_one(double x) { return 1 / (1 + x); }

static CaValue *soft_max_16(CaStepsPass *p, const CaTwin *t, double beta)
{
    const CaFixed f =
        ca_fixed_of((double)((float)t->s.scale * (float)beta) / (10.0 / 65535.0));
    CaValue *const in[] = {t->q, lines(p, exp, 10.0 / 65535, 32767),
                           lines(p, inverse_plus_one, 1.0 / 65535, -32768)};
    const CaStepAttr attrs[] = {{"mantissa", f.mantissa}, {"exponent", f.exponent}};
    return ca_steps_node(p, "QuantizedSoftMaxLines", in, 3, attrs, 2);
}

static CaValue *soft_max(CaStepsPass *p, const CaNode *n, const CaSteps *s)
{
    CaValue *x = ca_node_input(n, 0);
    double beta = 1;
    if (ca_node_is(x->node, "Multiply") && !ca_steps_twin(p, x).q) {
        if (!ca_rewrite_number(ca_node_input(x->node, 1), &beta))
            return NULL;
        x = ca_node_input(x->node, 0);
    }
    const CaTwin t = ca_steps_twin(p, x);
    if (!t.q || t.s.type != s->type || !is_last_axis(carina_node_int(n, "axis", 1), x))
        return NULL;
    CaValue *y =
        s->type == CARINA_I16 ? soft_max_16(p, &t, beta) : soft_max_8(p, &t, beta);
    return inferred(p, y, n);
}

/* y has the scale 1/16 and the largest number as its zero point. */
static CaValue *log_soft_max(CaStepsPass *p, const CaNode *n, const CaSteps *s)
{
    CaValue *x = ca_node_input(n, 0);
    const CaTwin t = ca_steps_twin(p, x);
    if (!t.q || t.s.type != s->type || s->type == CARINA_I16 || !(t.s.scale < 16) ||
        s->scale != 1.0 / 16 || s->zero != s->highest ||
        !is_last_axis(carina_node_int(n, "axis", 1), x))
        return NULL;
    const CaFixed f = ca_fixed_of(t.s.scale * (1 << 26));
    const CaStepAttr attrs[] = {{"mantissa", f.mantissa}, {"exponent", f.exponent}};
    CaValue *const in[] = {t.q};
    return f.exponent > 0
               ? inferred(p, ca_steps_node(p, "QuantizedLogSoftMax", in, 1, attrs, 2), n)
               : NULL;
}

/* --- L2 normalisation. */

static CaValue *norm(CaStepsPass *p, const CaNode *n, const CaSteps *s)
{
    CaValue *x = ca_node_input(n, 0);
    const CaTwin t = ca_steps_twin(p, x);
    const CarinaTensor *axes = ca_steps_known(p, ca_node_input(n, 1));
    if (!t.q || t.s.type != s->type || s->type == CARINA_I16 || !axes ||
        ca_tensor_count(axes) != 1 || s->zero != (s->type == CARINA_U8 ? 128 : 0) ||
        s->scale != 1.0 / 128)
        return NULL;
    if (!is_last_axis(ca_get_int(axes->type, axes->data, 0), x))
        return NULL;
    CaValue *const in[] = {t.q};
    const CaStepAttr zero = {"zero_x", t.s.zero};
    return inferred(p, ca_steps_node(p, "QuantizedNormalizeL2", in, 1, &zero, 1), n);
}

CaValue *ca_steps_rows(CaStepsPass *p, CaValue *core, const CaSteps *s)
{
    const CaNode *n = core->node;
    if (p->status != CARINA_OK)
        return NULL;
    return ca_node_is(n, "SoftMax")       ? soft_max(p, n, s)
           : ca_node_is(n, "LogSoftmax")  ? log_soft_max(p, n, s)
           : ca_node_is(n, "NormalizeL2") ? norm(p, n, s)
                                          : NULL;
}
