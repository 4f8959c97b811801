/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution in bf16 or u8 and what was fused to it: scales and zero points folded into its end, one step.
 */
#include "lower_dot.h"
#include "cpu_packed.h"
#include "lower_act.h"
#include "lower_conv.h"
#include "lower_pixels.h"
#include "lower_u8.h"

#include <math.h>
#include <string.h>

typedef struct DotStep {
    CaDotPlan plan;
    CaDotEnd end;
    CaCpuRef in, out, add;
    int zero;
    CaQuant mid;
    bool has_mid;
    CaDotBefore before;
    const CaQuant
        *placed; /* steps of the concatenation that this is written into, or NULL */
    const unsigned char *packed;
} DotStep;

static void run_dot(const CaCpuStep *s, CaCpuRun *r, int phase, int thread, int n_threads)
{
    const DotStep *d = s->data;
    const CaMap in = d->plan.packed_pixels ? ca_cpu_pixels(r, &d->in)
                                           : ca_cpu_map(r, &d->in),
                out = ca_cpu_map(r, &d->out);
    CaMap add;
    CaDotEnd end = d->end;
    end.before = d->plan.before ? &d->before : NULL;
    end.mid = d->has_mid ? &d->mid : NULL;
    if (d->add.buffer >= 0) {
        add = ca_cpu_map(r, &d->add);
        end.add = &add;
    }
    if (phase == 0)
        ca_map_fill_halo(&out, d->zero, thread, n_threads);
    ca_dot_run(&d->plan, phase, thread, n_threads, &out, &in, d->packed, &end, r->work,
               ca_cpu_own(r, s, thread));
}

typedef struct PackJob {
    const CaDotPlan *plan;
    void *packed;
    const float *filter, *scale, *bias;
    const int8_t *integers; /* or NULL */
    int in_zero;
} PackJob;

static void pack_items(const void *job, int64_t begin, int64_t end)
{
    const PackJob *j = job;
    if (j->integers)
        ca_dot_pack_s8(j->plan, j->packed, j->integers, j->scale, j->bias, j->in_zero,
                       (int)begin, (int)end);
    else
        ca_dot_pack(j->plan, j->packed, j->filter, j->scale, j->bias, j->in_zero,
                    (int)begin, (int)end);
}

/* Of all that the packed form depends on. steps: of the filter, as whole numbers; or NULL. */
static uint64_t key_of(const CaDotPlan *plan, const CarinaTensor *w, const float *steps,
                       const float *scale, const float *bias, int in_zero)
{
    const int64_t co = plan->s.co;
    uint64_t h = ca_cpu_source(w, ca_dot_pack_key(plan) + (uint64_t)in_zero);
    h = ca_cpu_source_floats(steps, co, h);
    return ca_cpu_source_floats(bias, co, ca_cpu_source_floats(scale, co, h));
}

/* The filter as floats; u8: as the whole numbers that it is stored as. */
static CarinaStatus filter_of(CaCpuBuild *b, float **out, const CarinaNode *conv)
{
    const CarinaTensor *w = ca_cpu_constant(conv->inputs[1].value);
    const int64_t n = ca_cpu_count(&w->shape), co = conv->outputs[0].shape.dims[1];
    const float *scales = b->filter_scales[conv->id];
    *out = ca_alloc((size_t)n * sizeof **out + 1);
    if (!*out)
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory for a filter");
    ca_cpu_widen(*out, w, n);
    for (int64_t i = 0; scales && i < n; i++)
        (*out)[i] = rintf((*out)[i] / scales[i / (n / co)]);
    return CARINA_OK;
}

CarinaStatus ca_cpu_dot_pack(CaCpuBuild *b, const unsigned char **out,
                             const CaDotPlan *plan, const CarinaNode *n,
                             const float *scale, const float *bias, int in_zero)
{
    const CarinaTensor *w = ca_cpu_constant(n->inputs[1].value);
    unsigned char *packed = NULL;
    float *filter = NULL;
    bool is_there = false;
    CA_TRY(ca_cpu_packed(b, &packed, &is_there, plan->packed_size,
                         key_of(plan, w, b->filter_scales[n->id], scale, bias, in_zero)));
    *out = packed;
    if (is_there)
        return CARINA_OK;
    const int8_t *integers = w->type == CARINA_I8 ? w->data : NULL;
    if (!integers)
        CA_TRY(filter_of(b, &filter, n));
    const PackJob job = {plan, packed, filter, scale, bias, integers, in_zero};
    ca_cpu_pack(b, pack_items, &job, plan->n_pack_items, n->inputs[1].value);
    ca_free(filter);
    return CARINA_OK;
}

/* Is the end two comparisons? Then they are lo and hi of what it computes. */
static bool is_clamp(const CaDotEnd *e, float *lo, float *hi)
{
    *lo = e->act.kind == CA_ACT_RELU    ? 0
          : e->act.kind == CA_ACT_CLAMP ? e->act.a
                                        : -INFINITY;
    *hi = e->act.kind == CA_ACT_CLAMP ? e->act.b : INFINITY;
    return !e->slope && (e->act.kind == CA_ACT_NONE || e->act.kind == CA_ACT_RELU ||
                         e->act.kind == CA_ACT_CLAMP);
}

/* What is stored in u8 becomes the unit of the whole end where that is two comparisons; false: the end is in floats, and
 * what is stored follows it. */
static bool set_unit(CaDotEnd *e, const CaQuant *q)
{
    float lo, hi;
    if (!q)
        return false;
    if (!is_clamp(e, &lo, &hi)) {
        e->out = *q;
        return false;
    }
    lo = lo * q->scale + q->zero;
    hi = hi * q->scale + q->zero;
    e->act =
        (CaAct){CA_ACT_CLAMP, lo > q->low ? lo : q->low, hi < q->high ? hi : q->high};
    return true;
}

/* With FakeQuantize before the residual: the sum in its steps, and from these to those of the result. */
static void set_mid(DotStep *d, const CaQuant *mid, const CaQuant *add,
                    const CaQuant *out, bool has_relu)
{
    float lo, hi;
    const double k = (double)out->scale / (double)mid->scale,
                 k_add = (double)out->scale / (double)add->scale;
    (void)is_clamp(&d->end, &lo, &hi);
    lo = lo * mid->scale + mid->zero;
    hi = hi * mid->scale + mid->zero;
    d->has_mid = true;
    d->mid = (CaQuant){
        (float)k,
        (float)((double)out->zero - k * (double)mid->zero - k_add * (double)add->zero),
        lo > mid->low ? lo : mid->low, hi < mid->high ? hi : mid->high};
    d->end.add_scale = (float)k_add;
    d->end.act = (CaAct){
        CA_ACT_CLAMP, has_relu && out->zero > out->low ? out->zero : out->low, out->high};
}

/* In the steps of the convolution's own FakeQuantize, and from these to those of the concatenation that it is part of. */
static void set_place(DotStep *d, const CaQuant *own, const CaQuant *out)
{
    float lo, hi;
    const double k = (double)out->scale / (double)own->scale;
    (void)is_clamp(&d->end, &lo, &hi);
    lo = lo * own->scale + own->zero;
    hi = hi * own->scale + own->zero;
    d->has_mid = true;
    d->mid = (CaQuant){(float)k, (float)((double)out->zero - k * (double)own->zero),
                       lo > own->low ? lo : own->low, hi < own->high ? hi : own->high};
    d->end.act = (CaAct){CA_ACT_CLAMP, out->low, out->high};
}

/* May the result be written where it is concatenated? */
static bool has_place(const CaCpuBuild *b, const DotStep *d, const CaCpuFusion *f)
{
    float lo, hi;
    return f->quantizer && !f->residual && ca_cpu_value(b, &f->last->outputs[0])->place &&
           is_clamp(&d->end, &lo, &hi);
}

/* Unit and shift of the sums in the end, which is set up for them. */
static void set_units(CaCpuBuild *b, double *unit, double *shift, DotStep *d,
                      const CaCpuFusion *f, const CaQuant *out)
{
    const CaQuant *add = f->residual && b->p->buffers[d->add.buffer].elem == CA_ELEM_U8
                             ? ca_cpu_value(b, f->residual)->quant
                             : NULL;
    if (f->mid) {
        const CaQuant *mid = ca_cpu_value(b, &f->mid->outputs[0])->quant;
        *unit = (double)mid->scale;
        *shift = (double)mid->zero;
        set_mid(d, mid, add, out, f->add->outputs[0].uses->node != f->quantizer);
        return;
    }
    if (d->placed) {
        *unit = (double)out->scale;
        *shift = (double)out->zero;
        set_place(d, out, d->placed);
        return;
    }
    const bool is_folded = set_unit(&d->end, out);
    *unit = is_folded ? (double)out->scale : 1;
    *shift = is_folded ? (double)out->zero : 0;
    d->end.add_scale = (float)(add ? *unit / (double)add->scale : *unit);
    if (add)
        *shift -= (double)add->zero / (double)add->scale * *unit;
}

static CarinaStatus scale_and_bias(CaCpuBuild *b, float **scale, float **bias, DotStep *d,
                                   const CaCpuFusion *f, const CaQuant *in,
                                   const CaQuant *out)
{
    const int co = d->plan.s.co;
    const float *plain = ca_cpu_conv_bias(b, f->bias, co);
    const float *w = b->filter_scales[f->conv->id];
    double unit = 1, shift = 0;
    *scale = ca_arena_array(b->p->arena, (size_t)co + 1, sizeof **scale);
    *bias = ca_arena_array(b->p->arena, (size_t)co + 1, sizeof **bias);
    if (!*scale || !*bias || (f->bias && !plain))
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory for a bias");
    set_units(b, &unit, &shift, d, f, out);
    for (int c = 0; c < co; c++) {
        (*scale)[c] = (float)(w ? (double)w[c] / (double)in->scale * unit : 1);
        (*bias)[c] = (float)((plain ? (double)plain[c] * unit : 0) + shift);
    }
    return CARINA_OK;
}

/* Does int32 hold every sum * scale + bias? */
static bool is_bounded(const CaDotPlan *p, const float *scale, const float *bias)
{
    const double most = 255.0 * 128 * p->s.ci / p->s.groups * p->s.kh * p->s.kw;
    for (int c = 0; c < p->s.co; c++)
        if (!(fabs((double)scale[c]) * most + fabs((double)bias[c]) < 2147483000))
            return false;
    return true;
}

/* The residual in whatever form is there. */
static CarinaStatus residual(CaCpuBuild *b, CaCpuRef *add, const CaCpuFusion *f)
{
    if (!f->residual)
        return CARINA_OK;
    if (f->mid || ca_cpu_value(b, f->residual)->narrow.buffer >= 0)
        return ca_cpu_narrow(b, add, f->residual, 0);
    return ca_cpu_blocked(b, add, f->residual, 0);
}

/* Plan and input. An image of few channels that lies there as it came is packed for this step alone. */
static CarinaStatus plan(CaCpuBuild *b, DotStep *d, const CaConvShape *shape,
                         const CaCpuFusion *f)
{
    const CarinaValue *v = f->conv->inputs[0].value;
    const uint32_t cpu = b->host->cpu_flags;
    if (f->before.x) {
        CA_TRY(ca_cpu_before(b, &d->before, &f->before, shape->ci));
        CA_TRY(ca_cpu_blocked(b, &d->in, f->before.x, 0));
        return ca_dot_plan_before(&d->plan, shape, b->precision, cpu)
                   ? CARINA_OK
                   : CARINA_ERR_UNSUPPORTED;
    }
    if (ca_cpu_is_for_pixels(b, v) &&
        ca_dot_plan_packed(&d->plan, shape, b->precision, cpu))
        return ca_cpu_pack_pixels(b, &d->in, v, d->plan.in_halo);
    if (!ca_dot_plan(&d->plan, shape, b->precision, cpu, b->allow_winograd))
        return CARINA_ERR_UNSUPPORTED;
    return ca_cpu_narrow(b, &d->in, v, d->plan.in_halo);
}

CarinaStatus ca_cpu_lower_dot(CaCpuBuild *b, const CaCpuFusion *f)
{
    CaConvShape shape;
    DotStep d = {
        .end = {.act = {CA_ACT_NONE, 0, 0}, .add_scale = 1, .out = {1, 0, 0, 255}},
        .add = {.buffer = -1}};
    CaCpuStep *s = NULL;
    const CarinaValue *result = &f->last->outputs[0];
    float *scale = NULL, *bias = NULL;
    const CaQuant *in = ca_cpu_value(b, f->conv->inputs[0].value)->quant,
                  *out = f->quantizer ? ca_cpu_value(b, result)->quant : NULL;
    const bool to_narrow =
        b->precision == CA_ELEM_U8 ? out != NULL : ca_cpu_wants_narrow(b, result);
    CA_TRY(ca_cpu_conv_act(b, &d.end.act, &d.end.slope, f));
    if (!ca_cpu_conv_shape(&shape, f->conv))
        return CARINA_ERR_UNSUPPORTED;
    CarinaStatus status = plan(b, &d, &shape, f);
    if (status == CARINA_ERR_UNSUPPORTED)
        return ca_err(b->err, status,
                      "node '%s' (%s): a convolution of this shape is not offered",
                      f->conv->name, f->conv->op_name);
    CA_TRY(status);
    CA_TRY(residual(b, &d.add, f));
    if (to_narrow && has_place(b, &d, f)) {
        d.placed = ca_cpu_value(b, ca_cpu_value(b, result)->place->result)->quant;
        CA_TRY(ca_cpu_u8_place(b, &d.out, result));
    } else if (to_narrow)
        CA_TRY(ca_cpu_new_narrow(b, &d.out, result));
    else
        CA_TRY(ca_cpu_new_blocked(b, &d.out, result));
    CA_TRY(scale_and_bias(b, &scale, &bias, &d, f, in, out));
    CA_TRY(ca_cpu_dot_pack(b, &d.packed, &d.plan, f->conv, scale, bias,
                           in ? (int)in->zero : 0));
    d.end.is_bounded = is_bounded(&d.plan, scale, bias);
    d.zero = d.placed ? (int)d.placed->zero : out ? (int)out->zero : 0;
    CA_TRY(ca_cpu_add_step(b, &s, f->conv, d.plan.kernel, run_dot, sizeof d));
    *(DotStep *)s->data = d;
    s->n_phases = d.plan.n_phases;
    s->shared_work = d.plan.shared_scratch;
    s->thread_work = d.plan.thread_scratch;
    ca_cpu_conv_info(s, f, &shape, ca_elem_size(b->precision));
    s->operations = ca_dot_operations(&d.plan);
    s->why = d.plan.why ? d.plan.why : "only";
    if (b->is_low && strcmp(s->why, "exact") == 0)
        s->why = "low memory";
    s->elem = d.plan.depthwise ? CA_ELEM_F32 : b->precision;
    ca_cpu_use(b, d.in.buffer);
    ca_cpu_use(b, d.out.buffer);
    if (d.add.buffer >= 0)
        ca_cpu_use(b, d.add.buffer);
    return CARINA_OK;
}
