/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A convolution of zeros: its time does not depend on the numbers.
 */
#include "conv_trial.h"

#include "../machine/machine.h"
#include "base/memory.h"

typedef struct {
    const CaConvPlan *p;
    CaActs in, out;
    CaConvEnd end;
    float *in_data, *out_data;
    void *packed, *shared, *own;
} Job;

static void run(void *arg)
{
    const Job *j = arg;
    for (int phase = 0; phase < j->p->n_phases; phase++)
        ca_conv_run(j->p, phase, 0, 1, &j->out, &j->in, j->packed, &j->end, j->shared,
                    j->own);
}

/* A map with its halo in blocks of `lanes` channels, size in bytes; false: past what a size_t counts. */
static bool map_of(CaActs *a, size_t *size, int n, int c, int h, int w, int halo,
                   int lanes)
{
    const size_t blocks = ((size_t)c + (size_t)lanes - 1) / (size_t)lanes;
    size_t row = 0, image = 0, block = 0;
    *a = (CaActs){.n = n, .c = c, .h = h, .w = w, .halo = halo};
    if (!ca_mul_size(&row, (size_t)w + 2 * (size_t)halo, (size_t)lanes * sizeof(float)) ||
        !ca_mul_size(&image, row, (size_t)h + 2 * (size_t)halo) ||
        !ca_mul_size(&block, image, (size_t)n) || !ca_mul_size(size, block, blocks))
        return false;
    a->row_stride = (ptrdiff_t)(row / sizeof(float));
    a->image_stride = (ptrdiff_t)(image / sizeof(float));
    a->block_stride = (ptrdiff_t)(block / sizeof(float));
    return true;
}

double ca_conv_trial(const CaConvPlan *p, void *sweep, int runs)
{
    const CaConvShape *s = &p->s;
    Job j = {.p = p, .end = {.act = {CA_ACT_RELU, 0, 0}}};
    size_t in_size = 0, out_size = 0;
    double seconds = 0;
    const int lanes = p->algorithm == CA_CONV_PLANES ? 1 : 16;
    if (!map_of(&j.in, &in_size, s->n, s->ci, s->ih, s->iw, p->in_halo, lanes) ||
        !map_of(&j.out, &out_size, s->n, s->co, s->oh, s->ow, s->kh == 1, 16))
        return 0;
    j.in_data = ca_alloc_huge(in_size);
    j.out_data = ca_alloc_huge(out_size);
    j.packed = ca_alloc_huge(p->packed_size);
    j.shared = ca_alloc(p->shared_scratch);
    j.own = ca_alloc(p->thread_scratch);
    if (j.in_data && j.out_data && j.packed && j.shared && j.own) {
        j.in.data = j.in_data + p->in_halo * (j.in.row_stride + lanes);
        j.out.data = j.out_data + j.out.halo * (j.out.row_stride + 16);
        const CaTrial t = {run, &j, j.in_data, in_size, sweep};
        run(&j);
        seconds = ca_trial(&t, runs);
    }
    ca_free(j.in_data);
    ca_free(j.out_data);
    ca_free(j.packed);
    ca_free(j.shared);
    ca_free(j.own);
    return seconds;
}
