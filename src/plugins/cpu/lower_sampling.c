/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GridSample.
 */
#include "cpu_program.h"
#include "kernels/sampling/sampling.h"

#include <string.h>

typedef struct SamplingStep {
    CaSampling sampling;
    int in, places, out;
} SamplingStep;

static void run(const CaCpuStep *s, CaCpuRun *r, int phase, int thread, int n_threads)
{
    const SamplingStep *d = s->data;
    (void)phase;
    ca_sampling_run(&d->sampling, ca_cpu_at(r, d->out), ca_cpu_at(r, d->in),
                    ca_cpu_at(r, d->places), thread, n_threads);
}

static CaSamplingMode mode_of(const CarinaNode *n)
{
    const char *mode = carina_node_enum(n, "mode");
    return strcmp(mode, "nearest") == 0    ? CA_SAMPLING_NEAREST
           : strcmp(mode, "bilinear") == 0 ? CA_SAMPLING_BILINEAR
                                           : CA_SAMPLING_BICUBIC;
}

static CaSamplingEdge edge_of(const CarinaNode *n)
{
    const char *edge = carina_node_enum(n, "padding_mode");
    return strcmp(edge, "zeros") == 0    ? CA_SAMPLING_ZEROS
           : strcmp(edge, "border") == 0 ? CA_SAMPLING_BORDER
                                         : CA_SAMPLING_REFLECTION;
}

CarinaStatus ca_cpu_lower_grid_sample(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *x = &n->inputs[0].value->shape, *y = &n->outputs[0].shape;
    SamplingStep d = {.sampling = {y->dims[0], y->dims[1], x->dims[2], x->dims[3],
                                   y->dims[2] * y->dims[3], mode_of(n), edge_of(n),
                                   carina_node_bool(n, "align_corners", false)}};
    CaCpuStep *s = NULL;
    if (!ca_cpu_is_float(n->outputs[0].type) ||
        !ca_cpu_is_float(n->inputs[1].value->type) || d.sampling.h < 1 ||
        d.sampling.w < 1 || d.sampling.h > INT32_MAX / d.sampling.w)
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(ca_cpu_plain(b, &d.in, n->inputs[0].value));
    CA_TRY(ca_cpu_plain(b, &d.places, n->inputs[1].value));
    CA_TRY(ca_cpu_new_plain(b, &d.out, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, "sampling", run, sizeof d));
    *(SamplingStep *)s->data = d;
    s->info.bytes = 4.0 * (double)(ca_cpu_count(x) + ca_cpu_count(y) +
                                   2 * d.sampling.n * d.sampling.n_places);
    ca_cpu_use(b, d.in);
    ca_cpu_use(b, d.places);
    ca_cpu_use(b, d.out);
    return CARINA_OK;
}
