/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConvolutionBackpropData and GroupConvolutionBackpropData of one to three spatial axes.
 */
#include "cpu_program.h"
#include "kernels/conv/conv_back.h"

#include <string.h>

typedef struct BackStep {
    CaConvBack plan;
    int x, w, y;
    size_t columns_offset; /* bytes in the work space, behind the packed input */
} BackStep;

static void run_direct(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const BackStep *d = s->data;
    (void)phase;
    ca_conv_back_direct(&d->plan, ca_cpu_at(r, d->y), ca_cpu_at(r, d->x),
                        ca_cpu_at(r, d->w), thread, n_threads);
}

/* Three phases for each image and group. */
static void run_columns(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                        int n_threads)
{
    const BackStep *d = s->data;
    const CaConvBack *p = &d->plan;
    const int64_t at = phase / 3, group = at % p->groups;
    float *packed = (float *)(void *)r->work,
          *columns = (float *)(void *)(r->work + d->columns_offset);
    int64_t n_y = p->outs;
    for (int i = 0; i < CA_CONV_AXES; i++)
        n_y *= p->axis[i].out;
    if (phase % 3 == 0)
        ca_conv_back_pack(p, packed,
                          (float *)ca_cpu_at(r, d->x) + at * p->ins * p->gemm.n, thread,
                          n_threads);
    else if (phase % 3 == 1)
        ca_conv_back_multiply(p, columns,
                              (float *)ca_cpu_at(r, d->w) + group * p->ins * p->gemm.m,
                              packed, thread, n_threads);
    else
        ca_conv_back_add(p, (float *)ca_cpu_at(r, d->y) + at * n_y, columns, thread,
                         n_threads);
}

static int64_t at(CarinaInts v, int i, int64_t absent)
{
    return i < v.n ? v.v[i] : absent;
}

/* With an output shape and automatic padding, the pads follow from what is too much. */
static void set_axes(CaConvBack *p, const CarinaNode *n, const int64_t *kernel)
{
    const CarinaShape *x = &n->inputs[0].value->shape, *y = &n->outputs[0].shape;
    const CarinaInts strides = carina_node_ints(n, "strides"),
                     dilations = carina_node_ints(n, "dilations"),
                     begin = carina_node_ints(n, "pads_begin"),
                     padding = carina_node_ints(n, "output_padding");
    const char *mode = carina_node_enum(n, "auto_pad");
    const bool is_explicit = strcmp(mode, "explicit") == 0;
    const int skip = CA_CONV_AXES - (x->rank - 2);
    for (int i = 0; i < skip; i++)
        p->axis[i] = (CaConvAxis){1, 1, 1, 1, 1, 0};
    for (int i = 0; i < x->rank - 2; i++) {
        CaConvAxis *a = &p->axis[skip + i];
        *a = (CaConvAxis){x->dims[2 + i],      y->dims[2 + i],
                          kernel[i],           at(strides, i, 1),
                          at(dilations, i, 1), is_explicit ? at(begin, i, 0) : 0};
        const int64_t full = a->stride * (a->in - 1) + (a->kernel - 1) * a->dilation + 1 +
                             at(padding, i, 0);
        const int64_t total = full > a->out ? full - a->out : 0;
        if (!is_explicit && ca_cpu_in(n, 2))
            a->begin = strcmp(mode, "same_upper") == 0 ? total - total / 2 : total / 2;
    }
}

static CarinaStatus lower(CaCpuBuild *b, const CarinaNode *n, bool is_grouped)
{
    const CarinaShape *x = &n->inputs[0].value->shape, *w = &n->inputs[1].value->shape;
    const int g = is_grouped ? 1 : 0;
    BackStep d = {.plan = {.batch = x->dims[0],
                           .groups = is_grouped ? w->dims[0] : 1,
                           .ins = w->dims[g],
                           .outs = w->dims[g + 1]}};
    CaConvBack *p = &d.plan;
    CaCpuStep *s = NULL;
    if (x->rank < 3 || x->rank > 5 || w->rank != x->rank + g || !ca_cpu_count(x) ||
        !ca_cpu_count(w) || !ca_cpu_is_float(n->outputs[0].type))
        return CARINA_ERR_UNSUPPORTED;
    set_axes(p, n, w->dims + g + 2);
    if (!ca_conv_back_plan(p, ca_gemm_select(b->host->cpu_flags)) ||
        p->batch * p->groups > INT32_MAX / 3)
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(ca_cpu_plain(b, &d.x, n->inputs[0].value));
    CA_TRY(ca_cpu_plain(b, &d.w, n->inputs[1].value));
    CA_TRY(ca_cpu_new_plain(b, &d.y, &n->outputs[0]));
    d.columns_offset = (p->gemm.packed_size + 63) & ~(size_t)63;
    CA_TRY(ca_cpu_add_step(b, &s, n, p->is_direct ? "conv_back" : p->gemm.kernel->name,
                           p->is_direct ? run_direct : run_columns, sizeof d));
    *(BackStep *)s->data = d;
    s->n_phases = p->is_direct ? 1 : (int)(3 * p->batch * p->groups);
    s->shared_work = p->is_direct ? 0 : d.columns_offset + p->columns_size;
    s->info.flop = 2.0 * (double)ca_cpu_count(x) * (double)p->outs *
                   ((double)ca_cpu_count(w) / (double)(p->groups * p->ins * p->outs));
    ca_cpu_use(b, d.x);
    ca_cpu_use(b, d.w);
    ca_cpu_use(b, d.y);
    return CARINA_OK;
}

CarinaStatus ca_cpu_lower_conv_back(CaCpuBuild *b, const CarinaNode *n)
{
    return lower(b, n, ca_cpu_is(n, "GroupConvolutionBackpropData"));
}
