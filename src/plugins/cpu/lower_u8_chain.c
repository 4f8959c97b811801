/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantized values, concatenated, scaled and shifted by channel, cut off, averaged, and quantized again: one step of u8
 * that rounds where FakeQuantize does. DenseNet's concatenations of unequal steps with the batch normalisation behind
 * them are such chains.
 */
#include "kernels/dot/u8_maps.h"
#include "lower_act.h"
#include "lower_u8.h"

#include <math.h>
#include <string.h>

enum { MOST_NODES = 16, MOST_SUM = 1 << 24 };

/* From FakeQuantize `nodes[0]` upwards to what reads the sources. */
typedef struct Chain {
    const CarinaNode *nodes[MOST_NODES];
    int n_nodes;
    const CarinaNode *concat; /* its inputs are the sources, or NULL */
    const CarinaNode *mean;   /* pooling that reads the source, or NULL */
    const CarinaValue *source;
} Chain;

static const CaQuant *quant(const CaCpuBuild *b, const CarinaValue *v)
{
    return ca_cpu_value(b, v)->quant;
}

/* --- What may stand in a chain. */

static int data_input(const CarinaNode *n)
{
    if (ca_cpu_is(n, "BatchNormInference"))
        return n->opset < 5 ? 2 : 0;
    if ((ca_cpu_is(n, "Multiply") || ca_cpu_is(n, "Add")) &&
        ca_cpu_constant(n->inputs[0].value))
        return 1;
    return 0;
}

/* A floating constant of one number, or of one a channel along axis 1 of rank 4. */
static bool is_by_channel(const CarinaValue *v, int64_t channels)
{
    const CarinaTensor *t = ca_cpu_constant(v);
    const CarinaShape *s = &v->shape;
    if (!t || !ca_cpu_is_float(t->type) || s->rank > 4)
        return false;
    return ca_cpu_count(s) == 1 || (s->rank >= 3 && ca_cpu_count(s) == channels &&
                                    s->dims[s->rank - 3] == channels);
}

static bool is_batch_norm(const CarinaNode *n, int64_t channels)
{
    if (!ca_cpu_is(n, "BatchNormInference"))
        return false;
    for (int i = 0; i < 5; i++) {
        const CarinaTensor *t = ca_cpu_constant(n->inputs[i].value);
        if (i != data_input(n) &&
            (!t || !ca_cpu_is_float(t->type) || ca_cpu_count(&t->shape) != channels))
            return false;
    }
    return true;
}

static bool is_cut(CaAct *act, const CarinaNode *n)
{
    return ca_cpu_act_of(act, n) &&
           (act->kind == CA_ACT_RELU || act->kind == CA_ACT_CLAMP);
}

/* Something of each number and its channel, behind which only FakeQuantize may follow a cut. */
static bool is_link(const CaCpuBuild *b, const CarinaNode *n, const CarinaNode *below)
{
    CaAct act;
    const int64_t channels = n->outputs[0].shape.dims[1];
    if (ca_cpu_is(n, "FakeQuantize"))
        return quant(b, &n->outputs[0]) != NULL;
    if (is_cut(&act, n))
        return ca_cpu_is(below, "FakeQuantize");
    if (ca_cpu_is(n, "Multiply") || ca_cpu_is(n, "Add"))
        return is_by_channel(n->inputs[1 - data_input(n)].value, channels);
    return is_batch_norm(n, channels);
}

static bool has_4_dims(const CarinaValue *v)
{
    return v->shape.rank == 4 && ca_cpu_is_float(v->type);
}

static bool is_concat_of_quantized(const CaCpuBuild *b, const CarinaNode *n)
{
    if (!ca_cpu_is_channel_concat(n))
        return false;
    for (int i = 0; i < n->n_inputs; i++)
        if (!quant(b, n->inputs[i].value))
            return false;
    return true;
}

static bool is_mean(const CarinaNode *n, CaU8Mean *m)
{
    return ca_cpu_u8_mean_of(n, m) && (int64_t)m->kernel_h * m->kernel_w * 255 < MOST_SUM;
}

/* Up to the furthest quantized value (or several, concatenated) that only this chain stands behind. */
static bool find(const CaCpuBuild *b, Chain *found, const CarinaNode *q)
{
    Chain c = {.nodes = {q}, .n_nodes = 1};
    CaU8Mean mean;
    int n_stages = 1;
    found->n_nodes = 0;
    for (const CarinaNode *n = q; c.n_nodes < MOST_NODES;) {
        const CarinaValue *v = n->inputs[data_input(n)].value;
        const CarinaNode *up = v->node;
        if (!has_4_dims(v))
            break;
        if (quant(b, v)) {
            c.source = v;
            *found = c;
        }
        if (!ca_cpu_only_reader(v) || !up->n_inputs || up->n_outputs != 1)
            break;
        c.nodes[c.n_nodes++] = up;
        if (is_concat_of_quantized(b, up)) {
            c.concat = up;
            c.source = NULL;
            *found = c;
            break;
        }
        if (n == q && is_mean(up, &mean) && quant(b, up->inputs[0].value)) {
            c.mean = up;
            c.source = up->inputs[0].value;
            *found = c;
            break;
        }
        n_stages += ca_cpu_is(up, "FakeQuantize");
        if (!is_link(b, up, n) || n_stages > CA_U8_MOST_STAGES)
            break;
        n = up;
    }
    return found->n_nodes > 0;
}

/* Where nothing but FakeQuantize follows the concatenation, its parts may be written there at once. */
static bool give_places(CaCpuBuild *b, const Chain *c)
{
    int block = 0;
    for (int i = 0; i < c->concat->n_inputs; i++) {
        const CarinaValue *v = c->concat->inputs[i].value;
        CaCpuPlaceU8 *place = ca_arena_alloc(b->p->arena, sizeof *place);
        bool *is_there = ca_arena_array(b->p->arena, 1, sizeof *is_there);
        if (!place || !is_there)
            return false;
        *place = (CaCpuPlaceU8){&c->nodes[0]->outputs[0], block, is_there};
        if (ca_cpu_only_reader(v))
            ca_cpu_value(b, v)->place = place;
        block += (int)((v->shape.dims[1] + 15) / 16);
    }
    return true;
}

bool ca_cpu_u8_chain_mark(CaCpuBuild *b, const CarinaNode *n)
{
    Chain c;
    if (!find(b, &c, n) || (c.concat && c.n_nodes == 2 && !give_places(b, &c)))
        return false;
    for (int i = 0; i < c.n_nodes; i++) {
        b->takes_narrow[c.nodes[i]->id] = true;
        b->is_skipped[c.nodes[i]->id] = i > 0;
    }
    return true;
}

CarinaStatus ca_cpu_u8_place(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *part)
{
    const CaCpuPlaceU8 *place = ca_cpu_value(b, part)->place;
    *ref = ca_cpu_value(b, place->result)->narrow;
    if (ref->buffer < 0)
        CA_TRY(ca_cpu_new_narrow(b, ref, place->result));
    ref->first_block = place->first_block;
    ref->c = (int)part->shape.dims[1];
    *place->is_there = true;
    return CARINA_OK;
}

/* --- The stages of one source, channel by channel. */

typedef struct Stages {
    CaU8Stage s[CA_U8_MOST_STAGES];
    int n;
} Stages;

/* real = stored * scale + shift, of each channel of the source. */
typedef struct Line {
    double *scale, *shift;
    int n; /* channels */
    double low, high;
} Line;

/* The constant's element of channel c of all. */
static double element(const float *v, int64_t count, int64_t c)
{
    return (double)v[count == 1 ? 0 : c];
}

static CarinaStatus no_memory(CaCpuBuild *b)
{
    return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
}

static CarinaStatus batch_norm(CaCpuBuild *b, Line *l, const CarinaNode *n, int first)
{
    const int data = data_input(n), gamma = data == 0 ? 1 : 0;
    const double epsilon = carina_node_float(n, "epsilon", 0);
    int64_t count = 0;
    const float *g = ca_cpu_floats(b, n->inputs[gamma].value, &count),
                *beta = ca_cpu_floats(b, n->inputs[gamma + 1].value, &count),
                *mean = ca_cpu_floats(b, n->inputs[3].value, &count),
                *variance = ca_cpu_floats(b, n->inputs[4].value, &count);
    if (!g || !beta || !mean || !variance)
        return no_memory(b);
    for (int i = 0; i < l->n; i++) {
        const int c = first + i;
        const double k = (double)g[c] / sqrt((double)variance[c] + epsilon);
        l->scale[i] *= k;
        l->shift[i] = (l->shift[i] - (double)mean[c]) * k + (double)beta[c];
    }
    return CARINA_OK;
}

static CarinaStatus scale_or_shift(CaCpuBuild *b, Line *l, const CarinaNode *n, int first)
{
    int64_t count = 0;
    const float *v = ca_cpu_floats(b, n->inputs[1 - data_input(n)].value, &count);
    if (!v)
        return no_memory(b);
    for (int i = 0; i < l->n; i++) {
        const double x = element(v, count, first + i);
        if (ca_cpu_is(n, "Add")) {
            l->shift[i] += x;
            continue;
        }
        l->scale[i] *= x;
        l->shift[i] *= x;
    }
    return CARINA_OK;
}

/* The line in steps of q is a stage; what follows starts from these. */
static CarinaStatus end_stage(CaCpuBuild *b, Stages *s, Line *l, const CaQuant *q)
{
    const size_t room = ((size_t)l->n + 15) / 16 * 16;
    const double scale = (double)q->scale, zero = (double)q->zero;
    float *k = ca_arena_array(b->p->arena, room, sizeof *k),
          *shift = ca_arena_array(b->p->arena, room, sizeof *shift);
    if (!k || !shift)
        return no_memory(b);
    for (int i = 0; i < l->n; i++) {
        k[i] = (float)(l->scale[i] * scale);
        shift[i] = (float)(l->shift[i] * scale + zero);
        l->scale[i] = 1 / scale;
        l->shift[i] = -zero / scale;
    }
    s->s[s->n++] =
        (CaU8Stage){k, shift, (float)fmax(l->low * scale + zero, (double)q->low),
                    (float)fmin(l->high * scale + zero, (double)q->high)};
    l->low = -INFINITY;
    l->high = INFINITY;
    return CARINA_OK;
}

static CarinaStatus add_link(CaCpuBuild *b, Stages *s, Line *l, const CarinaNode *n,
                             int first)
{
    CaAct act;
    if (ca_cpu_is(n, "FakeQuantize"))
        return end_stage(b, s, l, quant(b, &n->outputs[0]));
    if (is_cut(&act, n)) {
        l->low = act.kind == CA_ACT_RELU ? 0 : (double)act.a;
        l->high = act.kind == CA_ACT_RELU ? INFINITY : (double)act.b;
        return CARINA_OK;
    }
    return ca_cpu_is(n, "BatchNormInference") ? batch_norm(b, l, n, first)
                                              : scale_or_shift(b, l, n, first);
}

/* Of the source that starts at channel `first`. */
static CarinaStatus stages_of(CaCpuBuild *b, Stages *s, const Chain *c,
                              const CarinaValue *source, int first)
{
    const CaQuant *q = quant(b, source);
    const size_t n = (size_t)source->shape.dims[1];
    Line l = {.n = (int)n, .low = -INFINITY, .high = INFINITY};
    *s = (Stages){.n = 0};
    l.scale = ca_arena_array(b->p->arena, n + 1, sizeof *l.scale);
    l.shift = ca_arena_array(b->p->arena, n + 1, sizeof *l.shift);
    if (!l.scale || !l.shift)
        return no_memory(b);
    for (size_t i = 0; i < n; i++) {
        l.scale[i] = 1 / (double)q->scale;
        l.shift[i] = -(double)q->zero / (double)q->scale;
    }
    for (int i = c->n_nodes - 1; i >= 0; i--)
        if (c->nodes[i] != c->concat)
            CA_TRY(add_link(b, s, &l, c->nodes[i], first));
    return CARINA_OK;
}

/* --- Steps. */

typedef struct Part {
    CaCpuRef in, out;
    Stages stages;
} Part;

typedef struct ChainStep {
    Part *parts;
    int n_parts, zero;
    CaU8Mean mean; /* of parts[0], instead of stages */
} ChainStep;

static void run_stages(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const ChainStep *d = s->data;
    (void)phase;
    for (int i = 0; i < d->n_parts; i++) {
        const Part *p = &d->parts[i];
        const CaMap out = ca_cpu_map(r, &p->out), in = ca_cpu_map(r, &p->in);
        ca_u8_stages(&out, &in, p->stages.s, p->stages.n, d->zero,
                     r->program->dev->host->cpu_flags, thread, n_threads);
    }
}

static void run_mean(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const ChainStep *d = s->data;
    const CaMap out = ca_cpu_map(r, &d->parts->out), in = ca_cpu_map(r, &d->parts->in);
    (void)phase;
    ca_u8_mean(&out, &in, &d->mean, r->program->dev->host->cpu_flags, thread, n_threads);
}

static void set_mean(const CaCpuBuild *b, CaU8Mean *m, const Chain *c, const CaQuant *q)
{
    const CaQuant *in = quant(b, c->source);
    (void)ca_cpu_u8_mean_of(c->mean, m);
    m->ratio = (double)q->scale / (double)in->scale;
    m->zero = (double)q->zero;
    m->in_zero = (double)in->zero;
    m->low = q->low;
    m->high = q->high;
}

/* The parts that are not there yet: their u8 forms are made first. */
static CarinaStatus parts_of(CaCpuBuild *b, ChainStep *d, const Chain *c)
{
    const int n = c->concat ? c->concat->n_inputs : 1;
    int first = 0, block = 0;
    d->parts = ca_arena_array(b->p->arena, (size_t)n, sizeof *d->parts);
    if (!d->parts)
        return no_memory(b);
    for (int i = 0; i < n; i++) {
        const CarinaValue *v = c->concat ? c->concat->inputs[i].value : c->source;
        const CaCpuPlaceU8 *place = ca_cpu_value(b, v)->place;
        Part *p = &d->parts[d->n_parts];
        if (!place || !*place->is_there) {
            CA_TRY(ca_cpu_narrow(b, &p->in, v, 0));
            if (!c->mean)
                CA_TRY(stages_of(b, &p->stages, c, v, first));
            p->out = (CaCpuRef){.first_block = block, .c = (int)v->shape.dims[1]};
            d->n_parts++;
        }
        first += (int)v->shape.dims[1];
        block += (int)((v->shape.dims[1] + 15) / 16);
    }
    return CARINA_OK;
}

CarinaStatus ca_cpu_u8_chain_lower(CaCpuBuild *b, const CarinaNode *n)
{
    const CaQuant *q = quant(b, &n->outputs[0]);
    ChainStep d = {.zero = (int)q->zero};
    Chain c;
    CaCpuRef out;
    CaCpuStep *s = NULL;
    (void)find(b, &c, n); /* it was there when it was marked */
    CA_TRY(parts_of(b, &d, &c));
    out = ca_cpu_value(b, &n->outputs[0])->narrow;
    if (out.buffer < 0)
        CA_TRY(ca_cpu_new_narrow(b, &out, &n->outputs[0]));
    if (d.n_parts == 0) /* all are there */
        return CARINA_OK;
    for (int i = 0; i < d.n_parts; i++) {
        const CaCpuRef at = d.parts[i].out;
        d.parts[i].out = out;
        d.parts[i].out.first_block = at.first_block;
        d.parts[i].out.c = at.c;
    }
    if (c.mean)
        set_mean(b, &d.mean, &c, q);
    CA_TRY(ca_cpu_add_step(b, &s, c.nodes[c.n_nodes - 1],
                           c.mean ? "u8_mean" : "u8_stages",
                           c.mean ? run_mean : run_stages, sizeof d));
    *(ChainStep *)s->data = d;
    s->info.shape = n->outputs[0].shape;
    for (int i = 0; i < d.n_parts; i++)
        ca_cpu_use(b, d.parts[i].in.buffer);
    ca_cpu_use(b, out.buffer);
    return CARINA_OK;
}
