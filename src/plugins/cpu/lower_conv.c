/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution and what was fused to it: plan, filter packed once, one step.
 */
#include "lower_conv.h"
#include "conv_choice.h"
#include "cpu_packed.h"
#include "kernels/conv/conv_cost.h"
#include "kernels/layout/blocked.h"
#include "lower_act.h"

#include <string.h>

typedef struct ConvStep {
    CaConvPlan plan;
    CaConvEnd end;
    CaConvBefore before; /* end.before's, where there is one */
    bool has_before;
    CaCpuRef in, out, add;
    int planes; /* buffer of the input where it is read as planes, else -1 */
    const unsigned char *packed;
} ConvStep;

/* A row-major input, each channel a block. */
static CaActs planes_of(CaCpuRun *r, const ConvStep *d)
{
    const CaConvShape *s = &d->plan.s;
    const ptrdiff_t plane = (ptrdiff_t)s->ih * s->iw;
    return (CaActs){.data = ca_cpu_at(r, d->planes),
                    .n = s->n,
                    .c = s->ci,
                    .h = s->ih,
                    .w = s->iw,
                    .block_stride = plane,
                    .image_stride = plane * s->ci,
                    .row_stride = s->iw};
}

static void run_conv(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const ConvStep *d = s->data;
    const CaActs in = d->planes < 0 ? ca_cpu_acts(r, &d->in) : planes_of(r, d);
    const CaActs out = ca_cpu_acts(r, &d->out);
    CaActs add = {0};
    CaConvEnd end = d->end;
    end.before = d->has_before ? &d->before : NULL;
    if (d->add.buffer >= 0) {
        add = ca_cpu_acts(r, &d->add);
        end.add = &add;
    }
    if (phase == 0)
        ca_acts_zero_halo(&out, thread, n_threads);
    ca_conv_run(&d->plan, phase, thread, n_threads, &out, &in, d->packed, &end, r->work,
                ca_cpu_own(r, s, thread));
}

bool ca_cpu_conv_shape(CaConvShape *c, const CarinaNode *n)
{
    const CarinaShape *in = &n->inputs[0].value->shape, *w = &n->inputs[1].value->shape,
                      *out = &n->outputs[0].shape;
    const bool grouped = ca_cpu_is(n, "GroupConvolution");
    const CarinaInts strides = carina_node_ints(n, "strides"),
                     dilations = carina_node_ints(n, "dilations"),
                     begin = carina_node_ints(n, "pads_begin");
    if (strides.n != 2 || dilations.n != 2 || in->rank != 4 ||
        w->rank != (grouped ? 5 : 4))
        return false;
    const int kh = (int)w->dims[grouped ? 3 : 2], kw = (int)w->dims[grouped ? 4 : 3];
    *c = (CaConvShape){.n = (int)in->dims[0],
                       .ci = (int)in->dims[1],
                       .co = (int)out->dims[1],
                       .ih = (int)in->dims[2],
                       .iw = (int)in->dims[3],
                       .oh = (int)out->dims[2],
                       .ow = (int)out->dims[3],
                       .kh = kh,
                       .kw = kw,
                       .stride_h = (int)strides.v[0],
                       .stride_w = (int)strides.v[1],
                       .dilation_h = (int)dilations.v[0],
                       .dilation_w = (int)dilations.v[1],
                       .groups = grouped ? (int)w->dims[0] : 1};
    /* auto_pad: what the padding must be for this output size; same_lower puts the odd one first. */
    const char *mode = carina_node_enum(n, "auto_pad");
    const bool is_same = strncmp(mode, "same", 4) == 0,
               is_lower = strcmp(mode, "same_lower") == 0;
    const int total[2] = {
        (c->oh - 1) * c->stride_h + (kh - 1) * c->dilation_h + 1 - c->ih,
        (c->ow - 1) * c->stride_w + (kw - 1) * c->dilation_w + 1 - c->iw};
    int pad[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        const int t = total[i] > 0 ? total[i] : 0;
        if (is_same)
            pad[i] = is_lower ? t - t / 2 : t / 2;
        else if (strcmp(mode, "valid") != 0 && begin.n == 2)
            pad[i] = (int)begin.v[i];
    }
    c->pad_top = pad[0];
    c->pad_left = pad[1];
    return true;
}

typedef struct PackJob {
    const CaConvPlan *plan;
    void *packed;
    const float *filter, *bias;
} PackJob;

static void pack_items(const void *job, int64_t begin, int64_t end)
{
    const PackJob *j = job;
    ca_conv_pack(j->plan, j->packed, j->filter, j->bias, (int)begin, (int)end);
}

const float *ca_cpu_conv_bias(CaCpuBuild *b, const CarinaValue *v, int64_t channels)
{
    int64_t n = 0;
    const float *x = v ? ca_cpu_floats(b, v, &n) : NULL;
    if (!x || n == channels)
        return x;
    float *all = ca_arena_array(b->p->arena, (size_t)channels, sizeof *all);
    for (int64_t i = 0; all && i < channels; i++)
        all[i] = x[0];
    return all;
}

CarinaStatus ca_cpu_conv_pack(CaCpuBuild *b, const CaConvPlan *plan, const CaCpuFusion *f,
                              unsigned char **packed)
{
    const CarinaTensor *w = ca_cpu_constant(f->conv->inputs[1].value);
    int64_t n = ca_cpu_count(&w->shape);
    const float *filter = w->data;
    float *widened = NULL;
    const float *bias = ca_cpu_conv_bias(b, f->bias, plan->s.co);
    if (f->bias && !bias)
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory for a bias");
    bool is_there = false;
    const uint64_t key =
        ca_cpu_source_floats(bias, plan->s.co, ca_cpu_source(w, ca_conv_pack_key(plan)));
    CA_TRY(ca_cpu_packed(b, packed, &is_there, plan->packed_size, key));
    if (is_there)
        return CARINA_OK;
    if (w->type != CARINA_F32) {
        widened = ca_alloc((size_t)n * sizeof *widened + 1);
        if (!widened)
            return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory for a filter");
        ca_cpu_widen(widened, w, n);
        filter = widened;
    }
    const PackJob job = {plan, *packed, filter, bias};
    ca_cpu_pack(b, pack_items, &job, plan->n_pack_items, f->conv->inputs[1].value);
    ca_free(widened);
    return CARINA_OK;
}

CarinaStatus ca_cpu_conv_act(CaCpuBuild *b, CaAct *act, const float **slope,
                             const CaCpuFusion *f)
{
    int64_t n = 0;
    if (!f->act || ca_cpu_act_of(act, f->act))
        return CARINA_OK;
    *act = (CaAct){CA_ACT_NONE, 0, 0}; /* the slopes are all there is */
    *slope = ca_cpu_floats(b, f->act->inputs[1].value,
                           &n); /* padded with zeros to whole blocks */
    return *slope ? CARINA_OK
                  : ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
}

void ca_cpu_conv_info(CaCpuStep *s, const CaCpuFusion *f, const CaConvShape *shape,
                      double elem_size)
{
    const CarinaShape *result = &f->last->outputs[0].shape;
    s->info.shape = *result;
    s->info.flop = 2.0 * (double)ca_cpu_count(result) * (shape->ci / shape->groups) *
                   shape->kh * shape->kw;
    s->filter_bytes = elem_size * (double)ca_cpu_count(&f->conv->inputs[1].value->shape);
    s->info.bytes = elem_size * ((double)ca_cpu_count(&f->conv->inputs[0].value->shape) +
                                 (double)ca_cpu_count(result) * (f->residual ? 2 : 1)) +
                    s->filter_bytes;
}

bool ca_cpu_conv_is_offered(const CaCpuBuild *b, const CarinaNode *conv)
{
    CaConvShape shape;
    CaConvPlan plan;
    return ca_cpu_conv_shape(&shape, conv) &&
           ca_conv_plan(&plan, &shape, b->host->cpu_flags, b->allow_winograd);
}

/* The input as the plan reads it. Planes, where the channels are few and nobody has made blocks of them. */
static CarinaStatus plan_input(CaCpuBuild *b, CaConvPlan *plan, const char **why,
                               CaCpuRef *in, int *planes, const CaCpuFusion *f)
{
    const CarinaNode *conv = f->conv;
    const CarinaValue *v = f->before.x ? f->before.x : conv->inputs[0].value;
    CaConvShape shape;
    *in = (CaCpuRef){.buffer = -1};
    *planes = -1;
    const bool has_shape = ca_cpu_conv_shape(&shape, conv);
    if (has_shape && !f->before.x && !ca_cpu_has_blocked(b, v) &&
        ca_cpu_value(b, v)->narrow.buffer < 0 &&
        ca_conv_plan_planes(plan, &shape, b->host->cpu_flags)) {
        *why = "few channels";
        return ca_cpu_plain(b, planes, v);
    }
    if (has_shape && f->before.x &&
        ca_conv_plan_before(plan, &shape, b->host->cpu_flags)) {
        *why = "scaled on the way";
        return ca_cpu_blocked(b, in, v, plan->in_halo);
    }
    if (!has_shape || f->before.x || !ca_cpu_choose_conv(b, plan, why, &shape))
        return ca_err(b->err, CARINA_ERR_UNSUPPORTED,
                      "node '%s' (%s): a convolution of this shape is not offered",
                      conv->name, conv->op_name);
    return ca_cpu_blocked(b, in, v, plan->in_halo);
}

CarinaStatus ca_cpu_lower_fused(CaCpuBuild *b, const CaCpuFusion *f)
{
    CaConvPlan plan;
    CaConvEnd end = {.act = {CA_ACT_NONE, 0, 0}};
    CaConvBefore before = {0};
    CaCpuStep *s = NULL;
    CaCpuRef in, out, add = {.buffer = -1};
    int planes = -1;
    const char *why = NULL;
    unsigned char *packed = NULL;
    const CarinaValue *result = &f->last->outputs[0];
    if (b->takes_narrow[f->conv->id])
        return ca_cpu_lower_dot(b, f);
    if (f->gate)
        return ca_cpu_lower_gated(b, f);
    CA_TRY(plan_input(b, &plan, &why, &in, &planes, f));
    if (f->before.x)
        CA_TRY(ca_cpu_before(b, &before, &f->before, plan.s.ci));
    CA_TRY(ca_cpu_conv_act(b, &end.act, &end.slope, f));
    if (f->residual)
        CA_TRY(ca_cpu_blocked(b, &add, f->residual, 0));
    CA_TRY(ca_cpu_new_blocked(b, &out, result));
    CA_TRY(ca_cpu_conv_pack(b, &plan, f, &packed));
    CA_TRY(ca_cpu_add_step(b, &s, f->conv, plan.kernel, run_conv, sizeof(ConvStep)));
    *(ConvStep *)s->data =
        (ConvStep){plan, end, before, f->before.x != NULL, in, out, add, planes, packed};
    s->n_phases = plan.n_phases;
    s->shared_work = plan.shared_scratch;
    s->thread_work = plan.thread_scratch;
    ca_cpu_conv_info(s, f, &plan.s, 4);
    s->why = why;
    s->operations = ca_conv_operations(&plan);
    s->info.bytes += (double)plan.packed_size - s->filter_bytes;
    s->filter_bytes = (double)plan.packed_size;
    ca_cpu_use(b, planes < 0 ? in.buffer : planes);
    ca_cpu_use(b, out.buffer);
    if (add.buffer >= 0)
        ca_cpu_use(b, add.buffer);
    return CARINA_OK;
}
