/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiled model: a program, its streams and the queue of requests.
 */
#ifndef CA_ENGINE_COMPILED_H
#define CA_ENGINE_COMPILED_H

#include "engine/device.h"
#include "graph/graph.h"
#include <carina/engine.h>

#include <pthread.h>

/* A team of threads and the scratch that its runs work in. Taken by one run at a time. */
typedef struct CaStream {
    CarinaCompiled *exe;
    CaTeam *team;
    void *scratch; /* made on the first run */
    bool scratch_is_used;
    bool is_busy;
    pthread_t thread; /* the worker for started requests; made on the first start */
    bool has_thread;
} CaStream;

typedef struct CaPortData {
    char *name;
    CarinaType type;
    CarinaShape shape;
} CaPortData;

struct CarinaCompiled {
    CarinaContext *ctx;
    const CaDevice *device;
    CarinaProgram *program;
    CaGraph *graph; /* what the program was made from, without constants */
    int refs;       /* atomic: the user's handle and each request */
    int n_inputs, n_outputs, n_steps;
    CaPortData *inputs, *outputs;
    bool profile;
    CarinaCounter *counters; /* n_steps, the sum over requests; under lock */
    int n_streams, n_threads;
    CaStream *streams;

    pthread_mutex_t lock; /* queue, streams' is_busy, counters, all requests' state */
    pthread_cond_t work;  /* something was queued, or the end has come */
    pthread_cond_t free_stream;
    CarinaRequest *head, *tail;
    bool is_ending;
};

void ca_compiled_unref(CarinaCompiled **exe);
/* Run the request on a stream that the caller has taken. No lock is held. */
CarinaStatus ca_stream_run(CaStream *stream, CarinaRequest *req, CarinaError *err);

struct CarinaRequest {
    CarinaCompiled *exe;
    CarinaTensor **inputs, **outputs; /* what is read and written */
    CarinaTensor *
        *owned; /* made here: inputs, then outputs; NULL where the user lent one */
    CarinaCounter *counters; /* of the present run, when profiling */
    enum { CA_REQ_IDLE, CA_REQ_QUEUED, CA_REQ_RUNNING } state;
    CarinaStatus status;
    CarinaError error;
    volatile int cancelled;
    pthread_cond_t done;
    bool in_callback; /* not done for those who wait */
    CarinaDoneFn *callback;
    void *callback_arg;
    CarinaRequest *next; /* in the queue */
};

#endif
