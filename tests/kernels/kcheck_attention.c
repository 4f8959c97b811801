/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention against its definition in double: strides, shared heads, masks, causality; thread
 * counts to the bit.
 */
#include "kcheck.h"

#include "kernels/attention/attention.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double u = 0.5 * FLT_EPSILON;

/* [batch, row, head, depth + gap]: heads interleaved, as projections leave them */
static CaHeads layout(ptrdiff_t n_heads, ptrdiff_t n_rows, ptrdiff_t depth, ptrdiff_t gap)
{
    const ptrdiff_t head = depth + gap, row = head * n_heads;
    return (CaHeads){row * n_rows, head, row};
}

static const float *tensor(ptrdiff_t n_batches, CaHeads at)
{
    return kc_floats((size_t)(n_batches * at.batch_stride));
}

typedef struct {
    CaAttention plan;
    CaAttentionData data;
    float *scratch; /* of a bench */
    size_t out_size;
} Work;

static Work make(uint32_t cpu, const CaAttentionShape *s, bool has_mask)
{
    Work w = {.out_size = 0};
    CaAttentionData *d = &w.data;

    ca_attention_plan(&w.plan, cpu, s);
    d->q_at = layout(s->n_heads, s->n_queries, s->depth, 1);
    d->k_at = layout(s->n_kv_heads, s->n_keys, s->depth, 0);
    d->v_at = layout(s->n_kv_heads, s->n_keys, s->value_depth, 2);
    d->out_at = layout(s->n_heads, s->n_queries, s->value_depth, 0);
    d->mask_at =
        (CaHeads){s->n_queries * s->n_keys, 0, s->n_keys}; /* alike for all heads */
    d->q = tensor(s->n_batches, d->q_at);
    d->k = tensor(s->n_batches, d->k_at);
    d->v = tensor(s->n_batches, d->v_at);
    w.out_size = (size_t)(s->n_batches * d->out_at.batch_stride);
    d->packed = kc_zeros(w.plan.packed_size / sizeof(float));
    if (has_mask) {
        const size_t n = (size_t)(s->n_batches * s->n_queries * s->n_keys);
        float *mask = kc_floats(n);
        for (size_t i = 0; i < n; i++) /* the first query of each batch sees nothing */
            if (kc_int(4) == 0 || (ptrdiff_t)i % (s->n_queries * s->n_keys) < s->n_keys)
                mask[i] = -INFINITY;
        d->mask = mask;
    }
    return w;
}

static float *run(Work *w, int n_threads)
{
    w->data.out = kc_floats(w->out_size);
    for (int t = 0; t < n_threads; t++)
        ca_attention_pack(&w->plan, &w->data, t, n_threads);
    for (int t = n_threads - 1; t >= 0; t--) {
        float *scratch = kc_zeros(w->plan.scratch_size / sizeof(float));
        ca_attention_run(&w->plan, &w->data, scratch, t, n_threads);
    }
    return w->data.out;
}

typedef struct {
    double p[400]; /* probabilities of the keys */
    double slack;  /* relative, of each */
    bool is_blind; /* the mask hides all keys */
} Weights;

static double score(const Work *w, ptrdiff_t b, ptrdiff_t h, ptrdiff_t i, ptrdiff_t j,
                    double *slack)
{
    const CaAttentionShape *s = &w->plan.shape;
    const CaAttentionData *d = &w->data;
    const ptrdiff_t kv = h / (s->n_heads / s->n_kv_heads);
    const float *q = d->q + b * d->q_at.batch_stride + h * d->q_at.head_stride +
                     i * d->q_at.row_stride;
    const float *k = d->k + b * d->k_at.batch_stride + kv * d->k_at.head_stride +
                     j * d->k_at.row_stride;
    double sum = 0, size = 0;

    if (s->is_causal && j > i + s->causal_offset)
        return -INFINITY;
    for (ptrdiff_t p = 0; p < s->depth; p++) {
        const double term = (double)s->scale * (double)q[p] * (double)k[p];
        sum += term, size += fabs(term);
    }
    if (d->mask)
        sum +=
            (double)d->mask[b * d->mask_at.batch_stride + i * d->mask_at.row_stride + j];
    /* scale, product as in kcheck_gemm, mask; plain C rounds each product too */
    *slack =
        fmax(*slack, u * ((double)s->depth + 5) * size * (w->plan.kernel->needs ? 1 : 2) +
                         (isinf(sum) ? 0 : u * fabs(sum)));
    return sum;
}

static void weigh(const Work *w, ptrdiff_t b, ptrdiff_t h, ptrdiff_t i, Weights *weights)
{
    const ptrdiff_t n = w->plan.shape.n_keys;
    double most = -INFINITY, least = INFINITY, sum = 0, slack = 0;

    for (ptrdiff_t j = 0; j < n; j++) {
        const double v = weights->p[j] = score(w, b, h, i, j, &slack);
        most = fmax(most, v);
        least = isinf(v) ? least : fmin(least, v);
    }
    weights->is_blind = isinf(most) && w->data.mask &&
                        !(w->plan.shape.is_causal && i + w->plan.shape.causal_offset < 0);
    for (ptrdiff_t j = 0; j < n; j++)
        sum += weights->p[j] = isinf(most) ? 0 : exp(weights->p[j] - most);
    for (ptrdiff_t j = 0; j < n && sum > 0; j++)
        weights->p[j] /= sum;
    /* An error of scores counts in the exponential and in the sum; the rest as in kcheck_softmax. */
    const double d = isinf(most) ? 0 : most - least;
    weights->slack = expm1(2 * slack + u * (2 * d + 15 + fmin((double)n, 256) + 6));
}

static void check_query(const Work *w, ptrdiff_t b, ptrdiff_t h, ptrdiff_t i)
{
    const CaAttentionShape *s = &w->plan.shape;
    const CaAttentionData *d = &w->data;
    const ptrdiff_t kv = h / (s->n_heads / s->n_kv_heads);
    const float *v = d->v + b * d->v_at.batch_stride + kv * d->v_at.head_stride;
    const float *out = d->out + b * d->out_at.batch_stride + h * d->out_at.head_stride +
                       i * d->out_at.row_stride;
    const double n = ((double)s->n_keys + 3) * (w->plan.kernel->needs ? 1 : 2);
    Weights weights;

    weigh(w, b, h, i, &weights);
    if (weights.is_blind) {
        for (ptrdiff_t c = 0; c < s->value_depth; c++)
            kc_true(isnan(out[c]), "a query whose keys are all hidden gives NaN");
        return;
    }
    for (ptrdiff_t c = 0; c < s->value_depth; c++) {
        double want = 0, size = 0;
        for (ptrdiff_t j = 0; j < s->n_keys; j++) {
            const double term = weights.p[j] * (double)v[j * d->v_at.row_stride + c];
            want += term, size += fabs(term);
        }
        kc_close("out", (size_t)c, (double)out[c], want,
                 size * (weights.slack + n * u * (1 + weights.slack)));
    }
}

static void check(uint32_t cpu, const CaAttentionShape *s, bool has_mask)
{
    Work w = make(cpu, s, has_mask);

    kc_case("batches %td heads %td/%td queries %td keys %td depth %td/%td%s%s",
            s->n_batches, s->n_heads, s->n_kv_heads, s->n_queries, s->n_keys, s->depth,
            s->value_depth, s->is_causal ? " causal" : "", has_mask ? " mask" : "");
    const float *out = run(&w, 1);
    for (ptrdiff_t b = 0; b < s->n_batches; b++)
        for (ptrdiff_t h = 0; h < s->n_heads; h++)
            for (ptrdiff_t i = 0; i < s->n_queries; i++)
                check_query(&w, b, h, i);
    for (int n_threads = 2; n_threads <= 4; n_threads++) {
        const float *again = run(&w, n_threads);
        kc_true(!memcmp(again, out, w.out_size * sizeof *out),
                "threads change the result");
    }
    kc_free();
}

static void bench_call(void *arg)
{
    Work *w = arg;
    ca_attention_pack(&w->plan, &w->data, 0, 1);
    ca_attention_run(&w->plan, &w->data, w->scratch, 0, 1);
}

static void bench(uint32_t cpu, const CaAttentionShape *s)
{
    char name[80];

    if (!kc_is_bench())
        return;
    Work w = make(cpu, s, false);
    w.data.out = kc_floats(w.out_size);
    w.scratch = kc_zeros(w.plan.scratch_size / sizeof(float));
    const double product = 2.0 * (double)(s->n_heads * s->n_queries * s->n_keys);
    snprintf(name, sizeof name, "%s %td x %td x %td", w.plan.kernel->name, s->n_heads,
             s->n_queries, s->depth);
    kc_bench(name, product * (double)(s->depth + s->value_depth), bench_call, &w);
    kc_free();
}

void kcheck_attention(void);
void kcheck_attention(void)
{
    KC_EACH_KERNEL(k, ca_attention_kernels) {
        for (int i = 0; i < 40; i++) {
            const ptrdiff_t n_kv = 1 + kc_int(2), depth = 1 + kc_int(40);
            const CaAttentionShape s = {.n_batches = 1 + kc_int(2),
                                        .n_heads = n_kv * (1 + kc_int(2)),
                                        .n_kv_heads = n_kv,
                                        .n_queries = 1 + kc_int(33),
                                        .n_keys = 1 + kc_int(70),
                                        .depth = depth,
                                        .value_depth = 1 + kc_int(40),
                                        .scale = 2 / sqrtf((float)depth),
                                        .is_causal = kc_int(2) > 0,
                                        .causal_offset = kc_int(9) - 3};
            check(k->needs, &s, kc_int(2) > 0);
        }
        check(k->needs, &(CaAttentionShape){1, 2, 1, 20, 400, 64, 64, 0.125f, false, 0},
              true);
        bench(k->needs,
              &(CaAttentionShape){1, 12, 12, 197, 197, 64, 64, 0.125f, false, 0});
    }
}
