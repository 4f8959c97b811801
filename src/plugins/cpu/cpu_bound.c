/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step cannot be faster than: its operations at the peak of this machine, or its bytes from where they lie,
 * whichever takes longer. Both are measured on the first question, once for a device.
 *
 * Activations lie in the cache that holds what the step reads and writes. Filters of the whole program are used in
 * turn: they lie where all of them fit.
 */
#include "base/threads.h"
#include "cpu_program.h"
#include "kernels/machine/machine.h"

#include <pthread.h>

struct CaCpuMeasured {
    pthread_mutex_t lock;
    bool is_there;
    CaMachine core;
    double read_all; /* from memory, all threads together */
};

struct CaCpuMeasured *ca_cpu_measured_create(void)
{
    struct CaCpuMeasured *m = ca_alloc(sizeof *m);
    if (m)
        pthread_mutex_init(&m->lock, NULL);
    return m;
}

void ca_cpu_measured_free(struct CaCpuMeasured **measured)
{
    if (*measured)
        pthread_mutex_destroy(&(*measured)->lock);
    ca_free(*measured);
    *measured = NULL;
}

typedef struct Reading {
    const unsigned char *data;
    size_t size;
    volatile uint64_t sums[64];
} Reading;

static void read_share(void *arg, int thread, int n_threads)
{
    Reading *r = arg;
    const size_t share = r->size / (size_t)n_threads / 64 * 64;
    r->sums[thread & 63] = ca_machine_touch(r->data + share * (size_t)thread, share);
}

static double read_all(const CarinaHost *host)
{
    Reading r = {.size = (size_t)64 << 20};
    unsigned char *data = ca_alloc_huge(r.size);
    int64_t best = INT64_MAX;
    r.data = data;
    for (int i = 0; data && i < 4; i++) {
        const int64_t begin = ca_now_ns();
        host->parallel_for(host->ctx, read_share, &r);
        const int64_t ns = ca_now_ns() - begin;
        best = ns > 0 && ns < best ? ns : best;
    }
    const double speed = data ? (double)r.size * 1e9 / (double)best : 0;
    ca_free(data);
    return speed;
}

static void measure(CarinaDevice *d)
{
    struct CaCpuMeasured *m = d->measured;
    pthread_mutex_lock(&m->lock);
    if (!m->is_there) {
        ca_machine_measure(&m->core, d->host->cpu_flags);
        m->read_all = read_all(d->host);
        m->is_there = true;
    }
    pthread_mutex_unlock(&m->lock);
}

/* Bytes a nanosecond of n threads. */
static double speed(const struct CaCpuMeasured *m, double size, int n_threads)
{
    const CaLevel level = ca_machine_level(size / n_threads);
    const double all = m->core.read[level] * n_threads;
    return (level == CA_LEVEL_MEMORY && all > m->read_all ? m->read_all : all) * 1e-9;
}

bool ca_cpu_bound(const CarinaProgram *p, int i, int n_threads, CarinaBound *out)
{
    CarinaBound bound = {.struct_size = out->struct_size};
    double filters = 0;
    if (i < 0 || i >= p->n_steps || n_threads < 1 || !p->dev->measured ||
        out->struct_size < sizeof bound)
        return false;
    const CaCpuStep *s = &p->steps[i];
    const struct CaCpuMeasured *m = p->dev->measured;
    measure(p->dev);
    for (int k = 0; k < p->n_steps; k++)
        filters += p->steps[k].filter_bytes;
    const double others =
        s->info.bytes > s->filter_bytes ? s->info.bytes - s->filter_bytes : 0;
    bound.operations = s->operations > 0 ? s->operations : s->info.flop;
    bound.compute_ns = bound.operations / (m->core.flops[s->elem] * 1e-9 * n_threads);
    if (m->core.read[0] > 0 && m->read_all > 0)
        bound.memory_ns = s->filter_bytes / speed(m, filters, n_threads) +
                          others / speed(m, others, n_threads);
    bound.why = s->why;
    *out = bound;
    return true;
}
