/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedConvolution by kernels/dot with ends in whole numbers. A filter of u8 is stored as s8, 128 less; where its
 * zero point is not 128 then, the sums of the inputs under each window are taken first.
 */
#include "base/text.h"
#include "cpu_packed.h"
#include "lower_conv.h"
#include "lower_steps.h"

#include <string.h>

typedef struct ConvStep {
    CaDotPlan plan;
    CaDotFixed fixed;
    CaCpuRef in, out;
    int zero, filter_zero;
    bool has_sums;
    const unsigned char *packed;
} ConvStep;

static void run_conv(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const ConvStep *d = s->data;
    const CaMap in = ca_cpu_map(r, &d->in), out = ca_cpu_map(r, &d->out);
    CaDotFixed fixed = d->fixed;
    CaDotEnd end = {.act = {CA_ACT_NONE, 0, 0}, .add_scale = 1, .out = {1, 0, 0, 255}};
    int32_t *sums = (int32_t *)(void *)r->work;
    if (d->has_sums && phase == 0) {
        ca_dot_pixel_sums(&d->plan, sums, &in, d->filter_zero, thread, n_threads);
        return;
    }
    fixed.pixel_sums = d->has_sums ? sums : NULL;
    end.fixed = &fixed;
    ca_map_fill_halo(&out, d->zero, thread, n_threads);
    ca_dot_run(&d->plan, 0, thread, n_threads, &out, &in, d->packed, &end, NULL,
               ca_cpu_own(r, s, thread));
}

typedef struct PackJob {
    const CaDotPlan *plan;
    void *packed;
    const float *filter;
    int in_zero;
} PackJob;

static void pack_items(const void *job, int64_t begin, int64_t end)
{
    const PackJob *j = job;
    ca_dot_pack(j->plan, j->packed, j->filter, NULL, NULL, j->in_zero, (int)begin,
                (int)end);
}

typedef struct Filter {
    const CarinaTensor *w, *bias, *mantissa, *exponent;
    int less, zero; /* stored w - less; what is 0 there */
} Filter;

/* Constants of the types that are needed, exponents that only shift to the right. */
static bool filter_of(Filter *f, const CarinaNode *n, bool is_depthwise)
{
    *f = (Filter){.w = n->inputs[1].value->constant,
                  .bias = n->inputs[2].value->constant,
                  .mantissa = n->inputs[3].value->constant,
                  .exponent = n->inputs[4].value->constant};
    const int zero = (int)carina_node_int(n, "zero_w", 0);
    if (!f->w || !f->bias || !f->mantissa || !f->exponent ||
        f->bias->type != CARINA_I32 || f->mantissa->type != CARINA_I32 ||
        f->exponent->type != CARINA_I32)
        return false;
    const int32_t *e = f->exponent->data, *b = f->bias->data, *m = f->mantissa->data;
    for (int64_t o = 0; o < n->outputs[0].shape.dims[1]; o++)
        if (e[o] > 0 || e[o] < CA_FIXED_LOWEST_EXPONENT || m[o] < 0 || b[o] > 1 << 29 ||
            b[o] < -(1 << 29))
            return false;
    f->less = is_depthwise ? zero : f->w->type == CARINA_U8 ? 128 : 0;
    f->zero = zero - f->less;
    return zero >= -128 && zero <= 255;
}

/* Of all that the packed form depends on. */
static uint64_t key_of(const CaDotPlan *plan, const Filter *f, int in_zero)
{
    const int32_t zeros[] = {in_zero, f->less, f->zero};
    uint64_t h = ca_hash(zeros, sizeof zeros, ca_dot_pack_key(plan));
    h = ca_cpu_source(f->bias, ca_cpu_source(f->w, h));
    return ca_cpu_source(f->exponent, ca_cpu_source(f->mantissa, h));
}

static CarinaStatus pack(CaCpuBuild *b, ConvStep *d, const CarinaNode *n, const Filter *f,
                         int in_zero)
{
    const int64_t count = ca_cpu_count(&f->w->shape);
    unsigned char *packed = NULL;
    bool is_there = false;
    CA_TRY(ca_cpu_packed(b, &packed, &is_there, d->plan.packed_size,
                         key_of(&d->plan, f, in_zero)));
    d->packed = packed;
    if (is_there)
        return CARINA_OK;
    float *filter = ca_alloc((size_t)count * sizeof *filter + 1);
    if (!filter)
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory for a filter");
    for (int64_t i = 0; i < count; i++)
        filter[i] = (float)((f->w->type == CARINA_U8 ? ((const uint8_t *)f->w->data)[i]
                                                     : ((const int8_t *)f->w->data)[i]) -
                            f->less);
    const PackJob job = {&d->plan, packed, filter, in_zero};
    ca_cpu_pack(b, pack_items, &job, d->plan.n_pack_items, n->inputs[1].value);
    ca_dot_pack_fixed(&d->plan, packed, f->bias->data, f->mantissa->data,
                      f->exponent->data, in_zero, f->zero);
    ca_free(filter);
    return CARINA_OK;
}

static bool conv_of(CaCpuBuild *b, ConvStep *d, CaConvShape *shape, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value;
    const char *rounding = carina_node_enum(n, "rounding");
    const int offset = ca_cpu_step_offset(x->type);
    if (!ca_cpu_is_step(x) || !ca_cpu_conv_shape(shape, n))
        return false;
    shape->groups = (int)carina_node_int(n, "groups", 1);
    d->fixed = (CaDotFixed){.rounding = strcmp(rounding, "once") == 0 ? CA_FIXED_ONCE
                                                                      : CA_FIXED_TWICE,
                            .zero = (int)carina_node_int(n, "zero_y", 0) + offset,
                            .low = (int)carina_node_int(n, "low", 0) + offset,
                            .high = (int)carina_node_int(n, "high", 0) + offset};
    d->zero = ca_cpu_step_zero(&n->outputs[0]);
    return strcmp(rounding, "short") != 0 && strcmp(rounding, "real") != 0 &&
           d->fixed.low >= 0 && d->fixed.high <= 255 && d->fixed.low <= d->fixed.high &&
           ca_dot_plan_fixed(&d->plan, shape, b->host->cpu_flags);
}

CarinaStatus ca_cpu_lower_step_conv(CaCpuBuild *b, const CarinaNode *n)
{
    ConvStep d = {.zero = 0};
    CaConvShape shape;
    Filter f;
    CaCpuStep *s = NULL;
    const CarinaValue *x = n->inputs[0].value;
    const int in_zero =
        (int)carina_node_int(n, "zero_x", 0) + ca_cpu_step_offset(x->type);
    if (!conv_of(b, &d, &shape, n) || !filter_of(&f, n, d.plan.depthwise) ||
        in_zero != ca_cpu_step_zero(x) || in_zero < 0 || in_zero > 255)
        return CARINA_ERR_UNSUPPORTED;
    d.filter_zero = f.zero;
    d.has_sums = f.zero != 0;
    CA_TRY(ca_cpu_step_map(b, &d.in, x, d.plan.in_halo));
    CA_TRY(ca_cpu_new_step_map(b, &d.out, &n->outputs[0]));
    CA_TRY(pack(b, &d, n, &f, in_zero));
    CA_TRY(ca_cpu_add_step(b, &s, n, d.plan.kernel, run_conv, sizeof d));
    *(ConvStep *)s->data = d;
    s->n_phases = d.has_sums ? 2 : 1;
    s->shared_work = d.has_sums ? (size_t)shape.n * (size_t)shape.oh * (size_t)shape.ow *
                                      sizeof(int32_t)
                                : 0;
    s->thread_work = d.plan.thread_scratch;
    s->info.flop = 2.0 * (double)ca_cpu_count(&n->outputs[0].shape) *
                   (double)ca_cpu_count(&f.w->shape) / (double)shape.co;
    ca_cpu_use(b, d.in.buffer);
    ca_cpu_use(b, d.out.buffer);
    return CARINA_OK;
}
