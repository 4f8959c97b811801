/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reductions: f32 over neighbouring axes by kernels/reduce, or by the blocked global pooling; all others in their plain
 * form.
 */
#include "cpu_program.h"
#include "kernels/reduce/reduce.h"
#include "kernels/reduce/reduce_any.h"
#include "lower_pool.h"

typedef struct ReduceStep {
    CaReduce reduce;
    CaReduceAny any;
    int in, out;
} ReduceStep;

static void run_reduce(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const ReduceStep *d = s->data;
    (void)phase;
    ca_reduce_run(&d->reduce, ca_cpu_at(r, d->out), ca_cpu_at(r, d->in), thread,
                  n_threads);
}

static void run_any(const CaCpuStep *s, CaCpuRun *r, int phase, int thread, int n_threads)
{
    const ReduceStep *d = s->data;
    (void)phase;
    ca_reduce_any_run(&d->any, ca_cpu_at(r, d->out), ca_cpu_at(r, d->in), thread,
                      n_threads);
}

typedef struct ReduceRow {
    const char *op;
    int kind; /* CaReduceKind; -1: none */
    CaReduceAnyKind any;
} ReduceRow;
static const ReduceRow rows[] = {
    {"ReduceSum", CA_REDUCE_SUM, CA_REDUCE_ANY_SUM},
    {"ReduceMean", CA_REDUCE_MEAN, CA_REDUCE_ANY_MEAN},
    {"ReduceMax", CA_REDUCE_MAX, CA_REDUCE_ANY_MAX},
    {"ReduceMin", CA_REDUCE_MIN, CA_REDUCE_ANY_MIN},
    {"ReduceProd", CA_REDUCE_PROD, CA_REDUCE_ANY_PROD},
    {"ReduceL1", CA_REDUCE_L1, CA_REDUCE_ANY_L1},
    {"ReduceL2", CA_REDUCE_L2, CA_REDUCE_ANY_L2},
    {"ReduceLogicalAnd", -1, CA_REDUCE_ANY_AND},
    {"ReduceLogicalOr", -1, CA_REDUCE_ANY_OR},
};

static const ReduceRow *row_of(const CarinaNode *n)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ca_cpu_is(n, rows[i].op))
            return &rows[i];
    return NULL;
}

/* The constant axes as a mask of those longer than 1; false where they are not known. */
static bool axes_of(unsigned *mask, const CarinaNode *n)
{
    const CarinaShape *x = &n->inputs[0].value->shape;
    int64_t axes[64];
    int count = 0;
    *mask = 0;
    if (!ca_cpu_ints(ca_cpu_in(n, 1), axes, 64, &count))
        return false;
    for (int i = 0; i < count; i++) {
        int d = 0;
        if (!ca_cpu_axis(axes[i], x->rank, &d))
            return false;
        *mask |= x->dims[d] != 1 ? 1u << d : 0;
    }
    return true;
}

/* Neighbouring axes [*first, *end), but for those of length 1 between them? */
static bool is_run(unsigned mask, const CarinaShape *x, int *first, int *end)
{
    *first = 0;
    if (!mask)
        return false;
    while (!(mask >> *first & 1))
        ++*first;
    for (*end = *first; *end < x->rank && (mask >> *end & 1 || x->dims[*end] == 1);)
        ++*end;
    return mask >> *end == 0;
}

bool ca_cpu_is_mean_of_maps(const CarinaNode *n)
{
    unsigned mask = 0;
    return ca_cpu_is(n, "ReduceMean") && n->inputs[0].value->shape.rank == 4 &&
           n->outputs[0].shape.rank == 4 && axes_of(&mask, n) &&
           ca_cpu_product(&n->outputs[0].shape, 2, 4) == 1 && !(mask & 3);
}

static CarinaStatus emit(CaCpuBuild *b, const CarinaNode *n, const char *kernel,
                         CaCpuStepFn *fn, ReduceStep d)
{
    CaCpuStep *s = NULL;
    CA_TRY(ca_cpu_plain(b, &d.in, n->inputs[0].value));
    CA_TRY(ca_cpu_new_plain(b, &d.out, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, kernel, fn, sizeof d));
    *(ReduceStep *)s->data = d;
    s->info.bytes = (double)ca_cpu_elem_size(n->outputs[0].type) *
                    (double)(ca_cpu_count(&n->inputs[0].value->shape) +
                             ca_cpu_count(&n->outputs[0].shape));
    ca_cpu_use(b, d.in);
    ca_cpu_use(b, d.out);
    return CARINA_OK;
}

CarinaStatus ca_cpu_lower_reduce(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value;
    const CarinaShape *s = &x->shape;
    const ReduceRow *row = row_of(n);
    unsigned mask = 0;
    int first = 0, end = 0;
    if (!row || !ca_cpu_is_bytes(x->type) || !axes_of(&mask, n) || !ca_cpu_count(s))
        return CARINA_ERR_UNSUPPORTED;
    if (row->kind < 0 || !ca_cpu_is_float(x->type) || !is_run(mask, s, &first, &end)) {
        ReduceStep d = {.any = {.kind = row->any, .type = ca_cpu_type(x->type)}};
        ca_reduce_any_plan(&d.any, s->rank, s->dims, mask);
        return emit(b, n, "reduce_any", run_any, d);
    }
    if (s->rank == 4 && first == 2 && end == 4 &&
        (row->kind == CA_REDUCE_MEAN || row->kind == CA_REDUCE_MAX) &&
        ca_cpu_has_blocked(b, x))
        return ca_cpu_pool_global(b, n, row->kind == CA_REDUCE_MAX);
    ReduceStep d = {.reduce = {ca_reduce_select(b->host->cpu_flags),
                               (CaReduceKind)row->kind, ca_cpu_product(s, 0, first),
                               ca_cpu_product(s, first, end),
                               ca_cpu_product(s, end, s->rank)}};
    return emit(b, n, d.reduce.kernel->name, run_reduce, d);
}
