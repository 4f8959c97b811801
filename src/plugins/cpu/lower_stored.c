/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host computes what depends on constants only, but for filters stored as integers: these are packed as they are,
 * without a copy in floats, which would be four times as large.
 */
#include "lower_stored.h"

#include <string.h>

typedef struct Stored {
    const CarinaNode *convert, *subtract; /* or NULL */
    const CarinaTensor *integers;
    const CarinaValue *zero, *scale; /* zero: or NULL */
} Stored;

/* The input that is a constant, and the one that is not. */
static bool parts(const CarinaValue **known, const CarinaValue **other,
                  const CarinaNode *n)
{
    if (n->n_inputs != 2)
        return false;
    const int at = ca_cpu_constant(n->inputs[1].value) ? 1 : 0;
    *known = n->inputs[at].value;
    *other = n->inputs[1 - at].value;
    return ca_cpu_constant(*known) && ca_cpu_is_float((*known)->type);
}

/* One number, or one for each index of the first axis. */
static bool is_by_first_axis(const CarinaShape *s, const CarinaShape *of)
{
    const int64_t n = ca_cpu_count(s);
    return n == 1 ||
           (s->rank == of->rank && s->dims[0] == of->dims[0] && n == s->dims[0]);
}

static bool find(Stored *s, const CarinaValue *filter)
{
    const CarinaNode *n = filter->node;
    const CarinaValue *v = NULL;
    *s = (Stored){.convert = NULL};
    if (filter->type != CARINA_F32 || !ca_cpu_is(n, "Multiply") ||
        !parts(&s->scale, &v, n) || !is_by_first_axis(&s->scale->shape, &filter->shape))
        return false;
    if (ca_cpu_is(v->node, "Subtract")) {
        s->subtract = v->node;
        if (v->node->inputs[0].value->constant || !parts(&s->zero, &v, v->node) ||
            !is_by_first_axis(&s->zero->shape, &filter->shape))
            return false;
    }
    s->convert = v->node;
    if (!ca_cpu_is(s->convert, "Convert"))
        return false;
    s->integers = s->convert->inputs[0].value->constant;
    return s->integers && s->integers->type == CARINA_I8 &&
           memcmp(&s->integers->shape, &filter->shape, sizeof filter->shape) == 0;
}

static CarinaValue *filter_of(const CarinaNode *n)
{
    return ca_cpu_is(n, "Convolution") || ca_cpu_is(n, "MatMul") ? n->inputs[1].value
                                                                 : NULL;
}

void ca_cpu_stored_find(CaCpuBuild *b)
{
    for (const CarinaNode *n = b->graph->first; n; n = n->next) {
        CarinaValue *v = filter_of(n);
        Stored s;
        if (!v || v->constant || !v->uses || v->uses->next || !find(&s, v))
            continue;
        v->constant = s.integers;
        b->is_skipped[s.convert->id] = true;
        if (s.subtract)
            b->is_skipped[s.subtract->id] = true;
    }
}

const float *ca_cpu_stored_scales(CaCpuBuild *b, const CarinaNode *n, int64_t *count)
{
    Stored s;
    int64_t n_zero = 0;
    if (!find(&s, n->inputs[1].value))
        return NULL;
    const float *scale = ca_cpu_floats(b, s.scale, count),
                *zero = s.zero ? ca_cpu_floats(b, s.zero, &n_zero) : NULL;
    for (int64_t i = 0; zero && i < n_zero; i++)
        if (zero[i] != 0)
            return NULL;
    for (int64_t i = 0; scale && i < *count; i++)
        if (scale[i] == 0)
            return NULL;
    return s.zero && !zero ? NULL : scale;
}

static CarinaStatus widen(CaCpuBuild *b, CarinaValue *v)
{
    Stored s;
    int64_t n_scale = 0, n_zero = 0;
    const int64_t n = ca_cpu_count(&v->shape), each = n / (n ? v->shape.dims[0] : 1);
    (void)find(&s, v); /* as when it was given its integers */
    const float *scale = ca_cpu_floats(b, s.scale, &n_scale),
                *zero = s.zero ? ca_cpu_floats(b, s.zero, &n_zero) : NULL;
    CarinaTensor *t = ca_arena_alloc(b->p->arena, sizeof *t);
    float *data = ca_arena_array(b->p->arena, (size_t)n + 1, sizeof *data);
    if (!scale || (s.zero && !zero) || !t || !data)
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory for a filter");
    for (int64_t i = 0; i < n; i++) {
        const int64_t c = i / each;
        const float x = (float)((const int8_t *)s.integers->data)[i];
        data[i] =
            (x - (zero ? zero[n_zero == 1 ? 0 : c] : 0)) * scale[n_scale == 1 ? 0 : c];
    }
    *t = (CarinaTensor){CARINA_F32, v->shape, data, (size_t)n * sizeof *data, NULL};
    v->constant = t;
    return CARINA_OK;
}

CarinaStatus ca_cpu_stored_widen(CaCpuBuild *b)
{
    for (const CarinaNode *n = b->graph->first; n; n = n->next) {
        CarinaValue *v = filter_of(n);
        if (v && v->constant && v->constant->type == CARINA_I8 && v->type == CARINA_F32 &&
            !b->filter_scales[n->id])
            CA_TRY(widen(b, v));
    }
    return CARINA_OK;
}
