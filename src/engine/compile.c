/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From model to compiled model: the first program, and streams to run it.
 */
#include "engine/compiled.h"

#include "engine/cache.h"
#include "engine/model_own.h"

#include <string.h>

static CarinaStatus make_streams(CarinaCompiled *exe, const CarinaCompileOptions *o,
                                 CarinaError *err)
{
    const int all = o->n_threads > 0 ? o->n_threads : exe->ctx->n_threads;
    /* A stream a core: no thread waits for another (measured on 2 cores of a Zen 4, against one stream of both:
     * MobileNet-v2 290 to 275, DenseNet-121 47 to 44, ResNet-50 34 to 33 images a second). */
    const int by_hint = o->hint == CARINA_HINT_THROUGHPUT && !exe->is_low ? all : 1;
    int n = o->n_streams > 0 ? o->n_streams : by_hint;
    n = n > all ? all : n;
    exe->n_streams = n;
    exe->n_threads = all;
    exe->streams = ca_alloc((size_t)n * sizeof *exe->streams);
    if (!exe->streams)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for streams");
    for (int i = 0; i < n; i++) {
        int64_t begin = 0, end = 0;
        ca_share(all, i, n, &begin, &end);
        exe->streams[i].exe = exe;
        CA_TRY(ca_team_create(&exe->streams[i].team, (int)(end - begin), err));
    }
    return CARINA_OK;
}

static CarinaStatus set_options(CarinaCompiled *exe, const CarinaCompileOptions *o,
                                CarinaError *err)
{
    const char *precision = o->precision ? o->precision : "f32";
    exe->profile = o->profile;
    exe->exact = o->exact;
    exe->tune = o->tune;
    exe->is_low = o->memory == CARINA_MEMORY_LOW;
    if (strlen(precision) >= sizeof exe->precision)
        return ca_err(err, CARINA_ERR_ARGUMENT, "'%s' is no precision", precision);
    memcpy(exe->precision, precision, strlen(precision) + 1);
    if (o->cache_dir)
        CA_TRY(ca_cache_open(exe->cache_dir, sizeof exe->cache_dir, o->cache_dir, err));
    if (o->tune)
        ca_cache_tuned(exe->tuned, sizeof exe->tuned, exe);
    return CARINA_OK;
}

/* *graph is NULL where it was taken. */
static CarinaStatus compile(CarinaCompiled *exe, CaGraph **graph,
                            const CarinaCompileOptions *o, CarinaError *err)
{
    CA_TRY(set_options(exe, o, err));
    if (ca_graph_is_dynamic(
            *graph)) /* other shapes may come: weights are shared, not copied */
        CA_TRY(ca_graph_copy(&exe->model, *graph, err));
    CaGraph *const taken = *graph;
    *graph = NULL;
    CA_TRY(ca_program_create(&exe->programs[0], exe, taken, NULL, err));
    return make_streams(exe, o, err);
}

/* The graph is consumed. */
static CarinaStatus compile_graph(CarinaCompiled **out, CarinaContext *ctx,
                                  CaGraph *graph, const char *device,
                                  const CarinaCompileOptions *options, CarinaError *err)
{
    CarinaCompileOptions o = {0};
    if (options)
        memcpy(&o, options,
               options->struct_size && options->struct_size < sizeof o
                   ? options->struct_size
                   : sizeof o);
    CarinaCompiled *exe = ca_alloc(sizeof *exe);
    if (!exe) {
        ca_graph_free(&graph);
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the compiled model");
    }
    exe->ctx = ctx;
    exe->refs = 1;
    pthread_mutex_init(&exe->lock, NULL);
    pthread_mutex_init(&exe->making, NULL);
    pthread_cond_init(&exe->work, NULL);
    pthread_cond_init(&exe->free_stream, NULL);
    CarinaStatus status = ca_device_find(&exe->device, ctx, device, err);
    if (status == CARINA_OK)
        status = compile(exe, &graph, &o, err);
    ca_graph_free(&graph);
    if (status != CARINA_OK)
        ca_compiled_unref(&exe);
    *out = exe;
    return status;
}

CarinaStatus carina_compile(CarinaCompiled **out, CarinaContext *ctx,
                            const CarinaModel *model, const char *device,
                            const CarinaCompileOptions *options, CarinaError *err)
{
    CaGraph *graph = NULL;
    *out = NULL;
    CA_TRY(ca_graph_copy(&graph, model->graph, err));
    return compile_graph(out, ctx, graph, device, options, err);
}

CarinaStatus carina_compile_take(CarinaCompiled **out, CarinaContext *ctx,
                                 CarinaModel **model, const char *device,
                                 const CarinaCompileOptions *options, CarinaError *err)
{
    CaGraph *const graph = (*model)->graph;
    *out = NULL;
    (*model)->graph = NULL;
    carina_model_free(model);
    return compile_graph(out, ctx, graph, device, options, err);
}

void ca_compiled_unref(CarinaCompiled **pexe)
{
    CarinaCompiled *exe = *pexe;
    *pexe = NULL;
    if (__atomic_sub_fetch(&exe->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    pthread_mutex_lock(&exe->lock);
    exe->is_ending = true;
    pthread_cond_broadcast(&exe->work);
    pthread_mutex_unlock(&exe->lock);
    for (int i = 0; exe->streams && i < exe->n_streams; i++) {
        CaStream *s = &exe->streams[i];
        if (s->has_thread)
            pthread_join(s->thread, NULL);
        ca_team_free(&s->team);
        ca_free(s->scratch);
    }
    for (int i = 0; i < CA_MAX_PROGRAMS; i++)
        ca_program_unref(&exe->programs[i], exe->device);
    ca_graph_free(&exe->model);
    ca_free(exe->streams);
    pthread_mutex_destroy(&exe->lock);
    pthread_mutex_destroy(&exe->making);
    pthread_cond_destroy(&exe->work);
    pthread_cond_destroy(&exe->free_stream);
    ca_free(exe);
}

void carina_compiled_free(CarinaCompiled **exe)
{
    if (exe && *exe)
        ca_compiled_unref(exe);
}

int carina_compiled_n_inputs(const CarinaCompiled *exe)
{
    return exe->programs[0]->n_inputs;
}

int carina_compiled_n_outputs(const CarinaCompiled *exe)
{
    return exe->programs[0]->n_outputs;
}

static CarinaPort port(const CaPortData *p, int n, int i)
{
    const CarinaPort none = {"", CARINA_UNKNOWN, {CARINA_DYNAMIC, {0}}, ""};
    return i < 0 || i >= n ? none : (CarinaPort){p[i].name, p[i].type, p[i].shape, ""};
}

CarinaPort carina_compiled_input(const CarinaCompiled *exe, int i)
{
    return port(exe->programs[0]->inputs, exe->programs[0]->n_inputs, i);
}

CarinaPort carina_compiled_output(const CarinaCompiled *exe, int i)
{
    return port(exe->programs[0]->outputs, exe->programs[0]->n_outputs, i);
}

int carina_compiled_n_streams(const CarinaCompiled *exe) { return exe->n_streams; }

int carina_compiled_n_threads(const CarinaCompiled *exe) { return exe->n_threads; }

const CarinaStep *carina_compiled_step(const CarinaCompiled *exe, int i,
                                       CarinaCounter *counter)
{
    const CaProgram *p = exe->programs[0];
    if (i < 0 || i >= p->n_steps)
        return NULL;
    if (counter) {
        CarinaCompiled *locked =
            (CarinaCompiled *)(uintptr_t)exe; /* the lock is no part of what is const */
        pthread_mutex_lock(&locked->lock);
        *counter = p->counters[i];
        pthread_mutex_unlock(&locked->lock);
    }
    return exe->device->plugin->step(p->program, i);
}

bool carina_compiled_bound(const CarinaCompiled *exe, int i, CarinaBound *out)
{
    const CaProgram *p = exe->programs[0];
    const CarinaPlugin *plugin = exe->device->plugin;
    const int n = exe->n_threads / exe->n_streams;
    return plugin->bound && i >= 0 && i < p->n_steps &&
           plugin->bound(p->program, i, n > 0 ? n : 1, out);
}

bool carina_compiled_memory(CarinaCompiled *exe, CarinaMemoryUse *out)
{
    const CarinaPlugin *plugin = exe->device->plugin;
    const int n = exe->n_threads / exe->n_streams;
    CarinaMemoryUse sum = {.struct_size = out->struct_size};
    bool is_known = plugin->memory != NULL && out->struct_size >= sizeof sum;
    pthread_mutex_lock(&exe->lock);
    for (int i = 0; i < CA_MAX_PROGRAMS && is_known; i++) {
        CarinaMemoryUse one = {.struct_size = sizeof one};
        if (!exe->programs[i])
            continue;
        is_known = plugin->memory(exe->programs[i]->program, n > 0 ? n : 1, &one);
        sum.packed_weights += one.packed_weights;
        sum.shared_weights += one.shared_weights;
        if (one.activations > sum.activations)
            sum.activations = one.activations;
    }
    pthread_mutex_unlock(&exe->lock);
    if (is_known)
        *out = sum;
    return is_known;
}
