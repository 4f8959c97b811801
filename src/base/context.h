/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context's insides: threads, log, processor, and a place for what the engine keeps.
 */
#ifndef CA_BASE_CONTEXT_H
#define CA_BASE_CONTEXT_H

#include "base/threads.h"

#include <pthread.h>

struct CarinaContext {
    int n_threads;
    uint32_t cpu_flags;
    char *plugin_dir; /* NULL: beside the library */
    CarinaLogFn *log;
    void *log_arg;
    CarinaLogLevel log_level;
    pthread_mutex_t log_lock;
    pthread_mutex_t lock;         /* guards team */
    pthread_mutex_t devices_lock; /* guards devices and extensions */
    CaTeam *team;                 /* for compiling; made on first use */
    struct CaDevices *devices;    /* engine's; made on first use */
    void (*devices_free)(struct CaDevices **);
    const struct CaExtension *extensions; /* engine's; the newest, never changed again */
    void (*extensions_free)(const struct CaExtension **);
};

void ca_log(CarinaContext *ctx, CarinaLogLevel level, const char *format, ...)
    CA_PRINTF(3, 4);
/* [setup] fn on every thread of the context's own team. Calls from several threads wait for each other. */
void ca_parallel_for(CarinaContext *ctx, CarinaParallelFn *fn, void *arg);

#endif
