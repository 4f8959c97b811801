/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A team: helpers wait for a generation number, spinning shortly and then asleep on it (futex).
 *
 * Measured (two cores of a Zen 4): a fork-join costs 0.6 us spinning and about 5 us asleep, so helpers spin
 * about 50 us, longer than the gap between two steps of a network.
 */
#include "base/threads.h"

#include "base/memory.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SPINS = 2000 };

typedef struct Helper {
    CaTeam *team;
    int index;
    pthread_t thread;
} Helper;

struct CaTeam {
    _Alignas(CA_CACHE_LINE) atomic_int generation;
    _Alignas(CA_CACHE_LINE) atomic_int left;
    _Alignas(CA_CACHE_LINE) atomic_int sleepers;
    CarinaParallelFn *fn; /* NULL: end */
    void *arg;
    int n, n_started;
    Helper *helpers;
};

static void pause_cpu(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void futex_wait(atomic_int *at, int seen)
{
    (void)syscall(SYS_futex, at, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(atomic_int *at)
{
    (void)syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, 1 << 30, NULL, NULL, 0);
}

static void wait_for_change(CaTeam *t, int seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&t->generation, memory_order_acquire) != seen)
            return;
        pause_cpu();
    }
    atomic_fetch_add(&t->sleepers, 1);
    while (atomic_load(&t->generation) == seen)
        futex_wait(&t->generation, seen);
    atomic_fetch_sub(&t->sleepers, 1);
}

static void *help(void *p)
{
    const Helper *h = p;
    CaTeam *t = h->team;
    for (int seen = 0;; seen++) {
        wait_for_change(t, seen);
        if (!t->fn)
            return NULL;
        t->fn(t->arg, h->index, t->n);
        atomic_fetch_sub_explicit(&t->left, 1, memory_order_release);
    }
}

CarinaStatus ca_team_create(CaTeam **out, int n_threads, CarinaError *err)
{
    CaTeam *t = ca_alloc(sizeof *t);
    if (t && n_threads > 1)
        t->helpers = ca_alloc((size_t)n_threads * sizeof *t->helpers);
    if (!t || (n_threads > 1 && !t->helpers)) {
        ca_free(t);
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for %d threads", n_threads);
    }
    t->n = n_threads < 1 ? 1 : n_threads;
    *out = t;
    return CARINA_OK;
}

/* Fewer helpers than wished: the caller does their shares, see ca_team_run. */
static void start(CaTeam *t)
{
    for (int i = 1; i < t->n; i++) {
        Helper *h = &t->helpers[i];
        h->team = t;
        h->index = i;
        if (pthread_create(&h->thread, NULL, help, h) != 0)
            break;
        t->n_started = i;
    }
}

static void call(CaTeam *t, CarinaParallelFn *fn, void *arg)
{
    t->fn = fn;
    t->arg = arg;
    atomic_store_explicit(&t->left, t->n_started, memory_order_relaxed);
    atomic_fetch_add(&t->generation, 1);
    if (atomic_load(&t->sleepers))
        futex_wake(&t->generation);
}

void ca_team_run(void *team, CarinaParallelFn *fn, void *arg)
{
    CaTeam *t = team;
    if (t->n > 1 && !t->n_started)
        start(t);
    if (t->n_started)
        call(t, fn, arg);
    fn(arg, 0, t->n);
    for (int i = t->n_started + 1; i < t->n; i++)
        fn(arg, i, t->n);
    for (int spins = 0; atomic_load_explicit(&t->left, memory_order_acquire) > 0;
         spins++) {
        pause_cpu();
        if (spins > 20 * SPINS) /* a helper lost its processor: let it run */
            sched_yield();
    }
}

void ca_team_free(CaTeam **team)
{
    if (!team || !*team)
        return;
    CaTeam *t = *team;
    if (t->n_started)
        call(t, NULL, NULL);
    for (int i = 1; i <= t->n_started; i++)
        pthread_join(t->helpers[i].thread, NULL);
    ca_free(t->helpers);
    ca_free(t);
    *team = NULL;
}

int ca_team_size(const CaTeam *team) { return team->n; }

int ca_threads_available(void)
{
    cpu_set_t set;
    const int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n;
}

static int64_t ns_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t ca_now_ns(void) { return ns_of(CLOCK_MONOTONIC); }
