/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measuring: peaks, memory, and single kernels. Other programs disturb, but only in one direction: the best of
 * several short runs is nearest to the machine itself.
 */
#include "machine.h"

#include "base/cpu.h"
#include "base/memory.h"
#include "base/threads.h"
#include "machine_own.h"

typedef struct Peak {
    const char *name;
    CaElem elem;
    double operations; /* of one step of one chain */
    uint32_t needs;
    float (*run)(int n);
} Peak;

static const Peak peaks[] = {
#define CA_PEAK(type, isa, elem, operations, needs) \
    {#type "_" #isa, elem, operations, needs, ca_peak_##type##_##isa},
#include "peak.def"
#undef CA_PEAK
};

enum { ROUNDS = 4000, REPEATS = 40, READ_SIZE = 64 << 20, READ_REPEATS = 3 };

static double peak_of(const Peak *p)
{
    volatile float sink = 0;
    int64_t best = INT64_MAX;
    for (int i = 0; i < REPEATS; i++) {
        const int64_t begin = ca_now_ns();
        sink += p->run(ROUNDS);
        const int64_t ns = ca_now_ns() - begin;
        best = ns > 0 && ns < best ? ns : best;
    }
    (void)sink;
    return p->operations * CA_PEAK_CHAINS * ROUNDS * 1e9 / (double)best;
}

/* A word of each line is enough: the whole line comes. */
uint64_t ca_machine_touch(const void *data, size_t size)
{
    const uint64_t *p = data;
    uint64_t sum[8] = {0};
    const size_t n = size / CA_CACHE_LINE;
    for (size_t i = 0; i + 8 <= n; i += 8)
        UNROLL_FOR(k, 8)
            sum[k] += p[(i + (size_t)k) * 8];
    return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

/* Of a part of the buffer that lies in that level once it was read. */
static double read_speed(const void *memory, CaLevel level)
{
    const size_t size = level == CA_LEVEL_L2   ? READ_SIZE / 256
                        : level == CA_LEVEL_L3 ? READ_SIZE / 16
                                               : READ_SIZE;
    const int repeats = level == CA_LEVEL_MEMORY ? READ_REPEATS : 10 * READ_REPEATS;
    volatile uint64_t sink = 0;
    int64_t best = INT64_MAX;
    for (int i = 0; i < repeats; i++) {
        const int64_t begin = ca_now_ns();
        sink += ca_machine_touch(memory, size);
        const int64_t ns = ca_now_ns() - begin;
        best = ns > 0 && ns < best ? ns : best;
    }
    (void)sink;
    return (double)size * 1e9 / (double)best;
}

CaLevel ca_machine_level(double size)
{
    return size <= 768 << 10  ? CA_LEVEL_L2
           : size <= 16 << 20 ? CA_LEVEL_L3
                              : CA_LEVEL_MEMORY;
}

void ca_machine_measure(CaMachine *m, uint32_t cpu)
{
    void *memory = ca_alloc_huge(READ_SIZE); /* zeroed: its pages are there */
    *m = (CaMachine){{0}, {NULL}, {0}};
    for (int level = 0; memory && level < CA_N_LEVELS; level++)
        m->read[level] = read_speed(memory, (CaLevel)level);
    ca_free(memory);
    for (size_t i = 0; i < sizeof peaks / sizeof *peaks; i++) {
        const Peak *p = &peaks[i];
        if (!m->peak[p->elem] && (p->needs & cpu) == p->needs) {
            m->peak[p->elem] = p->name;
            m->flops[p->elem] = peak_of(p);
        }
    }
    for (int e = 0; e < CA_N_ELEMS; e++)
        if (!m->peak[e]) {
            m->peak[e] = m->peak[CA_ELEM_F32];
            m->flops[e] = m->flops[CA_ELEM_F32];
        }
}

double ca_trial(const CaTrial *t, int runs)
{
    volatile uint64_t sink = 0;
    int64_t best = INT64_MAX;
    for (int i = 0; i < runs; i++) {
        if (t->sweep)
            sink += ca_machine_touch(t->sweep, CA_SWEEP_SIZE);
        if (t->warm)
            sink += ca_machine_touch(t->warm, t->warm_size);
        const int64_t begin = ca_now_ns();
        t->run(t->arg);
        const int64_t ns = ca_now_ns() - begin;
        best = ns < best ? ns : best;
    }
    (void)sink;
    return (double)best * 1e-9;
}
