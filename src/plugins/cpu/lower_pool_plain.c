/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pooling that no blocked kernel has: one or three spatial axes, indices of maxima, adaptive bins.
 */
#include "cpu_program.h"
#include "kernels/pool/pool_plain.h"

#include <string.h>

typedef struct PlainPoolStep {
    CaPoolPlain plan;
    bool is_max;
    int in, out, index; /* index -1: none */
    CarinaType index_type;
} PlainPoolStep;

static void run_pool(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const PlainPoolStep *d = s->data;
    float *out = ca_cpu_at(r, d->out);
    const float *in = ca_cpu_at(r, d->in);
    void *index = d->index < 0 ? NULL : ca_cpu_at(r, d->index);
    (void)phase;
    if (d->is_max)
        ca_pool_plain_max(&d->plan, out, d->index_type == CARINA_I64 ? index : NULL,
                          d->index_type == CARINA_I32 ? index : NULL, in, thread,
                          n_threads);
    else
        ca_pool_plain_avg(&d->plan, out, in, thread, n_threads);
}

static int64_t at(CarinaInts v, int i, int64_t absent)
{
    return i < v.n ? v.v[i] : absent;
}

/* The window of output 0 begins at -pad; pad_end: what lies behind the input. */
typedef struct Slide {
    int64_t kernel, stride, dilation, pad, pad_end;
} Slide;

static Slide slide_of(const CarinaNode *n, int i, int64_t in, int64_t out)
{
    const char *mode = carina_node_enum(n, "auto_pad");
    Slide s = {at(carina_node_ints(n, "kernel"), i, 1),
               at(carina_node_ints(n, "strides"), i, 1),
               at(carina_node_ints(n, "dilations"), i, 1),
               at(carina_node_ints(n, "pads_begin"), i, 0),
               at(carina_node_ints(n, "pads_end"), i, 0)};
    const int64_t t = (out - 1) * s.stride + (s.kernel - 1) * s.dilation + 1 - in,
                  total = t > 0 ? t : 0;
    if (strcmp(mode, "same_upper") == 0)
        s.pad = total / 2, s.pad_end = total - total / 2;
    else if (strcmp(mode, "same_lower") == 0)
        s.pad = total - total / 2, s.pad_end = total / 2;
    else if (strcmp(mode, "valid") == 0)
        s.pad = s.pad_end = 0;
    return s;
}

/* Axis i of n's spatial ones, at place k of the plan. */
static CarinaStatus fill_axis(CaCpuBuild *b, const CarinaNode *n, CaPoolPlainAxis *a,
                              int i, bool is_adaptive)
{
    const int64_t in = n->inputs[0].value->shape.dims[2 + i],
                  out = n->outputs[0].shape.dims[2 + i];
    const Slide s = slide_of(n, i, in, out);
    *a = (CaPoolPlainAxis){in, out, is_adaptive ? 1 : s.dilation,
                           ca_arena_array(b->p->arena, (size_t)out, sizeof *a->taps)};
    if (!a->taps)
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
    for (int64_t o = 0; o < out; o++) {
        const int64_t first = o * in / out, end = ((o + 1) * in + out - 1) / out;
        a->taps[o] = is_adaptive ? ca_pool_taps(first, end - first, 1, in, 0)
                                 : ca_pool_taps(o * s.stride - s.pad, s.kernel,
                                                s.dilation, in, s.pad_end);
    }
    return CARINA_OK;
}

static CarinaStatus fill_axes(CaCpuBuild *b, const CarinaNode *n, CaPoolPlain *p,
                              bool is_adaptive)
{
    static CaPoolTaps one = {0, 1, 1};
    const int rank = n->inputs[0].value->shape.rank, skip = CA_POOL_PLAIN_AXES - rank + 2;
    for (int i = 0; i < skip; i++)
        p->axis[i] = (CaPoolPlainAxis){1, 1, 1, &one};
    for (int i = 0; i < rank - 2; i++)
        CA_TRY(fill_axis(b, n, &p->axis[skip + i], i, is_adaptive));
    return CARINA_OK;
}

CarinaStatus ca_cpu_lower_pool_plain(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *x = &n->inputs[0].value->shape;
    const bool is_adaptive = strncmp(n->op_name, "Adaptive", 8) == 0;
    PlainPoolStep d = {.is_max = strstr(n->op_name, "Max") != NULL, .index = -1};
    CaPoolPlain *p = &d.plan;
    CaCpuStep *s = NULL;
    int axis = is_adaptive ? 2 : 0;
    if (x->rank < 3 || x->rank > 5 || !ca_cpu_count(x) ||
        !ca_cpu_is_float(n->outputs[0].type) ||
        (!is_adaptive && !ca_cpu_axis(carina_node_int(n, "axis", 0), x->rank, &axis)))
        return CARINA_ERR_UNSUPPORTED;
    p->n_maps = x->dims[0] * x->dims[1];
    p->exclude_pad = is_adaptive || carina_node_bool(n, "exclude-pad", false);
    p->span = ca_cpu_product(x, axis, x->rank);
    CA_TRY(fill_axes(b, n, p, is_adaptive));
    if (n->n_outputs > 1) {
        d.index_type = n->outputs[1].type;
        CA_TRY(ca_cpu_new_plain(b, &d.index, &n->outputs[1]));
    }
    CA_TRY(ca_cpu_plain(b, &d.in, n->inputs[0].value));
    CA_TRY(ca_cpu_new_plain(b, &d.out, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, d.is_max ? "pool_max" : "pool_avg", run_pool,
                           sizeof d));
    *(PlainPoolStep *)s->data = d;
    ca_cpu_use(b, d.in);
    ca_cpu_use(b, d.out);
    if (d.index >= 0)
        ca_cpu_use(b, d.index);
    return CARINA_OK;
}
