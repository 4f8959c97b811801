/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MatMul: a constant right side is packed once; bias and activation go into the step.
 */
#include "base/text.h"
#include "cpu_packed.h"
#include "kernels/gemm/gemm_strassen.h"
#include "lower_act.h"
#include "lower_parts.h"

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
    int64_t c_step; /* elements from one matrix to the next */
    /* The batch's axes, and how far apart the matrices of a and b lie along each: 0 where they repeat. */
    int batch_rank;
    int64_t batch_dims[CARINA_MAX_RANK], a_steps[CARINA_MAX_RANK],
        b_steps[CARINA_MAX_RANK];
    ptrdiff_t lda, ldb;
} GemmStep;

/* Elements before matrix m. */
static int64_t offset_of(const GemmStep *d, const int64_t *steps, int64_t m)
{
    int64_t at = 0;
    for (int i = d->batch_rank - 1; i >= 0; m /= d->batch_dims[i], i--)
        at += m % d->batch_dims[i] * steps[i];
    return at;
}

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
            ca_gemm_pack_b(&d->plan, packed + (size_t)m * one,
                           b + offset_of(d, d->b_steps, m), d->ldb, d->b_transposed, p,
                           p + 1);
        }
        return;
    }
    for (int64_t m = 0; m < d->batch; m++)
        ca_gemm_run(&d->plan, c + m * d->c_step, d->plan.n,
                    a + offset_of(d, d->a_steps, m), d->lda,
                    d->packed ? d->packed : packed + (size_t)m * one, d->bias, &d->act,
                    thread, n_threads);
}

typedef struct StrassenStep {
    CaStrassen plan;
    GemmStep d;
} StrassenStep;

static void run_strassen(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                         int n_threads)
{
    const StrassenStep *t = s->data;
    const GemmStep *d = &t->d;
    const float *a = ca_cpu_at(r, d->a);
    float *shared = (float *)(void *)r->work, *own = ca_cpu_own(r, s, thread);
    if (phase == 0)
        ca_strassen_prepare(&t->plan, shared, a, d->lda, thread, n_threads);
    else
        ca_strassen_run(&t->plan, ca_cpu_at(r, d->out), d->plan.n, a, d->lda, d->packed,
                        d->bias, &d->act, shared, own, thread, n_threads);
}

typedef struct PackJob {
    const CaGemm *plan;
    const CaStrassen *strassen; /* or NULL */
    float *packed;
    const CarinaTensor *b;
    ptrdiff_t ldb;
    bool transposed;
    int *failed; /* out of memory on some thread */
} PackJob;

/* The columns of one panel as floats, in the order in which they lie. */
static void widen_panel(float *out, const PackJob *j, ptrdiff_t first, ptrdiff_t columns)
{
    const ptrdiff_t k = j->plan->k, rows = j->transposed ? columns : k,
                    width = j->transposed ? k : columns;
    CarinaTensor row = *j->b;
    for (ptrdiff_t i = 0; i < rows; i++) {
        const ptrdiff_t at = j->transposed ? (first + i) * j->ldb : i * j->ldb + first;
        row.data = (unsigned char *)j->b->data + at * (ptrdiff_t)sizeof(uint16_t);
        ca_cpu_widen(out + i * width, &row, width);
    }
}

/* Of 16-bit numbers, a panel at a time: a copy of the whole matrix in floats would be twice as large as it is. */
static void pack_narrow(const PackJob *j, int64_t begin, int64_t end)
{
    const ptrdiff_t nr = j->plan->kernel->nr, k = j->plan->k;
    float *panel = ca_alloc((size_t)(nr * k) * sizeof *panel + 1);
    if (!panel) {
        __atomic_store_n(j->failed, 1, __ATOMIC_RELAXED);
        return;
    }
    for (ptrdiff_t i = (ptrdiff_t)begin; i < (ptrdiff_t)end; i++) {
        const ptrdiff_t left = j->plan->n - i * nr;
        CaGemm one = *j->plan;
        one.n = left < nr ? left : nr;
        widen_panel(panel, j, i * nr, one.n);
        ca_gemm_pack_b(&one, j->packed + i * nr * k, panel, j->transposed ? k : one.n,
                       j->transposed, 0, 1);
    }
    ca_free(panel);
}

/* Panels in pairs. */
static void pack_items(const void *job, int64_t begin, int64_t end)
{
    const PackJob *j = job;
    const ptrdiff_t first = 2 * (ptrdiff_t)begin, n = j->plan->n_panels,
                    last = 2 * (ptrdiff_t)end < n ? 2 * (ptrdiff_t)end : n;
    if (j->b->type == CARINA_F32)
        ca_gemm_pack_b(j->plan, j->packed, j->b->data, j->ldb, j->transposed, first,
                       last);
    else
        pack_narrow(j, first, last);
    if (j->strassen)
        ca_strassen_pack(j->strassen, j->packed, (ptrdiff_t)begin, (ptrdiff_t)end);
}

/* strassen: for that product, or NULL. */
static CarinaStatus pack_constant(CaCpuBuild *b, GemmStep *d, const CaStrassen *strassen,
                                  const CarinaValue *v)
{
    const CarinaTensor *t = ca_cpu_constant(v);
    unsigned char *packed = NULL;
    bool is_there = false;
    int failed = 0;
    CA_TRY(ca_cpu_packed(
        b, &packed, &is_there, d->plan.packed_size,
        ca_cpu_source(t, strassen ? ca_strassen_pack_key(strassen, d->b_transposed)
                                  : ca_gemm_pack_key(&d->plan, d->b_transposed))));
    d->packed = (float *)(void *)packed;
    if (is_there)
        return CARINA_OK;
    const PackJob job = {&d->plan,        strassen, (float *)(void *)packed, t, d->ldb,
                         d->b_transposed, &failed};
    ca_cpu_pack(b, pack_items, &job, (d->plan.n_panels + 1) / 2, v);
    return failed ? ca_err(b->err, CARINA_ERR_MEMORY, "out of memory for a matrix")
                  : CARINA_OK;
}

/* Add of [N] (or [1, .., N]) behind, then an activation. */
const CarinaNode *ca_cpu_matmul_end(CaCpuBuild *b, const CarinaNode *n, int64_t cols,
                                    const float **bias, CaAct *act)
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
        if (ca_cpu_is(r, "Add") && other && ca_cpu_constant(other) && !*bias &&
            ca_cpu_count(&other->shape) == cols && other->shape.rank >= 1 &&
            other->shape.dims[other->shape.rank - 1] == cols) {
            *bias = ca_cpu_floats(b, other, &count);
            if (!*bias)
                break;
        } else if (u->index == 0 && ca_cpu_act_of(act, r)) {
            b->is_skipped[r->id] = true;
            return r;
        } else {
            *act = (CaAct){CA_ACT_NONE, 0, 0};
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

/* A vector on the left is a row, on the right a column; neither is transposed. */
static CarinaShape as_matrix(const CarinaShape *s, bool is_left, bool *transposed)
{
    if (s->rank != 1)
        return *s;
    *transposed = false;
    return is_left ? (CarinaShape){2, {1, s->dims[0]}}
                   : (CarinaShape){2, {s->dims[0], 1}};
}

/* Axis i of the batch lies at axis i - (batch_rank - its own) of s. */
static void set_steps(int64_t *steps, const GemmStep *d, const CarinaShape *s)
{
    const int own = s->rank - 2;
    int64_t step = s->dims[s->rank - 1] * s->dims[s->rank - 2];
    for (int i = d->batch_rank - 1, k = own - 1; i >= 0; i--, k--) {
        const int64_t dim = k < 0 ? 1 : s->dims[k];
        steps[i] = dim == 1 ? 0 : step;
        step *= dim;
    }
}

/* The axes before the matrices, by numpy's rule. */
static void set_batch(GemmStep *d, const CarinaShape *a, const CarinaShape *b)
{
    const int rank = (a->rank > b->rank ? a->rank : b->rank) - 2;
    d->batch_rank = rank;
    d->batch = 1;
    for (int i = 0; i < rank; i++) {
        const int ka = i - (rank - a->rank + 2), kb = i - (rank - b->rank + 2);
        const int64_t da = ka < 0 ? 1 : a->dims[ka], db = kb < 0 ? 1 : b->dims[kb];
        d->batch_dims[i] = da == 1 ? db : da;
        d->batch *= d->batch_dims[i];
    }
    set_steps(d->a_steps, d, a);
    set_steps(d->b_steps, d, b);
}

static const char *reason(CaCpuBuild *b, const CaStrassen *s)
{
    double seconds[2];
    CaText t = {.limit = 128};
    ca_strassen_estimate(seconds, s);
    ca_text_add(&t, "estimate: direct %.3g ms, strassen %.3g ms", seconds[0] * 1e3,
                seconds[1] * 1e3);
    const char *text = t.failed ? NULL : ca_arena_copy(b->p->arena, t.data);
    ca_text_free(&t);
    return text;
}

/* strassen: in fewer multiplications, or NULL. */
static CarinaStatus add_step(CaCpuBuild *b, CaCpuStep **step, const CarinaNode *n,
                             const GemmStep *d, const CaStrassen *strassen)
{
    if (!strassen) {
        CA_TRY(ca_cpu_add_step(b, step, n, d->plan.kernel->name, run_gemm, sizeof *d));
        *(GemmStep *)(*step)->data = *d;
        (*step)->n_phases = d->packed ? 1 : 2;
        (*step)->shared_work = d->packed ? 0 : (size_t)d->batch * d->plan.packed_size;
        return CARINA_OK;
    }
    CA_TRY(ca_cpu_add_step(b, step, n, d->plan.kernel->strassen_name, run_strassen,
                           sizeof(StrassenStep)));
    *(StrassenStep *)(*step)->data = (StrassenStep){*strassen, *d};
    (*step)->n_phases = 2;
    (*step)->shared_work = strassen->shared_work;
    (*step)->thread_work = strassen->thread_work;
    (*step)->operations = ca_strassen_operations(strassen);
    (*step)->why = reason(b, strassen);
    return CARINA_OK;
}

CarinaStatus ca_cpu_lower_matmul(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value, *w = n->inputs[1].value;
    const CarinaShape *out = &n->outputs[0].shape;
    GemmStep d = {.batch = 1, .b_transposed = carina_node_bool(n, "transpose_b", false)};
    bool a_transposed = carina_node_bool(n, "transpose_a", false);
    CaCpuStep *step = NULL;
    if (!ca_cpu_is_float(n->outputs[0].type) || x->shape.rank < 1 || w->shape.rank < 1 ||
        !ca_cpu_count(out))
        return CARINA_ERR_UNSUPPORTED;
    const CarinaShape a = as_matrix(&x->shape, true, &a_transposed),
                      s = as_matrix(&w->shape, false, &d.b_transposed);
    int64_t m = a.dims[a.rank - (a_transposed ? 1 : 2)];
    const int64_t k = a.dims[a.rank - (a_transposed ? 2 : 1)],
                  cols = s.dims[s.rank - (d.b_transposed ? 2 : 1)];
    const int64_t batch_b = batch_of(&s);
    if (batch_b == 1 && !a_transposed) /* all rows of all matrices are one */
        m *= batch_of(&a);
    else
        set_batch(&d, &a, &s);
    d.c_step = m * cols;
    d.lda = a.dims[a.rank - 1];
    d.ldb = s.dims[s.rank - 1];
    ca_gemm_plan(&d.plan, ca_gemm_select(b->host->cpu_flags), m, cols, k, a_transposed);
    CaStrassen strassen;
    ca_strassen_plan(&strassen, &d.plan);
    const bool is_packed = ca_cpu_constant(w) && batch_b == 1,
               pays = is_packed && ca_strassen_pays(&strassen),
               is_strassen = pays && b->allow_winograd;
    if (is_packed)
        CA_TRY(pack_constant(b, &d, is_strassen ? &strassen : NULL, w));
    else
        CA_TRY(ca_cpu_plain(b, &d.b, w));
    CA_TRY(ca_cpu_plain(b, &d.a, x));
    const CarinaNode *last = ca_cpu_matmul_end(b, n, d.plan.n, &d.bias, &d.act);
    CA_TRY(ca_cpu_new_plain(b, &d.out, &last->outputs[0]));
    CA_TRY(add_step(b, &step, n, &d, is_strassen ? &strassen : NULL));
    if (!is_strassen)
        step->why = !pays ? "only" : b->is_low ? "low memory" : "exact";
    step->info.flop = 2.0 * (double)d.batch * (double)m * (double)cols * (double)k;
    step->info.bytes =
        4.0 * (double)(ca_cpu_count(&a) + ca_cpu_count(&s) + ca_cpu_count(out));
    step->filter_bytes = d.packed ? 4.0 * (double)ca_cpu_count(&s) : 0;
    ca_cpu_use(b, d.a);
    ca_cpu_use(b, d.out);
    if (!d.packed)
        ca_cpu_use(b, d.b);
    return CARINA_OK;
}

CarinaStatus ca_cpu_multiply(CaCpuBuild *b, const CarinaNode *n, int out, int a, int w,
                             int64_t batch, int64_t m, int64_t k, int64_t cols)
{
    GemmStep d = {.a = a,
                  .b = w,
                  .out = out,
                  .batch = batch,
                  .c_step = m * cols,
                  .batch_rank = 1,
                  .batch_dims = {batch},
                  .a_steps = {m * k},
                  .b_steps = {k * cols},
                  .lda = k,
                  .ldb = cols};
    CaCpuStep *step = NULL;
    ca_gemm_plan(&d.plan, ca_gemm_select(b->host->cpu_flags), m, cols, k, false);
    CA_TRY(ca_cpu_add_step(b, &step, n, d.plan.kernel->name, run_gemm, sizeof d));
    *(GemmStep *)step->data = d;
    step->n_phases = 2;
    step->shared_work = (size_t)batch * d.plan.packed_size;
    step->info.flop = 2.0 * (double)batch * (double)m * (double)cols * (double)k;
    ca_cpu_use(b, a);
    ca_cpu_use(b, w);
    ca_cpu_use(b, out);
    return CARINA_OK;
}
