/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carina classify: the best classes of pictures.
 *
 * Where the model ends in a Sigmoid its classes are independent of one another: a small set of them is
 * shown as one row a picture, in the model's order, instead of a ranking.
 *
 * Requests are used in turn, each waited for before it is filled again, so results come in order.
 * "--format openvino" prints what OpenVINO's classification_sample of 2018 R3 printed.
 */
#include "naming.h"
#include "preparing.h"
#include "reading.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct {
    const char *model, *device, *labels, *format, *precision, *cache_dir;
    Reading reading;
    Preparing preparing;
    List images;
    int64_t n_iter, n_requests, n_threads, batch;
    bool async, counters, is_low;
    const char *top_text;
} Values;

enum { MAX_COLUMNS = 8 }; /* classes shown side by side */

typedef struct {
    CarinaRequest *request;
    int first, n; /* images of the batch in flight; n 0: none */
} Slot;

typedef struct {
    const Values *v;
    CarinaContext *ctx;
    CarinaModel *model;
    CarinaCompiled *exe;
    const char *path;
    ImageList images;
    ImageRules rules;
    List labels;
    Slot *slots;
    int n_slots;
    int64_t batch, n_classes;
    double *scores; /* n images x n_classes, of the last iteration */
    double step,
        zero; /* score = step * (what the network says - zero): not 1 and 0 where that is steps of integers */
    bool is_openvino, is_multi_label;
    double wall_ms;
} Task;

static bool failed(const CarinaError *err)
{
    complain("%s", err->text);
    return false;
}

static const char *label(const Task *t, int64_t i)
{
    return i < t->labels.n ? t->labels.v[i] : NULL;
}

/* [N, classes], [N, classes, 1, 1]. */
static bool check_output(Task *t)
{
    const CarinaPort port = carina_compiled_output(t->exe, 0);
    const int64_t n = shape_count(&port.shape);
    t->n_classes = port.shape.rank >= 2 ? port.shape.dims[1] : 0;
    if (t->n_classes > 0 && t->n_classes * t->batch == n)
        return true;
    complain("%s: output '%s' is %s, not [N, classes]; use 'carina run'", t->path,
             port.name, shape_text(&port.shape));
    return false;
}

/* Does the first output come from a Sigmoid, so that classes do not compete? */
static bool ends_in_sigmoid(const CarinaModel *model)
{
    const CarinaGraph *g = carina_model_graph(model);
    const CarinaValue *v = g->n_outputs > 0 ? g->outputs[0]->inputs[0].value : NULL;
    return v && strcmp(v->node->op_name, "Sigmoid") == 0;
}

/* A quantised network's scores come out of a FakeQuantize onto integers: its two ranges say what they mean. */
static void find_steps(Task *t)
{
    const CarinaGraph *g = carina_model_graph(t->model);
    const CarinaNode *n = g->n_outputs > 0 ? g->outputs[0]->inputs[0].value->node : NULL;
    double at[4];
    t->step = 1;
    t->zero = 0;
    if (n && strcmp(n->op_name, "Convert") == 0)
        n = n->inputs[0].value->node;
    if (!n || strcmp(n->op_name, "FakeQuantize") != 0)
        return;
    for (int i = 0; i < 4; i++) {
        const CarinaValue *v = n->inputs[i + 1].value;
        if (!v || !v->constant || shape_count(&v->shape) != 1)
            return;
        at[i] = tensor_get(v->constant, 0);
    }
    if (at[3] > at[2] && at[1] > at[0]) {
        t->step = (at[1] - at[0]) / (at[3] - at[2]);
        t->zero = at[2] - at[0] / t->step;
    }
}

static bool compile(Task *t)
{
    CarinaError err = {0};
    const Values *v = t->v;
    const CarinaCompileOptions options = {
        .struct_size = sizeof options,
        .hint = v->async ? CARINA_HINT_THROUGHPUT : CARINA_HINT_LATENCY,
        .n_threads = (int)v->n_threads,
        .precision = v->precision,
        .cache_dir = v->cache_dir,
        .memory = v->is_low ? CARINA_MEMORY_LOW : CARINA_MEMORY_FAST,
        .profile = v->counters,
    };
    t->is_multi_label = ends_in_sigmoid(t->model);
    find_steps(t);
    if (!prepare_pictures(&t->rules, &t->batch, t->model, t->path, &v->preparing,
                          t->is_openvino) ||
        !find_labels(&t->labels, t->model, t->path, v->labels) ||
        !optimize_model(t->model, v->precision))
        return false;
    if (carina_compile_take(&t->exe, t->ctx, &t->model, v->device, &options, &err) !=
        CARINA_OK)
        return failed(&err);
    if (!check_output(t))
        return false;
    t->n_slots = v->n_requests > 0 ? (int)v->n_requests
                 : v->async        ? carina_compiled_n_streams(t->exe) + 1
                                   : 1;
    t->slots = allocate((size_t)t->n_slots, sizeof *t->slots);
    for (int k = 0; k < t->n_slots; k++)
        if (carina_request_create(&t->slots[k].request, t->exe, &err) != CARINA_OK)
            return failed(&err);
    t->scores = allocate((size_t)t->images.n * (size_t)t->n_classes, sizeof *t->scores);
    return true;
}

static bool collect(Task *t, Slot *slot)
{
    CarinaError err = {0};
    if (slot->n == 0)
        return true;
    const int n = slot->n;
    slot->n = 0;
    if (carina_request_wait(slot->request, 0, &err) != CARINA_OK)
        return failed(&err);
    const CarinaTensor *out = carina_request_output(slot->request, 0);
    for (int64_t i = 0; i < n * t->n_classes; i++)
        t->scores[slot->first * t->n_classes + i] =
            t->step * (tensor_get(out, i) - t->zero);
    return true;
}

static bool start(Task *t, Slot *slot, int first)
{
    CarinaError err = {0};
    CarinaTensor *in = carina_request_input(slot->request, 0);
    const int left = t->images.n - first;
    const int n = left < t->batch ? left : (int)t->batch;
    for (int i = 0; i < n; i++)
        if (!image_load(in, i, &t->images.v[first + i], &t->rules))
            return false;
    if (carina_request_start(slot->request, &err) != CARINA_OK)
        return failed(&err);
    slot->first = first;
    slot->n = n;
    return true;
}

static bool infer_all(Task *t)
{
    const double begun = now_ms();
    const int64_t n_iter = t->v->n_iter > 0 ? t->v->n_iter : 1;
    const double total = (double)n_iter * t->images.n;
    double done = 0;
    int k = 0;
    bool good = true;
    for (int64_t iter = 0; iter < n_iter && good; iter++)
        for (int first = 0; first < t->images.n && good; first += (int)t->batch) {
            Slot *slot = &t->slots[k];
            k = (k + 1) % t->n_slots;
            good = !is_interrupted() && collect(t, slot) && start(t, slot, first);
            done += (double)t->batch;
            if (done < total)
                progress("classifying", done, total, done * 1e3 / (now_ms() - begun),
                         "img/s");
        }
    for (int i = 0; i < t->n_slots && good; i++)
        good = collect(t, &t->slots[(k + i) % t->n_slots]);
    progress("classifying", 1, 1, 0, "");
    t->wall_ms = now_ms() - begun;
    return good;
}

/* Index of the best score below the last one given, in the order of score and then index. */
static int64_t next_best(const double *score, int64_t n, int64_t last)
{
    int64_t best = -1;
    for (int64_t i = 0; i < n; i++) {
        const bool is_left =
            last < 0 || score[i] < score[last] || (score[i] == score[last] && i > last);
        if (is_left && (best < 0 || score[i] > score[best]))
            best = i;
    }
    return best;
}

static void print_image(const Task *t, int i, int64_t n_top, bool is_shown, Json *json)
{
    char *name = image_name(&t->images.v[i]);
    const double *score = t->scores + i * t->n_classes;
    int64_t best = -1;
    if (is_shown)
        printf(t->is_openvino ? "Image %s\n\n" : "%s\n", name);
    json_object(json, NULL);
    json_text(json, "image", name);
    json_list(json, "classes");
    for (int64_t k = 0; k < n_top; k++) {
        best = next_best(score, t->n_classes, best);
        if (best < 0)
            break; /* the rest is not a number */
        const char *text = label(t, best);
        if (t->is_openvino && text)
            printf("%lld %.7f label %s\n", (long long)best, score[best], text);
        else if (t->is_openvino)
            printf("%lld %.7f label #%lld\n", (long long)best, score[best],
                   (long long)best);
        else if (is_shown)
            printf("  %6.3f  %4lld  %s\n", score[best], (long long)best,
                   text ? text : "");
        json_object(json, NULL);
        json_number(json, "class", (double)best);
        json_number(json, "score", score[best]);
        json_text(json, "label", text);
        json_end(json);
    }
    json_end(json);
    json_end(json);
    if (t->is_openvino)
        printf("\n");
    free(name);
}

/* One row a picture, one column a class; '<' of table heads cannot start a label, ' ' is put before it. */
static void print_grid(const Task *t)
{
    const char **heads = allocate((size_t)t->n_classes + 2, sizeof *heads);
    heads[0] = "<picture";
    for (int64_t k = 0; k < t->n_classes; k++)
        heads[k + 1] = label(t, k)[0] == '<' ? text_of(" %s", label(t, k)) : label(t, k);
    Table *table = table_create(heads);
    for (int i = 0; i < t->images.n; i++) {
        char *name = image_name(&t->images.v[i]);
        table_cell(table, name);
        free(name);
        for (int64_t k = 0; k < t->n_classes; k++) {
            char *cell = text_of("%.3f", t->scores[i * t->n_classes + k]);
            table_cell(table, cell);
            free(cell);
        }
    }
    table_print(table, stdout);
    free(heads);
}

static int64_t top_count(const Task *t)
{
    const int64_t n = t->v->top_text   ? strtoll(t->v->top_text, NULL, 10)
                      : t->is_openvino ? 10
                                       : 5;
    if (n >= 1 && n <= t->n_classes)
        return n;
    if (t->is_openvino)
        printf(
            "[ WARNING ] -nt %lld is not available for this network (-nt should be less than "
            "%lld and more than 0)\n            will be used maximal value : %lld\n",
            (long long)n, (long long)t->n_classes, (long long)t->n_classes);
    return t->n_classes;
}

static void print_last_line(const Task *t)
{
    const double n_iter = t->v->n_iter > 0 ? (double)t->v->n_iter : 1;
    if (t->is_openvino) {
        printf(
            "total inference time: %f\nAverage running time of one iteration: %f ms\n\n"
            "Throughput: %f FPS\n\n",
            t->wall_ms, t->wall_ms / n_iter, n_iter * t->images.n * 1e3 / t->wall_ms);
        return;
    }
    printf("%s %s, %s ms", t->v->device, t->v->precision, three(t->wall_ms));
    if (n_iter * t->images.n > 1)
        printf(" for %s pictures, %s img/s with their preparation",
               grouped((int64_t)n_iter * t->images.n),
               three(n_iter * t->images.n * 1e3 / t->wall_ms));
    printf("\n");
}

static bool report(Task *t)
{
    Json *json = NULL;
    if (!json_open(&json, common.json))
        return false;
    const int64_t n_top = top_count(t);
    if (t->is_openvino)
        printf("[ INFO ] Processing output blobs\n\nTop %lld results:\n\n",
               (long long)n_top);
    /* A ranking where -nt asks for one, and where a row would be too wide. */
    const bool is_grid = t->is_multi_label && !t->is_openvino && !t->v->top_text &&
                         t->n_classes <= MAX_COLUMNS && t->labels.n >= t->n_classes;
    if (is_grid)
        print_grid(t);
    json_list(json, "images");
    for (int i = 0; i < t->images.n; i++)
        print_image(t, i, n_top, !is_grid, json);
    json_end(json);
    json_number(json, "wall_ms", t->wall_ms);
    json_text(json, "device", t->v->device);
    json_text(json, "precision", t->v->precision);
    print_last_line(t);
    if (t->v->counters)
        print_counters(t->exe, json, true);
    if (t->is_openvino)
        printf("[ INFO ] Execution successful\n");
    return json_close(&json);
}

static void say_openvino(const Task *t)
{
    char *stem =
        text_of("%.*s",
                (int)(strlen(t->path) -
                      strlen(strrchr(t->path, '.') ? strrchr(t->path, '.') : "")),
                t->path);
    if (has_extension(t->path, "xml"))
        printf("[ INFO ] Loading network files:\n\t%s\n\t%s.bin\n", t->path, stem);
    else
        printf("[ INFO ] Loading network files:\n\t%s\n", t->path);
    printf("[ INFO ] Preparing input blobs\n[ INFO ] Batch size is %lld\n"
           "[ INFO ] Preparing output blobs\n[ INFO ] Loading model to the plugin\n"
           "[ INFO ] Starting inference (%lld iterations)\n",
           (long long)t->batch, (long long)(t->v->n_iter > 0 ? t->v->n_iter : 1));
    free(stem);
}

static bool execute(Task *t)
{
    if (t->is_openvino)
        printf("[ INFO ] InferenceEngine: \n\tAPI version ............ %d.%d\n"
               "\tBuild .................. %s\n[ INFO ] Loading plugin\n",
               CARINA_ABI_MAJOR, CARINA_ABI_MINOR, carina_version());
    if (!images_find(&t->images, &t->v->images))
        return false;
    t->batch = t->v->batch > 0 ? t->v->batch : t->is_openvino ? t->images.n : 1;
    if (!load_extensions(t->ctx, &t->v->reading.custom) ||
        !read_model(&t->model, t->ctx, t->path, &t->v->reading) ||
        !check_device(t->ctx, t->v->device) || !compile(t))
        return false;
    if (t->is_openvino)
        say_openvino(t);
    hold_interrupts();
    const bool good = infer_all(t);
    release_interrupts();
    return good && report(t);
}

static int check_values(const Values *v, const List *words)
{
    if (!v->model)
        return complain_usage("Parameter -m is not set; name the model with -m");
    if (v->images.n == 0)
        return complain_usage("Parameter -i is not set; name pictures with -i");
    if (words->n > 0)
        return complain_usage("'%s' is one word too many; pictures follow -i",
                              words->v[0]);
    if (v->n_requests > 4096 || v->batch > 4096 || v->n_threads > 4096)
        return complain_usage(
            "more than 4,096 requests, pictures in a batch, or threads");
    return EXIT_GOOD;
}

static int run(const void *values, const List *words)
{
    Values v = *(const Values *)values;
    Task t = {.v = &v, .path = v.model};
    const int wrong = check_values(&v, words);
    if (wrong)
        return wrong;
    v.device = v.device ? v.device : "CPU";
    v.precision = v.precision ? v.precision : "f32";
    t.is_openvino = v.format && strcasecmp(v.format, "openvino") == 0;
    t.ctx = open_context(v.n_threads, NULL);
    const bool good = t.ctx && execute(&t);
    for (int k = 0; t.slots && k < t.n_slots; k++)
        carina_request_free(&t.slots[k].request);
    free(t.slots);
    free(t.scores);
    images_free(&t.images);
    carina_compiled_free(&t.exe);
    carina_model_free(&t.model);
    carina_context_free(&t.ctx);
    return good ? EXIT_GOOD : EXIT_BAD;
}

static const Option options[] = {
    {OPTION_GROUP, "what", NULL, NULL, 0},
    {OPTION_TEXT, "model,m", "MODEL", "the model", offsetof(Values, model)},
    {OPTION_TEXT, "weights,w", "FILE", "its second file, where the name does not follow",
     offsetof(Values, reading.weights)},
    {OPTION_LIST, "images,i", "FILE|DIR|GLOB|@LIST|.npy", "the pictures",
     offsetof(Values, images)},
    {OPTION_TEXT, "labels", "FILE", "one class a line, where the model has none",
     offsetof(Values, labels)},
    CUSTOM_OPTIONS(Values, reading.custom),
    READING_OPTIONS(Values),
    PREPARING_OPTIONS(Values),
    {OPTION_GROUP, "running", NULL, NULL, 0},
    {OPTION_TEXT, "device,d", "DEVICE", "CPU", offsetof(Values, device)},
    {OPTION_TEXT, "infer-precision", "f32|bf16|int8", "f32 unless told",
     offsetof(Values, precision)},
    {OPTION_TEXT, "cache", "DIR", "keep compiled programs there and start from them",
     offsetof(Values, cache_dir)},
    LOW_MEMORY_OPTION(Values, is_low),
    {OPTION_TEXT, "nt", "N", "classes to show (5)", offsetof(Values, top_text)},
    {OPTION_INT, "ni", "N", "repeat N times", offsetof(Values, n_iter)},
    {OPTION_FLAG, "async", NULL, "several requests in flight", offsetof(Values, async)},
    {OPTION_INT, "nireq", "N", "how many", offsetof(Values, n_requests)},
    {OPTION_INT, "batch,b", "N", "pictures in each", offsetof(Values, batch)},
    {OPTION_INT, "nthreads", "N", "threads", offsetof(Values, n_threads)},
    {OPTION_FLAG, "pc", NULL, "time of each layer", offsetof(Values, counters)},
    {OPTION_TEXT, "format", "carina|openvino", "how results look",
     offsetof(Values, format)},
    {OPTION_END, NULL, NULL, NULL, 0},
};

const Command command_classify = {
    .name = "classify",
    .purpose = "the best classes of pictures",
    .usage = "-m MODEL -i FILE|DIR...",
    .examples =
        {"carina classify -m ir/model.xml -i cat.jpg --labels synset_words.txt",
         "carina classify -m model.onnx -i photos/ --async -nt 3",
         "carina classify -m model.onnx -i x.npy --resize-to 256 --resize antialias"},
    .options = options,
    .values_size = sizeof(Values),
    .run = run,
};
