/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NonMaxSuppression: classes in parallel, then one thread joins, sorts and writes.
 */
#include "cpu_program.h"
#include "kernels/nms/nms.h"

#include <string.h>

typedef struct NmsStep {
    int64_t batches, classes, n_boxes, n_rows, most;
    bool is_center, sorts;
    int boxes, scores, iou, score, sigma; /* buffers; -1: none */
    int out, out_scores, out_count;
    CarinaType type; /* of out and out_count */
    size_t counts_offset;
} NmsStep;

static double number(const CaCpuRun *r, int buffer)
{
    return buffer < 0 ? 0 : (double)*(const float *)ca_cpu_at(r, buffer);
}

static int64_t *counts_of(const NmsStep *d, const CaCpuRun *r)
{
    return (int64_t *)(void *)(r->work + d->counts_offset);
}

static void choose(const CaCpuStep *s, CaCpuRun *r, int thread, int n_threads)
{
    const NmsStep *d = s->data;
    const CaNmsRule rule = {d->most, number(r, d->iou), number(r, d->score),
                            number(r, d->sigma), d->is_center};
    CaNmsChoice *choices = (CaNmsChoice *)(void *)r->work;
    const int64_t n = d->batches * d->classes, end = n * (thread + 1) / n_threads;
    for (int64_t i = n * thread / n_threads; i < end; i++) {
        CaNmsChoice *to = choices + i * d->most;
        const int64_t count = ca_nms_choose(
            &rule, to,
            (const float *)ca_cpu_at(r, d->boxes) + i / d->classes * d->n_boxes * 4,
            (const float *)ca_cpu_at(r, d->scores) + i * d->n_boxes, d->n_boxes,
            ca_cpu_own(r, s, thread));
        for (int64_t k = 0; k < count; k++) {
            to[k].batch = i / d->classes;
            to[k].cls = i % d->classes;
        }
        counts_of(d, r)[i] = count;
    }
}

static void put(const NmsStep *d, void *out, int64_t i, int64_t v)
{
    if (d->type == CARINA_I64)
        ((int64_t *)out)[i] = v;
    else
        ((int32_t *)out)[i] = (int32_t)v;
}

static void write(const NmsStep *d, CaCpuRun *r, const CaNmsChoice *c, int64_t n)
{
    void *out = ca_cpu_at(r, d->out);
    float *scores = d->out_scores < 0 ? NULL : ca_cpu_at(r, d->out_scores);
    for (int64_t i = 0; i < d->n_rows; i++) {
        const bool is_used = i < n;
        const int64_t row[3] = {is_used ? c[i].batch : -1, is_used ? c[i].cls : -1,
                                is_used ? c[i].box : -1};
        for (int k = 0; k < 3; k++)
            put(d, out, 3 * i + k, row[k]);
        for (int k = 0; k < 3 && scores; k++)
            scores[3 * i + k] = k == 2 && is_used ? (float)c[i].score
                                : k == 2          ? -1
                                                  : (float)row[k];
    }
    if (d->out_count >= 0)
        put(d, ca_cpu_at(r, d->out_count), 0, n);
}

static void run_nms(const CaCpuStep *s, CaCpuRun *r, int phase, int thread, int n_threads)
{
    const NmsStep *d = s->data;
    CaNmsChoice *choices = (CaNmsChoice *)(void *)r->work;
    int64_t n = 0;
    if (phase == 0) {
        choose(s, r, thread, n_threads);
        return;
    }
    if (thread)
        return;
    for (int64_t i = 0; i < d->batches * d->classes; i++) {
        const int64_t count = counts_of(d, r)[i];
        memmove(choices + n, choices + i * d->most, (size_t)count * sizeof *choices);
        n += count;
    }
    if (d->sorts)
        ca_nms_sort(choices, n);
    write(d, r, choices, n);
}

static CarinaStatus take_number(CaCpuBuild *b, int *buffer, const CarinaNode *n, int i)
{
    const CarinaValue *v = ca_cpu_in(n, i);
    *buffer = -1;
    if (!v)
        return CARINA_OK;
    if (!ca_cpu_is_float(v->type) || ca_cpu_count(&v->shape) != 1)
        return CARINA_ERR_UNSUPPORTED;
    return ca_cpu_plain(b, buffer, v);
}

static bool measure(NmsStep *d, const CarinaNode *n, size_t *shared, size_t *own)
{
    const CarinaValue *boxes = n->inputs[0].value, *scores = n->inputs[1].value;
    int count = 1;
    if (!ca_cpu_is_float(boxes->type) || !ca_cpu_is_float(scores->type) ||
        scores->shape.rank != 3 ||
        (ca_cpu_in(n, 2) && !ca_cpu_ints(ca_cpu_in(n, 2), &d->most, 1, &count)) ||
        count != 1)
        return false;
    d->batches = scores->shape.dims[0];
    d->classes = scores->shape.dims[1];
    d->n_boxes = scores->shape.dims[2];
    d->most = d->most < 0 ? 0 : d->most > d->n_boxes ? d->n_boxes : d->most;
    d->n_rows = n->outputs[0].shape.dims[0];
    d->type = n->outputs[0].type;
    size_t counts = 0;
    if (d->n_rows < d->batches * d->classes * d->most ||
        !ca_mul_size(&d->counts_offset, (size_t)d->n_rows, sizeof(CaNmsChoice)) ||
        !ca_mul_size(&counts, (size_t)(d->batches * d->classes), sizeof(int64_t)) ||
        !ca_mul_size(own, (size_t)d->n_boxes, sizeof(CaNmsBox)))
        return false;
    return ca_add_size(shared, d->counts_offset, counts);
}

CarinaStatus ca_cpu_lower_nms(CaCpuBuild *b, const CarinaNode *n)
{
    NmsStep d = {.is_center = strcmp(carina_node_enum(n, "box_encoding"), "center") == 0,
                 .sorts = carina_node_bool(n, "sort_result_descending", true),
                 .out_scores = -1,
                 .out_count = -1};
    CaCpuStep *s = NULL;
    size_t shared = 0, own = 0;
    if (!measure(&d, n, &shared, &own))
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(take_number(b, &d.iou, n, 3));
    CA_TRY(take_number(b, &d.score, n, 4));
    CA_TRY(take_number(b, &d.sigma, n, 5));
    CA_TRY(ca_cpu_plain(b, &d.boxes, n->inputs[0].value));
    CA_TRY(ca_cpu_plain(b, &d.scores, n->inputs[1].value));
    CA_TRY(ca_cpu_new_plain(b, &d.out, &n->outputs[0]));
    if (n->n_outputs > 1)
        CA_TRY(ca_cpu_new_plain(b, &d.out_scores, &n->outputs[1]));
    if (n->n_outputs > 2)
        CA_TRY(ca_cpu_new_plain(b, &d.out_count, &n->outputs[2]));
    CA_TRY(ca_cpu_add_step(b, &s, n, "nms", run_nms, sizeof d));
    *(NmsStep *)s->data = d;
    s->n_phases = 2;
    s->shared_work = shared;
    s->thread_work = own;
    const int used[] = {d.boxes, d.scores, d.iou,        d.score,
                        d.sigma, d.out,    d.out_scores, d.out_count};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++)
        if (used[i] >= 0)
            ca_cpu_use(b, used[i]);
    return CARINA_OK;
}
