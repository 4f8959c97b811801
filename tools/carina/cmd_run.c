/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carina run: tensors in, tensors out.
 */
#include "reading.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
    const char *model, *device, *out_dir, *precision, *cache_dir;
    Reading reading;
    List in;
    bool exact, random, counters, is_low;
    int64_t n_threads;
} Values;

typedef struct {
    const Values *v;
    CarinaContext *ctx;
    CarinaModel *model;
    CarinaCompiled *exe;
    CarinaRequest *request;
    CarinaTensor **inputs;
    int n_inputs;
} Run;

static bool check_inputs(Run *r)
{
    for (int i = 0; i < r->n_inputs; i++) {
        CarinaError err = {0};
        const CarinaPort port = carina_compiled_input(r->exe, i);
        if (r->inputs[i])
            continue;
        if (!r->v->random) {
            complain("no data for input '%s' (%s %s); give --in %s=FILE.npy, or --random",
                     port.name, carina_type_name(port.type), shape_text(&port.shape),
                     port.name);
            return false;
        }
        if (carina_tensor_create(&r->inputs[i], port.type, &port.shape, &err) !=
            CARINA_OK) {
            complain("%s", err.text);
            return false;
        }
        tensor_random(r->inputs[i], 1 + (uint64_t)i);
    }
    return true;
}

static CarinaStatus compute(Run *r, CarinaError *err)
{
    CarinaStatus status = carina_request_create(&r->request, r->exe, err);
    for (int i = 0; i < r->n_inputs && status == CARINA_OK; i++)
        status = carina_request_set_input(r->request, i, r->inputs[i], err);
    return status == CARINA_OK ? carina_request_infer(r->request, err) : status;
}

static bool write_output(const char *folder, const char *name, const CarinaTensor *t)
{
    CarinaError err = {0};
    char *safe = text_of("%s", name);
    for (char *at = safe; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("._-", *at))
            *at = '_';
    char *path = text_of("%s/%s.npy", folder, safe);
    const bool good = carina_tensor_write_npy(t, path, &err) == CARINA_OK;
    if (!good)
        complain("%s", err.text);
    free(path);
    free(safe);
    return good;
}

static void print_output(Table *t, Json *json, const CarinaPort *port,
                         const CarinaTensor *data)
{
    const int64_t n = tensor_count(data);
    double low = n ? tensor_get(data, 0) : 0, high = low, sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const double v = tensor_get(data, i);
        low = v < low ? v : low;
        high = v > high ? v : high;
        sum += v;
    }
    const double mean = n ? sum / (double)n : 0;
    table_cell(t, port->name);
    table_cell(t, carina_type_name(data->type));
    table_cell(t, shape_text(&data->shape));
    table_cell(t, three(low));
    table_cell(t, three(mean));
    table_cell(t, three(high));
    json_object(json, NULL);
    json_text(json, "name", port->name);
    json_text(json, "type", carina_type_name(data->type));
    json_shape(json, "shape", &data->shape);
    json_number(json, "min", low);
    json_number(json, "mean", mean);
    json_number(json, "max", high);
    json_end(json);
}

static int report(Run *r, double ms)
{
    static const char *const heads[] = {"<output", "<type", "<shape", "min",
                                        "mean",    "max",   NULL};
    Json *json = NULL;
    if (!json_open(&json, common.json))
        return EXIT_BAD;
    Table *t = table_create(heads);
    bool good = true;
    json_text(json, "device", r->v->device);
    json_number(json, "infer_ms", ms);
    json_list(json, "outputs");
    for (int i = 0; i < carina_compiled_n_outputs(r->exe) && good; i++) {
        const CarinaPort port = carina_compiled_output(r->exe, i);
        const CarinaTensor *data = carina_request_output(r->request, i);
        print_output(t, json, &port, data);
        if (r->v->out_dir)
            good = write_output(r->v->out_dir, port.name, data);
    }
    json_end(json);
    table_print(t, good ? stdout : NULL);
    if (r->v->counters)
        print_counters(r->exe, json, good);
    good = json_close(&json) && good;
    if (good)
        printf("%s %s, %s ms\n", r->v->device, r->v->precision, three(ms));
    return good ? EXIT_GOOD : EXIT_BAD;
}

static int execute(Run *r)
{
    CarinaError err = {0};
    const CarinaCompileOptions options = {
        .struct_size = sizeof options,
        .precision = r->v->precision,
        .cache_dir = r->v->cache_dir,
        .exact = r->v->exact,
        .memory = r->v->is_low ? CARINA_MEMORY_LOW : CARINA_MEMORY_FAST,
        .profile = r->v->counters,
    };
    if (!load_inputs(r->inputs, r->model, &r->v->in) ||
        !optimize_model(r->model, r->v->precision))
        return EXIT_BAD;
    if (carina_compile_take(&r->exe, r->ctx, &r->model, r->v->device, &options, &err) !=
        CARINA_OK)
        return complain("%s", err.text);
    if (!check_inputs(r))
        return EXIT_BAD;
    const double start = now_ms();
    if (compute(r, &err) != CARINA_OK)
        return complain("%s", err.text);
    const double ms = now_ms() - start;
    if (r->v->out_dir && mkdir(r->v->out_dir, 0777) != 0 && errno != EEXIST)
        return complain("%s: cannot be made (%s)", r->v->out_dir, strerror(errno));
    hold_interrupts(); /* files whole, or none */
    const int status = report(r, ms);
    release_interrupts();
    return status;
}

static int run(const void *values, const List *words)
{
    Values v = *(const Values *)values;
    Run r = {.v = &v};
    int status = EXIT_BAD;
    const char *path = model_word(v.model, words);
    v.device = v.device ? v.device : "CPU";
    v.precision = v.precision ? v.precision : "f32";
    if (!path)
        return EXIT_USAGE;
    r.ctx = open_context(v.n_threads, NULL);
    if (r.ctx && load_extensions(r.ctx, &v.reading.custom) &&
        read_model(&r.model, r.ctx, path, &v.reading) && check_device(r.ctx, v.device)) {
        r.n_inputs = carina_model_n_inputs(r.model);
        r.inputs = allocate((size_t)r.n_inputs, sizeof(CarinaTensor *));
        status = execute(&r);
    }
    carina_request_free(&r.request);
    carina_compiled_free(&r.exe);
    for (int i = 0; i < r.n_inputs; i++)
        carina_tensor_free(&r.inputs[i]);
    free(r.inputs);
    carina_model_free(&r.model);
    carina_context_free(&r.ctx);
    return status;
}

static const Option options[] = {
    {OPTION_GROUP, "data", NULL, NULL, 0},
    {OPTION_TEXT, "model,m", "MODEL", "the model, where it is not given as a word",
     offsetof(Values, model)},
    {OPTION_TEXT, "weights,w", "FILE", "its second file, where the name does not follow",
     offsetof(Values, reading.weights)},
    {OPTION_LIST, "in,i", "[NAME=]FILE.npy", "data of an input, by name or in order",
     offsetof(Values, in)},
    {OPTION_TEXT, "input-shape", "SHAPES",
     "of inputs whose file says none: [1,3,224,224]",
     offsetof(Values, reading.input_shape)},
    {OPTION_FLAG, "random", NULL, "seeded noise for inputs without data",
     offsetof(Values, random)},
    {OPTION_TEXT, "out-dir,o", "DIR", "write each output as NAME.npy",
     offsetof(Values, out_dir)},
    CUSTOM_OPTIONS(Values, reading.custom),
    READING_OPTIONS(Values),
    {OPTION_GROUP, "device", NULL, NULL, 0},
    {OPTION_TEXT, "device,d", "DEVICE", "CPU", offsetof(Values, device)},
    {OPTION_TEXT, "infer-precision", "f32|bf16|int8", "f32 unless told",
     offsetof(Values, precision)},
    {OPTION_TEXT, "cache", "DIR", "keep compiled programs there and start from them",
     offsetof(Values, cache_dir)},
    {OPTION_FLAG, "exact", NULL, "no algorithm that rounds more, such as Winograd",
     offsetof(Values, exact)},
    LOW_MEMORY_OPTION(Values, is_low),
    {OPTION_INT, "nthreads", "N", "threads", offsetof(Values, n_threads)},
    {OPTION_FLAG, "pc", NULL, "time of each layer", offsetof(Values, counters)},
    {OPTION_END, NULL, NULL, NULL, 0},
};

const Command command_run = {
    .name = "run",
    .purpose = "tensors in, tensors out",
    .usage = "MODEL --in [NAME=]FILE.npy... [--out-dir DIR]",
    .examples = {"carina run model.onnx --in x.npy --out-dir out",
                 "carina run ir/model.xml --in data=x.npy mask=m.npy -o out",
                 "carina run model.onnx --random -pc"},
    .options = options,
    .values_size = sizeof(Values),
    .run = run,
};
