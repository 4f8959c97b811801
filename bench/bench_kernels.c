/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One shape, one kernel, one time. Numbers are zeros: no kernel's time depends on them.
 */
#include "bench.h"

#include "base/memory.h"
#include "kernels/conv/conv_cost.h"
#include "kernels/conv/conv_kernels.h"
#include "kernels/conv/conv_trial.h"
#include "kernels/dot/dot_kernels.h"
#include "kernels/gemm/gemm.h"
#include "kernels/pool/pool.h"

typedef struct Work {
    void *in, *out, *packed, *shared, *own;
    size_t in_size;
} Work;

static bool make_work(Work *w, size_t in, size_t out, size_t packed, size_t shared,
                      size_t own)
{
    *w = (Work){.in = ca_alloc_huge(in),
                .out = ca_alloc_huge(out),
                .packed = ca_alloc_huge(packed),
                .shared = ca_alloc(shared),
                .own = ca_alloc(own),
                .in_size = in};
    return w->in && w->out && w->packed && w->shared && w->own;
}

static void free_work(Work *w)
{
    ca_free(w->in);
    ca_free(w->out);
    ca_free(w->packed);
    ca_free(w->shared);
    ca_free(w->own);
}

static double time_of(void (*run)(void *), void *job, const Work *w, const BenchHow *how)
{
    const CaTrial t = {run, job, w->in, w->in_size, how->sweep};
    run(job);
    return ca_trial(&t, how->runs);
}

/* --- f32 convolution. */

static bool conv_plan(CaConvPlan *p, const CaConvShape *s, const BenchHow *how)
{
    const CaConvIsa *const *isa = ca_conv_isas;
    while (((*isa)->needs & how->cpu) != (*isa)->needs)
        isa++;
    if (how->algorithm >= 0)
        return ca_conv_plan_as(p, s, *isa, (CaConvAlgorithm)how->algorithm);
    return ca_conv_plan_planes(p, s, how->cpu) ||
           ca_conv_plan(p, s, how->cpu, !how->exact);
}

static void conv(BenchResult *r, const CaConvShape *s, const BenchHow *how)
{
    CaConvPlan p;
    if (!conv_plan(&p, s, how))
        return;
    r->kernel = p.kernel;
    r->operations = ca_conv_operations(&p);
    r->filter_bytes = (double)p.packed_size;
    r->seconds = ca_conv_trial(&p, how->sweep, how->runs);
}

/* --- bf16 and u8. */

typedef struct DotJob {
    CaDotPlan p;
    CaMap in, out;
    CaDotEnd end;
    const Work *w;
} DotJob;

static CaMap map_of(size_t *size, CaElem elem, int n, int c, int h, int w, int halo)
{
    CaMap m = {.elem = elem, .n = n, .c = c, .h = h, .w = w, .halo = halo};
    m.row_stride = ((ptrdiff_t)w + 2 * halo) * 16 * ca_elem_size(elem);
    m.image_stride = m.row_stride * (h + 2 * halo);
    m.block_stride = m.image_stride * n;
    *size = (size_t)m.block_stride * (((size_t)c + 15) / 16);
    return m;
}

static void run_dot(void *arg)
{
    const DotJob *j = arg;
    for (int phase = 0; phase < j->p.n_phases; phase++)
        ca_dot_run(&j->p, phase, 0, 1, &j->out, &j->in, j->w->packed, &j->end,
                   j->w->shared, j->w->own);
}

static bool dot_plan(CaDotPlan *p, const CaConvShape *s, CaElem elem, const BenchHow *how)
{
    const CaDotIsa *const *isa = ca_dot_isas;
    while ((*isa)->type != elem || ((*isa)->needs & how->cpu) != (*isa)->needs)
        isa++;
    if (how->algorithm == CA_CONV_DIRECT)
        return ca_dot_plan_as(p, s, *isa);
    if (how->algorithm >= 0)
        return how->algorithm == CA_CONV_WINOGRAD_2 && ca_dot_plan_winograd(p, s, *isa);
    return ca_dot_plan(p, s, elem, how->cpu, !how->exact);
}

static void dot(BenchResult *r, const CaConvShape *s, CaElem elem, const BenchHow *how)
{
    DotJob j = {
        .end = {.act = {CA_ACT_CLAMP, 0, 255}, .add_scale = 1, .out = {1, 0, 0, 255}}};
    size_t in = 0, out = 0;
    Work w;
    if (!dot_plan(&j.p, s, elem, how))
        return;
    j.in = map_of(&in, elem, s->n, s->ci, s->ih, s->iw, j.p.in_halo);
    j.out = map_of(&out, elem, s->n, s->co, s->oh, s->ow, s->kh == 1);
    if (make_work(&w, in, out, j.p.packed_size, j.p.shared_scratch, j.p.thread_scratch)) {
        j.w = &w;
        j.in.data = (unsigned char *)w.in +
                    j.p.in_halo * (j.in.row_stride + 16 * ca_elem_size(elem));
        j.out.data = (unsigned char *)w.out +
                     j.out.halo * (j.out.row_stride + 16 * ca_elem_size(elem));
        r->kernel = j.p.kernel;
        r->operations = ca_dot_operations(&j.p);
        r->filter_bytes = (double)j.p.packed_size;
        r->seconds = time_of(run_dot, &j, &w, how);
    }
    free_work(&w);
}

/* --- Products of matrices, the right one constant. */

typedef struct GemmJob {
    CaGemm plan;
    const Work *w;
} GemmJob;

static void run_gemm(void *arg)
{
    static const CaAct none = {CA_ACT_NONE, 0, 0};
    const GemmJob *j = arg;
    ca_gemm_run(&j->plan, j->w->out, j->plan.n, j->w->in, j->plan.k, j->w->packed, NULL,
                &none, 0, 1);
}

static void matmul(BenchResult *r, const CaConvShape *s, const BenchHow *how)
{
    GemmJob j;
    Work w;
    ca_gemm_plan(&j.plan, ca_gemm_select(how->cpu), s->n, s->co, s->ci, false);
    if (make_work(&w, (size_t)s->n * (size_t)s->ci * 4, (size_t)s->n * (size_t)s->co * 4,
                  j.plan.packed_size, 0, 0)) {
        j.w = &w;
        r->kernel = j.plan.kernel->name;
        r->filter_bytes = (double)j.plan.packed_size;
        r->seconds = time_of(run_gemm, &j, &w, how);
    }
    free_work(&w);
}

/* --- Pooling. */

typedef struct PoolJob {
    const CaPool *pool;
    CaPoolShape shape;
    CaActs in, out;
} PoolJob;

static void run_pool(void *arg)
{
    const PoolJob *j = arg;
    j->pool->run(&j->out, &j->in, &j->shape, 0, 1);
}

static CaActs acts_of(size_t *size, int n, int c, int h, int w)
{
    const CaMap m = map_of(size, CA_ELEM_F32, n, c, h, w, 0);
    return (CaActs){.n = n,
                    .c = c,
                    .h = h,
                    .w = w,
                    .row_stride = m.row_stride / 4,
                    .image_stride = m.image_stride / 4,
                    .block_stride = m.block_stride / 4};
}

static int missing(int size, int result, int k, int step, int before)
{
    const int over = (result - 1) * step + k - before - size;
    return over > 0 ? over : 0;
}

static void pool(BenchResult *r, const BenchShape *shape, const BenchHow *how)
{
    const CaConvShape *s = &shape->s;
    size_t in = 0, out = 0;
    Work w;
    PoolJob j = {.pool = ca_pool_select(how->cpu),
                 .shape = {shape->kind == BENCH_MAX_POOL ? CA_POOL_MAX : CA_POOL_AVG,
                           s->kh, s->kw, s->stride_h, s->stride_w, 1, 1, s->pad_top,
                           s->pad_left,
                           missing(s->ih, s->oh, s->kh, s->stride_h, s->pad_top),
                           missing(s->iw, s->ow, s->kw, s->stride_w, s->pad_left), true}};
    j.in = acts_of(&in, s->n, s->ci, s->ih, s->iw);
    j.out = acts_of(&out, s->n, s->ci, s->oh, s->ow);
    if (make_work(&w, in, out, 0, 0, 0)) {
        j.in.data = w.in;
        j.out.data = w.out;
        r->kernel = j.pool->name;
        r->seconds = time_of(run_pool, &j, &w, how);
    }
    free_work(&w);
}

void bench_measure(BenchResult *r, const BenchShape *shape, CaElem elem,
                   const BenchHow *how)
{
    const CaConvShape *s = &shape->s;
    const double pixels = (double)s->n * s->oh * s->ow,
                 taps = (double)s->kh * s->kw * (s->ci / s->groups);
    const bool is_matmul = shape->kind == BENCH_MATMUL;
    *r = (BenchResult){0};
    r->flop = is_matmul                   ? 2.0 * s->n * s->co * s->ci
              : shape->kind == BENCH_CONV ? 2 * pixels * s->co * taps
                                          : pixels * s->co * s->kh * s->kw;
    r->operations = r->flop;
    r->bytes = is_matmul ? 4.0 * s->n * (s->ci + s->co)
                         : ca_elem_size(elem) *
                               ((double)s->n * s->ci * s->ih * s->iw + pixels * s->co);
    if (shape->kind == BENCH_CONV && elem == CA_ELEM_F32)
        conv(r, s, how);
    else if (shape->kind == BENCH_CONV)
        dot(r, s, elem, how);
    else if (elem == CA_ELEM_F32 && how->algorithm < 0 && is_matmul)
        matmul(r, s, how);
    else if (elem == CA_ELEM_F32 && how->algorithm < 0)
        pool(r, shape, how);
    r->bytes += r->filter_bytes;
}
