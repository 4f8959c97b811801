/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Squeeze and excitation: a map times a number for each image and channel, in front of a 1x1 convolution of at least as
 * many pixels as results. The numbers go into the filter, a copy for each image; the map is read once, as it is.
 */
#include "kernels/conv/conv_cost.h"
#include "kernels/layout/blocked.h"
#include "lower_conv.h"

typedef struct GatedStep {
    CaConvPlan plan; /* of one image */
    CaConvEnd end;
    CaCpuRef in, gate, out, add;
    const unsigned char *packed;
} GatedStep;

static CaActs image_of(const CaActs *a, int image)
{
    CaActs one = *a;
    one.data += image * a->image_stride;
    one.n = 1;
    return one;
}

static void run_gated(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                      int n_threads)
{
    const GatedStep *d = s->data;
    const CaActs in = ca_cpu_acts(r, &d->in), out = ca_cpu_acts(r, &d->out),
                 gate = ca_cpu_acts(r, &d->gate);
    if (phase == 0) {
        ca_acts_zero_halo(&out, thread, n_threads);
        for (int i = 0; i < gate.n; i++)
            ca_conv_gate(&d->plan, r->work, d->packed, &gate, i, thread, n_threads);
        return;
    }
    for (int i = 0; i < out.n; i++) {
        const CaActs from = image_of(&in, i), to = image_of(&out, i);
        CaActs add = {0};
        CaConvEnd end = d->end;
        if (d->add.buffer >= 0) {
            add = ca_cpu_acts(r, &d->add);
            add = image_of(&add, i);
            end.add = &add;
        }
        ca_conv_run(&d->plan, 0, thread, n_threads, &to, &from,
                    ca_conv_gated(&d->plan, r->work, gate.n == 1 ? 0 : i), &end, NULL,
                    ca_cpu_own(r, s, thread));
    }
}

/* Direct: Strassen's filters mix input channels. */
static bool plan_of(const CaCpuBuild *b, CaConvPlan *plan, const CarinaNode *conv)
{
    CaConvShape shape;
    if (!ca_cpu_conv_shape(&shape, conv))
        return false;
    shape.n = 1;
    return ca_conv_plan(plan, &shape, b->host->cpu_flags, false) &&
           ca_conv_takes_gate(plan);
}

/* [1 or N, C, 1, 1] beside x? */
static bool is_gate(const CarinaValue *v, const CarinaShape *x)
{
    const CarinaShape *s = &v->shape;
    return !ca_cpu_constant(v) && s->rank == 4 &&
           (s->dims[0] == 1 || s->dims[0] == x->dims[0]) && s->dims[1] == x->dims[1] &&
           s->dims[2] == 1 && s->dims[3] == 1;
}

void ca_cpu_fuse_gate(CaCpuBuild *b, CaCpuFusion *f)
{
    const CarinaNode *n = f->conv->inputs[0].value->node;
    const CarinaShape *out = &f->conv->outputs[0].shape;
    CaConvPlan plan;
    size_t size = 0;
    if (b->takes_narrow[f->conv->id] || !ca_cpu_is(n, "Multiply") || n->n_inputs != 2 ||
        !n->outputs[0].uses || n->outputs[0].uses->next || b->is_skipped[n->id] ||
        b->takes_narrow[n->id] || out->dims[2] * out->dims[3] < out->dims[1] ||
        !plan_of(b, &plan, f->conv) ||
        !ca_conv_gate_size(&plan, (int)out->dims[0], &size))
        return;
    for (int i = 0; i < 2; i++) {
        const CarinaValue *x = n->inputs[i].value, *y = n->inputs[1 - i].value;
        if (!ca_cpu_is_same_shape(&x->shape, &n->outputs[0].shape) || x->constant ||
            !ca_cpu_is_float(x->type) || !is_gate(y, &x->shape))
            continue;
        f->gated = x;
        f->gate = y;
        b->is_skipped[n->id] = true;
        return;
    }
}

CarinaStatus ca_cpu_lower_gated(CaCpuBuild *b, const CaCpuFusion *f)
{
    GatedStep d = {.add = {.buffer = -1}};
    CaCpuStep *s = NULL;
    unsigned char *packed = NULL;
    size_t size = 0;
    const int n = (int)f->gate->shape.dims[0], n_images = (int)f->gated->shape.dims[0];
    if (!plan_of(b, &d.plan, f->conv) || !ca_conv_gate_size(&d.plan, n, &size))
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory for scaled filters");
    CA_TRY(ca_cpu_blocked(b, &d.in, f->gated, d.plan.in_halo));
    CA_TRY(ca_cpu_blocked(b, &d.gate, f->gate, 0));
    CA_TRY(ca_cpu_conv_act(b, &d.end.act, &d.end.slope, f));
    if (f->residual)
        CA_TRY(ca_cpu_blocked(b, &d.add, f->residual, 0));
    CA_TRY(ca_cpu_new_blocked(b, &d.out, &f->last->outputs[0]));
    CA_TRY(ca_cpu_conv_pack(b, &d.plan, f, &packed));
    d.packed = packed;
    CA_TRY(ca_cpu_add_step(b, &s, f->conv, d.plan.kernel, run_gated, sizeof d));
    *(GatedStep *)s->data = d;
    s->n_phases = 2;
    s->shared_work = size;
    s->thread_work = d.plan.thread_scratch;
    ca_cpu_conv_info(s, f, &d.plan.s, 4);
    s->why = "gate in the filter";
    s->operations = n_images * ca_conv_operations(&d.plan);
    s->info.bytes += (double)d.plan.packed_size - s->filter_bytes;
    s->filter_bytes = (double)d.plan.packed_size;
    ca_cpu_use(b, d.in.buffer);
    ca_cpu_use(b, d.gate.buffer);
    ca_cpu_use(b, d.out.buffer);
    if (d.add.buffer >= 0)
        ca_cpu_use(b, d.add.buffer);
    return CARINA_OK;
}
