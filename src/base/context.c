/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context: made once, shared by all that follows.
 */
#include "base/context.h"

#include "base/cpu.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

CarinaStatus carina_context_create(CarinaContext **out,
                                   const CarinaContextOptions *options, CarinaError *err)
{
    CarinaContextOptions o = {.log_level = CARINA_LOG_WARN};
    if (options)
        memcpy(&o, options,
               options->struct_size && options->struct_size < sizeof o
                   ? options->struct_size
                   : sizeof o);
    *out = NULL;
    CarinaContext *c = ca_alloc(sizeof *c);
    if (!c)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for a context");
    const char *cpu = o.cpu ? o.cpu : getenv("CARINA_CPU");
    c->n_threads = o.n_threads > 0 ? o.n_threads : ca_threads_available();
    c->cpu_flags = ca_cpu_flags(cpu);
    c->log = o.log;
    c->log_arg = o.log_arg;
    c->log_level = o.log_level;
    if (o.plugin_dir) {
        const size_t n = strlen(o.plugin_dir) + 1;
        c->plugin_dir = ca_alloc(n);
        if (!c->plugin_dir) {
            ca_free(c);
            return ca_err(err, CARINA_ERR_MEMORY, "out of memory for a context");
        }
        memcpy(c->plugin_dir, o.plugin_dir, n);
    }
    pthread_mutex_init(&c->log_lock, NULL);
    pthread_mutex_init(&c->lock, NULL);
    pthread_mutex_init(&c->devices_lock, NULL);
    *out = c;
    return CARINA_OK;
}

void carina_context_free(CarinaContext **ctx)
{
    if (!ctx || !*ctx)
        return;
    CarinaContext *c = *ctx;
    if (c->devices_free)
        c->devices_free(&c->devices);
    if (c->extensions_free)
        c->extensions_free(&c->extensions);
    ca_team_free(&c->team);
    pthread_mutex_destroy(&c->log_lock);
    pthread_mutex_destroy(&c->lock);
    pthread_mutex_destroy(&c->devices_lock);
    ca_free(c->plugin_dir);
    ca_free(c);
    *ctx = NULL;
}

void ca_log(CarinaContext *c, CarinaLogLevel level, const char *format, ...)
{
    char text[1024];
    va_list args;
    if (!c->log || level > c->log_level)
        return;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0)
        return;
    pthread_mutex_lock(&c->log_lock);
    c->log(c->log_arg, level, text);
    pthread_mutex_unlock(&c->log_lock);
}

void ca_parallel_for(CarinaContext *c, CarinaParallelFn *fn, void *arg)
{
    pthread_mutex_lock(&c->lock);
    if (!c->team)
        (void)ca_team_create(&c->team, c->n_threads, NULL);
    if (c->team)
        ca_team_run(c->team, fn, arg);
    else
        fn(arg, 0, 1);
    pthread_mutex_unlock(&c->lock);
}
