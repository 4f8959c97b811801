/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fully connected layer of u8 and s8: the convolution whose filter is as large as its input.
 */
#include "kernels/dot/u8_maps.h"
#include "kernels/layout/blocked.h"
#include "lower_dot.h"
#include "lower_u8.h"

#include <string.h>

enum { MOST_BETWEEN = 6 };

/* Where its input is in u8, and what lies between that and the layer. */
typedef struct Source {
    const CarinaValue *map;   /* quantized, of rank 4; or NULL: */
    const CarinaValue *plain; /* floats [N, C] that are quantized for this layer alone */
    CaQuant q;
    const CarinaNode *between[MOST_BETWEEN];
    int n_between;
} Source;

static bool same(const CaQuant *a, const CaQuant *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static bool is_flattening(const CarinaNode *n, const CarinaValue *to)
{
    const CarinaValue *from = n->n_inputs ? n->inputs[0].value : NULL;
    return from && (ca_cpu_is(n, "Reshape") || ca_cpu_is(n, "Squeeze")) &&
           from->shape.rank == 4 && to->shape.rank == 2 &&
           from->shape.dims[0] == to->shape.dims[0] &&
           ca_cpu_count(&from->shape) == ca_cpu_count(&to->shape);
}

static bool find(CaCpuBuild *b, Source *s, const CarinaNode *n)
{
    bool has_q = false;
    *s = (Source){.map = NULL};
    for (const CarinaValue *v = n->inputs[0].value;
         s->n_between < MOST_BETWEEN && ca_cpu_only_reader(v) && v->shape.rank == 2;) {
        const CarinaNode *up = v->node;
        CaQuant q;
        s->between[s->n_between++] = up;
        if (is_flattening(up, v)) {
            const CarinaValue *map = up->inputs[0].value;
            const CaQuant *of_map = ca_cpu_value(b, map)->quant;
            if (!of_map || (has_q && !same(of_map, &s->q)))
                break;
            s->map = map;
            s->q = *of_map;
            return true;
        }
        if (!ca_cpu_quant_of(b, &q, up) || (has_q && !same(&q, &s->q)))
            break;
        v = up->inputs[0].value;
        s->q = q;
        has_q = true;
    }
    if (!has_q) /* the last of `between` reads floats */
        return false;
    int n_kept = 0;
    while (n_kept < s->n_between && ca_cpu_is(s->between[n_kept], "FakeQuantize"))
        n_kept++;
    s->n_between = n_kept;
    CaQuant q;
    if (!n_kept || !ca_cpu_quant_of(b, &q, s->between[n_kept - 1]) || !same(&q, &s->q))
        return false;
    s->plain = s->between[n_kept - 1]->inputs[0].value;
    return s->plain->shape.rank == 2;
}

/* [N, C, H, W] times [co, C, H, W] summed over C, H and W. */
static bool shape_of(CaConvShape *c, const CarinaNode *n, const Source *s)
{
    const CarinaShape *x = s->map ? &s->map->shape : &s->plain->shape,
                      *out = &n->outputs[0].shape, *w = &n->inputs[1].value->shape;
    const int64_t h = x->rank == 4 ? x->dims[2] : 1,
                  width = x->rank == 4 ? x->dims[3] : 1;
    if (out->rank != 2 || w->rank != 2 || out->dims[0] != x->dims[0] ||
        out->dims[1] != w->dims[0] || w->dims[1] != x->dims[1] * h * width ||
        !ca_cpu_count(out) || !w->dims[1] || w->dims[0] > INT32_MAX ||
        w->dims[1] > INT32_MAX || x->dims[0] > INT32_MAX)
        return false;
    *c = (CaConvShape){.n = (int)x->dims[0],
                       .ci = (int)x->dims[1],
                       .co = (int)out->dims[1],
                       .ih = (int)h,
                       .iw = (int)width,
                       .oh = 1,
                       .ow = 1,
                       .kh = (int)h,
                       .kw = (int)width,
                       .stride_h = 1,
                       .stride_w = 1,
                       .dilation_h = 1,
                       .dilation_w = 1,
                       .groups = 1};
    return true;
}

bool ca_cpu_is_u8_matmul(CaCpuBuild *b, const CarinaNode *n)
{
    Source s;
    CaConvShape shape;
    CaDotPlan plan;
    return ca_cpu_is(n, "MatMul") && ca_cpu_is_float(n->outputs[0].type) &&
           carina_node_bool(n, "transpose_b", false) &&
           !carina_node_bool(n, "transpose_a", false) &&
           ca_cpu_constant(n->inputs[1].value) && find(b, &s, n) &&
           shape_of(&shape, n, &s) &&
           ca_dot_plan(&plan, &shape, CA_ELEM_U8, b->host->cpu_flags, false);
}

void ca_cpu_u8_matmul_mark(CaCpuBuild *b, const CarinaNode *n)
{
    Source s;
    (void)find(b, &s, n);
    for (int i = 0; i < s.n_between; i++) {
        b->takes_narrow[s.between[i]->id] = s.map != NULL;
        b->is_skipped[s.between[i]->id] = true;
    }
}

typedef struct MatMulStep {
    CaDotPlan plan;
    CaDotEnd end;
    CaCpuRef in;
    int plain, out;
    const unsigned char *packed;
    size_t
        sums_size; /* of shared work: results in blocks; then the input in u8, where it was plain */
    CaQuant q;
} MatMulStep;

static CaMap map_of(unsigned char *data, CaElem elem, int n, int c)
{
    const ptrdiff_t pixel = 16 * ca_elem_size(elem);
    return (CaMap){data, elem, n, c, 1, 1, 0, pixel * n, pixel, pixel};
}

static CaMap input_of(const MatMulStep *d, CaCpuRun *r)
{
    return d->plain < 0
               ? ca_cpu_map(r, &d->in)
               : map_of(r->work + d->sums_size, CA_ELEM_U8, d->plan.s.n, d->plan.s.ci);
}

static void run_matmul(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const MatMulStep *d = s->data;
    const CaConvShape *c = &d->plan.s;
    const CaMap in = input_of(d, r), sums = map_of(r->work, CA_ELEM_F32, c->n, c->co);
    const CaActs acts = {.data = (float *)(void *)sums.data,
                         .n = c->n,
                         .c = c->co,
                         .h = 1,
                         .w = 1,
                         .block_stride = (ptrdiff_t)16 * c->n,
                         .image_stride = 16,
                         .row_stride = 16};
    if (phase + 2 < s->n_phases)
        ca_u8_quantize(&in, ca_cpu_at(r, d->plain), &d->q,
                       r->program->dev->host->cpu_flags, thread, n_threads);
    else if (phase + 1 < s->n_phases)
        ca_dot_run(&d->plan, 0, thread, n_threads, &sums, &in, d->packed, &d->end, NULL,
                   ca_cpu_own(r, s, thread));
    else
        ca_unpack_nchw(ca_cpu_at(r, d->out), &acts, thread, n_threads);
}

/* The node that ends the step: an addition of one constant a column, or n itself. */
static const CarinaNode *last_of(CaCpuBuild *b, const float **bias, const CarinaNode *n)
{
    const CarinaNode *r = ca_cpu_only_reader(&n->outputs[0]);
    const int64_t co = n->outputs[0].shape.dims[1];
    int64_t count = 0;
    if (!ca_cpu_is(r, "Add") || b->is_skipped[r->id] || r->outputs[0].shape.rank != 2 ||
        r->outputs[0].shape.dims[0] != n->outputs[0].shape.dims[0])
        return n;
    const CarinaValue *other =
        r->inputs[r->inputs[0].value == &n->outputs[0] ? 1 : 0].value;
    const CarinaShape *s = &other->shape;
    if (s->rank < 1 || ca_cpu_count(s) != co || s->dims[s->rank - 1] != co)
        return n;
    *bias = ca_cpu_floats(b, other, &count);
    return *bias ? r : n;
}

static CarinaStatus pack(CaCpuBuild *b, MatMulStep *d, const CarinaNode *n,
                         const float *bias)
{
    const int co = d->plan.s.co;
    const float *w = b->filter_scales[n->id];
    float *scale = ca_arena_array(b->p->arena, (size_t)co + 1, sizeof *scale);
    if (!scale)
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
    for (int c = 0; c < co; c++)
        scale[c] = (float)((double)w[c] / (double)d->q.scale);
    return ca_cpu_dot_pack(b, &d->packed, &d->plan, n, scale, bias, (int)d->q.zero);
}

CarinaStatus ca_cpu_u8_matmul_lower(CaCpuBuild *b, const CarinaNode *n)
{
    MatMulStep d = {.end = {.act = {CA_ACT_NONE, 0, 0}, .out = {1, 0, 0, 255}},
                    .plain = -1};
    Source source;
    CaConvShape shape;
    CaCpuStep *s = NULL;
    const float *bias = NULL;
    (void)find(b, &source, n); /* it was there when it was marked */
    (void)shape_of(&shape, n, &source);
    (void)ca_dot_plan(&d.plan, &shape, CA_ELEM_U8, b->host->cpu_flags, false);
    d.q = source.q;
    if (source.map)
        CA_TRY(ca_cpu_narrow(b, &d.in, source.map, 0));
    else
        CA_TRY(ca_cpu_plain(b, &d.plain, source.plain));
    const CarinaNode *last = last_of(b, &bias, n);
    CA_TRY(pack(b, &d, n, bias));
    CA_TRY(ca_cpu_new_plain(b, &d.out, &last->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, d.plan.kernel, run_matmul, sizeof d));
    b->is_skipped[last->id] = last != n;
    const size_t blocks_of_n = (size_t)shape.n * 16;
    d.sums_size = (size_t)(shape.co + 15) / 16 * blocks_of_n * sizeof(float);
    *(MatMulStep *)s->data = d;
    s->n_phases = source.map ? 2 : 3;
    s->shared_work =
        d.sums_size + (source.map ? 0 : (size_t)(shape.ci + 15) / 16 * blocks_of_n);
    s->thread_work = d.plan.thread_scratch;
    s->info.flop = 2.0 * (double)ca_cpu_count(&n->outputs[0].shape) *
                   (double)n->inputs[1].value->shape.dims[1];
    s->info.bytes = (double)ca_cpu_count(&n->inputs[1].value->shape);
    ca_cpu_use(b, source.map ? d.in.buffer : d.plain);
    ca_cpu_use(b, d.out);
    return CARINA_OK;
}
