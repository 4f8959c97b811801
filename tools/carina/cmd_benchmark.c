/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carina benchmark: how fast a model runs.
 *
 * The first inference is timed alone and not counted, unless it is the only one (-niter 1). Inputs are
 * seeded noise, set once: their filling is not measured.
 */
#include "reading.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    Reading reading;
    const char *model, *device, *api, *hint, *precision, *cache_dir, *shape;
    int64_t batch, n_iter, n_threads, n_streams, n_requests;
    bool counters, exact, is_low;
    const char *seconds_text;
} Values;

typedef struct {
    CarinaRequest *request;
    double started, ended; /* ms */
    bool is_running;
} Slot;

typedef struct {
    const Values *v;
    CarinaContext *ctx;
    CarinaModel *model; /* NULL from compiling on */
    char *name, *format;
    CarinaCompiled *exe;
    Slot *slots;
    int n_slots;
    bool is_async;
    double seconds;
    double read_ms, compile_ms, first_ms, wall_ms, peak_mb;
    double *latency; /* ms */
    size_t n, room;
    int64_t batch;
} Bench;

static void keep(Bench *b, double ms)
{
    if (b->n == b->room) {
        const size_t room = b->room ? 2 * b->room : 1024;
        double *more = allocate(room, sizeof *more);
        if (b->n)
            memcpy(more, b->latency, b->n * sizeof *more);
        free(b->latency);
        b->latency = more;
        b->room = room;
    }
    b->latency[b->n++] = ms;
}

static void on_done(void *arg, CarinaRequest *request, CarinaStatus status)
{
    Slot *slot = arg;
    (void)request;
    (void)status;
    slot->ended = now_ms();
}

static bool make_slots(Bench *b)
{
    CarinaError err = {0};
    b->slots = allocate((size_t)b->n_slots, sizeof *b->slots);
    for (int k = 0; k < b->n_slots; k++) {
        Slot *slot = &b->slots[k];
        if (carina_request_create(&slot->request, b->exe, &err) != CARINA_OK) {
            complain("%s", err.text);
            return false;
        }
        carina_request_set_callback(slot->request, on_done, slot);
        for (int i = 0; i < carina_compiled_n_inputs(b->exe); i++)
            tensor_random(carina_request_input(slot->request, i), 1 + (uint64_t)i);
    }
    return true;
}

static bool is_over(const Bench *b, double start, int64_t n_started)
{
    if (is_interrupted())
        return true;
    if (b->v->n_iter > 0 && n_started >= b->v->n_iter)
        return true;
    if (b->seconds > 0)
        return now_ms() - start >= b->seconds * 1e3;
    return b->v->n_iter == 0;
}

static bool finish(Bench *b, Slot *slot, CarinaError *err)
{
    if (!slot->is_running)
        return true;
    slot->is_running = false;
    if (carina_request_wait(slot->request, 0, err) != CARINA_OK)
        return false;
    keep(b, slot->ended - slot->started);
    return true;
}

/* One request, computed on this thread: nobody need be woken for it. */
static bool infer(Bench *b, Slot *slot, CarinaError *err)
{
    slot->started = now_ms();
    if (carina_request_infer(slot->request, err) != CARINA_OK)
        return false;
    keep(b, slot->ended - slot->started);
    return true;
}

/* The oldest request is waited for and started again, until time or count are up. */
static bool measure(Bench *b, CarinaError *err)
{
    const double start = now_ms();
    double last = start;
    int64_t n = 0;
    bool good = true;
    for (; good && !is_over(b, start, n); n++) {
        Slot *slot = &b->slots[n % b->n_slots];
        good = finish(b, slot, err);
        if (!good || (b->is_async && is_over(b, start, n)))
            break;
        if (b->is_async) {
            slot->started = now_ms();
            good = carina_request_start(slot->request, err) == CARINA_OK;
            slot->is_running = good;
        } else
            good = infer(b, slot, err);
        last = now_ms();
        if (b->seconds > 0)
            progress("measuring", last - start, b->seconds * 1e3,
                     (double)(n * b->batch) * 1e3 / (last - start + 1e-9), "img/s");
    }
    for (int k = 0; k < b->n_slots && good; k++)
        good = finish(b, &b->slots[k], err);
    progress("measuring", 1, 1, 0, "");
    b->wall_ms = now_ms() - start;
    return good;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Nearest rank. */
static double percentile(const Bench *b, double part)
{
    const size_t rank = (size_t)(part * (double)b->n + 0.9999999);
    return b->n ? b->latency[rank < 1 ? 0 : (rank > b->n ? b->n : rank) - 1] : 0;
}

static double median(const Bench *b)
{
    return b->n ? (b->latency[(b->n - 1) / 2] + b->latency[b->n / 2]) / 2 : 0;
}

/* The highest resident size so far. */
static double peak_mb(void)
{
    char line[256];
    double kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtod(line + 6, NULL);
    if (f)
        fclose(f);
    return kib * 1024 / 1e6;
}

static double mean_of(const Bench *b)
{
    double sum = 0;
    for (size_t i = 0; i < b->n; i++)
        sum += b->latency[i];
    return b->n ? sum / (double)b->n : 0;
}

static void write_json(const Bench *b, Json *json, double fps)
{
    const Values *v = b->v;
    json_text(json, "model", b->name);
    json_text(json, "format", b->format);
    json_text(json, "device", v->device);
    json_text(json, "api", b->is_async ? "async" : "sync");
    json_text(json, "precision", v->precision);
    json_number(json, "batch", (double)b->batch);
    json_number(json, "streams", carina_compiled_n_streams(b->exe));
    json_number(json, "threads", carina_compiled_n_threads(b->exe));
    json_number(json, "requests", b->n_slots);
    json_number(json, "iterations", (double)b->n);
    json_number(json, "duration_ms", b->wall_ms);
    json_number(json, "throughput_fps", fps);
    json_object(json, "latency_ms");
    json_number(json, "median", median(b));
    json_number(json, "min", percentile(b, 0));
    json_number(json, "avg", mean_of(b));
    json_number(json, "p90", percentile(b, 0.90));
    json_number(json, "p99", percentile(b, 0.99));
    json_number(json, "max", percentile(b, 1));
    json_end(json);
    json_number(json, "read_ms", b->read_ms);
    json_number(json, "compile_ms", b->compile_ms);
    json_number(json, "first_infer_ms", b->first_ms);
    json_number(json, "peak_rss_mb", b->peak_mb);
}

static int report(Bench *b)
{
    Json *json = NULL;
    if (!json_open(&json, common.json))
        return EXIT_BAD;
    b->peak_mb = peak_mb(); /* before the counters measure the machine */
    qsort(b->latency, b->n, sizeof *b->latency, compare);
    const double fps =
        b->wall_ms > 0 ? (double)b->n * (double)b->batch * 1e3 / b->wall_ms : 0;
    write_json(b, json, fps);
    printf("%s  %s on %s   batch %lld, %d streams, %d threads, %d requests, %s\n",
           b->name, b->v->precision, b->v->device, (long long)b->batch,
           carina_compiled_n_streams(b->exe), carina_compiled_n_threads(b->exe),
           b->n_slots, b->is_async ? "async" : "sync");
    if (b->v->counters)
        print_counters(b->exe, json, true);
    printf("  %-12s %s img/s   %zu inferences in %s s\n", "throughput", three(fps), b->n,
           three(b->wall_ms / 1e3));
    printf("  %-12s %s ms median   min %s   avg %s   p90 %s   p99 %s   max %s\n",
           "latency", three(median(b)), three(percentile(b, 0)), three(mean_of(b)),
           three(percentile(b, 0.90)), three(percentile(b, 0.99)),
           three(percentile(b, 1)));
    printf("  %-12s read %s ms   compile %s ms   first inference %s ms   memory %s MB\n",
           "start", three(b->read_ms), three(b->compile_ms), three(b->first_ms),
           three(b->peak_mb));
    return json_close(&json) ? EXIT_GOOD : EXIT_BAD;
}

/* Only one set of shapes is measured: what is dynamic becomes 1, as compiling takes it, and no weights need to be kept for
 * others. */
static bool fix_shapes(CarinaModel *model, CarinaError *err)
{
    for (int i = 0; i < carina_model_n_inputs(model); i++) {
        CarinaShape shape = carina_model_input(model, i).shape;
        bool is_dynamic = false;
        for (int d = 0; d < shape.rank; d++)
            if (shape.dims[d] < 0) {
                shape.dims[d] = 1;
                is_dynamic = true;
            }
        if (is_dynamic && carina_model_reshape(model, i, &shape, err) != CARINA_OK) {
            complain("%s", err->text);
            return false;
        }
    }
    return true;
}

static bool shape_model(Bench *b, CarinaError *err)
{
    const char *at = b->v->shape;
    for (int i = 0; at && *at; i++) {
        CarinaShape shape;
        if (i >= carina_model_n_inputs(b->model) || !parse_shape(&shape, &at)) {
            complain("--shape: '%s' is no list of shapes like [1,3,224,224]",
                     b->v->shape);
            return false;
        }
        if (carina_model_reshape(b->model, i, &shape, err) != CARINA_OK) {
            complain("%s", err->text);
            return false;
        }
        at += strspn(at, " ,");
    }
    if (b->v->batch > 0 &&
        carina_model_set_batch(b->model, b->v->batch, err) != CARINA_OK) {
        complain("%s", err->text);
        return false;
    }
    return fix_shapes(b->model, err);
}

static bool is_throughput(const Values *v)
{
    return v->hint &&
           (strcmp(v->hint, "throughput") == 0 || strcmp(v->hint, "tput") == 0);
}

static bool compile(Bench *b)
{
    const Values *v = b->v;
    CarinaError err = {0};
    const CarinaCompileOptions options = {
        .struct_size = sizeof options,
        .hint = is_throughput(v) ? CARINA_HINT_THROUGHPUT : CARINA_HINT_LATENCY,
        .n_threads = (int)v->n_threads,
        .n_streams = (int)v->n_streams,
        .precision = v->precision,
        .cache_dir = v->cache_dir,
        .exact = v->exact,
        .memory = v->is_low ? CARINA_MEMORY_LOW : CARINA_MEMORY_FAST,
        .profile = v->counters,
        .tune = v->hint && strcmp(v->hint, "tune") == 0,
    };
    double start = now_ms();
    if (!shape_model(b, &err) || !optimize_model(b->model, b->v->precision))
        return false;
    b->read_ms += now_ms() - start;
    start = now_ms();
    b->name = text_of("%s", carina_model_graph(b->model)->name);
    b->format = text_of("%s", carina_model_format(b->model));
    if (carina_compile_take(&b->exe, b->ctx, &b->model, v->device, &options, &err) !=
        CARINA_OK) {
        complain("%s", err.text);
        return false;
    }
    b->compile_ms = now_ms() - start;
    const CarinaPort port = carina_compiled_input(b->exe, 0);
    b->batch = carina_compiled_n_inputs(b->exe) > 0 && port.shape.rank > 1
                   ? port.shape.dims[0]
                   : 1;
    const int streams = carina_compiled_n_streams(b->exe);
    const int wanted = v->n_requests > 0 ? (int)v->n_requests : streams + (streams > 1);
    b->n_slots = b->is_async ? wanted : 1;
    return true;
}

static int execute(Bench *b)
{
    CarinaError err = {0};
    if (!compile(b) || !make_slots(b))
        return EXIT_BAD;
    double start = now_ms();
    if (carina_request_infer(b->slots[0].request, &err) != CARINA_OK)
        return complain("%s", err.text);
    b->first_ms = now_ms() - start;
    if (b->v->n_iter == 1) {
        keep(b, b->first_ms);
        b->wall_ms = b->first_ms;
    } else {
        hold_interrupts();
        const bool good = measure(b, &err);
        release_interrupts();
        if (!good)
            return complain("%s", err.text);
    }
    return report(b);
}

static int run(const void *values, const List *words)
{
    Values v = *(const Values *)values;
    Bench b = {.v = &v};
    int status = EXIT_BAD;
    const char *path = model_word(v.model, words);
    if (!path)
        return EXIT_USAGE;
    if (v.n_requests > 4096 || v.n_streams > 4096 || v.n_threads > 4096)
        return complain_usage("benchmark: more than 4,096 requests, streams or threads");
    v.device = v.device ? v.device : "CPU";
    v.precision = v.precision ? v.precision : "f32";
    /* Throughput wants several requests in flight, latency one. */
    b.is_async = v.api ? strcmp(v.api, "async") == 0 : is_throughput(&v);
    b.seconds = v.seconds_text ? strtod(v.seconds_text, NULL) : v.n_iter > 0 ? 0 : 10;
    if (b.seconds <= 0 && v.n_iter == 0)
        return complain_usage("benchmark: -t 0 needs -niter N, or it measures nothing");
    b.ctx = open_context(v.n_threads, NULL);
    const double start = now_ms();
    if (b.ctx && load_extensions(b.ctx, &v.reading.custom) &&
        read_model(&b.model, b.ctx, path, &v.reading)) {
        b.read_ms = now_ms() - start;
        if (check_device(b.ctx, v.device))
            status = execute(&b);
    }
    for (int k = 0; b.slots && k < b.n_slots; k++)
        carina_request_free(&b.slots[k].request);
    free(b.slots);
    free(b.latency);
    carina_compiled_free(&b.exe);
    carina_model_free(&b.model);
    free(b.name);
    free(b.format);
    carina_context_free(&b.ctx);
    return status;
}

static const Option options[] = {
    {OPTION_GROUP, "what", NULL, NULL, 0},
    {OPTION_TEXT, "model,m", "MODEL", "the model", offsetof(Values, model)},
    {OPTION_TEXT, "weights,w", "FILE", "its second file, where the name does not follow",
     offsetof(Values, reading.weights)},
    CUSTOM_OPTIONS(Values, reading.custom),
    {OPTION_TEXT, "device,d", "DEVICE", "CPU", offsetof(Values, device)},
    {OPTION_INT, "batch,b", "N", "images in each inference", offsetof(Values, batch)},
    {OPTION_TEXT, "shape", "SHAPES", "of the inputs: [1,3,224,224]",
     offsetof(Values, shape)},
    {OPTION_TEXT, "infer-precision", "f32|bf16|int8", "f32 unless told",
     offsetof(Values, precision)},
    {OPTION_TEXT, "cache", "DIR", "keep compiled programs there and start from them",
     offsetof(Values, cache_dir)},
    {OPTION_FLAG, "exact", NULL, "no algorithm that rounds more, such as Winograd",
     offsetof(Values, exact)},
    LOW_MEMORY_OPTION(Values, is_low),
    {OPTION_GROUP, "how", NULL, NULL, 0},
    {OPTION_TEXT, "hint", "latency|throughput|tput|tune|none",
     "what to be good at (latency); tune: measure first", offsetof(Values, hint)},
    {OPTION_TEXT, "api", "sync|async", "one request, or several in flight",
     offsetof(Values, api)},
    {OPTION_TEXT, "t", "SECONDS", "how long to measure (10)",
     offsetof(Values, seconds_text)},
    {OPTION_INT, "niter", "N", "how many inferences", offsetof(Values, n_iter)},
    {OPTION_INT, "nthreads", "N", "threads", offsetof(Values, n_threads)},
    {OPTION_INT, "nstreams", "N", "inferences computed at once",
     offsetof(Values, n_streams)},
    {OPTION_INT, "nireq", "N", "requests in flight", offsetof(Values, n_requests)},
    {OPTION_FLAG, "pc", NULL, "each layer: time, and what bounds it",
     offsetof(Values, counters)},
    {OPTION_END, NULL, NULL, NULL, 0},
};

const Command command_benchmark = {
    .name = "benchmark",
    .purpose = "how fast a model runs",
    .usage = "-m MODEL [-hint latency|throughput] [-t SECONDS]",
    .examples =
        {"carina benchmark -m model.onnx",
         "carina benchmark -m ir/model.xml -hint throughput -t 5 -json speed.json",
         "carina benchmark -m model.onnx -niter 100 -pc"},
    .options = options,
    .values_size = sizeof(Values),
    .run = run,
};
