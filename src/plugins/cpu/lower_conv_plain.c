/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions that no blocked kernel takes: one or three axes, filters that are not constant, sizes past all bounds.
 */
#include "cpu_program.h"
#include "kernels/conv/conv_plain.h"

#include <string.h>

typedef struct PlainConvStep {
    CaConvPlain plan;
    int x, w, y;
    int64_t n_x, n_w, n_y; /* elements of one image and group */
} PlainConvStep;

static void run_direct(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const PlainConvStep *d = s->data;
    (void)phase;
    ca_conv_plain_direct(&d->plan, ca_cpu_at(r, d->y), ca_cpu_at(r, d->x),
                         ca_cpu_at(r, d->w), thread, n_threads);
}

/* Two phases for each image, group and chunk. */
static void run_chunks(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const PlainConvStep *d = s->data;
    const CaConvPlain *p = &d->plan;
    const int64_t chunk = phase / 2 % p->n_chunks, at = phase / 2 / p->n_chunks;
    float *packed = (float *)(void *)r->work;
    if (phase % 2 == 0)
        ca_conv_plain_pack(p, packed, (float *)ca_cpu_at(r, d->x) + at * d->n_x, chunk,
                           thread, n_threads);
    else
        ca_conv_plain_multiply(p, (float *)ca_cpu_at(r, d->y) + at * d->n_y,
                               (float *)ca_cpu_at(r, d->w) + at % p->groups * d->n_w,
                               packed, chunk, thread, n_threads);
}

static int64_t at(CarinaInts v, int i, int64_t absent)
{
    return i < v.n ? v.v[i] : absent;
}

static void set_axes(CaConvPlain *p, const CarinaNode *n, const int64_t *kernel)
{
    const CarinaShape *x = &n->inputs[0].value->shape, *y = &n->outputs[0].shape;
    const char *mode = carina_node_enum(n, "auto_pad");
    const int skip = CA_CONV_AXES - (x->rank - 2);
    for (int i = 0; i < skip; i++)
        p->axis[i] = (CaConvAxis){1, 1, 1, 1, 1, 0};
    for (int i = 0; i < x->rank - 2; i++) {
        CaConvAxis *a = &p->axis[skip + i];
        *a = (CaConvAxis){x->dims[2 + i],
                          y->dims[2 + i],
                          kernel[i],
                          at(carina_node_ints(n, "strides"), i, 1),
                          at(carina_node_ints(n, "dilations"), i, 1),
                          at(carina_node_ints(n, "pads_begin"), i, 0)};
        const int64_t t = (a->out - 1) * a->stride + (a->kernel - 1) * a->dilation + 1 -
                          a->in,
                      total = t > 0 ? t : 0;
        if (strcmp(mode, "same_upper") == 0)
            a->begin = total / 2;
        else if (strcmp(mode, "same_lower") == 0)
            a->begin = total - total / 2;
        else if (strcmp(mode, "valid") == 0)
            a->begin = 0;
    }
}

CarinaStatus ca_cpu_lower_conv_plain(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *x = &n->inputs[0].value->shape, *w = &n->inputs[1].value->shape,
                      *y = &n->outputs[0].shape;
    const int g = ca_cpu_is(n, "GroupConvolution") ? 1 : 0;
    PlainConvStep d = {.plan = {.batch = x->dims[0],
                                .groups = g ? w->dims[0] : 1,
                                .outs = w->dims[g],
                                .ins = w->dims[g + 1]}};
    CaConvPlain *p = &d.plan;
    CaCpuStep *s = NULL;
    int64_t n_phases = 0;
    if (x->rank < 3 || x->rank > 5 || w->rank != x->rank + g || !ca_cpu_count(x) ||
        !ca_cpu_count(w) || !ca_cpu_is_float(n->outputs[0].type))
        return CARINA_ERR_UNSUPPORTED;
    set_axes(p, n, w->dims + g + 2);
    if (!ca_conv_plain_plan(p, ca_gemm_select(b->host->cpu_flags)) ||
        __builtin_mul_overflow(p->batch * p->groups, 2 * p->n_chunks, &n_phases) ||
        n_phases > INT32_MAX)
        return CARINA_ERR_UNSUPPORTED;
    d.n_x = ca_cpu_count(x) / (p->batch * p->groups);
    d.n_w = ca_cpu_count(w) / p->groups;
    d.n_y = ca_cpu_count(y) / (p->batch * p->groups);
    CA_TRY(ca_cpu_plain(b, &d.x, n->inputs[0].value));
    CA_TRY(ca_cpu_plain(b, &d.w, n->inputs[1].value));
    CA_TRY(ca_cpu_new_plain(b, &d.y, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, p->is_direct ? "conv_plain" : p->gemm.kernel->name,
                           p->is_direct ? run_direct : run_chunks, sizeof d));
    *(PlainConvStep *)s->data = d;
    s->n_phases = p->is_direct ? 1 : (int)n_phases;
    s->shared_work = p->is_direct ? 0 : p->gemm.packed_size;
    s->info.flop = 2.0 * (double)ca_cpu_count(y) * (double)d.n_w / (double)p->outs;
    ca_cpu_use(b, d.x);
    ca_cpu_use(b, d.w);
    ca_cpu_use(b, d.y);
    return CARINA_OK;
}
