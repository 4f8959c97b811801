/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values' forms, steps and buffers while compiling.
 */
#include "base/half.h"
#include "cpu_view.h"
#include "kernels/layout/blocked.h"

#include <string.h>

static CarinaStatus no_memory(CaCpuBuild *b)
{
    return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
}

bool ca_cpu_is_float(CarinaType type)
{
    return type == CARINA_F32 || type == CARINA_F16 || type == CARINA_BF16;
}

CarinaType ca_cpu_type(CarinaType type)
{
    return ca_cpu_is_float(type) ? CARINA_F32 : type;
}

size_t ca_cpu_elem_size(CarinaType type)
{
    switch (type) {
    case CARINA_F64:
    case CARINA_I64:
    case CARINA_U64: return 8;
    case CARINA_F32:
    case CARINA_F16: /* held as f32 */
    case CARINA_BF16:
    case CARINA_I32:
    case CARINA_U32: return 4;
    case CARINA_I16:
    case CARINA_U16: return 2;
    case CARINA_I8:
    case CARINA_U8:
    case CARINA_BOOL:
    case CARINA_U1:
    case CARINA_I4:
    case CARINA_U4:
    case CARINA_UNKNOWN: break;
    }
    return 1;
}

int64_t ca_cpu_count(const CarinaShape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++)
        n *= s->dims[i];
    return n;
}

const CarinaValue *ca_cpu_in(const CarinaNode *node, int i)
{
    return i < node->n_inputs ? node->inputs[i].value : NULL;
}

static bool int_at(int64_t *out, const CarinaTensor *t, int64_t i)
{
    const void *p = t->data;
    switch (t->type) {
    case CARINA_I64:
    case CARINA_U64: *out = ((const int64_t *)p)[i]; return true;
    case CARINA_I32: *out = ((const int32_t *)p)[i]; return true;
    case CARINA_U32: *out = ((const uint32_t *)p)[i]; return true;
    case CARINA_I16: *out = ((const int16_t *)p)[i]; return true;
    case CARINA_U16: *out = ((const uint16_t *)p)[i]; return true;
    case CARINA_I8: *out = ((const int8_t *)p)[i]; return true;
    case CARINA_BOOL:
    case CARINA_U8: *out = ((const uint8_t *)p)[i]; return true;
    case CARINA_F64:
    case CARINA_F32:
    case CARINA_F16:
    case CARINA_BF16:
    case CARINA_U1:
    case CARINA_I4:
    case CARINA_U4:
    case CARINA_UNKNOWN: break;
    }
    return false;
}

bool ca_cpu_ints(const CarinaValue *v, int64_t *out, int max, int *n)
{
    if (!v || !v->constant || ca_cpu_count(&v->shape) > max)
        return false;
    *n = (int)ca_cpu_count(&v->shape);
    for (int i = 0; i < *n; i++)
        if (!int_at(&out[i], v->constant, i))
            return false;
    return true;
}

bool ca_cpu_axis(int64_t given, int rank, int *axis)
{
    given += given < 0 ? rank : 0;
    *axis = (int)given;
    return given >= 0 && given < rank;
}

int64_t ca_cpu_product(const CarinaShape *s, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++)
        n *= s->dims[i];
    return n;
}

bool ca_cpu_is_bytes(CarinaType type)
{
    return type != CARINA_UNKNOWN && type != CARINA_U1 && type != CARINA_I4 &&
           type != CARINA_U4;
}

void ca_cpu_refuse(CaCpuRun *r, const CaCpuStep *s, const char *problem)
{
    int good = CARINA_OK;
    _Static_assert(sizeof r->status == sizeof good, "the status is exchanged as an int");
    if (__atomic_compare_exchange_n((int *)(void *)&r->status, &good, CARINA_ERR_ARGUMENT,
                                    false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        (void)ca_err(r->err, CARINA_ERR_ARGUMENT, "node '%s' (%s): %s", s->info.name,
                     s->info.type, problem);
}

bool ca_cpu_is(const CarinaNode *node, const char *op)
{
    return node && strcmp(node->op_name, op) == 0;
}

CaCpuValue *ca_cpu_value(const CaCpuBuild *b, const CarinaValue *v)
{
    return &b->values[v->node->id][v->index];
}

const CarinaTensor *ca_cpu_constant(const CarinaValue *v)
{
    if (!v || v->constant || !ca_cpu_is(v->node, "Convert") || !ca_cpu_is_float(v->type))
        return v ? v->constant : NULL;
    const CarinaTensor *t = v->node->inputs[0].value->constant;
    return t && ca_cpu_is_float(t->type) ? t : NULL;
}

bool ca_cpu_has_blocked(const CaCpuBuild *b, const CarinaValue *v)
{
    return ca_cpu_value(b, v)->blocked.buffer >= 0;
}

bool ca_cpu_is_only_plain(const CaCpuBuild *b, const CarinaValue *v)
{
    const CaCpuValue *x = ca_cpu_value(b, v);
    return x->blocked.buffer < 0 && x->narrow.buffer < 0 &&
           (x->plain >= 0 || x->view || ca_cpu_is(v->node, "Parameter"));
}

CarinaStatus ca_cpu_add_buffer(CaCpuBuild *b, int *buffer, CaCpuBuffer what)
{
    CarinaProgram *p = b->p;
    if (p->n_buffers == p->buffers_room) {
        const int room = p->buffers_room ? 2 * p->buffers_room : 64;
        p->buffers =
            ca_grow(p->buffers, (size_t)p->n_buffers, (size_t)room, sizeof *p->buffers);
        if (!p->buffers)
            return no_memory(b);
        p->buffers_room = room;
    }
    what.first = what.last = -1;
    p->buffers[p->n_buffers] = what;
    *buffer = p->n_buffers++;
    return CARINA_OK;
}

/* All that it reads and writes, once. */
static double bytes_of(const CarinaNode *n)
{
    double bytes = 0;
    for (int i = 0; i < n->n_inputs + n->n_outputs; i++) {
        const CarinaValue *v =
            i < n->n_inputs ? n->inputs[i].value : &n->outputs[i - n->n_inputs];
        if (v)
            bytes += (double)ca_cpu_count(&v->shape) * (double)ca_cpu_elem_size(v->type);
    }
    return bytes;
}

CarinaStatus ca_cpu_add_step(CaCpuBuild *b, CaCpuStep **step, const CarinaNode *node,
                             const char *kernel, CaCpuStepFn *fn, size_t data_size)
{
    CarinaProgram *p = b->p;
    if (p->n_steps == p->steps_room) {
        const int room = p->steps_room ? 2 * p->steps_room : 64;
        p->steps = ca_grow(p->steps, (size_t)p->n_steps, (size_t)room, sizeof *p->steps);
        if (!p->steps)
            return no_memory(b);
        p->steps_room = room;
    }
    CaCpuStep *s = &p->steps[p->n_steps++];
    memset(s, 0, sizeof *s);
    s->data = ca_arena_alloc(p->arena, data_size ? data_size : 1);
    s->info.name = ca_arena_copy(p->arena, node->name);
    s->info.type = ca_arena_copy(p->arena, node->op_name);
    s->info.kernel = ca_arena_copy(p->arena, kernel);
    if (!s->data || !s->info.name || !s->info.type || !s->info.kernel)
        return no_memory(b);
    s->info.shape = node->n_outputs ? node->outputs[0].shape : (CarinaShape){0, {0}};
    s->info.bytes = bytes_of(node);
    s->fn = fn;
    s->n_phases = 1;
    *step = s;
    return CARINA_OK;
}

void ca_cpu_use(CaCpuBuild *b, int buffer)
{
    CaCpuBuffer *u = &b->p->buffers[buffer];
    const int at = b->p->n_steps - 1;
    if (u->first < 0)
        u->first = at;
    u->last = at;
}

void ca_cpu_need_halo(CaCpuBuild *b, const CaCpuRef *ref, int halo)
{
    CaCpuBuffer *u = &b->p->buffers[ref->buffer];
    u->halo = halo > u->halo ? halo : u->halo;
}

CarinaStatus ca_cpu_new_plain(CaCpuBuild *b, int *buffer, const CarinaValue *v)
{
    size_t size = 0;
    if (!ca_mul_size(&size, (size_t)ca_cpu_count(&v->shape), ca_cpu_elem_size(v->type)))
        return no_memory(b);
    CA_TRY(ca_cpu_add_buffer(b, buffer, (CaCpuBuffer){.size = size}));
    ca_cpu_value(b, v)->plain = *buffer;
    return CARINA_OK;
}

static CaCpuRef ref_of(int buffer, int first_block, const CarinaShape *s)
{
    return (CaCpuRef){buffer,          first_block,     (int)s->dims[0],
                      (int)s->dims[1], (int)s->dims[2], (int)s->dims[3]};
}

CarinaStatus ca_cpu_new_blocked(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v)
{
    CaCpuValue *x = ca_cpu_value(b, v);
    const CarinaShape *s = &v->shape;
    int buffer = x->root;
    if (buffer < 0)
        CA_TRY(ca_cpu_add_buffer(b, &buffer,
                                 (CaCpuBuffer){.is_blocked = true,
                                               .n = (int)s->dims[0],
                                               .c = (int)s->dims[1],
                                               .h = (int)s->dims[2],
                                               .w = (int)s->dims[3]}));
    x->blocked = ref_of(buffer, x->root < 0 ? 0 : x->root_block, s);
    *ref = x->blocked;
    return CARINA_OK;
}

/* --- Steps between the forms. */

typedef struct Reorder {
    CaCpuRef blocked;
    int plain;
} Reorder;

static void run_pack(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const Reorder *d = s->data;
    const CaActs out = ca_cpu_acts(r, &d->blocked);
    (void)phase;
    ca_pack_nchw(&out, ca_cpu_at(r, d->plain), thread, n_threads);
}

static void run_unpack(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const Reorder *d = s->data;
    const CaActs in = ca_cpu_acts(r, &d->blocked);
    (void)phase;
    ca_unpack_nchw(ca_cpu_at(r, d->plain), &in, thread, n_threads);
}

typedef struct ConvertStep {
    int in, out;
    CarinaType type; /* of in; out is f32 */
    int64_t n;
} ConvertStep;

static void run_widen(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                      int n_threads)
{
    const ConvertStep *d = s->data;
    const uint16_t *in = ca_cpu_at(r, d->in);
    float *out = ca_cpu_at(r, d->out);
    const int64_t begin = d->n * thread / n_threads,
                  end = d->n * (thread + 1) / n_threads;
    (void)phase;
    for (int64_t i = begin; i < end; i++)
        out[i] = d->type == CARINA_F16 ? ca_f16_to_f32(in[i]) : ca_bf16_to_f32(in[i]);
}

/* A source that never changes or comes from the user: as it lies, or widened by a step. */
static CarinaStatus plain_source(CaCpuBuild *b, int *buffer, const CarinaValue *v,
                                 CaCpuBuffer source)
{
    CaCpuStep *s = NULL;
    int raw = 0;
    source.size = 0;
    CA_TRY(ca_cpu_add_buffer(b, &raw, source));
    *buffer = raw;
    if (v->type == CARINA_F16 || v->type == CARINA_BF16) {
        CA_TRY(ca_cpu_new_plain(b, buffer, v));
        CA_TRY(ca_cpu_add_step(b, &s, v->node, "widen", run_widen, sizeof(ConvertStep)));
        *(ConvertStep *)s->data =
            (ConvertStep){raw, *buffer, v->type, ca_cpu_count(&v->shape)};
        s->info.type = "Convert";
        ca_cpu_use(b, raw);
        ca_cpu_use(b, *buffer);
    }
    ca_cpu_value(b, v)->plain = *buffer;
    return CARINA_OK;
}

CarinaStatus ca_cpu_plain(CaCpuBuild *b, int *buffer, const CarinaValue *v)
{
    CaCpuValue *x = ca_cpu_value(b, v);
    if (x->plain < 0 && v->constant) {
        /* f16 constants are widened now, once, into the program's own memory. */
        int64_t n = 0;
        const void *data = v->constant->data;
        if (v->type == CARINA_F16 || v->type == CARINA_BF16)
            data = ca_cpu_floats(b, v, &n);
        if (!data && v->constant->size)
            return no_memory(b);
        if (data == v->constant->data) { /* the graph goes away after compiling */
            void *copy = ca_arena_alloc(b->p->arena, v->constant->size + 1);
            if (!copy)
                return no_memory(b);
            memcpy(copy, data, v->constant->size);
            data = copy;
        }
        CA_TRY(ca_cpu_add_buffer(b, &x->plain,
                                 (CaCpuBuffer){.place = CA_CPU_CONST, .constant = data}));
    } else if (x->plain < 0 && ca_cpu_is(v->node, "Parameter")) {
        int index = 0;
        while (b->graph->inputs[index] != v->node)
            index++;
        CA_TRY(plain_source(b, &x->plain, v,
                            (CaCpuBuffer){.place = CA_CPU_INPUT, .index = index}));
    } else if (ca_cpu_is_view(b, v)) {
        return ca_cpu_plain_of_view(b, buffer, v);
    } else if (x->plain < 0 && x->narrow.buffer >= 0 && !ca_cpu_is_float(v->type)) {
        return ca_cpu_plain_of_map(b, buffer, v);
    } else if (x->plain < 0) {
        CaCpuStep *s = NULL;
        CaCpuRef blocked = x->blocked;
        if (blocked.buffer < 0 && x->narrow.buffer >= 0)
            CA_TRY(ca_cpu_widen_blocked(b, &blocked, v));
        if (blocked.buffer < 0)
            return ca_err(b->err, CARINA_ERR_UNSUPPORTED,
                          "node '%s' (%s): its result is not there", v->node->name,
                          v->node->op_name);
        CA_TRY(ca_cpu_new_plain(b, buffer, v));
        CA_TRY(ca_cpu_add_step(b, &s, v->node, "unpack", run_unpack, sizeof(Reorder)));
        *(Reorder *)s->data = (Reorder){blocked, *buffer};
        s->info.type = "Reorder";
        ca_cpu_use(b, blocked.buffer);
        ca_cpu_use(b, *buffer);
    }
    *buffer = x->plain;
    return CARINA_OK;
}

CarinaStatus ca_cpu_blocked(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *v, int halo)
{
    CaCpuValue *x = ca_cpu_value(b, v);
    if (x->blocked.buffer < 0 && x->plain < 0 && x->narrow.buffer >= 0) {
        CA_TRY(ca_cpu_widen_blocked(b, ref, v));
    } else if (x->blocked.buffer < 0) {
        CaCpuStep *s = NULL;
        int plain = 0;
        CA_TRY(ca_cpu_plain(b, &plain, v));
        CA_TRY(ca_cpu_new_blocked(b, ref, v));
        CA_TRY(ca_cpu_add_step(b, &s, v->node, "pack", run_pack, sizeof(Reorder)));
        *(Reorder *)s->data = (Reorder){*ref, plain};
        s->info.type = "Reorder";
        ca_cpu_use(b, plain);
        ca_cpu_use(b, ref->buffer);
    }
    *ref = x->blocked;
    ca_cpu_need_halo(b, ref, halo);
    return CARINA_OK;
}

void ca_cpu_widen(float *out, const CarinaTensor *t, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t half = 0;
        if (t->type == CARINA_F32) {
            memcpy(&out[i], (const char *)t->data + (size_t)i * sizeof *out, sizeof *out);
            continue;
        }
        memcpy(&half, (const char *)t->data + (size_t)i * sizeof half, sizeof half);
        out[i] = t->type == CARINA_F16 ? ca_f16_to_f32(half) : ca_bf16_to_f32(half);
    }
}

const float *ca_cpu_floats(CaCpuBuild *b, const CarinaValue *v, int64_t *n)
{
    const CarinaTensor *t = ca_cpu_constant(v);
    if (!t || !ca_cpu_is_float(t->type))
        return NULL;
    *n = ca_cpu_count(&t->shape);
    float *out = ca_arena_array(b->p->arena, (size_t)*n + 16, sizeof *out);
    if (out)
        ca_cpu_widen(out, t, *n);
    return out;
}
