/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedRound: floats to quantised integers, where a model's own inputs are floats.
 */
#include "lower_parts.h"

#include "base/threads.h"

#include <math.h>
#include <string.h>

typedef struct RoundStep {
    CarinaType type;
    float scale, zero, lowest, highest;
    int64_t n;
    int in, out;
} RoundStep;

/* Halves away from zero; NaN is the zero point. Within 2^24 all is exact. */
static inline float step_of(const RoundStep *d, float x)
{
    const float v = x / d->scale, held = v > 0x1p23f    ? 0x1p23f
                                         : v > -0x1p23f ? v
                                                        : -0x1p23f;
    const float whole = (float)(int32_t)held, rest = held - whole;
    const float q = whole + (rest >= 0.5f ? 1.0f : rest <= -0.5f ? -1.0f : 0.0f);
    const float y = (v != v ? 0.0f : q) + d->zero;
    return y > d->highest ? d->highest : y > d->lowest ? y : d->lowest;
}

static void run_round(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                      int n_threads)
{
    const RoundStep *d = s->data;
    const float *in = ca_cpu_at(r, d->in);
    void *out = ca_cpu_at(r, d->out);
    int64_t at = 0, stop = 0;
    (void)phase;
    ca_share(d->n, thread, n_threads, &at, &stop);
    if (d->type == CARINA_I16)
        for (; at < stop; at++)
            ((int16_t *)out)[at] = (int16_t)step_of(d, in[at]);
    else
        for (; at < stop; at++)
            ((uint8_t *)out)[at] = (uint8_t)(int32_t)step_of(d, in[at]);
}

CarinaStatus ca_cpu_lower_step_round(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value, *y = &n->outputs[0];
    const float lowest = y->type == CARINA_U8 ? 0 : y->type == CARINA_I8 ? -128 : -32768;
    const RoundStep d = {.type = y->type,
                         .scale = (float)carina_node_float(n, "scale", 1),
                         .zero = (float)carina_node_int(n, "zero", 0),
                         .lowest = lowest,
                         .highest = lowest + (y->type == CARINA_I16 ? 65535 : 255),
                         .n = ca_cpu_count(&x->shape)};
    CaCpuStep *s = NULL;
    RoundStep made = d;
    if (x->type != CARINA_F32)
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(ca_cpu_plain(b, &made.in, x));
    CA_TRY(ca_cpu_new_plain(b, &made.out, y));
    CA_TRY(ca_cpu_add_step(b, &s, n, "round_plain", run_round, sizeof d));
    *(RoundStep *)s->data = made;
    ca_cpu_use(b, made.in);
    ca_cpu_use(b, made.out);
    return CARINA_OK;
}
