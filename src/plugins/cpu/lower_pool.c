/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pooling over windows, and softmax.
 */
#include "lower_pool.h"
#include "kernels/dot/u8_maps.h"
#include "kernels/pool/pool.h"
#include "kernels/softmax/softmax.h"
#include "lower_u8.h"

#include <string.h>

typedef struct PoolStep {
    const CaPool *kernel;
    CaPoolShape shape;
    CaCpuRef in, out;
} PoolStep;

static void run_pool(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const PoolStep *d = s->data;
    const CaActs in = ca_cpu_acts(r, &d->in), out = ca_cpu_acts(r, &d->out);
    (void)phase;
    d->kernel->run(&out, &in, &d->shape, thread, n_threads);
}

static void run_global(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const PoolStep *d = s->data;
    const CaActs in = ca_cpu_acts(r, &d->in), out = ca_cpu_acts(r, &d->out);
    (void)phase;
    d->kernel->run_global(&out, &in, d->shape.kind, thread, n_threads);
}

static int at(CarinaInts v, int i, int absent) { return i < v.n ? (int)v.v[i] : absent; }

/* The extent of the window along axis i, with what dilation leaves out. */
static int extent(const CarinaNode *n, int i)
{
    return (at(carina_node_ints(n, "kernel"), i, 1) - 1) *
               at(carina_node_ints(n, "dilations"), i, 1) +
           1;
}

/* auto_pad: the padding that the output's size implies. */
static void pads(int first[2], int last[2], const CarinaNode *n)
{
    const CarinaShape *in = &n->inputs[0].value->shape, *out = &n->outputs[0].shape;
    const CarinaInts begin = carina_node_ints(n, "pads_begin"),
                     end = carina_node_ints(n, "pads_end");
    const char *mode = carina_node_enum(n, "auto_pad");
    for (int i = 0; i < 2; i++) {
        const int stride = at(carina_node_ints(n, "strides"), i, 1);
        const int t = ((int)out->dims[2 + i] - 1) * stride + extent(n, i) -
                      (int)in->dims[2 + i],
                  total = t > 0 ? t : 0;
        first[i] = at(begin, i, 0);
        last[i] = at(end, i, 0);
        if (strcmp(mode, "same_upper") == 0)
            first[i] = total / 2, last[i] = total - total / 2;
        else if (strcmp(mode, "same_lower") == 0)
            first[i] = total - total / 2, last[i] = total / 2;
        else if (strcmp(mode, "valid") == 0)
            first[i] = last[i] = 0;
    }
}

void ca_cpu_pool_pads(int first[2], const CarinaNode *n)
{
    int last[2];
    pads(first, last, n);
}

/* Into out, of the node's result. */
static CarinaStatus emit_pool(CaCpuBuild *b, const CarinaNode *n,
                              const CaPoolShape *shape, CaCpuStepFn *fn,
                              const CaCpuRef *out)
{
    PoolStep d = {
        .kernel = ca_pool_select(b->host->cpu_flags), .shape = *shape, .out = *out};
    CaCpuStep *s = NULL;
    CA_TRY(ca_cpu_blocked(b, &d.in, n->inputs[0].value, 0));
    CA_TRY(ca_cpu_add_step(b, &s, n, d.kernel->name, fn, sizeof d));
    *(PoolStep *)s->data = d;
    s->info.bytes = 4.0 * (double)(ca_cpu_count(&n->inputs[0].value->shape) +
                                   ca_cpu_count(&n->outputs[0].shape));
    ca_cpu_use(b, d.in.buffer);
    ca_cpu_use(b, d.out.buffer);
    return CARINA_OK;
}

CarinaStatus ca_cpu_lower_pool(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaInts kernel = carina_node_ints(n, "kernel"),
                     strides = carina_node_ints(n, "strides"),
                     dilations = carina_node_ints(n, "dilations");
    const CarinaShape *in = &n->inputs[0].value->shape, *out = &n->outputs[0].shape;
    if (in->rank != 4 || kernel.n != 2 || !ca_cpu_is_float(n->outputs[0].type) ||
        !ca_cpu_count(out) || (n->n_outputs > 1 && n->outputs[1].uses))
        return CARINA_ERR_UNSUPPORTED;
    CaPoolShape p = {.kind = ca_cpu_is(n, "MaxPool") ? CA_POOL_MAX : CA_POOL_AVG,
                     .kernel_h = (int)kernel.v[0],
                     .kernel_w = (int)kernel.v[1],
                     .stride_h = at(strides, 0, 1),
                     .stride_w = at(strides, 1, 1),
                     .dilation_h = at(dilations, 0, 1),
                     .dilation_w = at(dilations, 1, 1),
                     .exclude_pad = carina_node_bool(n, "exclude-pad", false)};
    int first[2], last[2];
    pads(first, last, n);
    p.pad_top = first[0], p.pad_left = first[1];
    p.pad_bottom = last[0], p.pad_right = last[1];
    const bool is_whole = out->dims[2] == 1 && out->dims[3] == 1 &&
                          p.kernel_h == in->dims[2] && p.kernel_w == in->dims[3] &&
                          !p.pad_top && !p.pad_left && !p.pad_bottom && !p.pad_right;
    CaCpuRef y;
    CA_TRY(ca_cpu_new_blocked(b, &y, &n->outputs[0]));
    return emit_pool(b, n, &p, is_whole ? run_global : run_pool, &y);
}

/* A result [N, C] has no blocked form of its own: the maps' numbers are unpacked at once. */
CarinaStatus ca_cpu_pool_global(CaCpuBuild *b, const CarinaNode *n, bool is_max)
{
    const CaPoolShape p = {.kind = is_max ? CA_POOL_MAX : CA_POOL_AVG};
    const CarinaValue *y = &n->outputs[0];
    const CarinaShape *x = &n->inputs[0].value->shape;
    CaCpuRef out = {.n = (int)x->dims[0], .c = (int)x->dims[1], .h = 1, .w = 1};
    int plain = 0;
    if (y->shape.rank == 4) {
        CA_TRY(ca_cpu_new_blocked(b, &out, y));
        return emit_pool(b, n, &p, run_global, &out);
    }
    CA_TRY(ca_cpu_add_buffer(
        b, &out.buffer,
        (CaCpuBuffer){.is_blocked = true, .n = out.n, .c = out.c, .h = 1, .w = 1}));
    CA_TRY(emit_pool(b, n, &p, run_global, &out));
    ca_cpu_value(b, y)->blocked = out;
    const CarinaStatus status = ca_cpu_plain(b, &plain, y);
    ca_cpu_value(b, y)->blocked.buffer = -1;
    return status;
}

/* What both have of a window. */
bool ca_cpu_u8_mean_of(const CarinaNode *n, CaU8Mean *m)
{
    const CarinaInts kernel = carina_node_ints(n, "kernel"),
                     strides = carina_node_ints(n, "strides");
    const CarinaShape *in = &n->inputs[0].value->shape;
    int first[2], last[2];
    if (in->rank != 4 || n->outputs[0].shape.rank != 4)
        return false;
    *m = (CaU8Mean){.kernel_h = (int)in->dims[2],
                    .kernel_w = (int)in->dims[3],
                    .stride_h = 1,
                    .stride_w = 1};
    if (ca_cpu_is(n, "ReduceMean"))
        return ca_cpu_is_mean_of_maps(n);
    if (!ca_cpu_is(n, "AvgPool") || kernel.n != 2)
        return false;
    pads(first, last, n);
    m->kernel_h = (int)kernel.v[0];
    m->kernel_w = (int)kernel.v[1];
    m->stride_h = at(strides, 0, 1);
    m->stride_w = at(strides, 1, 1);
    m->pad_top = first[0];
    m->pad_left = first[1];
    m->pad_bottom = last[0];
    m->pad_right = last[1];
    m->exclude_pad = carina_node_bool(n, "exclude-pad", false);
    return extent(n, 0) == kernel.v[0] && extent(n, 1) == kernel.v[1];
}

/* --- Over axes of plain tensors. */

typedef struct AxisStep {
    CaSoftmax softmax;
    int in, out;
} AxisStep;

static void run_softmax(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                        int n_threads)
{
    const AxisStep *d = s->data;
    (void)phase;
    ca_softmax_run(&d->softmax, ca_cpu_at(r, d->out), ca_cpu_at(r, d->in), thread,
                   n_threads);
}

static CarinaStatus emit_axis(CaCpuBuild *b, const CarinaNode *n, const char *kernel,
                              CaCpuStepFn *fn, AxisStep d)
{
    CaCpuStep *s = NULL;
    CA_TRY(ca_cpu_plain(b, &d.in, n->inputs[0].value));
    CA_TRY(ca_cpu_new_plain(b, &d.out, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, kernel, fn, sizeof d));
    *(AxisStep *)s->data = d;
    s->info.bytes = 4.0 * (double)(ca_cpu_count(&n->inputs[0].value->shape) +
                                   ca_cpu_count(&n->outputs[0].shape));
    ca_cpu_use(b, d.in);
    ca_cpu_use(b, d.out);
    return CARINA_OK;
}

CarinaStatus ca_cpu_lower_softmax(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *s = &n->inputs[0].value->shape;
    int64_t axis = carina_node_int(n, "axis", 1);
    axis += axis < 0 ? s->rank : 0;
    if (!ca_cpu_is_float(n->outputs[0].type) || axis < 0 || axis >= s->rank)
        return CARINA_ERR_UNSUPPORTED;
    AxisStep d = {.softmax = {ca_softmax_select(b->host->cpu_flags),
                              ca_cpu_product(s, 0, (int)axis), s->dims[axis],
                              ca_cpu_product(s, (int)axis + 1, s->rank),
                              ca_cpu_is(n, "LogSoftmax")}};
    return emit_axis(b, n, d.softmax.kernel->name, run_softmax, d);
}
