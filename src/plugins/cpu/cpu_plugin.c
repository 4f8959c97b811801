/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU plugin: its table, compiling a graph and running a program.
 */
#include "base/compiler.h"
#include "base/cpu.h"
#include "base/half.h"
#include "base/threads.h"
#include "conv_choice.h"
#include "conv_tune.h"
#include "cpu_packed.h"
#include "cpu_program.h"

#include <stdio.h>
#include <string.h>

static CarinaStatus open_cpu(CarinaDevice **out, const CarinaHost *host,
                             const CarinaOption *options, CarinaError *err)
{
    char name[49];
    const uint32_t f = host->cpu_flags;
    (void)options;
    *out = NULL;
    if (host->struct_size < sizeof *host)
        return ca_err(err, CARINA_ERR_UNSUPPORTED,
                      "the CPU plugin needs a host of ABI %d.%d; this one is older",
                      CARINA_ABI_MAJOR, CARINA_ABI_MINOR);
    CarinaDevice *d = ca_alloc(sizeof *d);
    *out = d;
    if (!d)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the CPU device");
    d->host = host;
    d->measured = ca_cpu_measured_create();
    d->tune = ca_cpu_tune_create();
    d->pool = ca_cpu_pool_create();
    ca_cpu_name(name);
    (void)snprintf(d->name, sizeof d->name, "%s, %s%s%s", name,
                   f & CA_CPU_AVX512 ? "AVX-512"
                   : f & CA_CPU_AVX2 ? "AVX2 + FMA"
                   : f & CA_CPU_NEON ? "NEON"
                                     : "plain C",
                   f & (CA_CPU_AVX512_VNNI | CA_CPU_AVX_VNNI) ? " + VNNI" : "",
                   f & CA_CPU_AVX512_BF16 ? " + BF16" : "");
    return CARINA_OK;
}

static void close_cpu(CarinaDevice *d)
{
    ca_cpu_measured_free(&d->measured);
    ca_cpu_tune_free(&d->tune);
    ca_cpu_pool_free(&d->pool);
    ca_free(d);
}

static uint64_t node_cost(const CarinaDevice *dev, const CarinaNode *node)
{
    (void)dev;
    for (const CaCpuLowering *l = ca_cpu_lowerings; l->op; l++)
        if (ca_cpu_is(node, l->op))
            return 1;
    return ca_cpu_is(node, "Convolution") || ca_cpu_is(node, "GroupConvolution")
               ? 1
               : 100; /* by its reference */
}

static const char *describe(const CarinaDevice *dev) { return dev->name; }

/* --- The reference as a step: right for every operator, on one thread. */

typedef struct RefStep {
    const CarinaNode *node; /* the graph lives as long as the program */
    int n_in, n_out;
    int *buffers; /* inputs (-1: absent), then outputs */
    CarinaTensor *tensors;
} RefStep;

static void run_reference(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                          int n_threads)
{
    const RefStep *d = s->data;
    CarinaTensor local[32];
    const CarinaTensor *ins[32];
    CarinaTensor *outs[32];
    (void)phase;
    (void)n_threads;
    if (thread != 0)
        return;
    for (int i = 0; i < d->n_in + d->n_out; i++) {
        local[i] = d->tensors[i];
        if (d->buffers[i] >= 0)
            local[i].data = ca_cpu_at(r, d->buffers[i]);
        if (i < d->n_in)
            ins[i] = d->buffers[i] >= 0 ? &local[i] : NULL;
        else
            outs[i - d->n_in] = &local[i];
    }
    r->status = r->program->dev->host->node_reference_in(d->node, outs, ins, r->work,
                                                         s->shared_work, r->err);
}

static CarinaTensor tensor_of(const CarinaValue *v)
{
    return (CarinaTensor){.type = ca_cpu_type(v->type),
                          .shape = v->shape,
                          .size = (size_t)ca_cpu_count(&v->shape) *
                                  ca_cpu_elem_size(v->type)};
}

static CarinaStatus lower_reference(CaCpuBuild *b, const CarinaNode *n)
{
    RefStep d = {.n_in = n->n_inputs, .n_out = n->n_outputs};
    CaCpuStep *s = NULL;
    const int all = n->n_inputs + n->n_outputs;
    if (all > 32)
        return ca_err(b->err, CARINA_ERR_UNSUPPORTED,
                      "node '%s' (%s): the CPU takes at most 32 inputs and outputs of it",
                      n->name, n->op_name);
    d.node = n;
    d.buffers = ca_arena_array(b->p->arena, (size_t)all, sizeof *d.buffers);
    d.tensors = ca_arena_array(b->p->arena, (size_t)all, sizeof *d.tensors);
    if (!d.buffers || !d.tensors)
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
    for (int i = 0; i < n->n_inputs; i++) {
        d.buffers[i] = -1;
        if (n->inputs[i].value) {
            CA_TRY(ca_cpu_plain(b, &d.buffers[i], n->inputs[i].value));
            d.tensors[i] = tensor_of(n->inputs[i].value);
        }
    }
    for (int i = 0; i < n->n_outputs; i++) {
        CA_TRY(ca_cpu_new_plain(b, &d.buffers[n->n_inputs + i], &n->outputs[i]));
        d.tensors[n->n_inputs + i] = tensor_of(&n->outputs[i]);
    }
    const size_t work = b->host->node_reference_work(n);
    if (work == SIZE_MAX)
        return ca_err(b->err, CARINA_ERR_LIMIT,
                      "node '%s' (%s): its work space is too large for this machine",
                      n->name, n->op_name);
    CA_TRY(ca_cpu_add_step(b, &s, n, "reference", run_reference, sizeof d));
    s->shared_work = work;
    *(RefStep *)s->data = d;
    for (int i = 0; i < all; i++)
        if (d.buffers[i] >= 0)
            ca_cpu_use(b, d.buffers[i]);
    return CARINA_OK;
}

/* --- Results. */

typedef struct ResultStep {
    int in, out;
    CarinaType type; /* the user's */
    int64_t n;
    size_t elem_size;
} ResultStep;

static void run_result(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const ResultStep *d = s->data;
    const int64_t begin = d->n * thread / n_threads,
                  end = d->n * (thread + 1) / n_threads;
    const void *in = ca_cpu_at(r, d->in);
    void *out = ca_cpu_at(r, d->out);
    (void)phase;
    if (d->type != CARINA_F16 && d->type != CARINA_BF16) {
        memcpy((char *)out + (size_t)begin * d->elem_size,
               (const char *)in + (size_t)begin * d->elem_size,
               (size_t)(end - begin) * d->elem_size);
        return;
    }
    for (int64_t i = begin; i < end; i++) {
        const float x = ((const float *)in)[i];
        ((uint16_t *)out)[i] =
            d->type == CARINA_F16 ? ca_f32_to_f16(x) : ca_f32_to_bf16(x);
    }
}

/* A buffer that one step writes becomes the user's own tensor; else it is copied there. */
static CarinaStatus lower_result(CaCpuBuild *b, const CarinaNode *n, int index)
{
    const CarinaValue *v = n->inputs[0].value;
    ResultStep d = {.type = v->type,
                    .n = ca_cpu_count(&v->shape),
                    .elem_size = ca_cpu_elem_size(v->type)};
    CaCpuStep *s = NULL;
    CA_TRY(ca_cpu_plain(b, &d.in, v));
    CaCpuBuffer *u = &b->p->buffers[d.in];
    if (u->place == CA_CPU_SCRATCH && ca_cpu_type(v->type) == v->type) {
        u->place = CA_CPU_OUTPUT;
        u->index = index;
        return CARINA_OK;
    }
    CA_TRY(ca_cpu_add_buffer(b, &d.out,
                             (CaCpuBuffer){.place = CA_CPU_OUTPUT, .index = index}));
    CA_TRY(ca_cpu_add_step(b, &s, n, "copy", run_result, sizeof d));
    *(ResultStep *)s->data = d;
    ca_cpu_use(b, d.in);
    ca_cpu_use(b, d.out);
    return CARINA_OK;
}

/* --- Compiling. */

/* Nothing to compute: the outputs only have their place. */
static CarinaStatus lower_empty(CaCpuBuild *b, const CarinaNode *n)
{
    for (int i = 0; i < n->n_outputs; i++) {
        int buffer = 0;
        CA_TRY(ca_cpu_new_plain(b, &buffer, &n->outputs[i]));
    }
    return CARINA_OK;
}

static CarinaStatus lower(CaCpuBuild *b, const CarinaNode *n)
{
    bool all_known = n->n_outputs > 0, all_empty = true;
    for (int i = 0; i < n->n_outputs; i++) {
        all_known = all_known && n->outputs[i].constant;
        all_empty = all_empty && ca_cpu_count(&n->outputs[i].shape) == 0;
    }
    if (all_known || ca_cpu_is(n, "Const") || ca_cpu_is(n, "Parameter") ||
        ca_cpu_is(n, "Result") || b->is_skipped[n->id])
        return CARINA_OK;
    if (all_empty)
        return lower_empty(b, n);
    CarinaStatus status = CARINA_OK;
    if (b->fusions[n->id].conv)
        return ca_cpu_lower_fused(b, &b->fusions[n->id]);
    if (ca_cpu_lower_narrow(&status, b, n))
        return status;
    for (const CaCpuLowering *l = ca_cpu_lowerings; l->op; l++)
        if (ca_cpu_is(n, l->op)) {
            if (b->err)
                b->err->text[0] = 0;
            status = l->lower(b, n);
            if (status != CARINA_ERR_UNSUPPORTED || (b->err && b->err->text[0]))
                return status;
        }
    return lower_reference(b, n);
}

static CarinaStatus prepare(CaCpuBuild *b)
{
    CaArena *arena = b->p->arena;
    for (const CarinaNode *n = b->graph->first; n; n = n->next)
        b->n_ids = n->id >= b->n_ids ? n->id + 1 : b->n_ids;
    const size_t n_ids = (size_t)b->n_ids + 1;
    b->values = ca_arena_array(arena, n_ids, sizeof *b->values);
    b->fusions = ca_arena_array(arena, n_ids, sizeof *b->fusions);
    b->is_skipped = ca_arena_array(arena, n_ids, sizeof *b->is_skipped);
    b->takes_narrow = ca_arena_array(arena, n_ids, sizeof *b->takes_narrow);
    b->filter_scales = ca_arena_array(arena, n_ids, sizeof *b->filter_scales);
    if (!b->values || !b->fusions || !b->is_skipped || !b->takes_narrow ||
        !b->filter_scales)
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
    for (const CarinaNode *n = b->graph->first; n; n = n->next) {
        CaCpuValue *v = ca_arena_array(arena, (size_t)n->n_outputs + 1, sizeof *v);
        if (!v)
            return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
        for (int i = 0; i < n->n_outputs; i++)
            v[i] = (CaCpuValue){.plain = -1,
                                .blocked = {.buffer = -1},
                                .narrow = {.buffer = -1},
                                .root = -1};
        b->values[n->id] = v;
    }
    CA_TRY(ca_cpu_plan_fusion(b));
    return ca_cpu_plan_concat(b);
}

static CarinaStatus build(CaCpuBuild *b)
{
    CA_TRY(prepare(b));
    for (const CarinaNode *n = b->graph->first; n; n = n->next)
        CA_TRY(lower(b, n));
    for (int i = 0; i < b->graph->n_outputs; i++)
        CA_TRY(lower_result(b, b->graph->outputs[i], i));
    return ca_cpu_plan_memory(b->p, b->err);
}

static void discard(CarinaProgram *p)
{
    for (CarinaProgram *body = p->bodies, *next; body; body = next) {
        next = body->next_body;
        discard(body);
    }
    ca_cpu_free_packed(p);
    ca_free(p->steps);
    ca_free(p->buffers);
    ca_arena_free(&p->arena);
    ca_free(p);
}

static const char *option(const CarinaOption *options, const char *key)
{
    for (; options && options->key; options++)
        if (strcmp(options->key, key) == 0)
            return options->value;
    return "";
}

static bool precision_of(CaElem *out, const char *name)
{
    static const struct {
        const char *name;
        CaElem elem;
    } rows[] = {{"", CA_ELEM_F32},
                {"f32", CA_ELEM_F32},
                {"bf16", CA_ELEM_BF16},
                {"int8", CA_ELEM_U8}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0) {
            *out = rows[i].elem;
            return true;
        }
    return false;
}

static CarinaProgram *create(CarinaDevice *dev)
{
    CarinaProgram *p = ca_alloc(sizeof *p);
    if (p)
        p->arena = ca_arena_create(0);
    if (!p || !p->arena) {
        ca_free(p);
        return NULL;
    }
    p->dev = dev;
    return p;
}

/* Do all steps take less than what it costs to wake the other threads for them? */
static bool is_small(const CarinaProgram *p)
{
    const double most_bytes = 1 << 17, most_flop = 1 << 19; /* some 10 us each */
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].info.bytes > most_bytes || p->steps[i].info.flop > most_flop)
            return false;
    return true;
}

CarinaStatus ca_cpu_compile_body(CaCpuBuild *b, CarinaProgram **out,
                                 const CarinaGraph *graph)
{
    CarinaProgram *p = create(b->dev);
    if (!p)
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
    CaCpuBuild body = {.dev = b->dev,
                       .host = b->host,
                       .graph = graph,
                       .p = p,
                       .err = b->err,
                       .precision = b->precision,
                       .is_low = b->is_low,
                       .allow_winograd = b->allow_winograd};
    ca_cpu_choose_all(&body);
    ca_cpu_packed_begin(&body, "");
    const CarinaStatus status = build(&body);
    ca_cpu_packed_end(&body, status);
    if (status != CARINA_OK) {
        discard(p);
        return status;
    }
    p->is_small = is_small(p);
    p->next_body = b->p->bodies;
    b->p->bodies = p;
    *out = p;
    return CARINA_OK;
}

static CarinaStatus compile(CarinaProgram **out, CarinaDevice *dev,
                            const CarinaGraph *graph, const CarinaOption *options,
                            CarinaError *err)
{
    CaElem precision = CA_ELEM_F32;
    *out = NULL;
    if (!precision_of(&precision, option(options, "precision")))
        return ca_err(err, CARINA_ERR_UNSUPPORTED,
                      "precision %s; the CPU computes in f32, bf16 and int8",
                      option(options, "precision"));
    CarinaProgram *p = create(dev);
    if (!p)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory while compiling");
    CarinaError local = {CARINA_OK, ""};
    CaCpuBuild b = {.dev = dev,
                    .host = dev->host,
                    .graph = graph,
                    .p = p,
                    .err = &local,
                    .precision = precision,
                    .is_low = strcmp(option(options, "memory"), "low") == 0};
    b.allow_winograd = !b.is_low && strcmp(option(options, "exact"), "yes") != 0;
    if (strcmp(option(options, "tune"), "yes") == 0)
        ca_cpu_tune_begin(&b, option(options, "tuned"));
    ca_cpu_choose_all(&b);
    ca_cpu_packed_begin(&b, option(options, "cache"));
    const CarinaStatus status = build(&b);
    ca_cpu_tune_end(&b);
    ca_cpu_packed_end(&b, status);
    if (status != CARINA_OK) {
        discard(p);
        return ca_err(err, status, "%s", local.text);
    }
    *out = p;
    return CARINA_OK;
}

/* --- Running. */

static size_t scratch_size(const CarinaProgram *p, int n_threads)
{
    return p->acts_size + p->shared_work + (size_t)n_threads * p->thread_work +
           CA_CACHE_LINE;
}

static void add_packed(const CarinaProgram *p, CarinaMemoryUse *out)
{
    out->packed_weights += p->own_packed;
    out->shared_weights += p->shared_packed;
    for (const CarinaProgram *body = p->bodies; body; body = body->next_body)
        add_packed(body, out);
}

static bool memory(const CarinaProgram *p, int n_threads, CarinaMemoryUse *out)
{
    if (out->struct_size < sizeof *out)
        return false;
    *out = (CarinaMemoryUse){out->struct_size, 0, 0, scratch_size(p, n_threads)};
    add_packed(p, out);
    return true;
}

void *ca_cpu_at(const CaCpuRun *r, int buffer)
{
    const CaCpuBuffer *u = &r->program->buffers[buffer];
    switch (u->place) {
    case CA_CPU_SCRATCH: return (unsigned char *)r->run->scratch + u->offset;
    case CA_CPU_INPUT: return r->inputs[u->index]->data;
    case CA_CPU_OUTPUT: return r->outputs[u->index]->data;
    case CA_CPU_CONST: break;
    }
    return (void *)(uintptr_t)u->constant; /* steps never write to it */
}

CaActs ca_cpu_acts(const CaCpuRun *r, const CaCpuRef *ref)
{
    const CaCpuBuffer *u = &r->program->buffers[ref->buffer];
    CaActs a = {.n = ref->n, .c = ref->c, .h = ref->h, .w = ref->w, .halo = u->halo};
    a.row_stride = (ptrdiff_t)(u->w + 2 * u->halo) * 16;
    a.image_stride = a.row_stride * (u->h + 2 * u->halo);
    a.block_stride = a.image_stride * u->n;
    a.data = (float *)ca_cpu_at(r, ref->buffer) + ref->first_block * a.block_stride +
             u->halo * (a.row_stride + 16);
    return a;
}

void *ca_cpu_own(const CaCpuRun *r, const CaCpuStep *s, int thread)
{
    (void)s;
    return r->own + (size_t)thread * r->own_stride;
}

typedef struct Phase {
    const CaCpuStep *step;
    CaCpuRun *run;
    int phase;
} Phase;

static void run_phase(void *arg, int thread, int n_threads)
{
    const Phase *p = arg;
    p->step->fn(p->step, p->run, p->phase, thread, n_threads);
}

static CarinaStatus run_step(const CaCpuStep *s, CaCpuRun *r)
{
    const CarinaRun *how = r->run;
    if (how->cancelled && __atomic_load_n(how->cancelled, __ATOMIC_RELAXED))
        return ca_err(r->err, CARINA_ERR_CANCELLED, "the request was cancelled");
    if (s->whole)
        return s->whole(s, r);
    for (int phase = 0; phase < s->n_phases; phase++) {
        Phase job = {s, r, phase};
        how->fork_join(how->team, run_phase, &job);
    }
    return r->status;
}

static size_t acts_end(const CarinaProgram *p)
{
    return (p->acts_size + 63) & ~(size_t)63;
}

size_t ca_cpu_body_work(const CarinaProgram *p) { return acts_end(p) + p->shared_work; }

static void run_alone(void *team, CarinaParallelFn *fn, void *arg)
{
    (void)team;
    fn(arg, 0, 1);
}

CarinaStatus ca_cpu_run_body(const CarinaProgram *p, CarinaTensor *const *outputs,
                             const CarinaTensor *const *inputs, const CaCpuRun *r,
                             void *work)
{
    CarinaRun how = *r->run;
    how.scratch = work;
    how.counters = NULL;
    if (p->is_small) {
        how.n_threads = 1;
        how.fork_join = run_alone;
    }
    CaCpuRun body = *r;
    body.program = p;
    body.run = &how;
    body.outputs = outputs;
    body.inputs = inputs;
    body.work = (unsigned char *)work + acts_end(p);
    for (int i = 0; i < p->n_steps; i++)
        CA_TRY(run_step(&p->steps[i], &body));
    return CARINA_OK;
}

static CarinaStatus run(const CarinaProgram *p, CarinaTensor *const *outputs,
                        const CarinaTensor *const *inputs, const CarinaRun *how,
                        CarinaError *err)
{
    CaCpuRun r = {.program = p,
                  .run = how,
                  .outputs = outputs,
                  .inputs = inputs,
                  .err = err,
                  .work = (unsigned char *)how->scratch + acts_end(p),
                  .own_stride = p->thread_work};
    const bool has_small_pages = ca_cpu_has_small_pages(p);
    const int64_t started = has_small_pages ? ca_now_ns() : 0;
    r.own = r.work + p->shared_work;
    for (int i = 0; i < p->n_steps; i++) {
        const int64_t begin = how->counters ? ca_now_ns() : 0;
        CA_TRY(run_step(&p->steps[i], &r));
        if (how->counters) {
            how->counters[i].n++;
            how->counters[i].real_ns += ca_now_ns() - begin;
        }
    }
    if (has_small_pages)
        ca_cpu_widen_pages(p, ca_now_ns() - started);
    return CARINA_OK;
}

static const CarinaStep *step(const CarinaProgram *p, int i)
{
    return i >= 0 && i < p->n_steps ? &p->steps[i].info : NULL;
}

static const CarinaPlugin plugin = {
    .struct_size = sizeof plugin,
    .abi_major = CARINA_ABI_MAJOR,
    .abi_minor = CARINA_ABI_MINOR,
    .name = "CPU",
    .open = open_cpu,
    .close = close_cpu,
    .node_cost = node_cost,
    .compile = compile,
    .discard = discard,
    .scratch_size = scratch_size,
    .run = run,
    .step = step,
    .describe = describe,
    .bound = ca_cpu_bound,
    .memory = memory,
};

CA_EXPORT CarinaPluginEntry carina_plugin_entry;
const CarinaPlugin *carina_plugin_entry(uint16_t host_abi_major)
{
    return host_abi_major == CARINA_ABI_MAJOR ? &plugin : NULL;
}
