/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: tensors, a queue, workers.
 *
 * A synchronous run takes a free stream and works on the caller's thread; a started one is queued for the
 * streams' own threads. All state changes happen under the compiled model's one lock; nothing is held while a
 * program or a callback runs.
 */
#include "engine/compiled.h"
#include "graph/shape.h"

#include <errno.h>
#include <string.h>
#include <time.h>

CarinaStatus carina_request_create(CarinaRequest **out, CarinaCompiled *exe,
                                   CarinaError *err)
{
    CaProgram *p = exe->programs[0];
    const size_t n_in = (size_t)p->n_inputs, n_out = (size_t)p->n_outputs;
    *out = NULL;
    CarinaRequest *r = ca_alloc(sizeof *r);
    if (!r)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for a request");
    r->exe = exe;
    r->program = p;
    __atomic_add_fetch(&exe->refs, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r->done, &attr);
    pthread_condattr_destroy(&attr);
    const size_t n_states = (size_t)p->n_states;
    r->inputs = ca_alloc((n_in + n_states) * sizeof *r->inputs + 1);
    r->outputs = ca_alloc((n_out + n_states) * sizeof *r->outputs + 1);
    r->owned = ca_alloc((n_in + n_out) * sizeof *r->owned + 1);
    r->counters = ca_alloc((size_t)p->n_steps * sizeof *r->counters + 1);
    if (!r->inputs || !r->outputs || !r->owned || !r->counters) {
        carina_request_free(&r);
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for a request");
    }
    *out = r;
    return CARINA_OK;
}

void carina_request_free(CarinaRequest **req)
{
    if (!req || !*req)
        return;
    CarinaRequest *r = *req;
    *req = NULL;
    pthread_mutex_lock(&r->exe->lock);
    while (r->state != CA_REQ_IDLE || r->in_callback)
        pthread_cond_wait(&r->done, &r->exe->lock);
    pthread_mutex_unlock(&r->exe->lock);
    for (int i = 0; r->owned && i < r->program->n_inputs + r->program->n_outputs; i++)
        carina_tensor_free(&r->owned[i]);
    ca_states_free(&r->states, 2 * r->program->n_states);
    ca_free(r->inputs);
    ca_free(r->outputs);
    ca_free(r->owned);
    ca_free(r->counters);
    pthread_cond_destroy(&r->done);
    ca_program_unref(&r->program, r->exe->device);
    ca_compiled_unref(&r->exe);
    ca_free(r);
}

static bool is_running(CarinaRequest *r)
{
    pthread_mutex_lock(&r->exe->lock);
    const bool busy = r->state != CA_REQ_IDLE;
    pthread_mutex_unlock(&r->exe->lock);
    return busy;
}

/* May a tensor of this shape be lent? Exactly the program's, or what a model with dynamic dimensions allows. */
static bool fits(const CarinaRequest *r, const CaPortData *p, const CaValue *v,
                 const CarinaShape *shape)
{
    if (ca_shape_equal(shape, &p->shape))
        return true;
    if (!r->exe->model || v->shape.rank < 0)
        return r->exe->model;
    for (int d = 0; d < v->shape.rank && v->shape.rank == shape->rank; d++)
        if (v->shape.dims[d] >= 0 && v->shape.dims[d] != shape->dims[d])
            return false;
    return v->shape.rank == shape->rank;
}

static CarinaStatus misfit(const CarinaRequest *r, const CaPortData *p, const CaValue *v,
                           const CarinaTensor *tensor, CarinaError *err)
{
    char have[CA_SHAPE_TEXT], want[CA_SHAPE_TEXT];
    return ca_err(
        err, CARINA_ERR_SHAPE, "'%s': the tensor is %s %s, the model wants %s %s",
        p->name, carina_type_name(tensor->type),
        ca_shape_text(have, sizeof have, &tensor->shape), carina_type_name(p->type),
        ca_shape_text(want, sizeof want, r->exe->model ? &v->shape : &p->shape));
}

/* v: the port's value in the model, where shapes may change. */
static CarinaStatus lend(CarinaRequest *r, CarinaTensor **slot, CarinaTensor **owned,
                         const CaPortData *p, const CaValue *v, CarinaTensor *tensor,
                         CarinaError *err)
{
    if (is_running(r))
        return ca_err(err, CARINA_ERR_BUSY, "'%s': the request is running", p->name);
    if (tensor->type != p->type || !fits(r, p, v, &tensor->shape))
        return misfit(r, p, v, tensor, err);
    carina_tensor_free(owned);
    *slot = tensor;
    return CARINA_OK;
}

static CarinaStatus no_port(CarinaError *err, const char *what, int i, int n)
{
    return ca_err(err, CARINA_ERR_ARGUMENT, "%s %d: the model has %d", what, i, n);
}

CarinaStatus carina_request_set_input(CarinaRequest *r, int i, CarinaTensor *tensor,
                                      CarinaError *err)
{
    const CaProgram *p = r->program;
    const CaGraph *m = r->exe->model;
    if (i < 0 || i >= p->n_inputs)
        return no_port(err, "input", i, p->n_inputs);
    return lend(r, &r->inputs[i], &r->owned[i], &p->inputs[i],
                m ? &m->inputs[i]->outputs[0] : NULL, tensor, err);
}

CarinaStatus carina_request_set_output(CarinaRequest *r, int i, CarinaTensor *tensor,
                                       CarinaError *err)
{
    const CaProgram *p = r->program;
    const CaGraph *m = r->exe->model;
    if (i < 0 || i >= p->n_outputs)
        return no_port(err, "output", i, p->n_outputs);
    return lend(r, &r->outputs[i], &r->owned[p->n_inputs + i], &p->outputs[i],
                m ? m->outputs[i]->inputs[0].value : NULL, tensor, err);
}

/* Memory of the request's own where the user lent none. */
static CarinaTensor *get(CarinaTensor **slot, CarinaTensor **owned, const CaPortData *p,
                         CarinaError *err)
{
    if (!*slot && carina_tensor_create(owned, p->type, &p->shape, err) == CARINA_OK)
        *slot = *owned;
    return *slot;
}

CarinaTensor *carina_request_input(CarinaRequest *r, int i)
{
    if (i < 0 || i >= r->program->n_inputs)
        return NULL;
    return get(&r->inputs[i], &r->owned[i], &r->program->inputs[i], NULL);
}

CarinaTensor *carina_request_output(CarinaRequest *r, int i)
{
    const CaProgram *p = r->program;
    if (i < 0 || i >= p->n_outputs)
        return NULL;
    return get(&r->outputs[i], &r->owned[p->n_inputs + i], &p->outputs[i], NULL);
}

static CarinaStatus fill_in(CarinaRequest *r, CarinaError *err)
{
    const CaProgram *p = r->program;
    for (int i = 0; i < p->n_inputs; i++)
        if (!get(&r->inputs[i], &r->owned[i], &p->inputs[i], err))
            return CARINA_ERR_MEMORY;
    for (int i = 0; i < p->n_outputs; i++)
        if (!get(&r->outputs[i], &r->owned[p->n_inputs + i], &p->outputs[i], err))
            return CARINA_ERR_MEMORY;
    return CARINA_OK;
}

/* The request goes over to another program; *to becomes the one it leaves. Outputs of its own are made anew. */
static CarinaStatus change_program(CarinaRequest *r, CaProgram **to, CarinaError *err)
{
    CaProgram *now = *to, *old = r->program;
    CarinaCounter *counters = ca_alloc((size_t)now->n_steps * sizeof *r->counters + 1);
    if (!counters)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for a request");
    ca_free(r->counters);
    ca_states_free(&r->states, 2 * old->n_states); /* other shapes begin anew */
    r->counters = counters;
    r->program = now;
    *to = old;
    for (int i = 0; i < now->n_outputs; i++) {
        CarinaTensor **owned = &r->owned[now->n_inputs + i];
        if (*owned && !ca_shape_equal(&(*owned)->shape, &now->outputs[i].shape)) {
            carina_tensor_free(owned);
            r->outputs[i] = NULL;
        }
    }
    return CARINA_OK;
}

/* The program for the inputs' shapes, which lent tensors may have changed. */
static CarinaStatus choose_program(CarinaRequest *r, CarinaError *err)
{
    CarinaShape shapes[CA_MAX_INPUTS];
    CaProgram *p = r->program;
    bool is_same = true;
    if (!r->exe->model)
        return CARINA_OK;
    if (p->n_inputs > CA_MAX_INPUTS)
        return ca_err(err, CARINA_ERR_LIMIT,
                      "%d inputs; shapes may change in models of at most %d", p->n_inputs,
                      CA_MAX_INPUTS);
    for (int i = 0; i < p->n_inputs; i++) {
        shapes[i] = r->inputs[i] ? r->inputs[i]->shape : p->inputs[i].shape;
        is_same = is_same && ca_shape_equal(&shapes[i], &p->inputs[i].shape);
    }
    if (!is_same) {
        CA_TRY(ca_program_find(&p, r->exe, shapes, err));
        const CarinaStatus status = change_program(r, &p, err);
        ca_program_unref(&p, r->exe->device);
        CA_TRY(status);
    }
    for (int i = 0; i < r->program->n_outputs; i++)
        if (r->outputs[i] &&
            !ca_shape_equal(&r->outputs[i]->shape, &r->program->outputs[i].shape))
            return misfit(r, &r->program->outputs[i],
                          &(CaValue){.shape = r->program->outputs[i].shape},
                          r->outputs[i], err);
    return CARINA_OK;
}

/* Scratch that the program has not used yet is all zero; another program's is made so again. */
static CarinaStatus scratch_for(CaStream *s, const CaProgram *p, CarinaError *err)
{
    const size_t size =
        s->exe->device->plugin->scratch_size(p->program, ca_team_size(s->team));
    if (s->used_by == p->id)
        return CARINA_OK;
    if (size > s->scratch_size) {
        ca_free(s->scratch);
        s->scratch = ca_alloc_huge(size);
        s->scratch_size = s->scratch ? size : 0;
        if (!s->scratch)
            return ca_err(err, CARINA_ERR_MEMORY,
                          "out of memory for %zu bytes of activations", size);
    } else {
        memset(s->scratch, 0, size);
    }
    s->used_by = 0;
    return CARINA_OK;
}

/* What the run before wrote is read, and the other set written. */
static CarinaStatus take_states(CarinaRequest *r, CarinaError *err)
{
    const CaProgram *p = r->program;
    if (!p->n_states)
        return CARINA_OK;
    if (!r->states) {
        CA_TRY(ca_states_create(&r->states, p, err));
        r->is_second = false;
    }
    for (int i = 0; i < p->n_states; i++) {
        r->inputs[p->n_inputs + i] = r->states[i + (r->is_second ? p->n_states : 0)];
        r->outputs[p->n_outputs + i] = r->states[i + (r->is_second ? 0 : p->n_states)];
    }
    return CARINA_OK;
}

CarinaStatus ca_stream_run(CaStream *s, CarinaRequest *r, CarinaError *err)
{
    CarinaCompiled *exe = s->exe;
    const CarinaPlugin *p = exe->device->plugin;
    CaProgram *program = r->program;
    CA_TRY(scratch_for(s, program, err));
    CA_TRY(take_states(r, err));
    if (exe->profile)
        memset(r->counters, 0, (size_t)program->n_steps * sizeof *r->counters);
    const CarinaRun run = {.struct_size = sizeof run,
                           .scratch = s->scratch,
                           .n_threads = ca_team_size(s->team),
                           .fork_join = ca_team_run,
                           .team = s->team,
                           .scratch_is_fresh = s->used_by != program->id,
                           .counters = exe->profile ? r->counters : NULL,
                           .cancelled = &r->cancelled};
    s->used_by = program->id;
    CA_TRY(p->run(program->program, r->outputs, (const CarinaTensor *const *)r->inputs,
                  &run, err));
    r->is_second = !r->is_second;
    return CARINA_OK;
}

static CaStream *idle_stream(CarinaCompiled *exe)
{
    for (int i = 0; i < exe->n_streams; i++)
        if (!exe->streams[i].is_busy)
            return &exe->streams[i];
    return NULL;
}

/* Under the lock on entry and exit; the run itself and the callback are outside. */
static void work_on(CaStream *s, CarinaRequest *r)
{
    CarinaCompiled *exe = s->exe;
    CarinaError error = {CARINA_OK, ""};
    s->is_busy = true;
    r->state = CA_REQ_RUNNING;
    pthread_mutex_unlock(&exe->lock);
    const CarinaStatus status =
        __atomic_load_n(&r->cancelled, __ATOMIC_RELAXED)
            ? ca_err(&error, CARINA_ERR_CANCELLED, "the request was cancelled")
            : ca_stream_run(s, r, &error);
    pthread_mutex_lock(&exe->lock);
    for (int i = 0; exe->profile && i < r->program->n_steps; i++) {
        r->program->counters[i].n += r->counters[i].n;
        r->program->counters[i].real_ns += r->counters[i].real_ns;
    }
    s->is_busy = false;
    pthread_cond_signal(&exe->free_stream);
    pthread_cond_signal(&exe->work);
    r->status = status;
    r->error = error;
    r->state = CA_REQ_IDLE;
    CarinaDoneFn *callback = r->callback;
    void *arg = r->callback_arg;
    if (callback) {
        r->in_callback = true;
        pthread_mutex_unlock(&exe->lock);
        callback(arg, r, status);
        pthread_mutex_lock(&exe->lock);
        r->in_callback = false;
    }
    pthread_cond_broadcast(&r->done);
}

static void *serve(void *arg)
{
    CaStream *s = arg;
    CarinaCompiled *exe = s->exe;
    pthread_mutex_lock(&exe->lock);
    for (;;) {
        while (!exe->is_ending && (!exe->head || s->is_busy))
            pthread_cond_wait(&exe->work, &exe->lock);
        if (exe->is_ending)
            break;
        CarinaRequest *r = exe->head;
        exe->head = r->next;
        if (!exe->head)
            exe->tail = NULL;
        work_on(s, r);
    }
    pthread_mutex_unlock(&exe->lock);
    return NULL;
}

static CarinaStatus begin(CarinaRequest *r, CarinaError *err)
{
    if (is_running(r))
        return ca_err(err, CARINA_ERR_BUSY, "the request is running already");
    __atomic_store_n(&r->cancelled, 0, __ATOMIC_RELAXED);
    CA_TRY(choose_program(r, err));
    return fill_in(r, err);
}

CarinaStatus carina_request_start(CarinaRequest *r, CarinaError *err)
{
    CarinaCompiled *exe = r->exe;
    CA_TRY(begin(r, err));
    pthread_mutex_lock(&exe->lock);
    CarinaStatus status = CARINA_OK;
    for (int i = 0; i < exe->n_streams && status == CARINA_OK; i++) {
        CaStream *s = &exe->streams[i];
        if (!s->has_thread && pthread_create(&s->thread, NULL, serve, s) != 0)
            status = ca_err(err, CARINA_ERR_MEMORY, "cannot start a thread: %s",
                            strerror(errno));
        else
            s->has_thread = true;
    }
    if (status == CARINA_OK) {
        r->state = CA_REQ_QUEUED;
        r->next = NULL;
        if (exe->tail)
            exe->tail->next = r;
        else
            exe->head = r;
        exe->tail = r;
        pthread_cond_broadcast(&exe->work);
    }
    pthread_mutex_unlock(&exe->lock);
    return status;
}

static CarinaStatus outcome(const CarinaRequest *r, CarinaError *err)
{
    if (err && r->status != CARINA_OK)
        *err = r->error;
    return r->status;
}

CarinaStatus carina_request_infer(CarinaRequest *r, CarinaError *err)
{
    CarinaCompiled *exe = r->exe;
    CA_TRY(begin(r, err));
    pthread_mutex_lock(&exe->lock);
    CaStream *s = NULL;
    while (!(s = idle_stream(exe)))
        pthread_cond_wait(&exe->free_stream, &exe->lock);
    work_on(s, r);
    const CarinaStatus status = outcome(r, err);
    pthread_mutex_unlock(&exe->lock);
    return status;
}

CarinaStatus carina_request_wait(CarinaRequest *r, int64_t timeout_ms, CarinaError *err)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / 1000);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&r->exe->lock);
    int late = 0;
    while ((r->state != CA_REQ_IDLE || r->in_callback) && !late) {
        if (timeout_ms <= 0)
            pthread_cond_wait(&r->done, &r->exe->lock);
        else
            late = pthread_cond_timedwait(&r->done, &r->exe->lock, &until) == ETIMEDOUT;
    }
    const CarinaStatus status =
        r->state != CA_REQ_IDLE || r->in_callback
            ? ca_err(err, CARINA_ERR_TIMEOUT, "the request is not done after %lld ms",
                     (long long)timeout_ms)
            : outcome(r, err);
    pthread_mutex_unlock(&r->exe->lock);
    return status;
}

CarinaStatus carina_request_status(CarinaRequest *r)
{
    pthread_mutex_lock(&r->exe->lock);
    const CarinaStatus status = r->state != CA_REQ_IDLE ? CARINA_ERR_BUSY : r->status;
    pthread_mutex_unlock(&r->exe->lock);
    return status;
}

void carina_request_cancel(CarinaRequest *r)
{
    __atomic_store_n(&r->cancelled, 1, __ATOMIC_RELAXED);
}

void carina_request_set_callback(CarinaRequest *r, CarinaDoneFn *fn, void *arg)
{
    pthread_mutex_lock(&r->exe->lock);
    r->callback = fn;
    r->callback_arg = arg;
    pthread_mutex_unlock(&r->exe->lock);
}
