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
    const size_t n_in = (size_t)exe->n_inputs, n_out = (size_t)exe->n_outputs;
    *out = NULL;
    CarinaRequest *r = ca_alloc(sizeof *r);
    if (!r)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for a request");
    r->exe = exe;
    __atomic_add_fetch(&exe->refs, 1, __ATOMIC_RELAXED);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r->done, &attr);
    pthread_condattr_destroy(&attr);
    r->inputs = ca_alloc(n_in * sizeof *r->inputs + 1);
    r->outputs = ca_alloc(n_out * sizeof *r->outputs + 1);
    r->owned = ca_alloc((n_in + n_out) * sizeof *r->owned + 1);
    r->counters = ca_alloc((size_t)exe->n_steps * sizeof *r->counters + 1);
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
    for (int i = 0; r->owned && i < r->exe->n_inputs + r->exe->n_outputs; i++)
        carina_tensor_free(&r->owned[i]);
    ca_free(r->inputs);
    ca_free(r->outputs);
    ca_free(r->owned);
    ca_free(r->counters);
    pthread_cond_destroy(&r->done);
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

static CarinaStatus lend(CarinaRequest *r, CarinaTensor **slot, CarinaTensor **owned,
                         const CaPortData *p, CarinaTensor *tensor, CarinaError *err)
{
    char have[CA_SHAPE_TEXT], want[CA_SHAPE_TEXT];
    if (is_running(r))
        return ca_err(err, CARINA_ERR_BUSY, "'%s': the request is running", p->name);
    if (tensor->type != p->type || !ca_shape_equal(&tensor->shape, &p->shape))
        return ca_err(
            err, CARINA_ERR_SHAPE, "'%s': the tensor is %s %s, the model wants %s %s",
            p->name, carina_type_name(tensor->type),
            ca_shape_text(have, sizeof have, &tensor->shape), carina_type_name(p->type),
            ca_shape_text(want, sizeof want, &p->shape));
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
    if (i < 0 || i >= r->exe->n_inputs)
        return no_port(err, "input", i, r->exe->n_inputs);
    return lend(r, &r->inputs[i], &r->owned[i], &r->exe->inputs[i], tensor, err);
}

CarinaStatus carina_request_set_output(CarinaRequest *r, int i, CarinaTensor *tensor,
                                       CarinaError *err)
{
    if (i < 0 || i >= r->exe->n_outputs)
        return no_port(err, "output", i, r->exe->n_outputs);
    return lend(r, &r->outputs[i], &r->owned[r->exe->n_inputs + i], &r->exe->outputs[i],
                tensor, err);
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
    if (i < 0 || i >= r->exe->n_inputs)
        return NULL;
    return get(&r->inputs[i], &r->owned[i], &r->exe->inputs[i], NULL);
}

CarinaTensor *carina_request_output(CarinaRequest *r, int i)
{
    if (i < 0 || i >= r->exe->n_outputs)
        return NULL;
    return get(&r->outputs[i], &r->owned[r->exe->n_inputs + i], &r->exe->outputs[i],
               NULL);
}

static CarinaStatus fill_in(CarinaRequest *r, CarinaError *err)
{
    for (int i = 0; i < r->exe->n_inputs; i++)
        if (!get(&r->inputs[i], &r->owned[i], &r->exe->inputs[i], err))
            return CARINA_ERR_MEMORY;
    for (int i = 0; i < r->exe->n_outputs; i++)
        if (!get(&r->outputs[i], &r->owned[r->exe->n_inputs + i], &r->exe->outputs[i],
                 err))
            return CARINA_ERR_MEMORY;
    return CARINA_OK;
}

CarinaStatus ca_stream_run(CaStream *s, CarinaRequest *r, CarinaError *err)
{
    CarinaCompiled *exe = s->exe;
    const CarinaPlugin *p = exe->device->plugin;
    const int n_threads = ca_team_size(s->team);
    const bool is_fresh = !s->scratch_is_used;
    if (!s->scratch) {
        s->scratch = ca_alloc_huge(p->scratch_size(exe->program, n_threads));
        if (!s->scratch)
            return ca_err(err, CARINA_ERR_MEMORY,
                          "out of memory for %zu bytes of activations",
                          p->scratch_size(exe->program, n_threads));
    }
    s->scratch_is_used = true;
    if (exe->profile)
        memset(r->counters, 0, (size_t)exe->n_steps * sizeof *r->counters);
    const CarinaRun run = {.struct_size = sizeof run,
                           .scratch = s->scratch,
                           .n_threads = n_threads,
                           .fork_join = ca_team_run,
                           .team = s->team,
                           .scratch_is_fresh = is_fresh,
                           .counters = exe->profile ? r->counters : NULL,
                           .cancelled = &r->cancelled};
    return p->run(exe->program, r->outputs, (const CarinaTensor *const *)r->inputs, &run,
                  err);
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
    for (int i = 0; exe->profile && i < exe->n_steps; i++) {
        exe->counters[i].n += r->counters[i].n;
        exe->counters[i].real_ns += r->counters[i].real_ns;
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
