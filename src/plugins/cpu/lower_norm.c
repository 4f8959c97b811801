/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalisation: MVN, NormalizeL2, GRN, GroupNormalization, BatchNormInference, LRN.
 */
#include "cpu_program.h"
#include "kernels/norm/local_norm.h"
#include "kernels/norm/norm.h"

#include <math.h>
#include <string.h>

typedef struct NormStep {
    CaNorm norm;
    int in, out;
    int scale, shift, mean, variance; /* one a channel; -1: none */
    int64_t n_rows, n_channels,
        inner; /* of what channels scale: [n_rows / n_channels, n_channels, inner] */
    CaLrn lrn;
    CaLrnPass passes[CARINA_MAX_RANK];
    int64_t n;
} NormStep;

static NormStep norm_step(void)
{
    return (NormStep){.scale = -1, .shift = -1, .mean = -1, .variance = -1};
}

static void run_norm(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const NormStep *d = s->data;
    (void)phase;
    ca_norm_run(&d->norm, ca_cpu_at(r, d->out), ca_cpu_at(r, d->in), NULL, NULL, thread,
                n_threads);
}

/* y = (x - mean) * scale + shift along rows of one channel each. */
static void scale_rows(const NormStep *d, float *y, const float *x, const float *mean,
                       const float *scale, const float *shift, int thread, int n_threads)
{
    const int64_t end = d->n_rows * (thread + 1) / n_threads;
    for (int64_t row = d->n_rows * thread / n_threads; row < end; row++) {
        const int64_t c = row % d->n_channels;
        const float m = mean ? mean[c] : 0, a = scale[c], b = shift[c];
        for (int64_t i = row * d->inner; i < (row + 1) * d->inner; i++)
            y[i] = (x[i] - m) * a + b;
    }
}

static void run_group_norm(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                           int n_threads)
{
    const NormStep *d = s->data;
    float *y = ca_cpu_at(r, d->out);
    if (phase == 0)
        run_norm(s, r, phase, thread, n_threads);
    else
        scale_rows(d, y, y, NULL, ca_cpu_at(r, d->scale), ca_cpu_at(r, d->shift), thread,
                   n_threads);
}

static void run_batch_norm(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                           int n_threads)
{
    const NormStep *d = s->data;
    float *scale = (float *)(void *)r->work;
    if (phase == 1) {
        scale_rows(d, ca_cpu_at(r, d->out), ca_cpu_at(r, d->in), ca_cpu_at(r, d->mean),
                   scale, ca_cpu_at(r, d->shift), thread, n_threads);
        return;
    }
    const float *gamma = ca_cpu_at(r, d->scale), *variance = ca_cpu_at(r, d->variance);
    const int64_t end = d->n_channels * (thread + 1) / n_threads;
    for (int64_t c = d->n_channels * thread / n_threads; c < end; c++)
        scale[c] =
            (float)((double)gamma[c] / sqrt((double)variance[c] + (double)d->norm.eps));
}

/* A phase an axis; sums of one phase are what the next adds up, in two tensors by turns. */
static void run_lrn(const CaCpuStep *s, CaCpuRun *r, int phase, int thread, int n_threads)
{
    const NormStep *d = s->data;
    const float *x = ca_cpu_at(r, d->in);
    float *sums = (float *)(void *)r->work;
    const float *in = phase == 0 ? x : sums + (phase - 1) % 2 * d->n;
    if (phase == s->n_phases - 1)
        ca_lrn_finish(&d->lrn, &d->passes[phase], ca_cpu_at(r, d->out), x, in, phase == 0,
                      thread, n_threads);
    else
        ca_lrn_sum(&d->passes[phase], sums + phase % 2 * d->n, in, phase == 0, thread,
                   n_threads);
}

/* --- Compiling. */

static CarinaStatus emit(CaCpuBuild *b, const CarinaNode *n, const char *kernel,
                         CaCpuStepFn *fn, NormStep *d, const CarinaValue *x,
                         CaCpuStep **step)
{
    CaCpuStep *s = NULL;
    CA_TRY(ca_cpu_plain(b, &d->in, x));
    CA_TRY(ca_cpu_new_plain(b, &d->out, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, kernel, fn, sizeof *d));
    *(NormStep *)s->data = *d;
    s->info.bytes = 8.0 * (double)ca_cpu_count(&x->shape);
    const int used[] = {d->in, d->out, d->scale, d->shift, d->mean, d->variance};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++)
        if (used[i] >= 0)
            ca_cpu_use(b, used[i]);
    *step = s;
    return CARINA_OK;
}

/* Axes of a list as a mask of those longer than 1: the others change nothing. */
static bool mask_of(unsigned *mask, const CarinaShape *x, const int64_t *axes, int n)
{
    *mask = 0;
    for (int i = 0; i < n; i++) {
        int d = 0;
        if (!ca_cpu_axis(axes[i], x->rank, &d))
            return false;
        if (x->dims[d] != 1)
            *mask |= 1u << d;
    }
    return true;
}

/* The axes as the middle of [outer, axis, inner]; none: every element by itself. */
static bool middle_of(CaNorm *norm, const CarinaShape *x, unsigned mask)
{
    int first = 0, end = 0;
    if (!mask) {
        norm->outer = norm->axis = 1;
        norm->inner = (ptrdiff_t)ca_cpu_count(x);
        return true;
    }
    while (!(mask >> first & 1))
        first++;
    for (end = first; end < x->rank && (mask >> end & 1 || x->dims[end] == 1);)
        end++;
    norm->outer = (ptrdiff_t)ca_cpu_product(x, 0, first);
    norm->axis = (ptrdiff_t)ca_cpu_product(x, first, end);
    norm->inner = (ptrdiff_t)ca_cpu_product(x, end, x->rank);
    return mask >> end == 0;
}

static bool masked_by_input(unsigned *mask, const CarinaNode *n)
{
    int64_t axes[CARINA_MAX_RANK];
    int count = 0;
    return ca_cpu_ints(ca_cpu_in(n, 1), axes, CARINA_MAX_RANK, &count) &&
           mask_of(mask, &n->inputs[0].value->shape, axes, count);
}

static CarinaStatus lower_norm(CaCpuBuild *b, const CarinaNode *n, CaNormKind kind,
                               double eps, unsigned mask)
{
    const CarinaValue *x = n->inputs[0].value;
    NormStep d = norm_step();
    CaCpuStep *s = NULL;
    d.norm = (CaNorm){
        .kernel = ca_norm_select(b->host->cpu_flags), .kind = kind, .eps = (float)eps};
    if (!ca_cpu_is_float(x->type) || !middle_of(&d.norm, &x->shape, mask))
        return CARINA_ERR_UNSUPPORTED;
    return emit(b, n, d.norm.kernel->name, run_norm, &d, x, &s);
}

/* opset2 (one input): reduction_axes, or all but the first one or two. */
CarinaStatus ca_cpu_lower_mvn(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *x = &n->inputs[0].value->shape;
    const CarinaInts listed = carina_node_ints(n, "reduction_axes");
    const bool is_outside = strcmp(carina_node_enum(n, "eps_mode"), "outside_sqrt") == 0;
    int64_t all[CARINA_MAX_RANK];
    int count = 0;
    unsigned mask = 0;
    for (int i = carina_node_bool(n, "across_channels", false) ? 1 : 2; i < x->rank; i++)
        all[count++] = i;
    if (n->n_inputs > 1
            ? !masked_by_input(&mask, n)
            : !mask_of(&mask, x, listed.n ? listed.v : all, listed.n ? listed.n : count))
        return CARINA_ERR_UNSUPPORTED;
    return lower_norm(b, n,
                      !carina_node_bool(n, "normalize_variance", true) ? CA_NORM_CENTER
                      : is_outside ? CA_NORM_MVN_OUTSIDE
                                   : CA_NORM_MVN,
                      carina_node_float(n, "eps", 0), mask);
}

CarinaStatus ca_cpu_lower_normalize(CaCpuBuild *b, const CarinaNode *n)
{
    const bool is_max = strcmp(carina_node_enum(n, "eps_mode"), "max") == 0;
    unsigned mask = 0;
    if (!masked_by_input(&mask, n))
        return CARINA_ERR_UNSUPPORTED;
    return lower_norm(b, n, is_max ? CA_NORM_L2_MAX : CA_NORM_L2_ADD,
                      carina_node_float(n, "eps", 0), mask);
}

CarinaStatus ca_cpu_lower_grn(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *x = &n->inputs[0].value->shape;
    if (x->rank < 2)
        return CARINA_ERR_UNSUPPORTED;
    return lower_norm(b, n, CA_NORM_L2_ADD, carina_node_float(n, "bias", 0),
                      x->dims[1] == 1 ? 0 : 1u << 1);
}

static bool by_channels(NormStep *d, const CarinaValue *x)
{
    if (x->shape.rank < 2 || !ca_cpu_is_float(x->type))
        return false;
    d->n_channels = x->shape.dims[1];
    d->n_rows = x->shape.dims[0] * d->n_channels;
    d->inner = ca_cpu_product(&x->shape, 2, x->shape.rank);
    return true;
}

CarinaStatus ca_cpu_lower_group_norm(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value;
    const int64_t groups = carina_node_int(n, "num_groups", 1);
    NormStep d = norm_step();
    CaCpuStep *s = NULL;
    if (!by_channels(&d, x) || groups < 1 || d.n_channels % groups)
        return CARINA_ERR_UNSUPPORTED;
    d.norm = (CaNorm){.kernel = ca_norm_select(b->host->cpu_flags),
                      .kind = CA_NORM_MVN,
                      .eps = (float)carina_node_float(n, "epsilon", 0),
                      .outer = (ptrdiff_t)(x->shape.dims[0] * groups),
                      .axis = (ptrdiff_t)(d.n_channels / groups * d.inner),
                      .inner = 1};
    CA_TRY(ca_cpu_plain(b, &d.scale, n->inputs[1].value));
    CA_TRY(ca_cpu_plain(b, &d.shift, n->inputs[2].value));
    CA_TRY(emit(b, n, d.norm.kernel->name, run_group_norm, &d, x, &s));
    s->n_phases = 2;
    return CARINA_OK;
}

/* opset1 has the data as input 2, opset5 as input 0. */
CarinaStatus ca_cpu_lower_batch_norm(CaCpuBuild *b, const CarinaNode *n)
{
    const bool is_first = n->opset < 5;
    const CarinaValue *x = n->inputs[is_first ? 2 : 0].value;
    NormStep d = norm_step();
    CaCpuStep *s = NULL;
    size_t work = 0;
    if (!by_channels(&d, x) || !ca_mul_size(&work, (size_t)d.n_channels, sizeof(float)))
        return CARINA_ERR_UNSUPPORTED;
    d.norm.eps = (float)carina_node_float(n, "epsilon", 0);
    CA_TRY(ca_cpu_plain(b, &d.scale, n->inputs[is_first ? 0 : 1].value));
    CA_TRY(ca_cpu_plain(b, &d.shift, n->inputs[is_first ? 1 : 2].value));
    CA_TRY(ca_cpu_plain(b, &d.mean, n->inputs[3].value));
    CA_TRY(ca_cpu_plain(b, &d.variance, n->inputs[4].value));
    CA_TRY(emit(b, n, "batch_norm", run_batch_norm, &d, x, &s));
    s->n_phases = 2;
    s->shared_work = work;
    return CARINA_OK;
}

CarinaStatus ca_cpu_lower_lrn(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value;
    const int64_t size = carina_node_int(n, "size", 1);
    int64_t axes[CARINA_MAX_RANK];
    int count = 0;
    size_t work = 0;
    NormStep d = norm_step();
    CaCpuStep *s = NULL;
    if (!ca_cpu_ints(ca_cpu_in(n, 1), axes, CARINA_MAX_RANK, &count) || count < 1 ||
        !ca_cpu_is_float(x->type))
        return CARINA_ERR_UNSUPPORTED;
    d.n = ca_cpu_count(&x->shape);
    double scale = carina_node_float(n, "alpha", 0);
    unsigned seen = 0;
    for (int i = 0; i < count; i++) {
        int k = 0;
        if (!ca_cpu_axis(axes[i], x->shape.rank, &k) || seen >> k & 1)
            return CARINA_ERR_UNSUPPORTED;
        seen |= 1u << k;
        scale /= (double)size;
        d.passes[i] = (CaLrnPass){
            (ptrdiff_t)ca_cpu_product(&x->shape, 0, k), (ptrdiff_t)x->shape.dims[k],
            (ptrdiff_t)ca_cpu_product(&x->shape, k + 1, x->shape.rank),
            (ptrdiff_t)((size - 1) / 2)};
    }
    d.lrn = (CaLrn){(float)carina_node_float(n, "bias", 1), (float)scale,
                    (float)carina_node_float(n, "beta", 1)};
    if (!ca_mul_size(&work, (size_t)d.n, 2 * sizeof(float)))
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(emit(b, n, "lrn", run_lrn, &d, x, &s));
    s->n_phases = count;
    s->shared_work = count > 1 ? work : 0;
    return CARINA_OK;
}
