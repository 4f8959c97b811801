/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carina_bench [--precision f32,bf16,u8] [--runs N] [--warm] [--all] [--exact] [--line N] [--count] [--json FILE] SHAPES.txt...
 *
 * Measures this machine, then each shape of each file, one thread, filter cold unless --warm. --all times every
 * algorithm of a convolution, not only the chosen one. --line N: only the N-th shape. --count: runs alone, nothing of the
 * machine is measured: for bench/count, which counts their instructions.
 */
#include "bench.h"

#include "base/cpu.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct Settings {
    const char *precisions, *json;
    bool is_warm, all, is_count;
    int line; /* from 1; 0: all */
    BenchHow how;
} Settings;

typedef struct Bench {
    Settings set;
    CaMachine machine;
    FILE *json;
    bool has_items;
    double seconds, bound, flop; /* of the file, each times its count */
} Bench;

static const char *const elem_names[CA_N_ELEMS] = {"f32", "bf16", "u8"};

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "carina_bench: %s: %s\n", what, why);
    return 2;
}

static bool wants(const Bench *b, CaElem e)
{
    const char *at = strstr(b->set.precisions, elem_names[e]);
    return at != NULL;
}

/* --- Output. */

static void start_json(Bench *b)
{
    char name[49];
    if (!b->json)
        return;
    ca_cpu_name(name);
    fprintf(
        b->json,
        "{\n \"machine\": {\"cpu\": \"%s\", \"read_gbs\": {\"l2\": %.4g, \"l3\": %.4g, "
        "\"memory\": %.4g}",
        name, b->machine.read[0] * 1e-9, b->machine.read[1] * 1e-9,
        b->machine.read[2] * 1e-9);
    for (int e = 0; e < CA_N_ELEMS; e++)
        fprintf(b->json, ", \"%s\": {\"peak_gflops\": %.5g, \"by\": \"%s\"}",
                elem_names[e], b->machine.flops[e] * 1e-9,
                b->machine.peak[e] ? b->machine.peak[e] : "");
    fprintf(b->json,
            "},\n \"threads\": 1, \"runs\": %d, \"filters\": \"%s\",\n \"rows\": [",
            b->set.how.runs, b->set.is_warm ? "warm" : "cold");
}

/* The filter comes from memory, unless all is warm; input and output lie where they fit. */
static double bound_of(const Bench *b, const BenchResult *r, CaElem e, bool *by_memory)
{
    const double *read = b->machine.read, others = r->bytes - r->filter_bytes;
    const double compute = r->operations / b->machine.flops[e];
    const CaLevel filter = b->set.is_warm ? ca_machine_level(r->bytes) : CA_LEVEL_MEMORY;
    const double memory = read[0] > 0 ? r->filter_bytes / read[filter] +
                                            others / read[ca_machine_level(others)]
                                      : 0;
    *by_memory = memory > compute;
    return memory > compute ? memory : compute;
}

static void shape_text(char *out, size_t room, const BenchShape *b)
{
    const CaConvShape *s = &b->s;
    if (b->kind == BENCH_MATMUL)
        (void)snprintf(out, room, "matmul %dx%dx%d", s->n, s->co, s->ci);
    else
        (void)snprintf(out, room, "%s%dx%d s%d %d>%d %dx%d%s",
                       b->kind == BENCH_CONV       ? ""
                       : b->kind == BENCH_MAX_POOL ? "max "
                                                   : "avg ",
                       s->kh, s->kw, s->stride_h, s->ci, s->co, s->oh, s->ow,
                       b->kind != BENCH_CONV || s->groups == 1 ? ""
                       : s->groups == s->ci                    ? " dw"
                                                               : " grouped");
}

static void print_row(Bench *b, const char *network, const BenchShape *shape, CaElem e,
                      const BenchResult *r)
{
    char text[64];
    bool by_memory = false;
    const double bound = bound_of(b, r, e, &by_memory),
                 gflops = r->flop / r->seconds * 1e-9,
                 of_peak = 100 * r->flop / r->seconds / b->machine.flops[e],
                 gbs = r->bytes / r->seconds * 1e-9, of_bound = 100 * bound / r->seconds;
    shape_text(text, sizeof text, shape);
    printf("  %3d  %-26s %-4s %9.4f %8.1f %5.0f %6.1f  %-7s %4.0f  %s\n", shape->count,
           text, elem_names[e], r->seconds * 1e3, gflops, of_peak, gbs,
           by_memory ? "memory" : "compute", of_bound, r->kernel);
    (void)fflush(stdout);
    if (!b->json)
        return;
    fprintf(
        b->json,
        "%s\n  {\"network\": \"%s\", \"layer\": \"%s\", \"count\": %d, \"shape\": \"%s\", "
        "\"precision\": \"%s\", \"kernel\": \"%s\", \"ms\": %.6g, \"gflop\": %.6g, "
        "\"gflops\": %.5g, \"of_peak\": %.4g, \"bytes\": %.0f, \"gbs\": %.4g, "
        "\"bound\": \"%s\", \"bound_ms\": %.6g, \"of_bound\": %.4g}",
        b->has_items ? "," : "", network, shape->name, shape->count, text, elem_names[e],
        r->kernel, r->seconds * 1e3, r->flop * 1e-9, gflops, of_peak, r->bytes, gbs,
        by_memory ? "memory" : "compute", bound * 1e3, of_bound);
    b->has_items = true;
}

/* --- Measuring. */

/* algorithm -1: the one that is chosen; *chosen is set to it, and later ones that are equal are left out. */
static void measure(Bench *b, const char *network, const BenchShape *shape, CaElem e,
                    int algorithm, const char **chosen)
{
    BenchResult r;
    bool by_memory;
    b->set.how.algorithm = algorithm;
    bench_measure(&r, shape, e, &b->set.how);
    if (!r.kernel || r.seconds <= 0 || (algorithm >= 0 && r.kernel == *chosen))
        return;
    print_row(b, network, shape, e, &r);
    if (algorithm < 0) {
        *chosen = r.kernel;
        b->seconds += r.seconds * shape->count;
        b->bound += bound_of(b, &r, e, &by_memory) * shape->count;
        b->flop += r.flop * shape->count;
    }
}

static int run_file(Bench *b, const char *path)
{
    char network[64];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    BenchShape *all = bench_read(path);
    if (!all)
        return 1;
    (void)snprintf(network, sizeof network, "%.*s", (int)strcspn(name, ".\"\\"), name);
    printf("%s\n  %3s  %-26s %-4s %9s %8s %5s %6s  %-7s %4s  %s\n", network, "n", "shape",
           "", "ms", "GFLOP/s", "%peak", "GB/s", "bound", "%", "kernel");
    for (int e = 0; e < CA_N_ELEMS; e++) {
        if (!wants(b, (CaElem)e))
            continue;
        b->seconds = b->bound = b->flop = 0;
        for (int i = 0; all[i].count; i++) {
            if (b->set.line && b->set.line != i + 1)
                continue;
            const char *chosen = NULL;
            measure(b, network, &all[i], (CaElem)e, -1, &chosen);
            for (int a = 0; b->set.all && a < CA_N_CONV_ALGORITHMS; a++)
                measure(b, network, &all[i], (CaElem)e, a, &chosen);
        }
        if (b->seconds > 0)
            printf(
                "  %s: all layers %.3f ms on one thread, %.1f GFLOP/s, %.0f %% of their bounds\n",
                elem_names[e], b->seconds * 1e3, b->flop / b->seconds * 1e-9,
                100 * b->bound / b->seconds);
    }
    free(all);
    return 0;
}

/* The option's value, where argv[*i] is it. */
static bool value_of(const char **out, const char *option, int argc, char **argv, int *i)
{
    if (strcmp(argv[*i], option) != 0 || *i + 1 >= argc)
        return false;
    *out = argv[++*i];
    return true;
}

/* false: said why. Files stay in argv, *n_files of them. */
static bool parse(Settings *s, int argc, char **argv, int *n_files)
{
    const char *number = NULL;
    for (int i = 1; i < argc; i++) {
        if (value_of(&s->precisions, "--precision", argc, argv, &i) ||
            value_of(&s->json, "--json", argc, argv, &i))
            continue;
        if (value_of(&number, "--runs", argc, argv, &i))
            s->how.runs = (int)strtol(number, NULL, 10);
        else if (value_of(&number, "--line", argc, argv, &i))
            s->line = (int)strtol(number, NULL, 10);
        else if (strcmp(argv[i], "--warm") == 0)
            s->is_warm = true;
        else if (strcmp(argv[i], "--count") == 0)
            s->is_warm = s->is_count = true;
        else if (strcmp(argv[i], "--all") == 0)
            s->all = true;
        else if (strcmp(argv[i], "--exact") == 0)
            s->how.exact = true;
        else if (argv[i][0] != '-')
            argv[(*n_files)++] = argv[i];
        else
            return complain(argv[i], "no such option, or its value is missing") == 0;
    }
    if (s->how.runs < 1 || *n_files == 0)
        return complain("usage",
                        "carina_bench [--precision f32,bf16,u8] [--runs N] [--warm] "
                        "[--all] [--exact] [--line N] [--json FILE] SHAPES.txt...") == 0;
    return true;
}

static void print_machine(const CaMachine *m)
{
    printf(
        "one core: f32 %.1f GFLOP/s (%s), bf16 %.1f (%s), u8 %.1f (%s), L2 %.0f GB/s, L3 %.0f, memory %.1f\n",
        m->flops[0] * 1e-9, m->peak[0], m->flops[1] * 1e-9, m->peak[1],
        m->flops[2] * 1e-9, m->peak[2], m->read[0] * 1e-9, m->read[1] * 1e-9,
        m->read[2] * 1e-9);
}

int main(int argc, char **argv)
{
    Bench b = {.set = {.precisions = "f32", .how = {.runs = 7}}};
    int n_files = 0, bad = 0;
    if (!parse(&b.set, argc, argv, &n_files))
        return 2;
    b.set.how.cpu = ca_cpu_flags(getenv("CARINA_CPU"));
    if (!b.set.is_warm)
        b.set.how.sweep = ca_alloc_huge(CA_SWEEP_SIZE);
    if (b.set.json && !(b.json = fopen(b.set.json, "w")))
        return complain(b.set.json, strerror(errno));
    if (b.set.is_count) {
        for (int e = 0; e < CA_N_ELEMS; e++)
            b.machine.flops[e] = 1; /* what is printed means nothing */
    } else {
        ca_machine_measure(&b.machine, b.set.how.cpu);
        print_machine(&b.machine);
    }
    start_json(&b);
    for (int i = 0; i < n_files; i++)
        bad |= run_file(&b, argv[i]);
    if (b.json) {
        fprintf(b.json, "\n ]\n}\n");
        bad |= ferror(b.json) != 0;
        bad |= fclose(b.json) != 0;
    }
    ca_free(b.set.how.sweep);
    return bad;
}
