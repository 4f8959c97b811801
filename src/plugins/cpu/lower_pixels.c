/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first layer's input: [N][H + 2 halo][W + 2 halo][C] in short numbers, one step from the user's floats.
 */
#include "lower_pixels.h"
#include "kernels/dot/dot.h"
#include "lower_conv.h"
#include "lower_u8.h"

enum { BEHIND = 64 }; /* bytes that are read behind the last pixel */

typedef struct PixelsStep {
    int in;
    CaCpuRef out;
    CaQuant q;
} PixelsStep;

/* Where the floats are. */
static const CarinaValue *source_of(const CaCpuBuild *b, const CarinaValue *v)
{
    return ca_cpu_is_quantizer(b, v->node) ? v->node->inputs[0].value : v;
}

bool ca_cpu_is_for_pixels(CaCpuBuild *b, const CarinaValue *v)
{
    const CarinaNode *conv = ca_cpu_only_reader(v);
    CaConvShape s;
    CaDotPlan plan;
    return conv && b->takes_narrow[conv->id] && ca_cpu_is(conv, "Convolution") &&
           conv->inputs[0].value == v && ca_cpu_constant(conv->inputs[1].value) &&
           v->shape.rank == 4 && ca_cpu_value(b, v)->narrow.buffer < 0 &&
           ca_cpu_is_only_plain(b, source_of(b, v)) &&
           (b->precision == CA_ELEM_BF16 || ca_cpu_is_quantizer(b, v->node)) &&
           ca_cpu_conv_shape(&s, conv) &&
           ca_dot_plan_packed(&plan, &s, b->precision, b->host->cpu_flags);
}

CaMap ca_cpu_pixels(const CaCpuRun *r, const CaCpuRef *ref)
{
    const CaCpuBuffer *u = &r->program->buffers[ref->buffer];
    const ptrdiff_t pixel = ref->c * ca_elem_size(u->elem);
    CaMap m = {.elem = u->elem,
               .n = ref->n,
               .c = ref->c,
               .h = ref->h,
               .w = ref->w,
               .halo = u->halo};
    m.row_stride = (ptrdiff_t)(u->w + 2 * u->halo) * pixel;
    m.image_stride = m.row_stride * (u->h + 2 * u->halo);
    m.block_stride = m.image_stride * u->n;
    m.data =
        (unsigned char *)ca_cpu_at(r, ref->buffer) + u->halo * (m.row_stride + pixel);
    return m;
}

static void run_pixels(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const PixelsStep *d = s->data;
    const CaMap out = ca_cpu_pixels(r, &d->out);
    (void)phase;
    ca_map_pack_pixels(&out, ca_cpu_at(r, d->in), &d->q, r->program->dev->host->cpu_flags,
                       thread, n_threads, ca_cpu_own(r, s, thread));
}

CarinaStatus ca_cpu_pack_pixels(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v,
                                int halo)
{
    const CarinaShape *x = &v->shape;
    const CaMap like = {.elem = b->precision, .c = (int)x->dims[1], .w = (int)x->dims[3]};
    const CaQuant as_it_is = {1, 0, 0, 0}, *q = ca_cpu_value(b, v)->quant;
    PixelsStep d = {
        .out = {.n = (int)x->dims[0], .c = like.c, .h = (int)x->dims[2], .w = like.w},
        .q = q ? *q : as_it_is};
    CaCpuBuffer u = {.n = d.out.n,
                     .c = like.c,
                     .h = d.out.h,
                     .w = like.w,
                     .halo = halo,
                     .elem = b->precision};
    CaCpuStep *s = NULL;
    const size_t row = (size_t)(u.w + 2 * halo), rows = (size_t)(u.h + 2 * halo);
    if (!ca_mul_size(&u.size, row, rows) ||
        !ca_mul_size(&u.size, u.size, (size_t)u.n * (size_t)u.c) ||
        !ca_mul_size(&u.size, u.size, (size_t)ca_elem_size(u.elem)) ||
        !ca_add_size(&u.size, u.size, BEHIND))
        return ca_err(b->err, CARINA_ERR_LIMIT,
                      "an activation is too large for this machine");
    CA_TRY(ca_cpu_plain(b, &d.in, source_of(b, v)));
    CA_TRY(ca_cpu_add_buffer(b, &d.out.buffer, u));
    CA_TRY(ca_cpu_add_step(b, &s, v->node, "pack_pixels", run_pixels, sizeof d));
    *(PixelsStep *)s->data = d;
    if (!q)
        s->info.type = "Reorder";
    s->info.bytes = (4.0 + ca_elem_size(u.elem)) * (double)ca_cpu_count(x);
    s->thread_work = ca_map_pack_scratch(&like);
    ca_cpu_use(b, d.in);
    ca_cpu_use(b, d.out.buffer);
    *ref = d.out;
    return CARINA_OK;
}
