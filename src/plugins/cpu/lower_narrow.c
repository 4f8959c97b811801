/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bf16 and u8 while compiling: which values have a narrow form, steps that make it, and the nodes that need
 * no floats. u8 holds what FakeQuantize makes of a value; whoever wants it as floats gets exactly that.
 */
#include "kernels/dot/dot.h"
#include "kernels/dot/u8_maps.h"
#include "lower_act.h"
#include "lower_conv.h"
#include "lower_pixels.h"
#include "lower_stored.h"
#include "lower_u8.h"

#include <math.h>
#include <string.h>

static CarinaStatus no_memory(CaCpuBuild *b)
{
    return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
}

/* --- Forms. */

CaMap ca_cpu_map(const CaCpuRun *r, const CaCpuRef *ref)
{
    const CaCpuBuffer *u = &r->program->buffers[ref->buffer];
    const ptrdiff_t pixel = 16 * ca_elem_size(u->elem);
    CaMap m = {.elem = u->elem,
               .n = ref->n,
               .c = ref->c,
               .h = ref->h,
               .w = ref->w,
               .halo = u->halo};
    m.row_stride = (ptrdiff_t)(u->w + 2 * u->halo) * pixel;
    m.image_stride = m.row_stride * (u->h + 2 * u->halo);
    m.block_stride = m.image_stride * u->n;
    m.data = (unsigned char *)ca_cpu_at(r, ref->buffer) +
             ref->first_block * m.block_stride + u->halo * (m.row_stride + pixel);
    return m;
}

static int zero_of(const CaQuant *q) { return q ? (int)q->zero : 0; }

CarinaStatus ca_cpu_new_narrow(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v)
{
    CaCpuValue *x = ca_cpu_value(b, v);
    const CarinaShape *s = &v->shape;
    int buffer = -1;
    CA_TRY(ca_cpu_add_buffer(b, &buffer,
                             (CaCpuBuffer){.is_blocked = true,
                                           .n = (int)s->dims[0],
                                           .c = (int)s->dims[1],
                                           .h = (int)s->dims[2],
                                           .w = (int)s->dims[3],
                                           .elem = b->precision,
                                           .zero = zero_of(x->quant)}));
    x->narrow = (CaCpuRef){
        buffer, 0, (int)s->dims[0], (int)s->dims[1], (int)s->dims[2], (int)s->dims[3]};
    *ref = x->narrow;
    return CARINA_OK;
}

typedef struct ConvertStep {
    CaCpuRef in, out;
    CaQuant q;
} ConvertStep;

static void run_convert(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                        int n_threads)
{
    const ConvertStep *d = s->data;
    const CaMap in = ca_cpu_map(r, &d->in), out = ca_cpu_map(r, &d->out);
    (void)phase;
    ca_map_convert(&out, &in, &d->q, r->program->dev->host->cpu_flags, thread, n_threads);
}

static CarinaStatus convert(CaCpuBuild *b, const CarinaValue *v, const CaCpuRef *out,
                            const CaCpuRef *in, const char *kernel)
{
    const CaQuant none = {1, 0, 0, 0}, *q = ca_cpu_value(b, v)->quant;
    CaCpuStep *s = NULL;
    CA_TRY(ca_cpu_add_step(b, &s, v->node, kernel, run_convert, sizeof(ConvertStep)));
    *(ConvertStep *)s->data = (ConvertStep){*in, *out, q ? *q : none};
    if (!ca_cpu_is(v->node, "FakeQuantize"))
        s->info.type = "Reorder";
    s->info.bytes = (4.0 + ca_elem_size(b->precision)) * (double)ca_cpu_count(&v->shape);
    ca_cpu_use(b, in->buffer);
    ca_cpu_use(b, out->buffer);
    return CARINA_OK;
}

CarinaStatus ca_cpu_widen_blocked(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v)
{
    const CaCpuRef narrow = ca_cpu_value(b, v)->narrow;
    CA_TRY(ca_cpu_new_blocked(b, ref, v));
    return convert(b, v, ref, &narrow, "widen_narrow");
}

static void run_planes(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const ConvertStep *d = s->data;
    const CaMap out = ca_cpu_map(r, &d->out);
    (void)phase;
    ca_u8_quantize(&out, ca_cpu_at(r, d->in.buffer), &d->q,
                   r->program->dev->host->cpu_flags, thread, n_threads);
}

/* u8 of what is there as planes only: without blocks of f32 between. */
static bool is_planes(const CaCpuBuild *b, const CarinaValue *v)
{
    return b->precision == CA_ELEM_U8 && v->shape.rank == 4 && ca_cpu_is_only_plain(b, v);
}

static CarinaStatus quantize_planes(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v,
                                    const CarinaValue *from)
{
    ConvertStep d = {.q = *ca_cpu_value(b, v)->quant};
    CaCpuStep *s = NULL;
    CA_TRY(ca_cpu_plain(b, &d.in.buffer, from));
    CA_TRY(ca_cpu_new_narrow(b, ref, v));
    d.out = *ref;
    CA_TRY(ca_cpu_add_step(b, &s, v->node, "quantize_planes", run_planes, sizeof d));
    *(ConvertStep *)s->data = d;
    s->info.bytes = 5.0 * (double)ca_cpu_count(&v->shape);
    ca_cpu_use(b, d.in.buffer);
    ca_cpu_use(b, ref->buffer);
    return CARINA_OK;
}

static CarinaStatus quantize_blocked(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v,
                                     const CarinaValue *from)
{
    CaCpuRef in;
    CA_TRY(ca_cpu_blocked(b, &in, from, 0));
    CA_TRY(ca_cpu_new_narrow(b, ref, v));
    return convert(b, v, ref, &in, b->precision == CA_ELEM_U8 ? "quantize" : "narrow");
}

CarinaStatus ca_cpu_narrow(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v, int halo)
{
    CaCpuValue *x = ca_cpu_value(b, v);
    if (x->narrow.buffer < 0) {
        const CarinaValue *from =
            ca_cpu_is_quantizer(b, v->node) ? v->node->inputs[0].value : v;
        CA_TRY(is_planes(b, from) ? quantize_planes(b, ref, v, from)
                                  : quantize_blocked(b, ref, v, from));
    }
    *ref = x->narrow;
    ca_cpu_need_halo(b, ref, halo);
    return CARINA_OK;
}

/* --- What is quantized, and how. */

/* A scalar constant among FakeQuantize's inputs. */
static bool number(CaCpuBuild *b, const CarinaNode *n, int i, double *out)
{
    int64_t count = 0;
    const CarinaTensor *t = ca_cpu_constant(ca_cpu_in(n, i));
    if (!t || ca_cpu_count(&t->shape) != 1)
        return false;
    const float *v = ca_cpu_floats(b, ca_cpu_in(n, i), &count);
    *out = v ? (double)v[0] : 0;
    return v != NULL;
}

/* FakeQuantize whose results are scale * (q - zero), q of [0, levels - 1]: one range for all, and 0 is a step. */
bool ca_cpu_quant_of(CaCpuBuild *b, CaQuant *q, const CarinaNode *n)
{
    double v[4];
    const double levels = (double)carina_node_int(n, "levels", 0);
    if (!ca_cpu_is(n, "FakeQuantize") || !ca_cpu_is_float(n->outputs[0].type) ||
        levels < 2 || levels > 256)
        return false;
    for (int i = 0; i < 4; i++)
        if (!number(b, n, i + 1, &v[i]))
            return false;
    const double step = (v[1] - v[0]) / (levels - 1), zero = -v[0] / step;
    if (!(step > 0) || v[0] != v[2] || v[1] != v[3] || zero < -1e-3 ||
        zero > levels - 1 + 1e-3 || fabs(zero - rint(zero)) > 1e-3)
        return false;
    *q = (CaQuant){(float)(1 / step), (float)rint(zero), 0, (float)(levels - 1)};
    return true;
}

static const CaQuant *quant(const CaCpuBuild *b, const CarinaValue *v)
{
    return ca_cpu_value(b, v)->quant;
}

static bool same_quant(const CaQuant *a, const CaQuant *b)
{
    return a && b && a->scale == b->scale && a->zero == b->zero && a->low == b->low &&
           a->high == b->high;
}

bool ca_cpu_is_quantizer(const CaCpuBuild *b, const CarinaNode *n)
{
    return b->precision == CA_ELEM_U8 && ca_cpu_is(n, "FakeQuantize") &&
           quant(b, &n->outputs[0]) != NULL;
}

bool ca_cpu_wants_narrow(const CaCpuBuild *b, const CarinaValue *v)
{
    bool any = false, all = true;
    for (const CarinaUse *u = v->uses; u; u = u->next) {
        any = any || b->takes_narrow[u->node->id];
        all = all && b->takes_narrow[u->node->id];
    }
    return b->precision == CA_ELEM_U8 ? any : any && all;
}

/* Scales of a filter that is stored as whole numbers: FakeQuantize's steps, or what multiplies the integers. */
static const float *stored_scales(CaCpuBuild *b, const CarinaNode *n, int64_t *count)
{
    int64_t n_low = 0, n_high = 0;
    if (ca_cpu_is(n, "Multiply")) {
        for (int i = 0; i < 2; i++) {
            const CarinaValue *v = n->inputs[i].value;
            if (ca_cpu_is(v->node, "Const") || ca_cpu_is(v->node, "Convert"))
                if (ca_cpu_count(&v->shape) < ca_cpu_count(&n->outputs[0].shape))
                    return ca_cpu_floats(b, v, count);
        }
        return NULL;
    }
    const double levels = (double)carina_node_int(n, "levels", 0);
    if (!ca_cpu_is(n, "FakeQuantize") || levels < 2 || levels > 256)
        return NULL;
    const float *low = ca_cpu_floats(b, ca_cpu_in(n, 3), &n_low),
                *high = ca_cpu_floats(b, ca_cpu_in(n, 4), &n_high);
    float *out = ca_arena_array(b->p->arena, (size_t)n_low + 1, sizeof *out);
    for (int64_t i = 0; low && high && out && n_low == n_high && i < n_low; i++)
        out[i] = (float)(((double)high[i] - (double)low[i]) / (levels - 1));
    *count = n_low;
    return low && high && n_low == n_high ? out : NULL;
}

/* Are all of the channel's taps whole steps of s8? */
static bool is_whole(const float *w, int64_t n, float scale)
{
    for (int64_t i = 0; i < n; i++) {
        const float q = w[i] / scale;
        if (!(q >= -128.5f && q <= 127.5f) || fabsf(q - rintf(q)) > 1e-3f)
            return false;
    }
    return true;
}

static CarinaStatus filter_scales(CaCpuBuild *b, const CarinaNode *conv, int64_t co)
{
    const CarinaValue *v = conv->inputs[1].value;
    const CarinaTensor *t = ca_cpu_constant(v);
    int64_t n = 0, count = 0;
    const bool is_s8 = t && t->type == CARINA_I8;
    const CarinaNode *stored = v->node;
    if (ca_cpu_is(stored, "Reshape"))
        stored = stored->inputs[0].value->node;
    const float *scales = is_s8                        ? ca_cpu_stored_scales(b, conv, &n)
                          : t && t->type == CARINA_F32 ? stored_scales(b, stored, &n)
                                                       : NULL;
    if (!scales || (n != 1 && n != co))
        return CARINA_OK;
    count = ca_cpu_count(&t->shape) / co;
    float *out = ca_arena_array(b->p->arena, (size_t)co + 1, sizeof *out);
    if (!out)
        return no_memory(b);
    for (int64_t c = 0; c < co; c++) {
        out[c] = scales[n == 1 ? 0 : c];
        if (out[c] == 0)
            out[c] = 1; /* a channel of zeros */
        if (!is_s8 && !is_whole((const float *)t->data + c * count, count, out[c]))
            return CARINA_OK;
    }
    b->filter_scales[conv->id] = out;
    return CARINA_OK;
}

static bool is_dot_conv(const CaCpuBuild *b, const CarinaNode *n)
{
    CaConvShape s;
    CaDotPlan plan;
    return (ca_cpu_is(n, "Convolution") || ca_cpu_is(n, "GroupConvolution")) &&
           n->outputs[0].shape.rank == 4 && ca_cpu_is_float(n->outputs[0].type) &&
           ca_cpu_constant(n->inputs[1].value) && ca_cpu_conv_shape(&s, n) &&
           ca_dot_plan(&plan, &s, b->precision, b->host->cpu_flags, b->allow_winograd);
}

bool ca_cpu_is_channel_concat(const CarinaNode *n)
{
    const int64_t axis = carina_node_int(n, "axis", 0);
    if (!ca_cpu_is(n, "Concat") || n->outputs[0].shape.rank != 4 ||
        (axis != 1 && axis != -3))
        return false;
    for (int i = 0; i + 1 < n->n_inputs; i++)
        if (n->inputs[i].value->shape.dims[1] % 16)
            return false;
    return true;
}

/* Downwards: what FakeQuantize makes stays so through nodes that only choose. */
static CarinaStatus spread(CaCpuBuild *b)
{
    for (const CarinaNode *n = b->graph->first; n; n = n->next) {
        CaQuant q;
        const CaQuant *found = NULL;
        if (n->n_outputs && n->outputs[0].shape.rank == 4 && ca_cpu_quant_of(b, &q, n)) {
            CaQuant *kept = ca_arena_alloc(b->p->arena, sizeof *kept);
            if (!kept)
                return no_memory(b);
            *kept = q;
            found = kept;
        } else if (ca_cpu_is(n, "MaxPool") || ca_cpu_is_channel_concat(n)) {
            found = quant(b, n->inputs[0].value);
            for (int i = 1; i < n->n_inputs; i++)
                if (!same_quant(found, quant(b, n->inputs[i].value)))
                    found = NULL;
        }
        if (found)
            ca_cpu_value(b, &n->outputs[0])->quant = found;
        if (is_dot_conv(b, n) && quant(b, n->inputs[0].value))
            CA_TRY(filter_scales(b, n, n->outputs[0].shape.dims[1]));
        if (ca_cpu_is_u8_matmul(b, n))
            CA_TRY(filter_scales(b, n, n->outputs[0].shape.dims[1]));
    }
    return CARINA_OK;
}

const CarinaNode *ca_cpu_only_reader(const CarinaValue *v)
{
    return v->uses && !v->uses->next ? v->uses->node : NULL;
}

/* Add of two quantized values, quantized again at once or after ReLU; its FakeQuantize, or NULL. */
static const CarinaNode *add_end(const CaCpuBuild *b, const CarinaNode *n)
{
    if (!ca_cpu_is(n, "Add") || n->outputs[0].shape.rank != 4)
        return NULL;
    for (int i = 0; i < 2; i++) {
        const CarinaShape *s = &n->inputs[i].value->shape;
        if (!quant(b, n->inputs[i].value) ||
            memcmp(s->dims, n->outputs[0].shape.dims, 4 * sizeof *s->dims) != 0)
            return NULL;
    }
    const CarinaNode *end = ca_cpu_only_reader(&n->outputs[0]);
    if (ca_cpu_is(end, "ReLU"))
        end = ca_cpu_only_reader(&end->outputs[0]);
    return end && ca_cpu_is_quantizer(b, end) ? end : NULL;
}

const CarinaNode *ca_cpu_u8_add_end(const CaCpuBuild *b, const CarinaNode *n)
{
    return b->precision == CA_ELEM_U8 && b->takes_narrow[n->id] ? add_end(b, n) : NULL;
}

static bool is_pool(const CarinaNode *n)
{
    const CarinaInts kernel = carina_node_ints(n, "kernel"),
                     dilations = carina_node_ints(n, "dilations");
    return ca_cpu_is(n, "MaxPool") && n->outputs[0].shape.rank == 4 && kernel.n == 2 &&
           (kernel.v[1] - 1) * (dilations.n ? dilations.v[1] : 1) < CA_MAP_POOL_WIDEST &&
           (n->n_outputs < 2 || !n->outputs[1].uses);
}

/* FakeQuantize of what has these very steps already. */
static bool is_again(const CaCpuBuild *b, const CarinaNode *n)
{
    return ca_cpu_is_quantizer(b, n) &&
           same_quant(quant(b, n->inputs[0].value), quant(b, &n->outputs[0]));
}

/* Upwards: a node reads u8 if it computes in u8, or chooses for one that does. */
static void choose(CaCpuBuild *b)
{
    for (const CarinaNode *n = b->graph->last; n; n = n->prev) {
        bool takes = b->filter_scales[n->id] != NULL;
        if (b->is_skipped[n->id]) /* part of a chain that stands below */
            continue;
        if (n->n_outputs && (is_pool(n) || ca_cpu_is_channel_concat(n)))
            takes = quant(b, &n->outputs[0]) && ca_cpu_wants_narrow(b, &n->outputs[0]);
        else if (is_again(b, n))
            takes = ca_cpu_wants_narrow(b, &n->outputs[0]);
        else if (add_end(b, n))
            takes = ca_cpu_wants_narrow(b, &add_end(b, n)->outputs[0]);
        else if (ca_cpu_is_quantizer(b, n) && ca_cpu_wants_narrow(b, &n->outputs[0]))
            takes = ca_cpu_u8_chain_mark(b, n);
        b->takes_narrow[n->id] = takes;
        if (takes && ca_cpu_is(n, "MatMul"))
            ca_cpu_u8_matmul_mark(b, n);
    }
}

/* An activation or a bias, as a convolution ends with. */
static bool is_fused_end(const CarinaNode *n)
{
    CaAct act;
    return ca_cpu_act_of(&act, n) ||
           (ca_cpu_is(n, "Add") && n->outputs[0].shape.rank == 4 &&
            ca_cpu_is_per_channel(n->inputs[1].value, n->outputs[0].shape.dims[1]));
}

/* Is v there in bf16 even if this reader wants floats? */
static bool is_there_in_bf16(const CaCpuBuild *b, const CarinaValue *v,
                             const CarinaNode *reader)
{
    const CarinaNode *up = v->node;
    for (const CarinaUse *u = v->uses; u; u = u->next)
        if (u->node != reader)
            return ca_cpu_wants_narrow(b, v);
    while (is_fused_end(up) && ca_cpu_only_reader(up->inputs[0].value))
        up = up->inputs[0].value->node;
    return is_dot_conv(b, up);
}

/* Upwards: convolutions compute in bf16; pooling chooses from numbers of theirs and for them. */
static void choose_bf16(CaCpuBuild *b)
{
    for (const CarinaNode *n = b->graph->last; n; n = n->prev) {
        bool *takes = &b->takes_narrow[n->id];
        *takes = is_dot_conv(b, n);
        if (!is_pool(n) || !ca_cpu_wants_narrow(b, &n->outputs[0]))
            continue;
        *takes = true;
        *takes = is_there_in_bf16(b, n->inputs[0].value, n);
    }
}

CarinaStatus ca_cpu_plan_quant(CaCpuBuild *b)
{
    if (b->precision == CA_ELEM_U8) {
        ca_cpu_stored_find(b);
        CA_TRY(spread(b));
        choose(b);
        CA_TRY(ca_cpu_stored_widen(b));
    }
    if (b->precision == CA_ELEM_BF16)
        choose_bf16(b);
    return CARINA_OK;
}

/* --- Nodes in u8. */

typedef struct NarrowStep {
    CaCpuRef in, in2, out;
    int zero;
    CaMapPool pool;
    CaMapAdd add;
} NarrowStep;

static void run_max_pool(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                         int n_threads)
{
    const NarrowStep *d = s->data;
    const CaMap in = ca_cpu_map(r, &d->in), out = ca_cpu_map(r, &d->out);
    (void)phase;
    ca_map_max_pool(&out, &in, &d->pool, d->zero, r->program->dev->host->cpu_flags,
                    thread, n_threads);
}

static void run_add(const CaCpuStep *s, CaCpuRun *r, int phase, int thread, int n_threads)
{
    const NarrowStep *d = s->data;
    const CaMap a = ca_cpu_map(r, &d->in), b = ca_cpu_map(r, &d->in2),
                out = ca_cpu_map(r, &d->out);
    (void)phase;
    ca_map_add(&out, &a, &b, &d->add, d->zero, r->program->dev->host->cpu_flags, thread,
               n_threads);
}

static void run_copy(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const NarrowStep *d = s->data;
    const CaMap in = ca_cpu_map(r, &d->in), out = ca_cpu_map(r, &d->out);
    (void)phase;
    ca_map_copy(&out, &in, d->zero, thread, n_threads);
}

static CarinaStatus emit(CaCpuBuild *b, const CarinaNode *n, const char *kernel,
                         CaCpuStepFn *fn, const NarrowStep *d)
{
    CaCpuStep *s = NULL;
    CA_TRY(ca_cpu_add_step(b, &s, n, kernel, fn, sizeof *d));
    *(NarrowStep *)s->data = *d;
    s->info.bytes *= ca_elem_size(b->precision) / 4.0;
    ca_cpu_use(b, d->in.buffer);
    if (d->in2.buffer >= 0)
        ca_cpu_use(b, d->in2.buffer);
    ca_cpu_use(b, d->out.buffer);
    return CARINA_OK;
}

static CarinaStatus lower_max_pool(CaCpuBuild *b, const CarinaNode *n)
{
    NarrowStep d = {.in2.buffer = -1, .zero = zero_of(quant(b, &n->outputs[0]))};
    const CarinaInts kernel = carina_node_ints(n, "kernel"),
                     strides = carina_node_ints(n, "strides"),
                     dilations = carina_node_ints(n, "dilations");
    int pad[2];
    d.pool = (CaMapPool){.kernel_h = (int)kernel.v[0],
                         .kernel_w = (int)kernel.v[1],
                         .stride_h = strides.n ? (int)strides.v[0] : 1,
                         .stride_w = strides.n ? (int)strides.v[1] : 1,
                         .dilation_h = dilations.n ? (int)dilations.v[0] : 1,
                         .dilation_w = dilations.n ? (int)dilations.v[1] : 1};
    ca_cpu_pool_pads(pad, n);
    d.pool.pad_top = pad[0];
    d.pool.pad_left = pad[1];
    CA_TRY(ca_cpu_narrow(b, &d.in, n->inputs[0].value, 0));
    CA_TRY(ca_cpu_new_narrow(b, &d.out, &n->outputs[0]));
    return emit(b, n, b->precision == CA_ELEM_U8 ? "u8_max_pool" : "bf16_max_pool",
                run_max_pool, &d);
}

static CarinaStatus lower_concat(CaCpuBuild *b, const CarinaNode *n)
{
    CaCpuRef out;
    CA_TRY(ca_cpu_new_narrow(b, &out, &n->outputs[0]));
    for (int i = 0; i < n->n_inputs; i++) {
        NarrowStep d = {
            .in2.buffer = -1, .out = out, .zero = zero_of(quant(b, &n->outputs[0]))};
        CA_TRY(ca_cpu_narrow(b, &d.in, n->inputs[i].value, 0));
        d.out.c = d.in.c;
        CA_TRY(emit(b, n, "u8_concat", run_copy, &d));
        out.first_block += (d.in.c + 15) / 16;
    }
    return CARINA_OK;
}

/* (a - za) / sa + (b - zb) / sb, at 0 at least where ReLU follows, in steps of the result. */
static CarinaStatus lower_add(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaNode *end = add_end(b, n);
    const CarinaValue *result = &end->outputs[0];
    const CaQuant *x = quant(b, n->inputs[0].value), *y = quant(b, n->inputs[1].value),
                  *q = quant(b, result);
    NarrowStep d = {.zero = zero_of(q)};
    const double ka = (double)q->scale / (double)x->scale,
                 kb = (double)q->scale / (double)y->scale;
    const bool has_relu = ca_cpu_only_reader(&n->outputs[0]) != end;
    d.add =
        (CaMapAdd){(float)ka, (float)kb,
                   (float)((double)q->zero - ka * (double)x->zero - kb * (double)y->zero),
                   has_relu && q->zero > q->low ? q->zero : q->low, q->high};
    CA_TRY(ca_cpu_narrow(b, &d.in, n->inputs[0].value, 0));
    CA_TRY(ca_cpu_narrow(b, &d.in2, n->inputs[1].value, 0));
    CA_TRY(ca_cpu_new_narrow(b, &d.out, result));
    if (has_relu)
        b->is_skipped[ca_cpu_only_reader(&n->outputs[0])->id] = true;
    b->is_skipped[end->id] = true;
    return emit(b, n, "u8_add", run_add, &d);
}

bool ca_cpu_lower_narrow(CarinaStatus *status, CaCpuBuild *b, const CarinaNode *n)
{
    CaCpuRef ref;
    if (b->precision == CA_ELEM_F32)
        return false;
    if (b->takes_narrow[n->id] && is_again(b, n)) {
        *status = ca_cpu_narrow(b, &ref, n->inputs[0].value, 0);
        ca_cpu_value(b, &n->outputs[0])->narrow = ref;
    } else if (b->takes_narrow[n->id] && ca_cpu_is_quantizer(b, n))
        *status = ca_cpu_u8_chain_lower(b, n);
    else if (ca_cpu_is_quantizer(b, n) && ca_cpu_is_for_pixels(b, &n->outputs[0]))
        *status = CARINA_OK; /* made with its only reader */
    else if (ca_cpu_is_quantizer(b, n) && ca_cpu_wants_narrow(b, &n->outputs[0]))
        *status = ca_cpu_narrow(b, &ref, &n->outputs[0], 0);
    else if (!b->takes_narrow[n->id])
        return false;
    else if (ca_cpu_is(n, "MaxPool"))
        *status = lower_max_pool(b, n);
    else if (ca_cpu_is(n, "MatMul"))
        *status = ca_cpu_u8_matmul_lower(b, n);
    else if (ca_cpu_is(n, "Concat"))
        *status = lower_concat(b, n);
    else if (ca_cpu_is(n, "Add"))
        *status = lower_add(b, n);
    else
        return false;
    return true;
}
