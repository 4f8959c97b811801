/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carina quantize: a model in INT8, with ranges from pictures, as OpenVINO IR.
 *
 * The pictures need no labels: what counts is whether the first class stays what it is in FP32.
 */
#include "calibrate.h"
#include "preparing.h"
#include "reading.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct {
    const char *model, *out_dir, *name, *ir_version, *preset, *metric, *percentile,
        *max_drop;
    Reading reading;
    Preparing preparing;
    List images, skip;
    int64_t n_threads;
    bool keep_first, keep_last, corrects_bias;
} Values;

typedef struct {
    const Values *v;
    const char *path;
    double max_drop, percentile; /* max_drop below 0: none asked for */
    CarinaRangeRule rule;
    CarinaShape shape; /* of the input, as the model has it */
    Calibration c;
    CarinaModel *quantized;
    int n_agreeing, n_sure;
    double started;
    Json *json;
} Job;

static const char *const rule_names[] = {"minmax", "percentile", "kl"};

/* --- Which layers. */

static bool skip_layer(Job *job, const char *name)
{
    List names = {0};
    for (int k = 0; k < job->c.n_layers; k++) {
        QuantLayer *layer = &job->c.layers[k];
        if (strcmp(layer->node->name, name) == 0) {
            layer->kept = "skipped";
            free(names.v);
            return true;
        }
        list_add(&names, layer->node->name);
    }
    list_add(&names, NULL);
    const char *near = nearest(names.v, name);
    if (near)
        complain("--skip: no layer '%s' is to be quantized; do you mean '%s'?", name,
                 near);
    else
        complain("--skip: no layer '%s' is to be quantized", name);
    free(names.v);
    return false;
}

static bool skip_layers(Job *job)
{
    for (int i = 0; i < job->v->skip.n; i++)
        if (!skip_layer(job, job->v->skip.v[i]))
            return false;
    QuantLayer *first = NULL, *last = NULL; /* that have weights */
    for (int k = 0; k < job->c.n_layers; k++)
        if (job->c.layers[k].n_inputs == 1) {
            first = first ? first : &job->c.layers[k];
            last = &job->c.layers[k];
        }
    if (first && job->v->keep_first)
        first->kept = "first";
    if (last && job->v->keep_last)
        last->kept = "last";
    return true;
}

static int n_quantized(const Job *job)
{
    int n = 0;
    for (int k = 0; k < job->c.n_layers; k++)
        n += !job->c.layers[k].kept;
    return n;
}

/* --- Quantizing. */

static bool open_all(Job *job)
{
    int64_t batch = 1;
    Calibration *c = &job->c;
    if (!images_find(&c->images, &job->v->images) ||
        !load_extensions(c->ctx, &job->v->reading.custom) ||
        !read_model(&c->model, c->ctx, job->path, &job->v->reading))
        return false;
    job->shape = carina_model_input(c->model, 0).shape;
    if (!prepare_pictures(&c->rules, &batch, c->model, job->path, &job->v->preparing,
                          false) ||
        !optimize_model(c->model, NULL))
        return false;
    calibration_find(c);
    if (c->n_layers > 0)
        return skip_layers(job);
    complain("%s: no layer of %s can be quantized: there is none of f32 with constant "
             "weights",
             job->path, grouped(carina_model_graph(c->model)->n_nodes));
    return false;
}

static bool apply(Job *job)
{
    carina_model_free(&job->quantized);
    return calibration_apply(&job->quantized, &job->c, job->v->corrects_bias) &&
           calibration_agreement(&job->n_agreeing, &job->n_sure, &job->c, job->quantized);
}

static QuantLayer *worst_layer(const Job *job)
{
    QuantLayer *worst = NULL;
    for (int k = 0; k < job->c.n_layers; k++) {
        QuantLayer *layer = &job->c.layers[k];
        if (!layer->kept && (!worst || layer->effect > worst->effect))
            worst = layer;
    }
    return worst;
}

/* Other pictures lose more than those that the ranges come from: twice the error must not change the first class. */
static bool is_good_enough(const Job *job)
{
    return job->max_drop < 0 ||
           job->n_sure >= (1 - job->max_drop) * job->c.images.n - 1e-9;
}

static bool quantize(Job *job)
{
    if (!calibration_ranges(&job->c, job->rule, job->percentile) ||
        !calibration_losses(&job->c) || !apply(job) ||
        (!is_good_enough(job) && !calibration_effects(&job->c, job->v->corrects_bias)))
        return false;
    for (QuantLayer *worst = worst_layer(job); worst && !is_good_enough(job);
         worst = worst_layer(job)) {
        worst->kept = "accuracy";
        if (!apply(job))
            return false;
    }
    return true;
}

/* --- Results. */

static void add_row(const Job *job, Table *t, const QuantLayer *layer)
{
    const double sqnr = layer_sqnr(layer);
    json_object(job->json, NULL);
    json_text(job->json, "name", layer->node->name);
    json_text(job->json, "type", layer->node->op_name);
    json_list(job->json, "ranges");
    for (int i = 0; i < layer->n_inputs; i++) {
        const Watched *w = &job->c.watched[layer->watched[i]];
        json_object(job->json, NULL);
        json_number(job->json, "low", w->low);
        json_number(job->json, "high", w->high);
        json_end(job->json);
    }
    json_end(job->json);
    if (isfinite(sqnr))
        json_number(job->json, "sqnr_db", sqnr);
    json_text(job->json, "precision", layer->kept ? "f32" : "int8");
    json_text(job->json, "why", layer->kept);
    json_end(job->json);
    const Watched *w = &job->c.watched[layer->watched[0]];
    table_cell(t, layer->node->name);
    table_cell(t, layer->node->op_name);
    table_cell(t, three(w->low));
    table_cell(t, three(w->high));
    table_cell(t, isfinite(sqnr) ? three(sqnr) : "exact");
    char *runs = layer->kept ? text_of("FP32, %s", layer->kept) : text_of("INT8");
    table_cell(t, runs);
    free(runs);
}

static void report(Job *job)
{
    static const char *const heads[] = {"<layer",  "<type",        "from", "to",
                                        "SQNR dB", "<computed in", NULL};
    const int n = job->c.images.n, n_int8 = n_quantized(job);
    Table *t = table_create(heads);
    json_list(job->json, "layers");
    for (int k = 0; k < job->c.n_layers; k++)
        add_row(job, t, &job->c.layers[k]);
    json_end(job->json);
    table_print(t, stdout);
    printf("quantized   %s   %d of %d layers, %s, ranges of %s pictures\n", job->path,
           n_int8, job->c.n_layers, rule_names[job->rule], grouped(n));
    printf("agreement   %s of %s pictures have the first class of FP32 (%.1f %%)\n",
           grouped(job->n_agreeing), grouped(n), 100.0 * job->n_agreeing / n);
    json_text(job->json, "model", job->path);
    json_text(job->json, "preset", rule_names[job->rule]);
    json_number(job->json, "pictures", n);
    json_number(job->json, "n_layers", job->c.n_layers);
    json_number(job->json, "n_int8", n_int8);
    json_number(job->json, "n_agreeing", job->n_agreeing);
    json_number(job->json, "agreement", (double)job->n_agreeing / n);
}

static bool write(Job *job)
{
    CarinaError err = {0};
    const Values *v = job->v;
    char *own = stem_of(job->path);
    char *stem = text_of("%s/%s", v->out_dir, v->name ? v->name : own);
    const CarinaWriteOptions options = {
        .struct_size = sizeof options,
        .ir_version = v->ir_version && strcmp(v->ir_version, "10") == 0 ? 10 : 11,
    };
    /* Dimensions that were unknown are so again, where the layers allow it. */
    (void)carina_model_reshape(job->quantized, 0, &job->shape, NULL);
    bool good = make_folders(v->out_dir);
    if (good && carina_model_write(job->quantized, stem, &options, &err) != CARINA_OK) {
        complain("%s", err.text);
        good = false;
    }
    if (good) {
        const double mb = file_mb(stem, ".xml") + file_mb(stem, ".bin");
        const double mb_read = model_mb(job->path, &v->reading);
        const int nodes = carina_model_graph(job->quantized)->n_nodes;
        const double seconds = (now_ms() - job->started) / 1e3;
        printf("wrote       %s.xml, .bin   IR v%d, INT8, %s nodes, %s MB (read: %s MB)   "
               "%s s\n",
               stem, options.ir_version, grouped(nodes), three(mb), three(mb_read),
               three(seconds));
        json_text(job->json, "stem", stem);
        json_number(job->json, "ir_version", options.ir_version);
        json_number(job->json, "nodes", nodes);
        json_number(job->json, "mb", mb);
        json_number(job->json, "mb_read", mb_read);
        json_number(job->json, "seconds", seconds);
    }
    free(own);
    free(stem);
    return good;
}

static bool execute(Job *job)
{
    job->started = now_ms();
    if (!open_all(job))
        return false;
    hold_interrupts(); /* until both files are there, or none is */
    bool good = quantize(job);
    if (good)
        report(job);
    good = good && !is_interrupted() && write(job);
    release_interrupts();
    return good;
}

/* "0.01", "1 %"; false: said why. */
static bool read_fraction(double *out, const char *text)
{
    char *end = NULL;
    *out = strtod(text, &end);
    end += strspn(end, " ");
    if (*end == '%') {
        *out /= 100;
        end++;
    }
    if (end != text && !*end && *out >= 0 && *out <= 1)
        return true;
    complain_usage("--max-drop: '%s' is no share of the pictures; write 0.01 or 1%%",
                   text);
    return false;
}

static bool read_values(Job *job)
{
    const Values *v = job->v;
    char *end = NULL;
    job->max_drop = -1;
    job->percentile = v->percentile ? strtod(v->percentile, &end) : 99.99;
    if (v->percentile && (*end || !(job->percentile >= 50 && job->percentile <= 100))) {
        complain_usage("--percentile: '%s' is not 50 to 100; write 99.99", v->percentile);
        return false;
    }
    for (int i = 0; i < 3; i++)
        if (v->preset && strcasecmp(v->preset, rule_names[i]) == 0)
            job->rule = (CarinaRangeRule)i;
    if (v->percentile && !v->preset)
        job->rule = CARINA_RANGE_PERCENTILE;
    return !v->max_drop || read_fraction(&job->max_drop, v->max_drop);
}

static int run(const void *values, const List *words)
{
    const Values *v = values;
    Job job = {.v = v, .path = model_word(v->model, words)};
    if (!job.path)
        return EXIT_USAGE;
    if (v->images.n == 0)
        return complain_usage("no pictures given; name some of the kind that the network "
                              "is for with -i, 100 or more");
    if (!v->out_dir)
        return complain_usage("no folder given; say where to write with -o");
    if (!read_values(&job))
        return EXIT_USAGE;
    job.c.ctx = open_context(v->n_threads, NULL);
    bool good = job.c.ctx && json_open(&job.json, common.json);
    good = good && execute(&job);
    good = json_close(&job.json) && good;
    carina_model_free(&job.quantized);
    calibration_free(&job.c);
    carina_context_free(&job.c.ctx);
    return good ? EXIT_GOOD : EXIT_BAD;
}

static const Option options[] = {
    {OPTION_GROUP, "what", NULL, NULL, 0},
    {OPTION_TEXT, "model,m", "MODEL", "the model, as a word too",
     offsetof(Values, model)},
    {OPTION_TEXT, "weights,w", "FILE", "its second file",
     offsetof(Values, reading.weights)},
    {OPTION_LIST, "images,i", "FILE|DIR|GLOB|@LIST|.npy", "pictures to find ranges with",
     offsetof(Values, images)},
    {OPTION_TEXT, "output-dir,o", "DIR", "where to write", offsetof(Values, out_dir)},
    {OPTION_TEXT, "model-name,n", "NAME", "write NAME.xml and NAME.bin",
     offsetof(Values, name)},
    {OPTION_TEXT, "ir-version", "10|11", "for older runtimes: 10",
     offsetof(Values, ir_version)},
    CUSTOM_OPTIONS(Values, reading.custom),
    READING_OPTIONS(Values),
    PREPARING_OPTIONS(Values),
    {OPTION_GROUP, "quantizing", NULL, NULL, 0},
    {OPTION_TEXT, "preset", "minmax|percentile|kl", "how ranges are chosen (minmax)",
     offsetof(Values, preset)},
    {OPTION_TEXT, "percentile", "P", "what lies inside of them (99.99)",
     offsetof(Values, percentile)},
    {OPTION_FLAG, "bias-correction", NULL, "keep the mean of each channel",
     offsetof(Values, corrects_bias)},
    {OPTION_LIST, "skip", "LAYER", "leave these in FP32", offsetof(Values, skip)},
    {OPTION_FLAG, "keep-first", NULL, "leave the first layer in FP32",
     offsetof(Values, keep_first)},
    {OPTION_FLAG, "keep-last", NULL, "leave the last layer in FP32",
     offsetof(Values, keep_last)},
    {OPTION_TEXT, "max-drop", "D", "layers back to FP32 until so few pictures differ: 1%",
     offsetof(Values, max_drop)},
    {OPTION_TEXT, "metric", "agreement", "of what: first classes as in FP32",
     offsetof(Values, metric)},
    {OPTION_INT, "nthreads", "N", "threads", offsetof(Values, n_threads)},
    {OPTION_END, NULL, NULL, NULL, 0},
};

const Command command_quantize = {
    .name = "quantize",
    .purpose = "a model in INT8, from pictures",
    .usage = "MODEL -i FILE|DIR... -o DIR",
    .examples = {"carina quantize model.onnx -i photos/ -o int8",
                 "carina quantize model.onnx -i photos/ -o int8 --preset kl "
                 "--bias-correction",
                 "carina quantize model.onnx -i photos/ -o int8 --max-drop 1%"},
    .options = options,
    .values_size = sizeof(Values),
    .run = run,
};
