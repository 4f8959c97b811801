/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators on quantised integers, all but convolution: in maps of u8 where their inputs are maps, else on plain
 * tensors.
 */
#include "lower_steps.h"

#include "lower_parts.h"

#include <string.h>

int ca_cpu_step_offset(CarinaType type) { return type == CARINA_I8 ? 128 : 0; }

bool ca_cpu_is_step(const CarinaValue *v)
{
    return v->type == CARINA_I8 || v->type == CARINA_U8;
}

int ca_cpu_step_zero(const CarinaValue *v)
{
    for (const CarinaUse *u = v->uses; u; u = u->next)
        if (u->index == 0 && ca_cpu_is(u->node, "QuantizedConvolution"))
            return (int)carina_node_int(u->node, "zero_x", 0) +
                   ca_cpu_step_offset(v->type);
    return 0;
}

bool ca_cpu_has_step_map(const CaCpuBuild *b, const CarinaValue *v)
{
    return ca_cpu_is_step(v) && ca_cpu_value(b, v)->narrow.buffer >= 0;
}

typedef struct StepMap { /* a step on maps, or between a map and plain bytes */
    CaCpuRef in, in2, out;
    int plain, zero, flip;
    CaMapFixed fixed;
    CaMapMean mean;
    const unsigned char *table;
} StepMap;

static CarinaStatus emit(CaCpuBuild *b, const CarinaNode *n, const char *kernel,
                         CaCpuStepFn *fn, const StepMap *d)
{
    CaCpuStep *s = NULL;
    CA_TRY(ca_cpu_add_step(b, &s, n, kernel, fn, sizeof *d));
    *(StepMap *)s->data = *d;
    const int used[] = {d->in.buffer, d->in2.buffer, d->out.buffer, d->plain};
    for (int i = 0; i < 4; i++)
        if (used[i] >= 0)
            ca_cpu_use(b, used[i]);
    return CARINA_OK;
}

static StepMap no_step(const CarinaValue *out)
{
    return (StepMap){.in = {.buffer = -1},
                     .in2 = {.buffer = -1},
                     .out = {.buffer = -1},
                     .plain = -1,
                     .zero = ca_cpu_step_zero(out),
                     .flip = ca_cpu_step_offset(out->type)};
}

static void run_pack(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const StepMap *d = s->data;
    const CaMap out = ca_cpu_map(r, &d->out);
    (void)phase;
    ca_map_pack(&out, ca_cpu_at(r, d->plain), d->flip, d->zero, thread, n_threads);
}

static void run_unpack(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const StepMap *d = s->data;
    const CaMap in = ca_cpu_map(r, &d->in);
    (void)phase;
    ca_map_unpack(ca_cpu_at(r, d->plain), &in, d->flip, thread, n_threads);
}

CarinaStatus ca_cpu_new_step_map(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v)
{
    const CarinaShape *s = &v->shape;
    int buffer = -1;
    CA_TRY(ca_cpu_add_buffer(b, &buffer,
                             (CaCpuBuffer){.is_blocked = true,
                                           .n = (int)s->dims[0],
                                           .c = (int)s->dims[1],
                                           .h = (int)s->dims[2],
                                           .w = (int)s->dims[3],
                                           .elem = CA_ELEM_U8,
                                           .zero = ca_cpu_step_zero(v)}));
    *ref = ca_cpu_value(b, v)->narrow = (CaCpuRef){
        buffer, 0, (int)s->dims[0], (int)s->dims[1], (int)s->dims[2], (int)s->dims[3]};
    return CARINA_OK;
}

CarinaStatus ca_cpu_step_map(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v, int halo)
{
    if (!ca_cpu_has_step_map(b, v)) {
        StepMap d = no_step(v);
        CA_TRY(ca_cpu_plain(b, &d.plain, v));
        CA_TRY(ca_cpu_new_step_map(b, &d.out, v));
        CA_TRY(emit(b, v->node, "pack_bytes", run_pack, &d));
        b->p->steps[b->p->n_steps - 1].info.type = "Reorder";
    }
    *ref = ca_cpu_value(b, v)->narrow;
    ca_cpu_need_halo(b, ref, halo);
    return CARINA_OK;
}

CarinaStatus ca_cpu_plain_of_map(CaCpuBuild *b, int *buffer, const CarinaValue *v)
{
    StepMap d = no_step(v);
    d.in = ca_cpu_value(b, v)->narrow;
    CA_TRY(ca_cpu_new_plain(b, &d.plain, v));
    *buffer = d.plain;
    CA_TRY(emit(b, v->node, "unpack_bytes", run_unpack, &d));
    b->p->steps[b->p->n_steps - 1].info.type = "Reorder";
    return CARINA_OK;
}

/* --- Two tensors. */

static void run_fixed(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                      int n_threads)
{
    const StepMap *d = s->data;
    const CaMap a = ca_cpu_map(r, &d->in), b = ca_cpu_map(r, &d->in2),
                out = ca_cpu_map(r, &d->out);
    (void)phase;
    ca_map_fixed(&out, &a, &b, &d->fixed, d->zero, r->program->dev->host->cpu_flags,
                 thread, n_threads);
}

static CaFixed factor(const CarinaNode *n, const char *mantissa, const char *exponent)
{
    return (CaFixed){(int32_t)carina_node_int(n, mantissa, 0),
                     (int32_t)carina_node_int(n, exponent, 0)};
}

/* Steps in maps of u8 have the offset added to zero points and bounds. */
static bool fixed_of(CaMapFixed *f, const CarinaNode *n, int offset)
{
    const char *mode = carina_node_enum(n, "mode");
    *f = (CaMapFixed){.mode = strcmp(mode, "add") == 0   ? CA_FIXED_ADD
                              : strcmp(mode, "sub") == 0 ? CA_FIXED_SUB
                                                         : CA_FIXED_MUL,
                      .left = (int)carina_node_int(n, "left", 0),
                      .zero_a = (int)carina_node_int(n, "zero_a", 0) + offset,
                      .zero_b = (int)carina_node_int(n, "zero_b", 0) + offset,
                      .zero_y = (int)carina_node_int(n, "zero_y", 0) + offset,
                      .low = (int)carina_node_int(n, "low", 0) + offset,
                      .high = (int)carina_node_int(n, "high", 0) + offset,
                      .a = factor(n, "mantissa_a", "exponent_a"),
                      .b = factor(n, "mantissa_b", "exponent_b"),
                      .y = factor(n, "mantissa_y", "exponent_y")};
    const bool is_product = f->mode == CA_FIXED_MUL;
    return (is_product ? strcmp(mode, "mul") == 0
                       : strcmp(mode, "add") == 0 || strcmp(mode, "sub") == 0) &&
           f->y.exponent <= 0 &&
           (is_product || (f->a.exponent <= 0 && f->b.exponent <= 0)) && f->low >= 0 &&
           f->high <= 255 && f->low <= f->high && f->zero_a >= 0 && f->zero_a <= 255 &&
           f->zero_b >= 0 && f->zero_b <= 255;
}

static bool same_dims(const CarinaShape *a, const CarinaShape *b)
{
    return a->rank == b->rank &&
           memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

CarinaStatus ca_cpu_lower_step_binary(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value, *y = n->inputs[1].value,
                      *out = &n->outputs[0];
    StepMap d = no_step(out);
    if (!ca_cpu_is_step(out) || out->shape.rank != 4 ||
        !same_dims(&x->shape, &out->shape) || !same_dims(&y->shape, &out->shape) ||
        (!ca_cpu_has_step_map(b, x) && !ca_cpu_has_step_map(b, y)) ||
        !fixed_of(&d.fixed, n, ca_cpu_step_offset(out->type)))
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(ca_cpu_step_map(b, &d.in, x, 0));
    CA_TRY(ca_cpu_step_map(b, &d.in2, y, 0));
    CA_TRY(ca_cpu_new_step_map(b, &d.out, out));
    return emit(b, n, "u8_fixed", run_fixed, &d);
}

/* --- Pooling. */

static void run_mean(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const StepMap *d = s->data;
    const CaMap in = ca_cpu_map(r, &d->in), out = ca_cpu_map(r, &d->out);
    (void)phase;
    ca_map_mean_pool(&out, &in, &d->mean, d->zero, thread, n_threads);
}

static void run_max(const CaCpuStep *s, CaCpuRun *r, int phase, int thread, int n_threads)
{
    const StepMap *d = s->data;
    const CaMap in = ca_cpu_map(r, &d->in), out = ca_cpu_map(r, &d->out);
    (void)phase;
    ca_map_max_pool(&out, &in, &d->mean.pool, d->zero, r->program->dev->host->cpu_flags,
                    thread, n_threads);
}

/* A window of steps: sums of bytes within int. */
static bool pool_of(CaMapPool *p, const CarinaNode *n)
{
    const CarinaInts kernel = carina_node_ints(n, "kernel"),
                     strides = carina_node_ints(n, "strides"),
                     dilations = carina_node_ints(n, "dilations");
    int pad[2];
    if (kernel.n != 2 || n->inputs[0].value->shape.rank != 4 ||
        !ca_cpu_is_step(&n->outputs[0]) || kernel.v[0] > 2048 || kernel.v[1] > 2048)
        return false;
    ca_cpu_pool_pads(pad, n);
    *p = (CaMapPool){.kernel_h = (int)kernel.v[0],
                     .kernel_w = (int)kernel.v[1],
                     .stride_h = strides.n ? (int)strides.v[0] : 1,
                     .stride_w = strides.n ? (int)strides.v[1] : 1,
                     .dilation_h = dilations.n ? (int)dilations.v[0] : 1,
                     .dilation_w = dilations.n ? (int)dilations.v[1] : 1,
                     .pad_top = pad[0],
                     .pad_left = pad[1]};
    return true;
}

CarinaStatus ca_cpu_lower_step_mean(CaCpuBuild *b, const CarinaNode *n)
{
    StepMap d = no_step(&n->outputs[0]);
    if (!pool_of(&d.mean.pool, n))
        return CARINA_ERR_UNSUPPORTED;
    d.mean.less = d.flip;
    d.mean.low = (int)carina_node_int(n, "low", 0) + d.flip;
    d.mean.high = (int)carina_node_int(n, "high", 0) + d.flip;
    if (d.mean.low < 0 || d.mean.high > 255 || d.mean.low > d.mean.high)
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(ca_cpu_step_map(b, &d.in, n->inputs[0].value, 0));
    CA_TRY(ca_cpu_new_step_map(b, &d.out, &n->outputs[0]));
    return emit(b, n, "u8_mean_pool", run_mean, &d);
}

CarinaStatus ca_cpu_lower_step_max(CaCpuBuild *b, const CarinaNode *n)
{
    StepMap d = no_step(&n->outputs[0]);
    if (!pool_of(&d.mean.pool, n) || (n->n_outputs > 1 && n->outputs[1].uses))
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(ca_cpu_step_map(b, &d.in, n->inputs[0].value, 0));
    CA_TRY(ca_cpu_new_step_map(b, &d.out, &n->outputs[0]));
    return emit(b, n, "u8_max_pool", run_max, &d);
}

/* --- Tables. */

static void run_table(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                      int n_threads)
{
    const StepMap *d = s->data;
    const CaMap in = ca_cpu_map(r, &d->in), out = ca_cpu_map(r, &d->out);
    (void)phase;
    ca_map_table(&out, &in, d->table, d->zero, thread, n_threads);
}

typedef struct PlainTable {
    int in, out;
    int64_t n;
    const uint16_t *wide; /* of i16 */
    const unsigned char *table;
    int flip;
} PlainTable;

static void run_plain_table(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                            int n_threads)
{
    const PlainTable *d = s->data;
    int64_t i = d->n * thread / n_threads;
    const int64_t end = d->n * (thread + 1) / n_threads;
    (void)phase;
    if (d->wide) {
        const uint16_t *in = ca_cpu_at(r, d->in);
        uint16_t *out = ca_cpu_at(r, d->out);
        for (; i < end; i++)
            out[i] = d->wide[in[i] ^ d->flip];
        return;
    }
    const unsigned char *in = ca_cpu_at(r, d->in);
    unsigned char *out = ca_cpu_at(r, d->out);
    for (; i < end; i++)
        out[i] = d->table[in[i] ^ d->flip];
}

/* The table by the bits of x with its sign turned: its own order. */
static CarinaStatus plain_table(CaCpuBuild *b, const CarinaNode *n,
                                const CarinaTensor *table)
{
    const CarinaValue *x = n->inputs[0].value;
    PlainTable d = {.n = ca_cpu_count(&x->shape)};
    CaCpuStep *s = NULL;
    const bool is_wide = x->type == CARINA_I16;
    if (is_wide != (table->type == CARINA_I16))
        return CARINA_ERR_UNSUPPORTED;
    void *copy = ca_arena_alloc(b->p->arena, table->size + 1);
    if (!copy)
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
    memcpy(copy, table->data, table->size);
    d.wide = is_wide ? copy : NULL;
    d.table = copy;
    d.flip = is_wide ? 0x8000 : ca_cpu_step_offset(x->type);
    CA_TRY(ca_cpu_plain(b, &d.in, x));
    CA_TRY(ca_cpu_new_plain(b, &d.out, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, "table", run_plain_table, sizeof d));
    *(PlainTable *)s->data = d;
    ca_cpu_use(b, d.in);
    ca_cpu_use(b, d.out);
    return CARINA_OK;
}

CarinaStatus ca_cpu_lower_step_table(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value;
    const CarinaTensor *table = n->inputs[1].value->constant;
    StepMap d = no_step(&n->outputs[0]);
    if (!table)
        return CARINA_ERR_UNSUPPORTED;
    if (!ca_cpu_has_step_map(b, x) || !ca_cpu_is_step(&n->outputs[0]))
        return plain_table(b, n, table);
    unsigned char *turned = ca_arena_alloc(b->p->arena, 256);
    if (!turned)
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
    for (int i = 0; i < 256; i++)
        turned[i] = (unsigned char)(((const unsigned char *)table->data)[i] ^ d.flip);
    d.table = turned;
    CA_TRY(ca_cpu_step_map(b, &d.in, x, 0));
    CA_TRY(ca_cpu_new_step_map(b, &d.out, &n->outputs[0]));
    return emit(b, n, "u8_table", run_table, &d);
}
