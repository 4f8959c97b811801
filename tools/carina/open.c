/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening contexts, models and devices, with answers for names that are nearly right.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static void on_log(void *arg, CarinaLogLevel level, const char *text)
{
    (void)arg;
    if (level == CARINA_LOG_ERROR || !common.quiet)
        fprintf(stderr, "carina: %s\n", text);
}

CarinaContext *open_context(int64_t n_threads, const char *cpu)
{
    CarinaContext *ctx = NULL;
    CarinaError err = {0};
    if (n_threads > 4096) {
        complain("%lld threads; the limit is 4,096", (long long)n_threads);
        return NULL;
    }
    const CarinaContextOptions options = {
        .struct_size = sizeof options,
        .n_threads = (int)n_threads,
        .cpu = cpu ? cpu : common.cpu,
        .log = on_log,
        .log_level = CARINA_LOG_WARN,
    };
    if (carina_context_create(&ctx, &options, &err) != CARINA_OK)
        complain("%s", err.text);
    return ctx;
}

/* A folder stands for the one model in it: IR first, then the others. */
static bool find_model(List *files, const char *path)
{
    static const char *const kinds[] = {"xml",  "onnx",     "keras",     "h5",
                                        "hdf5", "prototxt", "caffemodel"};
    struct stat st;
    const List words = {1, &path};
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return sources_expand(files, &words, "xml");
    if (!sources_expand(files, &words, "xml,onnx,keras,h5,hdf5,prototxt,caffemodel"))
        return false;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int i = 0; i < files->n; i++)
            if (has_extension(files->v[i], kinds[k])) {
                const char *found = files->v[i];
                files->v[i] = files->v[0];
                files->v[0] = found;
                return true;
            }
    return false;
}

bool open_model(CarinaModel **out, CarinaContext *ctx, const char *path,
                const char *weights)
{
    List files = {0};
    CarinaError err = {0};
    const CarinaReadOptions options = {.struct_size = sizeof options, .weights = weights};
    if (!find_model(&files, path))
        return false;
    const bool good =
        carina_model_read(out, ctx, files.v[0], &options, &err) == CARINA_OK;
    if (!good)
        complain("%s", err.text);
    free(files.v);
    return good;
}

bool optimize_model(CarinaModel *model)
{
    CarinaError err = {0};
    if (carina_model_optimize(model, NULL, &err) == CARINA_OK)
        return true;
    complain("%s", err.text);
    return false;
}

bool check_device(CarinaContext *ctx, const char *device)
{
    List names = {0};
    char *all = text_of("%s", "");
    bool is_there = false;
    const char *name;
    for (int i = 0; (name = carina_device_name(ctx, i)); i++) {
        char *longer = text_of("%s%s%s", all, i ? ", " : "", name);
        free(all);
        all = longer;
        list_add(&names, name);
        is_there = is_there || strcmp(name, device) == 0;
    }
    list_add(&names, NULL);
    const char *near = nearest(names.v, device);
    if (!is_there && names.n == 1)
        complain("no device %s; there is none: the plugins were not found", device);
    else if (!is_there && near && strcasecmp(near, device) == 0)
        complain("no device %s; do you mean %s?", device, near);
    else if (!is_there)
        complain("no device %s; there are %s", device, all);
    free(names.v);
    free(all);
    return is_there;
}

const char *model_word(const char *option, const List *words)
{
    if (option && words->n > 0)
        complain("'%s' is one word too many: the model is %s", words->v[0], option);
    else if (words->n > 1)
        complain("'%s' is one word too many: the model is %s", words->v[1], words->v[0]);
    else if (!option && words->n == 0)
        complain("no model given; name one with -m or as a word");
    else
        return option ? option : words->v[0];
    return NULL;
}

void print_counters(const CarinaCompiled *exe, Json *json, bool is_printed)
{
    static const char *const heads[] = {"<layer",  "<type",   "ms", "GFLOP/s",
                                        "<output", "<kernel", NULL};
    Table *t = table_create(heads);
    const CarinaStep *step;
    CarinaCounter c = {0};
    double total = 0;
    json_list(json, "layers");
    for (int i = 0; (step = carina_compiled_step(exe, i, &c)); i++) {
        const double ms = c.n > 0 ? (double)c.real_ns * 1e-6 / (double)c.n : 0;
        const double gflops = ms > 0 ? step->flop * 1e-6 / ms : 0;
        total += ms;
        json_object(json, NULL);
        json_text(json, "name", step->name);
        json_text(json, "type", step->type);
        json_text(json, "kernel", step->kernel);
        json_shape(json, "shape", &step->shape);
        json_number(json, "real_ms", ms);
        json_number(json, "gflops", gflops);
        json_number(json, "runs", (double)c.n);
        json_end(json);
        const int length = (int)strlen(step->name); /* fused layers have long names */
        char *name = text_of("%.28s%s", step->name, length > 28 ? "…" : "");
        table_cell(t, name);
        table_cell(t, step->type);
        table_cell(t, three(ms));
        table_cell(t, three(gflops));
        table_cell(t, size_text(&step->shape));
        table_cell(t, step->kernel ? step->kernel : "");
        free(name);
    }
    json_end(json);
    if (is_printed)
        table_print(t, stdout);
    else
        table_print(t, NULL);
    if (is_printed)
        printf("layers together %s ms per run, mean of %lld\n", three(total),
               (long long)c.n);
}
