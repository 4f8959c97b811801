/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of layers (-pc): time, speed, what bounds it and how near it is, what was chosen and why.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

typedef struct Row {
    const CarinaStep *step;
    double ms, gflops;
    bool has_bound;
    CarinaBound bound;
    const char *by; /* "compute", "memory" */
    double bound_ms, percent;
} Row;

static Row row_of(const CarinaCompiled *exe, int i, const CarinaStep *step,
                  const CarinaCounter *c)
{
    Row r = {.step = step, .bound = {.struct_size = sizeof r.bound}, .by = ""};
    r.ms = c->n > 0 ? (double)c->real_ns * 1e-6 / (double)c->n : 0;
    r.gflops = r.ms > 0 ? step->flop * 1e-6 / r.ms : 0;
    r.has_bound = carina_compiled_bound(exe, i, &r.bound);
    if (!r.has_bound)
        return r;
    const bool by_memory = r.bound.memory_ns > r.bound.compute_ns;
    r.by = by_memory ? "memory" : "compute";
    r.bound_ms = (by_memory ? r.bound.memory_ns : r.bound.compute_ns) * 1e-6;
    r.percent = r.ms > 0 ? 100 * r.bound_ms / r.ms : 0;
    return r;
}

static void write_row(Json *json, const Row *r, const CarinaCounter *c)
{
    const CarinaStep *step = r->step;
    json_object(json, NULL);
    json_text(json, "name", step->name);
    json_text(json, "type", step->type);
    json_text(json, "kernel", step->kernel);
    json_shape(json, "shape", &step->shape);
    json_number(json, "real_ms", r->ms);
    json_number(json, "gflops", r->gflops);
    json_number(json, "flop", step->flop);
    json_number(json, "bytes", step->bytes);
    if (r->has_bound) {
        json_number(json, "operations", r->bound.operations);
        json_text(json, "bound", r->by);
        json_number(json, "compute_bound_ms", r->bound.compute_ns * 1e-6);
        json_number(json, "memory_bound_ms", r->bound.memory_ns * 1e-6);
        json_number(json, "percent_of_bound", r->percent);
        json_text(json, "why", r->bound.why);
    }
    json_number(json, "runs", (double)c->n);
    json_end(json);
}

/* Fused layers have long names. */
static void name_cell(Table *t, const char *name)
{
    enum { MOST = 25 };
    size_t n = strlen(name);
    const bool is_cut = n > MOST + 1;
    for (n = is_cut ? MOST : n; is_cut && ((unsigned char)name[n] & 0xc0) == 0x80; n--)
        ; /* not inside a character */
    char *text = text_of("%.*s%s", (int)n, name, is_cut ? "…" : "");
    table_cell(t, text);
    free(text);
}

/* Without the instruction set, which is the same for all and in the JSON. */
static void kernel_cell(Table *t, const char *kernel)
{
    static const char *const sets[] = {"_avx512", "_avx2", "_neon"};
    size_t n = strlen(kernel);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        const char *at = strstr(kernel, sets[i]);
        n = at && (size_t)(at - kernel) < n ? (size_t)(at - kernel) : n;
    }
    char *text = text_of("%.*s", (int)n, kernel);
    table_cell(t, text);
    free(text);
}

static void print_row(Table *t, const Row *r)
{
    const CarinaStep *step = r->step;
    const char *why = r->bound.why ? r->bound.why : "";
    char *first = text_of("%.*s", (int)strcspn(why, ":"), why);
    char *percent = text_of("%.0f", r->percent);
    name_cell(t, step->name);
    table_cell(t, three(r->ms));
    table_cell(t, three(r->gflops));
    table_cell(t, three(step->bytes * 1e-6));
    table_cell(t, r->by);
    table_cell(t, r->has_bound ? percent : "");
    kernel_cell(t, step->kernel ? step->kernel : "");
    table_cell(t, first);
    table_cell(t, step->type);
    table_cell(t, size_text(&step->shape));
    free(percent);
    free(first);
}

void print_counters(const CarinaCompiled *exe, Json *json, bool is_printed)
{
    static const char *const heads[] = {"<layer", "ms",      "GFLOP/s", "MB",
                                        "<bound", "%",       "<kernel", "<why",
                                        "<type",  "<output", NULL};
    Table *t = table_create(heads);
    const CarinaStep *step;
    CarinaCounter c = {0};
    double total = 0, bound = 0;
    bool has_bound = false;
    json_list(json, "layers");
    for (int i = 0; (step = carina_compiled_step(exe, i, &c)); i++) {
        const Row r = row_of(exe, i, step, &c);
        total += r.ms;
        bound += r.bound_ms;
        has_bound = has_bound || r.has_bound;
        write_row(json, &r, &c);
        print_row(t, &r);
    }
    json_end(json);
    if (has_bound)
        json_number(json, "layers_bound_ms", bound);
    table_print(t, is_printed ? stdout : NULL);
    if (is_printed)
        printf("layers together %s ms per run, mean of %lld", three(total),
               (long long)c.n);
    if (is_printed && has_bound && total > 0)
        printf("; %.0f %% of their bounds (peaks and memory measured now)",
               100 * bound / total);
    if (is_printed)
        putchar('\n');
}
