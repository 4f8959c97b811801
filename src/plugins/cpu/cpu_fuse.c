/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a convolution takes into its step, and which values are written straight into a concatenation.
 */
#include "cpu_program.h"
#include "kernels/act.h"
#include "lower_act.h"

#include <string.h>

static const CarinaUse *only_use(const CarinaNode *n)
{
    const CarinaUse *u = n->outputs[0].uses;
    return u && !u->next ? u : NULL;
}

/* One number, or one a channel of [1, C, 1, 1] or [C, 1, 1] beside a 4-D value. */
bool ca_cpu_is_per_channel(const CarinaValue *v, int64_t channels)
{
    const CarinaShape *s = &v->shape;
    if (!ca_cpu_constant(v) || s->rank > 4)
        return false;
    const int64_t n = ca_cpu_count(s);
    if (n == 1)
        return true;
    return n == channels && s->rank >= 3 && s->dims[s->rank - 3] == channels;
}

static bool is_channel_prelu(const CarinaNode *n, const CarinaShape *x)
{
    return ca_cpu_is(n, "PReLU") && ca_cpu_constant(n->inputs[1].value) &&
           ca_cpu_is_channel_slope(&n->inputs[1].value->shape, x);
}

bool ca_cpu_is_same_shape(const CarinaShape *a, const CarinaShape *b)
{
    return a->rank == b->rank &&
           memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

static void take(CaCpuBuild *b, CaCpuFusion *f, const CarinaNode *n)
{
    b->is_skipped[f->last->id] = true;
    f->last = n;
}

/* The only reader of FakeQuantize `q` adds another quantized value, and the sum is quantized again: all of it. */
static void quantized_sum(CaCpuBuild *b, CaCpuFusion *f, const CarinaNode *q)
{
    const CarinaUse *u = only_use(q);
    const CarinaNode *end = u && !f->residual ? ca_cpu_u8_add_end(b, u->node) : NULL;
    CaAct act;
    if (!end || b->is_skipped[u->node->id] || (f->act && !ca_cpu_act_of(&act, f->act)) ||
        (f->act && act.kind != CA_ACT_RELU && act.kind != CA_ACT_CLAMP))
        return;
    f->mid = q;
    f->add = u->node;
    f->residual = u->node->inputs[1 - u->index].value;
    take(b, f, u->node);
    while (f->last != end)
        take(b, f, only_use(f->last)->node);
    f->quantizer = end;
}

/* What quantizes the result at once, in u8. */
static void quantize_end(CaCpuBuild *b, CaCpuFusion *f)
{
    const CarinaUse *u = only_use(f->last);
    if (!u || !b->takes_narrow[f->conv->id] || !ca_cpu_is_quantizer(b, u->node) ||
        !ca_cpu_wants_narrow(b, &u->node->outputs[0]))
        return;
    take(b, f, u->node);
    f->quantizer = u->node;
    quantized_sum(b, f, u->node);
}

/* Follows single readers from the convolution: bias, residual, activation, in this order. */
static void follow(CaCpuBuild *b, const CarinaNode *conv)
{
    CaCpuFusion f = {.last = conv, .conv = conv};
    const CarinaShape *shape = &conv->outputs[0].shape;
    for (const CarinaUse *u = only_use(conv); u && !f.act; u = only_use(f.last)) {
        const CarinaNode *n = u->node;
        CaAct act;
        const CarinaValue *other =
            n->n_inputs == 2 ? n->inputs[1 - u->index].value : NULL;
        if (b->is_skipped[n->id] || b->fusions[n->id].conv || !n->n_outputs ||
            !ca_cpu_is_same_shape(&n->outputs[0].shape, shape))
            break;
        if (ca_cpu_is(n, "Add") && other && !f.bias && !f.residual &&
            ca_cpu_is_per_channel(other, shape->dims[1]))
            f.bias = other;
        else if (ca_cpu_is(n, "Add") && other && !ca_cpu_constant(other) && !f.residual &&
                 ca_cpu_is_same_shape(&other->shape, shape) &&
                 other->type == n->outputs[0].type && other->node != f.last)
            f.residual = other, f.add = n;
        else if (u->index == 0 && (ca_cpu_act_of(&act, n) || is_channel_prelu(n, shape)))
            f.act = n;
        else
            break;
        take(b, &f, n);
    }
    quantize_end(b, &f);
    b->is_skipped[f.last->id] = false;
    b->fusions[f.last->id] = f;
}

CarinaStatus ca_cpu_plan_fusion(CaCpuBuild *b)
{
    CA_TRY(ca_cpu_plan_quant(b));
    for (const CarinaNode *n = b->graph->first; n; n = n->next)
        if ((ca_cpu_is(n, "Convolution") || ca_cpu_is(n, "GroupConvolution")) &&
            n->outputs[0].shape.rank == 4 && ca_cpu_is_float(n->outputs[0].type) &&
            ca_cpu_constant(n->inputs[1].value) && ca_cpu_conv_is_offered(b, n))
            follow(b, n);
    for (int i = 0; i < b->n_ids; i++) {
        if (b->fusions[i].add)
            b->takes_narrow[b->fusions[i].add->id] =
                b->takes_narrow[b->fusions[i].conv->id];
        if (b->fusions[i].conv) {
            ca_cpu_fuse_before(b, &b->fusions[i]);
            ca_cpu_fuse_gate(b, &b->fusions[i]);
        }
    }
    return CARINA_OK;
}

/* May node's inputs be parts of one buffer, each starting at a whole block? */
static bool is_by_blocks(const CarinaNode *n)
{
    const CarinaShape *s = &n->outputs[0].shape;
    const int64_t axis = carina_node_int(n, "axis", 0);
    if (s->rank != 4 || !ca_cpu_is_float(n->outputs[0].type) || (axis != 1 && axis != -3))
        return false;
    for (int i = 0; i < n->n_inputs; i++) {
        const CarinaValue *v = n->inputs[i].value;
        if (v->shape.dims[1] % 16 && i + 1 < n->n_inputs)
            return false;
        if (v->constant || ca_cpu_is(v->node, "Parameter"))
            return false;
    }
    return true;
}

/* All inputs already stand one behind the other in one buffer: the result is that stretch of it. */
static bool is_there(const CaCpuBuild *b, const CarinaNode *n)
{
    const CaCpuValue *first = ca_cpu_value(b, n->inputs[0].value);
    int block = first->root_block;
    for (int i = 0; i < n->n_inputs; i++) {
        const CaCpuValue *x = ca_cpu_value(b, n->inputs[i].value);
        if (x->root < 0 || x->root != first->root || x->root_block != block)
            return false;
        block += (int)((n->inputs[i].value->shape.dims[1] + 15) / 16);
    }
    return true;
}

static CarinaStatus place(CaCpuBuild *b, const CarinaNode *n)
{
    CaCpuValue *out = ca_cpu_value(b, &n->outputs[0]);
    const CarinaShape *s = &n->outputs[0].shape;
    if (out->root < 0 && is_there(b, n)) {
        out->root = ca_cpu_value(b, n->inputs[0].value)->root;
        out->root_block = ca_cpu_value(b, n->inputs[0].value)->root_block;
        return CARINA_OK;
    }
    if (out->root < 0)
        CA_TRY(ca_cpu_add_buffer(b, &out->root,
                                 (CaCpuBuffer){.is_blocked = true,
                                               .n = (int)s->dims[0],
                                               .c = (int)s->dims[1],
                                               .h = (int)s->dims[2],
                                               .w = (int)s->dims[3]}));
    int block = out->root_block;
    for (int i = 0; i < n->n_inputs; i++) {
        const CarinaValue *v = n->inputs[i].value;
        CaCpuValue *x = ca_cpu_value(b, v);
        bool twice = false;
        for (int j = 0; j < i; j++)
            twice = twice || n->inputs[j].value == v;
        if (x->root < 0 && !twice) { /* made blocked right there, or packed there */
            x->root = out->root;
            x->root_block = block;
        }
        block += (int)((v->shape.dims[1] + 15) / 16);
    }
    return CARINA_OK;
}

/* Last ones first: where one concatenation's inputs are the beginning of a later one's (DenseNet), the later one
 * gives all of them their place. */
CarinaStatus ca_cpu_plan_concat(CaCpuBuild *b)
{
    for (const CarinaNode *n = b->graph->last; n; n = n->prev)
        if (ca_cpu_is(n, "Concat") && is_by_blocks(n) && !b->takes_narrow[n->id])
            CA_TRY(place(b, n));
    return CARINA_OK;
}
