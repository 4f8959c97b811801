/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MatMul with a constant right side in bf16: rows of the left side are the pixels of a 1x1 convolution. Fully connected
 * layers are bound by reading their weights, of which there are half as many bytes.
 */
#include "cpu_packed.h"
#include "kernels/dot/dot.h"
#include "lower_parts.h"

enum { LEAST_K = 64, LEAST_COLS = 16 };

typedef struct DotStep {
    CaDotPlan plan;
    CaDotEnd end;
    int a, out;
    const unsigned char *packed;
    size_t result_at; /* in the work space: floats [cols / 16][m][16] */
} DotStep;

/* [c / 16][1][m][16] */
static CaMap map_of(CaElem elem, void *data, int c, int m)
{
    const ptrdiff_t row = (ptrdiff_t)m * 16 * ca_elem_size(elem);
    return (CaMap){.data = data,
                   .elem = elem,
                   .n = 1,
                   .c = c,
                   .h = 1,
                   .w = m,
                   .block_stride = row,
                   .image_stride = row,
                   .row_stride = row};
}

static void run_dot(const CaCpuStep *s, CaCpuRun *r, int phase, int thread, int n_threads)
{
    const DotStep *d = s->data;
    const CaConvShape *x = &d->plan.s;
    const CaMap in = map_of(CA_ELEM_BF16, r->work, x->ci, x->ow),
                out = map_of(CA_ELEM_F32, r->work + d->result_at, x->co, x->ow);
    if (phase == 0)
        ca_map_pack_matrix(&in, ca_cpu_at(r, d->a), r->program->dev->host->cpu_flags,
                           thread, n_threads);
    else if (phase == 1)
        ca_dot_run(&d->plan, 0, thread, n_threads, &out, &in, d->packed, &d->end, NULL,
                   ca_cpu_own(r, s, thread));
    else
        ca_map_unpack_matrix(ca_cpu_at(r, d->out), &out, thread, n_threads);
}

typedef struct PackJob {
    const CaDotPlan *plan;
    void *packed;
    const float *w, *bias;
} PackJob;

static void pack_items(const void *job, int64_t begin, int64_t end)
{
    const PackJob *j = job;
    ca_dot_pack(j->plan, j->packed, j->w, NULL, j->bias, 0, (int)begin, (int)end);
}

static CarinaStatus pack(CaCpuBuild *b, DotStep *d, const CarinaValue *v,
                         const float *bias)
{
    const CarinaTensor *t = ca_cpu_constant(v);
    unsigned char *packed = NULL;
    float *widened = NULL;
    bool is_there = false;
    const uint64_t key = ca_cpu_source_floats(
        bias, d->plan.s.co, ca_cpu_source(t, ca_dot_pack_key(&d->plan)));
    CA_TRY(ca_cpu_packed(b, &packed, &is_there, d->plan.packed_size, key));
    d->packed = packed;
    if (is_there)
        return CARINA_OK;
    if (t->type != CARINA_F32) {
        const int64_t n = ca_cpu_count(&t->shape);
        widened = ca_alloc((size_t)n * sizeof *widened + 1);
        if (!widened)
            return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory for a matrix");
        ca_cpu_widen(widened, t, n);
    }
    const PackJob job = {&d->plan, packed, widened ? widened : t->data, bias};
    ca_cpu_pack(b, pack_items, &job, d->plan.n_pack_items, v);
    ca_free(widened);
    return CARINA_OK;
}

/* m rows of k by k rows of cols; false: not this case. */
static bool plan(CaCpuBuild *b, DotStep *d, const CarinaNode *n)
{
    const CarinaShape *x = &n->inputs[0].value->shape, *w = &n->inputs[1].value->shape;
    const bool transposed = carina_node_bool(n, "transpose_b", false);
    if (b->precision != CA_ELEM_BF16 || !ca_cpu_is_float(n->outputs[0].type) ||
        !ca_cpu_constant(n->inputs[1].value) || w->rank != 2 || x->rank < 2 ||
        carina_node_bool(n, "transpose_a", false))
        return false;
    const int64_t k = x->dims[x->rank - 1], cols = w->dims[transposed ? 0 : 1],
                  m = ca_cpu_product(x, 0, x->rank - 1);
    if (k < LEAST_K || cols < LEAST_COLS || m < 1 || k > INT32_MAX || cols > INT32_MAX ||
        m > INT32_MAX)
        return false;
    const CaConvShape shape = {.n = 1,
                               .ci = (int)k,
                               .co = (int)cols,
                               .ih = 1,
                               .iw = (int)m,
                               .oh = 1,
                               .ow = (int)m,
                               .kh = 1,
                               .kw = 1,
                               .stride_h = 1,
                               .stride_w = 1,
                               .dilation_h = 1,
                               .dilation_w = 1,
                               .groups = 1};
    if (!ca_dot_plan(&d->plan, &shape, CA_ELEM_BF16, b->host->cpu_flags, false))
        return false;
    d->plan.result_step = transposed ? (size_t)k : 1;
    d->plan.channel_step = transposed ? 1 : (size_t)cols;
    return true;
}

/* Both matrices in blocks of 16 columns. */
static bool work_size(size_t *size, DotStep *d)
{
    const size_t m = (size_t)d->plan.s.ow;
    size_t in = 0, out = 0;
    if (!ca_mul_size(&in, m * 32, (size_t)(d->plan.s.ci + 15) / 16) ||
        !ca_mul_size(&out, m * 64, (size_t)(d->plan.s.co + 15) / 16) ||
        !ca_add_size(&in, in, 63))
        return false;
    d->result_at = in & ~(size_t)63;
    return ca_add_size(size, d->result_at, out);
}

CarinaStatus ca_cpu_lower_matmul_dot(CaCpuBuild *b, const CarinaNode *n)
{
    DotStep d = {.end = {.add_scale = 1, .out = {1, 0, 0, 0}}};
    CaCpuStep *s = NULL;
    const float *bias = NULL;
    size_t work = 0;
    if (!plan(b, &d, n) || !work_size(&work, &d))
        return CARINA_ERR_UNSUPPORTED;
    const CaConvShape *x = &d.plan.s;
    CA_TRY(ca_cpu_plain(b, &d.a, n->inputs[0].value));
    const CarinaNode *last = ca_cpu_matmul_end(b, n, x->co, &bias, &d.end.act);
    CA_TRY(pack(b, &d, n->inputs[1].value, bias));
    CA_TRY(ca_cpu_new_plain(b, &d.out, &last->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, d.plan.kernel, run_dot, sizeof d));
    *(DotStep *)s->data = d;
    s->n_phases = 3;
    s->shared_work = work;
    s->thread_work = d.plan.thread_scratch;
    s->info.flop = 2.0 * (double)x->ow * (double)x->ci * (double)x->co;
    s->info.bytes = 4.0 * (double)x->ow * ((double)x->ci + (double)x->co) +
                    2.0 * (double)x->ci * (double)x->co;
    ca_cpu_use(b, d.a);
    ca_cpu_use(b, d.out);
    return CARINA_OK;
}
