/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiled model: programs, streams and the queue of requests.
 */
#ifndef CA_ENGINE_COMPILED_H
#define CA_ENGINE_COMPILED_H

#include "engine/device.h"
#include "graph/graph.h"
#include <carina/engine.h>

#include <pthread.h>

typedef struct CaProgram CaProgram;

/* A team of threads and the scratch that its runs work in. Taken by one run at a time. */
typedef struct CaStream {
    CarinaCompiled *exe;
    CaTeam *team;
    void *scratch; /* made on the first run */
    size_t scratch_size;
    int64_t used_by; /* the id of the program whose halos and tables it holds */
    bool is_busy;
    pthread_t thread; /* the worker for started requests; made on the first start */
    bool has_thread;
} CaStream;

typedef struct CaPortData {
    char *name;
    CarinaType type;
    CarinaShape shape;
} CaPortData;

/* The model with one set of shapes. */
struct CaProgram {
    CarinaProgram *program;
    CaGraph *graph; /* what the program was made from, without constants */
    int refs;       /* atomic: the list and each request that uses it */
    int64_t id;     /* 1 is the first */
    int64_t asked;  /* when, in requests; under the lock */
    int n_inputs, n_outputs, n_steps;
    CaPortData *inputs, *outputs;
    int n_states; /* inputs and outputs of the program behind the model's own */
    CarinaTensor **first_states;
    CarinaCounter *counters; /* n_steps, the sum over requests; under the lock */
};

enum {
    CA_MAX_INPUTS = 64,
    CA_MAX_PROGRAMS = 8
}; /* that are kept; requests may hold others */

struct CarinaCompiled {
    CarinaContext *ctx;
    const CaDevice *device;
    CaGraph *model; /* where shapes may change, else NULL */
    CaProgram
        *programs[CA_MAX_PROGRAMS]; /* the first: of the shapes that were compiled for */
    int64_t n_asked, n_made;
    int refs; /* atomic: the user's handle and each request */
    char precision[8];
    char cache_dir[1024]; /* empty: none */
    char tuned[1200];     /* the file of answers; empty: none */
    bool exact, profile, tune, is_low;
    int n_streams, n_threads;
    CaStream *streams;

    pthread_mutex_t making; /* programs; taken before lock */
    pthread_mutex_t lock;   /* queue, streams' is_busy, counters, all requests' state */
    pthread_cond_t work;    /* something was queued, or the end has come */
    pthread_cond_t free_stream;
    CarinaRequest *head, *tail;
    bool is_ending;
};

bool ca_graph_is_dynamic(const CaGraph *g);
/* The graph is consumed. shapes: of the inputs, NULL: the model's own, with 1 for dynamic dimensions. */
CarinaStatus ca_program_create(CaProgram **out, CarinaCompiled *exe, CaGraph *graph,
                               const CarinaShape *shapes, CarinaError *err);
/* The program for these shapes, found or made; a reference is the caller's. */
CarinaStatus ca_program_find(CaProgram **out, CarinaCompiled *exe,
                             const CarinaShape *shapes, CarinaError *err);
void ca_program_unref(CaProgram **program, const CaDevice *device);
/* state.c: before the device compiles; the set that a request begins with, and another of as many. */
CarinaStatus ca_states_expose(CaProgram *program, CarinaError *err);
CarinaStatus ca_states_create(CarinaTensor ***out, const CaProgram *program,
                              CarinaError *err);
void ca_states_free(CarinaTensor ***states, int n);
void ca_compiled_unref(CarinaCompiled **exe);
/* Run the request on a stream that the caller has taken. No lock is held. */
CarinaStatus ca_stream_run(CaStream *stream, CarinaRequest *req, CarinaError *err);

struct CarinaRequest {
    CarinaCompiled *exe;
    CaProgram *program;               /* a reference */
    CarinaTensor **inputs, **outputs; /* what is read and written; behind, the states */
    CarinaTensor **states;            /* two sets; NULL: the next run is the first */
    bool is_second;                   /* the run reads the second of them */
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
