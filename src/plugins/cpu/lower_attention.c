/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ScaledDotProductAttention by kernels/attention: the last leading axis counts heads, those before it batches.
 *
 * Queries, keys and values are read where they lie, slices and permutations of one product as a rule; a Transpose
 * that only the result has behind it is written at once.
 */
#include "cpu_view.h"
#include "kernels/attention/attention.h"

#include <math.h>

typedef struct AttentionStep {
    CaAttention plan;
    CaHeads q_at, k_at, v_at, out_at, mask_at;
    int q, k, v, mask, out;           /* mask -1: none */
    ptrdiff_t q_from, k_from, v_from; /* elements before the first */
    int64_t n_mask;                   /* a boolean one: elements; else 0 */
    size_t mask_offset;               /* of its floats in the work space */
} AttentionStep;

/* Boolean masks become 0 and -inf beside the packing. */
static void widen_mask(const AttentionStep *d, CaCpuRun *r, int thread, int n_threads)
{
    const uint8_t *in = ca_cpu_at(r, d->mask);
    float *out = (float *)(void *)(r->work + d->mask_offset);
    const int64_t end = d->n_mask * (thread + 1) / n_threads;
    for (int64_t i = d->n_mask * thread / n_threads; i < end; i++)
        out[i] = in[i] ? 0 : -INFINITY;
}

static void run_attention(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                          int n_threads)
{
    const AttentionStep *d = s->data;
    CaAttentionData data = {.out = ca_cpu_at(r, d->out),
                            .q = (const float *)ca_cpu_at(r, d->q) + d->q_from,
                            .k = (const float *)ca_cpu_at(r, d->k) + d->k_from,
                            .v = (const float *)ca_cpu_at(r, d->v) + d->v_from,
                            .out_at = d->out_at,
                            .q_at = d->q_at,
                            .k_at = d->k_at,
                            .v_at = d->v_at,
                            .mask_at = d->mask_at,
                            .packed = (float *)(void *)r->work};
    if (d->mask >= 0)
        data.mask = d->n_mask ? (const float *)(const void *)(r->work + d->mask_offset)
                              : ca_cpu_at(r, d->mask);
    if (phase == 1) {
        ca_attention_run(&d->plan, &data, ca_cpu_own(r, s, thread), thread, n_threads);
        return;
    }
    ca_attention_pack(&d->plan, &data, thread, n_threads);
    if (d->n_mask)
        widen_mask(d, r, thread, n_threads);
}

/* The batch's axes, all but the last of those before the matrices, as one: its stride. False where a jump lies between
 * them. */
static bool batch_stride_of(ptrdiff_t *stride, const CaCpuView *t)
{
    int64_t reach = -1; /* stride that the next axis outwards must have */
    *stride = 0;
    for (int i = t->rank - 4; i >= 0; i--) {
        if (t->dims[i] == 1)
            continue;
        if (reach >= 0 && t->strides[i] != reach)
            return false;
        *stride = reach < 0 ? (ptrdiff_t)t->strides[i] : *stride;
        reach = t->strides[i] * t->dims[i];
    }
    return true;
}

/* Where the heads of t lie, whose leading axes stretch to those of out, rank axes long before the last two. False where
 * only some of the batch axes stretch, or rows are no runs. */
static bool heads_of(CaHeads *at, const CaCpuView *t, const CarinaShape *out)
{
    const int lead = t->rank - 2, out_lead = out->rank - 2;
    const int64_t heads = lead >= 1 ? t->dims[lead - 1] : 1;
    bool is_dense = true, is_one = true;
    for (int i = 0; i < out_lead - 1; i++) {
        const int k = i - (out_lead - lead);
        const int64_t dim = k < 0 ? 1 : t->dims[k];
        is_dense = is_dense && dim == out->dims[i];
        is_one = is_one && dim == 1;
    }
    *at = (CaHeads){.head_stride = heads == 1 ? 0 : (ptrdiff_t)t->strides[lead - 1],
                    .row_stride = (ptrdiff_t)t->strides[t->rank - 2]};
    return (is_dense || is_one) && batch_stride_of(&at->batch_stride, t) &&
           (t->strides[t->rank - 1] == 1 || t->dims[t->rank - 1] == 1);
}

static bool dense_heads_of(CaHeads *at, const CarinaShape *t, const CarinaShape *out)
{
    const CaCpuView v = ca_cpu_dense_view(0, t);
    return heads_of(at, &v, out);
}

/* The mask over [.., queries, keys]; the last axis is whole, the others may stretch. */
static bool take_mask(AttentionStep *d, const CarinaValue *v, const CarinaShape *out,
                      int64_t n_queries, int64_t n_keys)
{
    CarinaShape m = v->shape;
    const int rank = m.rank;
    if (rank < 1 || rank > out->rank || m.dims[rank - 1] != n_keys ||
        (v->type != CARINA_BOOL && !ca_cpu_is_float(v->type)))
        return false;
    if (rank == 1) {
        m = (CarinaShape){2, {1, n_keys}};
    }
    if ((m.dims[m.rank - 2] != 1 && m.dims[m.rank - 2] != n_queries) ||
        !dense_heads_of(&d->mask_at, &m, out))
        return false;
    d->mask_at.row_stride = m.dims[m.rank - 2] == 1 ? 0 : (ptrdiff_t)n_keys;
    d->n_mask = v->type == CARINA_BOOL ? ca_cpu_count(&v->shape) : 0;
    return true;
}

static bool take_scale(float *scale, CaCpuBuild *b, const CarinaNode *n, int64_t depth)
{
    int64_t count = 0;
    const float *given = NULL;
    *scale = (float)(1 / sqrt((double)depth));
    if (!ca_cpu_in(n, 4))
        return true;
    given = ca_cpu_floats(b, ca_cpu_in(n, 4), &count);
    *scale = given ? *given : 0;
    return given != NULL && count == 1;
}

static bool plan_of(AttentionStep *d, CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *q = &n->inputs[0].value->shape, *k = &n->inputs[1].value->shape,
                      *v = &n->inputs[2].value->shape, *y = &n->outputs[0].shape;
    const int lead = y->rank - 2;
    const bool causal = carina_node_bool(n, "causal", false);
    CaAttentionShape shape = {.n_queries = (ptrdiff_t)q->dims[q->rank - 2],
                              .n_keys = (ptrdiff_t)k->dims[k->rank - 2],
                              .depth = (ptrdiff_t)q->dims[q->rank - 1],
                              .value_depth = (ptrdiff_t)v->dims[v->rank - 1],
                              .n_heads = lead ? (ptrdiff_t)y->dims[lead - 1] : 1,
                              .is_causal = causal};
    shape.n_batches = (ptrdiff_t)ca_cpu_product(y, 0, lead ? lead - 1 : 0);
    if (!shape.n_keys || !shape.depth || !ca_cpu_is_float(n->outputs[0].type) ||
        !take_scale(&shape.scale, b, n, shape.depth) || !dense_heads_of(&d->q_at, q, y) ||
        !dense_heads_of(&d->k_at, k, y) || !dense_heads_of(&d->v_at, v, y) ||
        !dense_heads_of(&d->out_at, y, y))
        return false;
    shape.n_kv_heads = d->k_at.head_stride || d->v_at.head_stride ? shape.n_heads : 1;
    if (ca_cpu_in(n, 3) && !causal &&
        !take_mask(d, ca_cpu_in(n, 3), y, shape.n_queries, shape.n_keys))
        return false;
    ca_attention_plan(&d->plan, b->host->cpu_flags, &shape);
    return true;
}

/* v where it lies, or, where its heads do not fit, its plain form. */
static CarinaStatus take_heads(CaCpuBuild *b, int *buffer, ptrdiff_t *from, CaHeads *at,
                               const CarinaValue *v, const CarinaShape *out)
{
    CaCpuView view;
    CA_TRY(ca_cpu_view(b, &view, v));
    if (!heads_of(at, &view, out)) {
        CA_TRY(ca_cpu_plain(b, &view.buffer, v));
        view = ca_cpu_dense_view(view.buffer, &v->shape);
        if (!heads_of(at, &view, out))
            return CARINA_ERR_UNSUPPORTED;
    }
    *buffer = view.buffer;
    *from = (ptrdiff_t)view.start;
    return CARINA_OK;
}

/* The value that is written: what a Transpose makes of the result, where that is all that is read of it and rows stay
 * runs. */
static const CarinaValue *result_of(CaCpuBuild *b, CaHeads *at, const CarinaNode *n)
{
    const CarinaValue *y = &n->outputs[0];
    const CarinaUse *u = y->uses;
    int64_t order[CARINA_MAX_RANK];
    int count = 0, axis = 0;
    if (!u || u->next || !ca_cpu_is(u->node, "Transpose") || b->is_skipped[u->node->id] ||
        !ca_cpu_ints(ca_cpu_in(u->node, 1), order, CARINA_MAX_RANK, &count) ||
        count != y->shape.rank)
        return y;
    const CarinaValue *turned = &u->node->outputs[0];
    const CaCpuView dense = ca_cpu_dense_view(0, &turned->shape);
    CaCpuView view = ca_cpu_dense_view(0, &y->shape);
    CaHeads there;
    for (int i = 0; i < count; i++) {
        if (!ca_cpu_axis(order[i], count, &axis))
            return y;
        view.strides[axis] = dense.strides[i];
    }
    if (!heads_of(&there, &view, &y->shape))
        return y;
    b->is_skipped[u->node->id] = true;
    *at = there;
    return turned;
}

CarinaStatus ca_cpu_lower_attention(CaCpuBuild *b, const CarinaNode *n)
{
    AttentionStep d = {.mask = -1};
    CaCpuStep *s = NULL;
    if (!plan_of(&d, b, n))
        return CARINA_ERR_UNSUPPORTED;
    const CarinaShape *y = &n->outputs[0].shape;
    CA_TRY(take_heads(b, &d.q, &d.q_from, &d.q_at, n->inputs[0].value, y));
    CA_TRY(take_heads(b, &d.k, &d.k_from, &d.k_at, n->inputs[1].value, y));
    CA_TRY(take_heads(b, &d.v, &d.v_from, &d.v_at, n->inputs[2].value, y));
    if (ca_cpu_in(n, 3) && !d.plan.shape.is_causal)
        CA_TRY(ca_cpu_plain(b, &d.mask, ca_cpu_in(n, 3)));
    CA_TRY(ca_cpu_new_plain(b, &d.out, result_of(b, &d.out_at, n)));
    d.mask_offset = (d.plan.packed_size + 63) & ~(size_t)63;
    CA_TRY(ca_cpu_add_step(b, &s, n, d.plan.kernel->name, run_attention, sizeof d));
    *(AttentionStep *)s->data = d;
    s->n_phases = 2;
    s->shared_work = d.mask_offset + (size_t)d.n_mask * sizeof(float);
    s->thread_work = d.plan.scratch_size;
    const CaAttentionShape *p = &d.plan.shape;
    s->info.flop = 2.0 * (double)p->n_batches * (double)p->n_heads *
                   (double)p->n_queries * (double)p->n_keys *
                   (double)(p->depth + p->value_depth);
    const int used[] = {d.q, d.k, d.v, d.mask, d.out};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++)
        if (used[i] >= 0)
            ca_cpu_use(b, used[i]);
    return CARINA_OK;
}
