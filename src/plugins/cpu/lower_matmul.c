/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MatMul: a constant right side is packed once; bias and activation go into the step.
 */
#include "kernels/gemm/gemm.h"
#include "lower_act.h"

#include <string.h>

typedef struct GemmStep {
    CaGemm plan;
    CaAct act;
    int a, b, out;
    const float *bias;
    const float *
        packed; /* constant B; else NULL: packed into the work space, all matrices of the batch */
    bool b_transposed;
    int64_t batch;
    int64_t a_step, b_step,
        c_step; /* elements from one matrix to the next; 0: the same one */
    ptrdiff_t lda, ldb;
} GemmStep;

static void run_gemm(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const GemmStep *d = s->data;
    const float *a = ca_cpu_at(r, d->a);
    float *c = ca_cpu_at(r, d->out);
    const size_t one = d->plan.packed_size / sizeof(float);
    float *packed = (float *)(void *)r->work;
    if (!d->packed && phase == 0) {
        const float *b = ca_cpu_at(r, d->b);
        const int64_t panels = d->batch * d->plan.n_panels,
                      begin = panels * thread / n_threads,
                      end = panels * (thread + 1) / n_threads;
        for (int64_t i = begin; i < end; i++) {
            const int64_t m = i / d->plan.n_panels, p = i % d->plan.n_panels;
            ca_gemm_pack_b(&d->plan, packed + (size_t)m * one, b + m * d->b_step, d->ldb,
                           d->b_transposed, p, p + 1);
        }
        return;
    }
    for (int64_t m = 0; m < d->batch; m++)
        ca_gemm_run(&d->plan, c + m * d->c_step, d->plan.n, a + m * d->a_step, d->lda,
                    d->packed ? d->packed : packed + (size_t)m * one, d->bias, &d->act,
                    thread, n_threads);
}

typedef struct PackJob {
    const CaGemm *plan;
    float *packed;
    const float *b;
    ptrdiff_t ldb;
    bool transposed;
} PackJob;

static void pack_share(void *arg, int thread, int n_threads)
{
    const PackJob *j = arg;
    const ptrdiff_t n = j->plan->n_panels;
    ca_gemm_pack_b(j->plan, j->packed, j->b, j->ldb, j->transposed,
                   n * thread / n_threads, n * (thread + 1) / n_threads);
}

static CarinaStatus pack_constant(CaCpuBuild *b, GemmStep *d, const CarinaValue *v)
{
    const CarinaTensor *t = ca_cpu_constant(v);
    float *widened = NULL;
    unsigned char *packed = NULL;
    const float *data = t->data;
    bool is_there = false;
    CA_TRY(ca_cpu_packed(b, &packed, &is_there, d->plan.packed_size));
    d->packed = (float *)(void *)packed;
    if (is_there)
        return CARINA_OK;
    if (t->type != CARINA_F32) {
        const int64_t n = ca_cpu_count(&t->shape);
        widened = ca_alloc((size_t)n * sizeof *widened + 1);
        if (!widened)
            return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory for a matrix");
        ca_cpu_widen(widened, t, n);
        data = widened;
    }
    PackJob job = {&d->plan, (float *)(void *)packed, data, d->ldb, d->b_transposed};
    b->host->parallel_for(b->host->ctx, pack_share, &job);
    ca_buffer_drop(t->buffer, t->data, t->size);
    ca_free(widened);
    return CARINA_OK;
}

/* Add of [N] (or [1, .., N]) behind, then an activation. */
static const CarinaNode *follow(CaCpuBuild *b, const CarinaNode *n, GemmStep *d)
{
    const CarinaNode *last = n;
    for (const CarinaUse *u = n->outputs[0].uses; u && !u->next;
         u = last->outputs[0].uses) {
        const CarinaNode *r = u->node;
        const CarinaValue *other =
            r->n_inputs == 2 ? r->inputs[1 - u->index].value : NULL;
        int64_t count = 0;
        if (!r->n_outputs || b->is_skipped[r->id] ||
            memcmp(&r->outputs[0].shape, &n->outputs[0].shape, sizeof(CarinaShape)) != 0)
            break;
        if (ca_cpu_is(r, "Add") && other && ca_cpu_constant(other) && !d->bias &&
            ca_cpu_count(&other->shape) == d->plan.n && other->shape.rank >= 1 &&
            other->shape.dims[other->shape.rank - 1] == d->plan.n) {
            d->bias = ca_cpu_floats(b, other, &count);
            if (!d->bias)
                break;
        } else if (u->index == 0 && ca_cpu_act_of(&d->act, r)) {
            b->is_skipped[r->id] = true;
            return r;
        } else {
            d->act = (CaAct){CA_ACT_NONE, 0, 0};
            break;
        }
        b->is_skipped[r->id] = true;
        last = r;
    }
    return last;
}

/* Matrices of v's shape: rows, columns, and how many before them. */
static int64_t batch_of(const CarinaShape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->rank - 2; i++)
        n *= s->dims[i];
    return n;
}

CarinaStatus ca_cpu_lower_matmul(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value, *w = n->inputs[1].value;
    const CarinaShape *a = &x->shape, *s = &w->shape, *out = &n->outputs[0].shape;
    GemmStep d = {.batch = 1, .b_transposed = carina_node_bool(n, "transpose_b", false)};
    const bool a_transposed = carina_node_bool(n, "transpose_a", false);
    CaCpuStep *step = NULL;
    if (!ca_cpu_is_float(n->outputs[0].type) || a->rank < 2 || s->rank < 2 ||
        !ca_cpu_count(out))
        return CARINA_ERR_UNSUPPORTED;
    int64_t m = a->dims[a->rank - (a_transposed ? 1 : 2)];
    const int64_t k = a->dims[a->rank - (a_transposed ? 2 : 1)],
                  cols = s->dims[s->rank - (d.b_transposed ? 2 : 1)];
    const int64_t batch_a = batch_of(a), batch_b = batch_of(s);
    d.batch = batch_of(out);
    if (batch_b == 1 && !a_transposed) { /* all rows of all matrices are one */
        m *= batch_a;
        d.batch = 1;
    } else if ((batch_a != d.batch && batch_a != 1) ||
               (batch_b != d.batch && batch_b != 1)) {
        return CARINA_ERR_UNSUPPORTED;
    }
    d.a_step = batch_a == 1 ? 0 : m * k;
    d.b_step = batch_b == 1 ? 0 : k * cols;
    d.c_step = m * cols;
    d.lda = a->dims[a->rank - 1];
    d.ldb = s->dims[s->rank - 1];
    ca_gemm_plan(&d.plan, ca_gemm_select(b->host->cpu_flags), m, cols, k, a_transposed);
    if (ca_cpu_constant(w) && batch_b == 1)
        CA_TRY(pack_constant(b, &d, w));
    else
        CA_TRY(ca_cpu_plain(b, &d.b, w));
    CA_TRY(ca_cpu_plain(b, &d.a, x));
    const CarinaNode *last = follow(b, n, &d);
    CA_TRY(ca_cpu_new_plain(b, &d.out, &last->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &step, n, d.plan.kernel->name, run_gemm, sizeof d));
    *(GemmStep *)step->data = d;
    step->n_phases = d.packed ? 1 : 2;
    step->shared_work = d.packed ? 0 : (size_t)d.batch * d.plan.packed_size;
    step->info.flop = 2.0 * (double)d.batch * (double)m * (double)cols * (double)k;
    step->info.bytes =
        4.0 * (double)(ca_cpu_count(a) + ca_cpu_count(s) + ca_cpu_count(out));
    ca_cpu_use(b, d.a);
    ca_cpu_use(b, d.out);
    if (!d.packed)
        ca_cpu_use(b, d.b);
    return CARINA_OK;
}
