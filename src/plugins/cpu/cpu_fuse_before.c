/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a 1x1 convolution applies to its input while it rounds it to short numbers or makes Strassen's sums of it: a factor
 * and a number a channel (batch normalisation in front of a convolution, as in DenseNet) and two comparisons.
 */
#include "cpu_program.h"
#include "kernels/dot/dot.h"
#include "lower_act.h"
#include "lower_conv.h"

#include <math.h>

/* A node that nobody else reads and that no step has yet. */
static bool is_free(const CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaUse *u = n->n_outputs ? n->outputs[0].uses : NULL;
    return u && !u->next && !b->is_skipped[n->id] && !b->fusions[n->id].conv;
}

/* n is x op a constant a channel: x, or NULL. */
static const CarinaValue *operand(const CaCpuBuild *b, const CarinaNode *n,
                                  const char *op, const CarinaValue **constant)
{
    const CarinaShape *s = &n->outputs[0].shape;
    if (!ca_cpu_is(n, op) || n->n_inputs != 2 || !is_free(b, n))
        return NULL;
    for (int i = 0; i < 2; i++) {
        const CarinaValue *x = n->inputs[i].value, *y = n->inputs[1 - i].value;
        if (!ca_cpu_constant(x) && ca_cpu_is_same_shape(&x->shape, s) &&
            ca_cpu_is_per_channel(y, s->dims[1])) {
            *constant = y;
            return x;
        }
    }
    return NULL;
}

/* From the convolution upwards: activation, Add, Multiply, each where it is there. */
static CaCpuBefore chain_of(const CaCpuBuild *b, const CarinaNode *conv)
{
    CaCpuBefore f = {.x = conv->inputs[0].value};
    CaAct act;
    const CarinaNode *n = f.x->node;
    if (ca_cpu_act_of(&act, n) && is_free(b, n) &&
        (act.kind == CA_ACT_RELU || act.kind == CA_ACT_CLAMP)) {
        f.act = n;
        f.x = n->inputs[0].value;
    }
    const CarinaValue *x = operand(b, f.x->node, "Add", &f.shift);
    f.x = x ? x : f.x;
    x = operand(b, f.x->node, "Multiply", &f.scale);
    f.x = x ? x : f.x;
    return f;
}

static bool takes_before(const CaCpuBuild *b, const CarinaNode *conv)
{
    CaConvShape shape;
    CaDotPlan dot;
    CaConvPlan plan;
    if (ca_cpu_is(conv, "GroupConvolution") || !ca_cpu_conv_shape(&shape, conv))
        return false;
    if (b->takes_narrow[conv->id])
        return b->precision == CA_ELEM_BF16 &&
               ca_dot_plan_before(&dot, &shape, b->precision, b->host->cpu_flags);
    return b->precision == CA_ELEM_F32 && b->allow_winograd &&
           ca_conv_plan_before(&plan, &shape, b->host->cpu_flags);
}

void ca_cpu_fuse_before(CaCpuBuild *b, CaCpuFusion *f)
{
    if (!takes_before(b, f->conv))
        return;
    CaCpuBefore before = chain_of(b, f->conv);
    if ((!before.scale && !before.shift) || before.x->constant ||
        !ca_cpu_is_float(before.x->type) || before.x->shape.rank != 4)
        return;
    f->before = before;
    for (const CarinaValue *v = f->conv->inputs[0].value; v != before.x;) {
        const CarinaNode *n = v->node;
        b->is_skipped[n->id] = true;
        v = n->n_inputs == 2 && ca_cpu_constant(n->inputs[0].value) ? n->inputs[1].value
                                                                    : n->inputs[0].value;
    }
}

CarinaStatus ca_cpu_before(CaCpuBuild *b, CaConvBefore *out, const CaCpuBefore *f,
                           int channels)
{
    const size_t n = (size_t)(channels + 15) / 16 * 16;
    const float *k = f->scale ? ca_cpu_conv_bias(b, f->scale, channels) : NULL,
                *c = f->shift ? ca_cpu_conv_bias(b, f->shift, channels) : NULL;
    float *scale = ca_arena_array(b->p->arena, n, sizeof *scale),
          *shift = ca_arena_array(b->p->arena, n, sizeof *shift);
    CaAct act = {CA_ACT_NONE, 0, 0};
    if (!scale || !shift || (f->scale && !k) || (f->shift && !c))
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
    for (int i = 0; i < channels; i++) {
        scale[i] = k ? k[i] : 1;
        shift[i] = c ? c[i] : 0;
    }
    if (f->act)
        (void)ca_cpu_act_of(&act, f->act);
    *out =
        (CaConvBefore){scale, shift, act.kind == CA_ACT_RELU ? 0 : -INFINITY, INFINITY};
    if (act.kind == CA_ACT_CLAMP)
        out->lo = act.a, out->hi = act.b;
    return CARINA_OK;
}
