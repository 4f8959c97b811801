/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carina convert: any model to OpenVINO IR, with the options that the Model Optimizer had.
 */
#include "naming.h"
#include "reading.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct {
    const char *model, *proto, *saved_model, *meta_graph, *symbol, *pretrained, *out_dir,
        *name;
    const char *layout, *mean, *scale, *data_type, *ir_version, *labels;
    Reading reading;
    double scale_all;
    int64_t batch;
    bool reverse, fp16, no_fusing, no_group_fusing, no_resnet, list_passes, report,
        is_text, use_statistics;
    bool flags_without_effect[32];
    const char *texts_without_effect[32];
    List disable;
} Values;

/* Options of the Model Optimizer that can do nothing here, and why. */
typedef struct {
    bool is_flag;
    int i;
    const char *name, *why;
} WithoutEffect;

static const WithoutEffect without_effect[] = {
#define FLAG_WITHOUT_EFFECT(i, name, why) {true, i, name, why},
#define TEXT_WITHOUT_EFFECT(i, name, value, why) {false, i, name, why},
#include "without_effect.def"
#undef FLAG_WITHOUT_EFFECT
#undef TEXT_WITHOUT_EFFECT
};

typedef struct {
    const Values *v;
    CarinaContext *ctx;
    CarinaModel *model;
    const char *path, *weights;
    Json *json;
    char *passes; /* what the report says */
    double started;
} Job;

/* One input's wishes. */
typedef struct {
    double *mean, *scale;
    int n_mean, n_scale;
    char *layout;
} Wish;

static bool failed(const CarinaError *err)
{
    complain("%s", err->text);
    return false;
}

static int input_named(const Job *job, const char *name, int in_order)
{
    const int i = *name ? carina_model_find_input(job->model, name) : in_order;
    if (i >= 0 && i < carina_model_n_inputs(job->model))
        return i;
    List names = {0};
    for (int k = 0; k < carina_model_n_inputs(job->model); k++)
        list_add(&names, carina_model_input(job->model, k).name);
    list_add(&names, NULL);
    const char *near = nearest(names.v, name);
    if (near)
        complain("%s: no input '%s'; do you mean '%s'?", job->path, name, near);
    else
        complain("%s: no input '%s'; 'carina info' lists them", job->path,
                 *name ? name : "past the last");
    free(names.v);
    return -1;
}

/* The plain names of a list, joined by commas. */
static char *plain_names(const char *list)
{
    char *all = text_of("%s", ""), *name, *stuff;
    for (const char *at = list; next_item(&at, &name, &stuff);) {
        char *plain = plain_name(name);
        char *longer = text_of("%s%s%s", all, *all ? "," : "", plain);
        free(all);
        free(plain);
        free(name);
        free(stuff);
        all = longer;
    }
    return all;
}

/* Are these the model's inputs already, all of them? */
static bool are_inputs(const CarinaModel *model, const char *list)
{
    int n = 0;
    bool all = true;
    char *name, *stuff;
    for (const char *at = list; next_item(&at, &name, &stuff); n++) {
        all = all && carina_model_find_input(model, name) >= 0;
        free(name);
        free(stuff);
    }
    return all && n == carina_model_n_inputs(model);
}

static bool cut(Job *job)
{
    CarinaError err = {0};
    if (reads_ends(job->model))
        return true;
    char *inputs = job->v->reading.input ? plain_names(job->v->reading.input) : NULL;
    char *outputs = job->v->reading.output ? plain_names(job->v->reading.output) : NULL;
    if (inputs && are_inputs(job->model, inputs)) {
        free(inputs);
        inputs = NULL;
    }
    const bool good = (!inputs && !outputs) ||
                      carina_model_cut(job->model, inputs, outputs, &err) == CARINA_OK;
    free(inputs);
    free(outputs);
    return good || failed(&err);
}

static bool set_shape(Job *job, const char *name, int in_order, const char *text)
{
    CarinaError err = {0};
    CarinaShape shape;
    char *plain = plain_name(name);
    const int i = input_named(job, plain, in_order);
    free(plain);
    if (i < 0)
        return false;
    if (!parse_shape(&shape, &text)) {
        complain("'%s' is no shape; write it like [1,3,224,224]", text);
        return false;
    }
    return carina_model_reshape(job->model, i, &shape, &err) == CARINA_OK || failed(&err);
}

static bool set_batch(Job *job)
{
    CarinaError err = {0};
    return job->v->batch <= 0 ||
           carina_model_set_batch(job->model, job->v->batch, &err) == CARINA_OK ||
           failed(&err);
}

/* Shapes inside --input, then those of --input_shape in the order of --input or the model. */
static bool set_shapes(Job *job)
{
    char *name, *stuff;
    bool good = true;
    int n = 0;
    if (reads_ends(job->model))
        return set_batch(job);
    for (const char *at = job->v->reading.input ? job->v->reading.input : "";
         good && next_item(&at, &name, &stuff); n++) {
        good = !stuff || set_shape(job, name, n, stuff);
        free(name);
        free(stuff);
    }
    n = 0;
    const char *names = job->v->reading.input ? job->v->reading.input : "";
    for (const char *at = job->v->reading.input_shape ? job->v->reading.input_shape : "";
         good && next_item(&at, &name, &stuff); n++) {
        char *given = NULL, *unused = NULL;
        (void)next_item(&names, &given, &unused);
        good = set_shape(job, *name ? name : given ? given : "", n, stuff ? stuff : name);
        free(given);
        free(unused);
        free(name);
        free(stuff);
    }
    return good && set_batch(job);
}

static bool read_numbers(double **to, int *n, const char *text, const char *option)
{
    free(*to);
    *to = NULL;
    if (parse_numbers(to, n, text))
        return true;
    complain("%s: '%s' is no list of numbers; write [123.7,116.3,103.5]", option, text);
    return false;
}

/* "data[1,2,3],info[4]", "(1,2,3)" or "1,2,3". */
static bool wish_numbers(Job *job, Wish *wishes, const char *text, bool is_mean)
{
    const char *option = is_mean ? "--mean-values" : "--scale-values";
    char *name, *stuff;
    bool good = true;
    int n = 0;
    if (!text || !*text || strcmp(text, "()") == 0)
        return true;
    if (!strpbrk(text, "[("))
        return read_numbers(is_mean ? &wishes->mean : &wishes->scale,
                            is_mean ? &wishes->n_mean : &wishes->n_scale, text, option);
    for (; good && next_item(&text, &name, &stuff); n++) {
        const int i = input_named(job, name, n);
        Wish *w = i < 0 ? NULL : &wishes[i];
        good = w && read_numbers(is_mean ? &w->mean : &w->scale,
                                 is_mean ? &w->n_mean : &w->n_scale, stuff ? stuff : name,
                                 option);
        free(name);
        free(stuff);
    }
    return good;
}

/* "nchw" or "data(nhwc),info(nc)"; of "nhwc->nchw" the first counts. */
static bool wish_layouts(Job *job, Wish *wishes, const char *text)
{
    char *name, *stuff;
    int n = 0;
    for (; text && next_item(&text, &name, &stuff); n++) {
        const int i = input_named(job, stuff ? name : "", n);
        const char *layout = stuff ? stuff + 1 : name;
        if (i >= 0) {
            free(wishes[i].layout);
            wishes[i].layout = text_of("%.*s", (int)strspn(layout, "nchwNCHW"), layout);
            for (char *c = wishes[i].layout; *c; c++)
                *c = (char)toupper((unsigned char)*c);
        }
        free(name);
        free(stuff);
        if (i < 0)
            return false;
    }
    return true;
}

static int channels_of(const CarinaPort *port, const char *layout)
{
    const bool is_last = strcmp(layout ? layout : port->layout, "NHWC") == 0;
    if (port->shape.rank != 4)
        return 0;
    const int64_t c = port->shape.dims[is_last ? 3 : 1];
    return c > 0 && c < 4096 ? (int)c : 0;
}

static bool apply(Job *job, int i, Wish *w)
{
    CarinaError err = {0};
    const CarinaPort port = carina_model_input(job->model, i);
    const int channels = channels_of(&port, w->layout);
    if (job->v->scale_all > 0 && !w->scale) {
        w->n_scale = channels > 0 ? channels : 1;
        w->scale = allocate((size_t)w->n_scale, sizeof *w->scale);
        for (int c = 0; c < w->n_scale; c++)
            w->scale[c] = job->v->scale_all;
    }
    const CarinaInput input = {
        .struct_size = sizeof input,
        .layout = w->layout,
        .n_mean = w->n_mean,
        .n_scale = w->n_scale,
        .mean = w->mean,
        .scale = w->scale,
        .reverse_channels = job->v->reverse && channels == 3,
    };
    if (!w->layout && !w->mean && !w->scale && !input.reverse_channels)
        return true;
    return carina_model_set_input(job->model, i, &input, &err) == CARINA_OK ||
           failed(&err);
}

static bool prepare(Job *job)
{
    const int n = carina_model_n_inputs(job->model);
    Wish *wishes = allocate((size_t)n + 1, sizeof *wishes);
    bool good = n > 0 || (!job->v->mean && !job->v->scale);
    good = good && wish_numbers(job, wishes, job->v->mean, true) &&
           wish_numbers(job, wishes, job->v->scale, false) &&
           wish_layouts(job, wishes, job->v->layout);
    for (int i = 0; i < n && good; i++)
        good = apply(job, i, &wishes[i]);
    for (int i = 0; i < n; i++) {
        free(wishes[i].mean);
        free(wishes[i].scale);
        free(wishes[i].layout);
    }
    free(wishes);
    return good;
}

static void on_pass(void *arg, const char *pass, const char *summary, int n_changes)
{
    Job *job = arg;
    (void)summary;
    char *longer =
        text_of("%s%s%s %d", job->passes, *job->passes ? " · " : "", pass, n_changes);
    free(job->passes);
    job->passes = longer;
    json_object(job->json, NULL);
    json_text(job->json, "pass", pass);
    json_number(job->json, "changes", n_changes);
    json_end(job->json);
}

static bool add_disabled(char **all, const char *pass)
{
    List names = {0};
    bool is_there = false;
    for (int i = 0; carina_pass_name(i); i++) {
        list_add(&names, carina_pass_name(i));
        is_there = is_there || strcmp(carina_pass_name(i), pass) == 0;
    }
    list_add(&names, NULL);
    const char *near = nearest(names.v, pass);
    if (!is_there && near)
        complain("no pass '%s'; do you mean '%s'?", pass, near);
    else if (!is_there)
        complain("no pass '%s'; 'carina convert --list-passes' lists them", pass);
    free(names.v);
    char *longer = text_of("%s%s%s", *all, **all ? "," : "", pass);
    free(*all);
    *all = longer;
    return is_there;
}

/* Passes that fold multiplications and additions into layers are what --disable_fusing is about. */
static bool is_fusing(const char *pass)
{
    return strstr(pass, "fus") || strstr(pass, "batch-norm") || strstr(pass, "linear");
}

static bool disabled(char **all, const Values *v)
{
    *all = text_of("%s", "");
    for (int k = 0; k < v->disable.n; k++)
        for (const char *at = v->disable.v[k]; *at; at += *at == ',') {
            char *pass = text_of("%.*s", (int)strcspn(at, ","), at);
            const bool good = !*pass || add_disabled(all, pass);
            free(pass);
            if (!good)
                return false;
            at += strcspn(at, ",");
        }
    for (int i = 0; carina_pass_name(i); i++) {
        const char *pass = carina_pass_name(i);
        const bool is_off = (v->no_fusing && is_fusing(pass)) ||
                            (v->no_group_fusing && strstr(pass, "group")) ||
                            (v->no_resnet && strstr(pass, "stride"));
        if (is_off && !add_disabled(all, pass))
            return false;
    }
    return true;
}

static bool optimize(Job *job)
{
    CarinaError err = {0};
    char *disable = NULL;
    int n_layers = 0;
    bool good = disabled(&disable, job->v);
    const CarinaOptimizeOptions options = {
        .struct_size = sizeof options,
        .disable = disable,
        .report = on_pass,
        .report_arg = job,
    };
    if (job->v->use_statistics &&
        carina_model_use_statistics(job->model, &n_layers, &err) != CARINA_OK) {
        free(disable);
        return failed(&err);
    }
    if (job->v->use_statistics)
        printf("statistics  %d layers in INT8\n", n_layers);
    json_list(job->json, "passes");
    if (good && carina_model_optimize(job->model, &options, &err) != CARINA_OK)
        good = failed(&err);
    json_end(job->json);
    free(disable);
    return good;
}

static bool wants_fp16(const Values *v)
{
    return v->fp16 || (v->data_type && (strcasecmp(v->data_type, "FP16") == 0 ||
                                        strcasecmp(v->data_type, "half") == 0));
}

static bool write(Job *job)
{
    CarinaError err = {0};
    const Values *v = job->v;
    char *own = stem_of(job->path);
    char *stem = text_of("%s/%s", v->out_dir ? v->out_dir : ".", v->name ? v->name : own);
    const bool fp16 = wants_fp16(v);
    const CarinaWriteOptions options = {
        .struct_size = sizeof options,
        .ir_version = v->ir_version && strcmp(v->ir_version, "10") == 0 ? 10 : 11,
        .fp16 = fp16,
    };
    bool good = make_folders(v->out_dir ? v->out_dir : ".");
    hold_interrupts(); /* both files, or none */
    if (good && carina_model_write(job->model, stem, &options, &err) != CARINA_OK)
        good = failed(&err);
    release_interrupts();
    if (good) {
        const double mb = file_mb(stem, ".xml") + file_mb(stem, ".bin");
        const int nodes = carina_model_graph(job->model)->n_nodes;
        const double seconds = (now_ms() - job->started) / 1e3;
        printf("wrote       %s.xml, .bin   IR v%d, %s, %s nodes, %s MB   %s s\n", stem,
               options.ir_version, fp16 ? "FP16" : "FP32", grouped(nodes), three(mb),
               three(seconds));
        json_text(job->json, "stem", stem);
        json_number(job->json, "ir_version", options.ir_version);
        json_number(job->json, "nodes", nodes);
        json_number(job->json, "mb", mb);
        json_number(job->json, "seconds", seconds);
    }
    free(own);
    free(stem);
    return good;
}

static bool label(Job *job)
{
    List labels = {0};
    return find_labels(&labels, job->model, job->path, job->v->labels) &&
           keep_labels(job->model, &labels);
}

static bool convert(Job *job)
{
    Reading reading = job->v->reading;
    job->started = now_ms();
    if (job->weights)
        reading.weights = job->weights;
    if (!read_model(&job->model, job->ctx, job->path, &reading))
        return false;
    const double mb = model_mb(job->path, &reading);
    const int nodes = carina_model_graph(job->model)->n_nodes;
    printf("reading     %s   %s, %s nodes, %s MB\n", job->path,
           carina_model_format(job->model), grouped(nodes), three(mb));
    json_text(job->json, "model", job->path);
    json_text(job->json, "format", carina_model_format(job->model));
    json_number(job->json, "nodes_read", nodes);
    if (!label(job) || !cut(job) || !set_shapes(job) || !prepare(job) || !optimize(job))
        return false;
    if (job->v->report)
        printf("passes      %s\n", *job->passes ? job->passes : "nothing to do");
    return write(job);
}

static int list_passes(void)
{
    static const char *const heads[] = {"<pass", "<what it does", NULL};
    Table *t = table_create(heads);
    for (int i = 0; carina_pass_name(i); i++) {
        table_cell(t, carina_pass_name(i));
        table_cell(t, carina_pass_summary(i));
    }
    table_print(t, stdout);
    return EXIT_GOOD;
}

static int convert_one(CarinaContext *ctx, const Values *v, const char *path,
                       const char *weights)
{
    Job job = {.v = v,
               .ctx = ctx,
               .path = path,
               .weights = weights,
               .passes = text_of("%s", "")};
    bool good = json_open(&job.json, common.json);
    good = good && convert(&job);
    good = json_close(&job.json) && good;
    carina_model_free(&job.model);
    free(job.passes);
    return good ? EXIT_GOOD : EXIT_BAD;
}

/* The model that options name, and its second file; NULL: said why, or none. */
static const char *model_of(const Values *v, const char **weights, bool *is_wrong)
{
    const char *const given[] = {v->proto    ? v->proto
                                 : v->symbol ? NULL
                                             : v->model,
                                 v->symbol, v->saved_model, v->meta_graph};
    static const char *const names[] = {"--input-model", "--input-symbol",
                                        "--saved-model-dir", "--input-meta-graph"};
    enum { N = sizeof given / sizeof *given };
    const char *path = NULL;
    int n = 0;
    *weights = v->proto || v->symbol ? v->model : NULL;
    for (int i = 0; i < N; i++) {
        if (!given[i])
            continue;
        if (path)
            complain_usage("%s and %s both name a model; give one of them", names[n],
                           names[i]);
        *is_wrong = *is_wrong || path;
        path = given[i];
        n = i;
    }
    return path || !v->reading.checkpoint ? path : v->reading.checkpoint;
}

/* NAME-0012.params, of the epoch that --input-model has, or else 0. To be freed. */
static char *pretrained_params(const Values *v)
{
    const size_t n = v->model ? strlen(v->model) : 0, tail = strlen("-0000.params");
    const char *end = n > tail ? v->model + n - tail : "";
    const bool has_epoch = *end == '-' && strspn(end + 1, "0123456789") == 4 &&
                           strcmp(end + 5, ".params") == 0;
    return text_of("%s%s", v->pretrained, has_epoch ? end : "-0000.params");
}

static bool say_what_has_no_effect(const Values *v)
{
    for (size_t i = 0; i < sizeof without_effect / sizeof *without_effect; i++) {
        const WithoutEffect *w = &without_effect[i];
        const bool is_given = w->is_flag ? v->flags_without_effect[w->i]
                                         : v->texts_without_effect[w->i] != NULL;
        if (is_given && !warn("--%s: %s", w->name, w->why))
            return false;
    }
    return true;
}

static int run(const void *values, const List *words)
{
    const Values *v = values;
    const char *weights = NULL;
    bool is_wrong = false;
    if (v->list_passes)
        return list_passes();
    const char *path = model_of(v, &weights, &is_wrong);
    if (is_wrong)
        return EXIT_USAGE;
    if (v->pretrained && !v->symbol)
        return complain_usage("--pretrained-model-name needs --input-symbol, the network "
                              "that it has the weights of");
    if (words->n > 0 && path == v->reading.checkpoint)
        path = NULL; /* the words are graphs, this is for their variables */
    if (!path && words->n == 0)
        return complain_usage(
            "no model given; name one, as in 'carina convert model.onnx -o ir'");
    if (words->n + (path != NULL) > 1 && v->name)
        return complain_usage("--model-name is for one model, %d are given",
                              words->n + (path != NULL));
    if (!say_what_has_no_effect(v))
        return EXIT_BAD;
    char *params = v->pretrained ? pretrained_params(v) : NULL;
    weights = params ? params : weights;
    CarinaContext *ctx = open_context(0, NULL);
    int status = ctx && load_extensions(ctx, &v->reading.custom) ? EXIT_GOOD : EXIT_BAD;
    if (status == EXIT_GOOD && path)
        status = convert_one(ctx, v, path, weights);
    for (int i = 0; i < words->n && status == EXIT_GOOD; i++)
        status = convert_one(ctx, v, words->v[i], NULL);
    carina_context_free(&ctx);
    free(params);
    return status;
}

static const Option options[] = {
    {OPTION_GROUP, "the model", NULL, NULL, 0},
    {OPTION_TEXT, "input-model,m,w", "FILE", "the model, as a word too",
     offsetof(Values, model)},
    {OPTION_TEXT, "input-proto,d", "FILE", "Caffe's .prototxt, where its name differs",
     offsetof(Values, proto)},
    {OPTION_TEXT, "output-dir,o", "DIR", "where to write (.)", offsetof(Values, out_dir)},
    {OPTION_TEXT, "model-name,n", "NAME", "write NAME.xml and NAME.bin",
     offsetof(Values, name)},
    {OPTION_TEXT, "input-shape", "SHAPES", "[1,3,224,224],[2,4]; ? where any",
     offsetof(Values, reading.input_shape)},
    {OPTION_INT, "batch,b", "N", "first dimension of every input",
     offsetof(Values, batch)},
    {OPTION_TEXT, "input", "NAMES", "begin at these: data[1,3,224,224],info",
     offsetof(Values, reading.input)},
    {OPTION_TEXT, "output", "NAMES", "end at these", offsetof(Values, reading.output)},
    CUSTOM_OPTIONS(Values, reading.custom),
    READING_OPTIONS(Values),
    {OPTION_TEXT, "saved-model-dir", "DIR", NULL,
     offsetof(Values, saved_model)}, /* a word too */
    {OPTION_TEXT, "input-meta-graph", "FILE",
     "a .meta file, with the checkpoint beside it", offsetof(Values, meta_graph)},
    {OPTION_TEXT, "input-symbol", "FILE",
     "MXNet's -symbol.json; --input-model is its .params", offsetof(Values, symbol)},
    {OPTION_TEXT, "nd-prefix-name", "PREFIX", NULL, offsetof(Values, reading.prefix)},
    {OPTION_TEXT, "pretrained-model-name", "NAME", NULL, offsetof(Values, pretrained)},
    {OPTION_GROUP, "its input", NULL, NULL, 0},
    {OPTION_TEXT, "mean-values,ms", "LIST", "subtract: [123.7,116.3,103.5], data[…]",
     offsetof(Values, mean)},
    {OPTION_TEXT, "scale-values", "LIST", "then divide", offsetof(Values, scale)},
    {OPTION_REAL, "scale,s", "X", "divide all by X", offsetof(Values, scale_all)},
    {OPTION_FLAG, "reverse-input-channels", NULL, "RGB to BGR or back",
     offsetof(Values, reverse)},
    {OPTION_TEXT, "layout,source-layout", "LAYOUT", "nchw, nhwc, or data(nhwc)",
     offsetof(Values, layout)},
    {OPTION_GROUP, "the result", NULL, NULL, 0},
    {OPTION_TEXT, "data-type", "FP32|FP16|half|float", "how weights are stored (FP32)",
     offsetof(Values, data_type)},
    {OPTION_FLAG, "compress-to-fp16", NULL, NULL, offsetof(Values, fp16)},
    {OPTION_TEXT, "ir-version", "10|11", "for older runtimes: 10",
     offsetof(Values, ir_version)},
    {OPTION_TEXT, "labels", "FILE", "what classes are called, one a line, for the IR",
     offsetof(Values, labels)},
    {OPTION_FLAG, "use-statistics", NULL, "INT8 by the calibration in an IR v4 to v6",
     offsetof(Values, use_statistics)},
    {OPTION_LIST, "disable-pass", "NAME", "leave a pass out", offsetof(Values, disable)},
    {OPTION_FLAG, "disable-fusing", NULL, NULL, offsetof(Values, no_fusing)},
    {OPTION_FLAG, "list-passes", NULL, "name all passes", offsetof(Values, list_passes)},
    {OPTION_FLAG, "report", NULL, "say what each pass did", offsetof(Values, report)},
    {OPTION_FLAG, "disable-gfusing", NULL, NULL, offsetof(Values, no_group_fusing)},
    {OPTION_FLAG, "disable-resnet-optimization", NULL, NULL, offsetof(Values, no_resnet)},
    {OPTION_TEXT, "framework", "tf|caffe|mxnet|onnx|keras|tflite|ir|kaldi|paddle", NULL,
     offsetof(Values, reading.framework)},
    {OPTION_FLAG, "input-model-is-text", NULL, NULL, offsetof(Values, is_text)},
#define FLAG_WITHOUT_EFFECT(i, name, why) \
    {OPTION_FLAG, name, NULL, NULL, offsetof(Values, flags_without_effect[i])},
#define TEXT_WITHOUT_EFFECT(i, name, value, why) \
    {OPTION_TEXT, name, value, NULL, offsetof(Values, texts_without_effect[i])},
#include "without_effect.def"
#undef FLAG_WITHOUT_EFFECT
#undef TEXT_WITHOUT_EFFECT
    {OPTION_END, NULL, NULL, NULL, 0},
};

const Command command_convert = {
    .name = "convert",
    .purpose = "any model to OpenVINO IR",
    .usage = "MODEL... [-o DIR]",
    .examples =
        {"carina convert model.onnx -o ir --data_type FP16",
         "carina convert --input_model=net.caffemodel --input_proto=net.prototxt -o ir",
         "carina convert model.onnx --input-shape [1,3,224,224] --report"},
    .options = options,
    .values_size = sizeof(Values),
    .run = run,
};
