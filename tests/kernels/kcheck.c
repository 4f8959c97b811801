/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kcheck's machinery: guarded memory, margins, comparison, crashes, clock.
 */
#include "kcheck.h"
#include "kcheck_run.h"

#include "base/cpu.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MAX_BLOCKS = 256, MARGIN = 17, SHOWN_FAILURES = 20, SAMPLES = 9 };

static struct {
    uint64_t random;
    uint32_t cpu;
    const char *only;
    bool bench;
    const char *family, *kernel;
    char what[200];
    int n_failures, n_checks, n_rows;
    struct {
        void *map;
        size_t size;
    } blocks[MAX_BLOCKS];
    int n_blocks;
    volatile sig_atomic_t armed;
} kc;

sigjmp_buf kc_jump;

uint32_t kc_cpu(void) { return kc.cpu; }

bool kc_is_bench(void) { return kc.bench; }

/* xorshift64*: the high half is good enough for test data. */
static uint32_t next_random(void)
{
    kc.random ^= kc.random >> 12;
    kc.random ^= kc.random << 25;
    kc.random ^= kc.random >> 27;
    return (uint32_t)((kc.random * 0x2545f4914f6cdd1dull) >> 32);
}

int kc_int(int n) { return (int)(((uint64_t)next_random() * (uint64_t)n) >> 32); }

float kc_float(void) { return (float)(int32_t)next_random() * 0x1p-31f; }

float kc_uniform(float lo, float hi)
{
    return lo + (hi - lo) * (0.5f * kc_float() + 0.5f);
}

static void *guarded(size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t body = (size + page - 1) / page * page;
    char *map = mmap(NULL, body + 2 * page, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED || kc.n_blocks == MAX_BLOCKS ||
        mprotect(map, page, PROT_NONE) != 0 ||
        mprotect(map + page + body, page, PROT_NONE) != 0) {
        fprintf(stderr, "kcheck: no memory for %zu guarded bytes\n", size);
        exit(2);
    }
    kc.blocks[kc.n_blocks].map = map;
    kc.blocks[kc.n_blocks++].size = body + 2 * page;
    return map + page + (body - size);
}

float *kc_zeros(size_t n) { return guarded(n * sizeof(float)); }

float *kc_floats(size_t n)
{
    float *p = guarded(n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        p[i] = kc_float();
    return p;
}

void *kc_bytes(size_t size)
{
    unsigned char *p = guarded(size);
    for (size_t i = 0; i < size; i++)
        p[i] = (unsigned char)next_random();
    return p;
}

void kc_free(void)
{
    while (kc.n_blocks > 0) {
        kc.n_blocks--;
        munmap(kc.blocks[kc.n_blocks].map, kc.blocks[kc.n_blocks].size);
    }
}

static size_t grid_size(const KcGrid *g)
{
    return (size_t)(g->m + 2) * (size_t)g->stride;
}

KcGrid kc_grid(int m, int n)
{
    KcGrid g = {.stride = n + 2 * MARGIN, .m = m, .n = n};
    g.all = kc_floats(grid_size(&g));
    g.before_all = kc_zeros(grid_size(&g));
    memcpy(g.before_all, g.all, grid_size(&g) * sizeof(float));
    g.data = g.all + g.stride + MARGIN;
    return g;
}

double kc_before(const KcGrid *g, int i, int j)
{
    return (double)g->before_all[(i + 1) * g->stride + MARGIN + j];
}

void kc_near(const KcGrid *g, int i, int j, double want, double tolerance)
{
    const double got = (double)g->data[i * g->stride + j];
    kc.n_checks++;
    if (!(fabs(got - want) <= tolerance) && !(isnan(got) && isnan(want)) && got != want)
        kc_fail("[%d, %d] is %.9g, should be %.9g within %.3g", i, j, got, want,
                tolerance);
}

void kc_margin_intact(const KcGrid *g)
{
    for (int i = -1; i <= g->m; i++)
        for (int j = -MARGIN; j < g->n + MARGIN; j++) {
            const ptrdiff_t at = (i + 1) * g->stride + MARGIN + j;
            const bool inside = i >= 0 && i < g->m && j >= 0 && j < g->n;
            if (!inside && memcmp(&g->all[at], &g->before_all[at], sizeof(float)) != 0) {
                kc_fail("wrote outside its result, at [%d, %d]", i, j);
                return;
            }
        }
}

void kc_case(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(kc.what, sizeof kc.what, format, args);
    va_end(args);
}

void kc_fail(const char *format, ...)
{
    va_list args;
    if (kc.n_failures++ >= SHOWN_FAILURES)
        return;
    printf("FAIL %s %s %s: ", kc.family, kc.kernel ? kc.kernel : "", kc.what);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

void kc_close(const char *what, size_t at, double got, double want, double tolerance)
{
    kc.n_checks++;
    if (!(fabs(got - want) <= tolerance) && !(isnan(got) && isnan(want)) && got != want)
        kc_fail("%s[%zu] is %.9g, should be %.9g within %.3g", what, at, got, want,
                tolerance);
}

void kc_true(bool ok, const char *what)
{
    kc.n_checks++;
    if (!ok)
        kc_fail("%s", what);
}

bool kc_enter(const char *name, uint32_t needs)
{
    if ((needs & kc.cpu) != needs)
        return false;
    if (kc.only && !strstr(name, kc.only) && !strstr(kc.family, kc.only))
        return false;
    kc.kernel = name;
    kc.what[0] = 0;
    kc.n_rows++;
    kc.armed = 1;
    return true;
}

static void crashed(int number)
{
    if (!kc.armed) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    kc_fail("crash: %s", strsignal(number)); /* a test program may: it was in a kernel */
    siglongjmp(kc_jump, 1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double kc_time(KcWork *work, void *arg)
{
    double t[SAMPLES];
    int calls = 1;

    work(arg);
    for (;;) { /* as many calls a sample as take 2 ms */
        const double start = now();
        for (int i = 0; i < calls; i++)
            work(arg);
        if (now() - start > 2e-3 || calls > 1 << 20)
            break;
        calls *= 2;
    }
    for (int s = 0; s < SAMPLES; s++) {
        const double start = now();
        for (int i = 0; i < calls; i++)
            work(arg);
        t[s] = (now() - start) / calls;
    }
    qsort(t, SAMPLES, sizeof *t, by_value);
    return t[SAMPLES / 2];
}

void kc_bench(const char *name, double flops, KcWork *work, void *arg)
{
    if (!kc.bench)
        return;
    const double t = kc_time(work, arg), peak = kc_fma_peak();
    printf("%-52s %9.3f us %7.1f GFLOP/s %5.1f %%\n", name, t * 1e6, flops / t * 1e-9,
           100 * flops / t / peak);
}

static int options(int argc, char **argv, uint64_t *seed)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--bench"))
            kc.bench = true;
        else if (!strcmp(argv[i], "--only") && i + 1 < argc)
            kc.only = argv[++i];
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            *seed = strtoull(argv[++i], NULL, 0);
        else {
            fprintf(stderr, "usage: kcheck [--seed N] [--only NAME] [--bench]\n");
            return 2;
        }
    }
    return 0;
}

int kc_main(int argc, char **argv, const KcFamily *families, int n)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    uint64_t seed = (uint64_t)time(NULL);

    if (options(argc, argv, &seed) != 0)
        return 2;
    kc.cpu = ca_cpu_flags(getenv("CARINA_CPU"));
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction action = {.sa_handler = crashed};
        sigaction(signals[i], &action, NULL);
    }
    printf("kcheck: seed %llu, cpu 0x%x\n", (unsigned long long)seed, (unsigned)kc.cpu);
    for (int i = 0; i < n; i++) {
        kc.random =
            (seed + 1) * 0x9e3779b97f4a7c15ull; /* each family alike with --only */
        kc.family = families[i].name;
        kc.kernel = NULL;
        families[i].run();
        kc.armed = 0;
        kc_free();
    }
    printf("kcheck: %d rows, %d checks, %d failures\n", kc.n_rows, kc.n_checks,
           kc.n_failures);
    return kc.n_failures || !kc.n_checks;
}
