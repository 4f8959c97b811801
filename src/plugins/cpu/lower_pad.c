/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pad, in all modes and types; the counts are constants.
 */
#include "cpu_program.h"
#include "kernels/layout/pad_plain.h"

#include <string.h>

typedef struct PadStep {
    CaPad plan;
    int in, out, value; /* value: buffer of one element, or -1: zero */
} PadStep;

static void run_pad(const CaCpuStep *s, CaCpuRun *r, int phase, int thread, int n_threads)
{
    static const int64_t zero = 0;
    const PadStep *d = s->data;
    (void)phase;
    ca_pad_run(&d->plan, thread, n_threads, ca_cpu_at(r, d->out), ca_cpu_at(r, d->in),
               d->value < 0 ? &zero : ca_cpu_at(r, d->value));
}

static bool mode_of(CaPadMode *mode, const CarinaNode *n)
{
    static const char *const names[] = {[CA_PAD_CONSTANT] = "constant",
                                        [CA_PAD_EDGE] = "edge",
                                        [CA_PAD_REFLECT] = "reflect",
                                        [CA_PAD_SYMMETRIC] = "symmetric"};
    for (int i = 0; i < 4; i++)
        if (strcmp(carina_node_enum(n, "pad_mode"), names[i]) == 0) {
            *mode = (CaPadMode)i;
            return true;
        }
    return false;
}

CarinaStatus ca_cpu_lower_pad(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value;
    int64_t begin[CARINA_MAX_RANK], end[CARINA_MAX_RANK];
    int n_begin = 0, n_end = 0;
    CaPadMode mode = CA_PAD_CONSTANT;
    CaCpuStep *s = NULL;
    PadStep d = {.value = -1};
    if (!ca_cpu_is_bytes(x->type) || !mode_of(&mode, n) ||
        !ca_cpu_ints(ca_cpu_in(n, 1), begin, CARINA_MAX_RANK, &n_begin) ||
        !ca_cpu_ints(ca_cpu_in(n, 2), end, CARINA_MAX_RANK, &n_end) ||
        n_begin != x->shape.rank || n_end != x->shape.rank ||
        !ca_pad_plan(&d.plan, mode, x->shape.rank, x->shape.dims, begin, end,
                     ca_cpu_elem_size(x->type)))
        return CARINA_ERR_UNSUPPORTED;
    if (mode == CA_PAD_CONSTANT && ca_cpu_in(n, 3))
        CA_TRY(ca_cpu_plain(b, &d.value, ca_cpu_in(n, 3)));
    CA_TRY(ca_cpu_plain(b, &d.in, x));
    CA_TRY(ca_cpu_new_plain(b, &d.out, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, "pad", run_pad, sizeof d));
    *(PadStep *)s->data = d;
    s->info.bytes = 2.0 * (double)ca_cpu_count(&n->outputs[0].shape) *
                    (double)ca_cpu_elem_size(x->type);
    ca_cpu_use(b, d.in);
    ca_cpu_use(b, d.out);
    if (d.value >= 0)
        ca_cpu_use(b, d.value);
    return CARINA_OK;
}
