/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carina compare: two models, devices or instruction sets, layer by layer.
 *
 * Layers with the same name on both sides become outputs of both models; differences are relative to the
 * largest magnitude of the layer. A device may fuse less than it usually does for that.
 */
#include "reading.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct {
    const char *model, *weights, *device, *model2, *weights2, *device2, *cpu2, *precision,
        *precision2, *layers, *limit;
    Custom custom; /* of both */
    List in;
    bool exact2;
} Values;

typedef struct {
    CarinaContext *ctx;
    CarinaModel *model;
    CarinaCompiled *exe;
    CarinaRequest *request;
    CarinaTensor **inputs;
    int n_inputs;
} Side;

typedef struct {
    double worst, mean, size; /* largest difference, mean difference, largest magnitude */
    int64_t at;
} Difference;

static bool failed(const CarinaError *err)
{
    complain("%s", err->text);
    return false;
}

static void side_free(Side *s)
{
    carina_request_free(&s->request);
    carina_compiled_free(&s->exe);
    for (int i = 0; i < s->n_inputs; i++)
        carina_tensor_free(&s->inputs[i]);
    free(s->inputs);
    carina_model_free(&s->model);
    carina_context_free(&s->ctx);
}

static bool side_open(Side *s, const char *path, const char *weights, const char *cpu,
                      const char *precision, const Values *v)
{
    const Reading reading = {.weights = weights, .custom = v->custom};
    s->ctx = open_context(0, cpu);
    if (!s->ctx || !load_extensions(s->ctx, &v->custom) ||
        !read_model(&s->model, s->ctx, path, &reading))
        return false;
    s->n_inputs = carina_model_n_inputs(s->model);
    s->inputs = allocate((size_t)s->n_inputs, sizeof(CarinaTensor *));
    return load_inputs(s->inputs, s->model, &v->in) &&
           optimize_model(s->model, precision);
}

static const CarinaNode *find_node(const CarinaGraph *g, const char *name)
{
    for (const CarinaNode *n = g->first; n; n = n->next)
        if (strcmp(n->name, name) == 0)
            return n;
    return NULL;
}

/* Can the layer be an output: real numbers, one output, computed, a name that lists can hold? */
static bool is_comparable(const CarinaNode *n)
{
    return n && n->n_outputs == 1 && n->n_inputs > 0 && !strchr(n->name, ',') &&
           !n->outputs[0].constant && strcmp(n->op_name, "Constant") != 0 &&
           strcmp(n->op_name, "Result") != 0 &&
           (n->outputs[0].type == CARINA_F32 || n->outputs[0].type == CARINA_F16);
}

/* Names of layers that both have, in the order of the first; NULL where fewer than two. */
static char *common_layers(const Side *a, const Side *b, int *n)
{
    char *all = text_of("%s", "");
    *n = 0;
    for (const CarinaNode *node = carina_model_graph(a->model)->first; node;
         node = node->next) {
        const CarinaNode *other = find_node(carina_model_graph(b->model), node->name);
        if (!is_comparable(node) || !is_comparable(other) ||
            shape_count(&node->outputs[0].shape) != shape_count(&other->outputs[0].shape))
            continue;
        char *longer = text_of("%s%s%s", all, *all ? "," : "", node->name);
        free(all);
        all = longer;
        ++*n;
    }
    return all;
}

static bool add_outputs(Side *a, Side *b)
{
    CarinaError err = {0};
    int n = 0;
    char *layers = common_layers(a, b, &n);
    bool good = true;
    if (n == 0)
        good =
            warn("no layer has the same name in both models: only outputs are compared");
    else if (carina_model_cut(a->model, NULL, layers, &err) != CARINA_OK ||
             carina_model_cut(b->model, NULL, layers, &err) != CARINA_OK)
        good = failed(&err);
    free(layers);
    return good;
}

static bool side_run(Side *s, const char *device, const char *precision, bool exact,
                     const Side *first)
{
    CarinaError err = {0};
    const CarinaCompileOptions options = {
        .struct_size = sizeof options, .precision = precision, .exact = exact};
    if (!check_device(s->ctx, device))
        return false;
    if (carina_compile(&s->exe, s->ctx, s->model, device, &options, &err) != CARINA_OK ||
        carina_request_create(&s->request, s->exe, &err) != CARINA_OK)
        return failed(&err);
    for (int i = 0; i < s->n_inputs; i++) {
        CarinaTensor *in = carina_request_input(s->request, i);
        CarinaTensor *data = s->inputs[i];
        if (!data && first && i < first->n_inputs)
            data = carina_request_input(first->request, i);
        if (!data)
            tensor_random(in, 1 + (uint64_t)i);
        else if (tensor_count(data) != tensor_count(in)) {
            complain("input %d: the two models take different sizes", i);
            return false;
        } else
            for (int64_t k = 0; k < tensor_count(in); k++)
                tensor_put(in, k, tensor_get(data, k));
    }
    return carina_request_infer(s->request, &err) == CARINA_OK || failed(&err);
}

static Difference difference(const CarinaTensor *a, const CarinaTensor *b)
{
    Difference d = {0};
    const int64_t n = tensor_count(a);
    for (int64_t i = 0; i < n; i++) {
        const double x = tensor_get(a, i), y = tensor_get(b, i);
        const bool is_same = x == y || (isnan(x) && isnan(y));
        const double delta = is_same ? 0 : isnan(x - y) ? (double)INFINITY : fabs(x - y);
        if (delta > d.worst) {
            d.worst = delta;
            d.at = i;
        }
        d.mean += delta / (double)n;
        d.size = fabs(x) > d.size ? fabs(x) : d.size;
    }
    return d;
}

static const char *index_text(const CarinaShape *s, int64_t at)
{
    CarinaShape index = {s->rank, {0}};
    for (int i = s->rank - 1; i >= 0; i--) {
        const int64_t n = s->dims[i] > 0 ? s->dims[i] : 1;
        index.dims[i] = at % n;
        at /= n;
    }
    return shape_text(&index);
}

static void add_row(Table *t, Json *json, const char *name, const Difference *d,
                    const CarinaShape *shape)
{
    const double relative = d->size > 0 ? d->worst / d->size : d->worst;
    table_cell(t, name);
    table_cell(t, size_text(shape));
    table_cell(t, three(d->worst));
    table_cell(t, three(d->mean));
    table_cell(t, three(relative));
    table_cell(t, index_text(shape, d->at));
    json_object(json, NULL);
    json_text(json, "name", name);
    json_shape(json, "shape", shape);
    json_number(json, "max", d->worst);
    json_number(json, "mean", d->mean);
    json_number(json, "relative", relative);
    json_end(json);
}

static int report(const Side *a, const Side *b, double limit)
{
    static const char *const heads[] = {"<layer",   "<output", "max", "mean",
                                        "relative", "<at",     NULL};
    Json *json = NULL;
    int n_over = 0, n = carina_compiled_n_outputs(a->exe);
    if (n != carina_compiled_n_outputs(b->exe))
        return complain("%d outputs, the other model has %d", n,
                        carina_compiled_n_outputs(b->exe));
    if (!json_open(&json, common.json))
        return EXIT_BAD;
    char *answer =
        text_of("no layer of %d differs by more than %s of its size", n, three(limit));
    Table *t = table_create(heads);
    json_list(json, "layers");
    for (int i = 0; i < n; i++) {
        const CarinaPort port = carina_compiled_output(a->exe, i);
        const CarinaTensor *x = carina_request_output(a->request, i);
        const CarinaTensor *y = carina_request_output(b->request, i);
        if (tensor_count(x) != tensor_count(y))
            continue;
        const Difference d = difference(x, y);
        add_row(t, json, port.name, &d, &x->shape);
        if (d.worst > limit * d.size && n_over++ == 0) {
            free(answer);
            answer = text_of("first difference: layer %d '%s': max %s at %s, mean %s",
                             i + 1, port.name, three(d.worst),
                             index_text(&x->shape, d.at), three(d.mean));
        }
    }
    json_end(json);
    json_text(json, "answer", answer);
    json_number(json, "n_over", n_over);
    table_print(t, stdout);
    printf("%s\n", answer);
    free(answer);
    return json_close(&json) && n_over == 0 ? EXIT_GOOD : EXIT_BAD;
}

static int run(const void *values, const List *words)
{
    const Values *v = values;
    Side a = {0}, b = {0};
    int status = EXIT_BAD;
    const char *path = model_word(v->model, words);
    const double limit = v->limit ? strtod(v->limit, NULL) : 1e-4;
    if (!path)
        return EXIT_USAGE;
    const char *path2 = v->model2 ? v->model2 : path;
    const char *weights2 = v->weights2 ? v->weights2 : v->model2 ? NULL : v->weights;
    const char *device = v->device ? v->device : "CPU";
    const char *precision2 = v->precision2 ? v->precision2 : v->precision;
    if (side_open(&a, path, v->weights, NULL, v->precision, v) &&
        side_open(&b, path2, weights2, v->cpu2, precision2, v) &&
        ((v->layers && strcasecmp(v->layers, "none") == 0) || add_outputs(&a, &b)) &&
        side_run(&a, device, v->precision, false, NULL) &&
        side_run(&b, v->device2 ? v->device2 : device, precision2, v->exact2, &a))
        status = report(&a, &b, limit);
    side_free(&b);
    side_free(&a);
    return status;
}

static const Option options[] = {
    {OPTION_GROUP, "one side", NULL, NULL, 0},
    {OPTION_TEXT, "model,m", "MODEL", "the model", offsetof(Values, model)},
    {OPTION_TEXT, "weights,w", "FILE", "its second file", offsetof(Values, weights)},
    CUSTOM_OPTIONS(Values, custom),
    {OPTION_TEXT, "device,d", "DEVICE", "CPU", offsetof(Values, device)},
    {OPTION_TEXT, "infer-precision", "f32|bf16|int8", "f32 unless told",
     offsetof(Values, precision)},
    {OPTION_GROUP, "the other side, where it differs", NULL, NULL, 0},
    {OPTION_TEXT, "model2,m2", "MODEL", "another model", offsetof(Values, model2)},
    {OPTION_TEXT, "weights2,w2", "FILE", "its second file", offsetof(Values, weights2)},
    {OPTION_TEXT, "device2,d2", "DEVICE", "another device", offsetof(Values, device2)},
    {OPTION_TEXT, "infer-precision2", "f32|bf16|int8", "another precision",
     offsetof(Values, precision2)},
    {OPTION_TEXT, "cpu2", "avx512|avx2|neon|ref", "another instruction set",
     offsetof(Values, cpu2)},
    {OPTION_FLAG, "exact2", NULL, "no algorithm that rounds more",
     offsetof(Values, exact2)},
    {OPTION_GROUP, "what", NULL, NULL, 0},
    {OPTION_LIST, "in,i", "[NAME=]FILE.npy", "inputs; else seeded noise",
     offsetof(Values, in)},
    {OPTION_TEXT, "layers", "all|none", "none: outputs only", offsetof(Values, layers)},
    {OPTION_TEXT, "limit", "X", "what counts as a difference, of the layer's size (1e-4)",
     offsetof(Values, limit)},
    {OPTION_END, NULL, NULL, NULL, 0},
};

const Command command_compare = {
    .name = "compare",
    .purpose = "two models or devices, layer by layer",
    .usage = "MODEL [-m2 MODEL] [-d2 DEVICE] [--in FILE.npy]",
    .examples = {"carina compare model.onnx -m2 ir/model.xml -i x.npy",
                 "carina compare model.onnx --cpu2 ref",
                 "carina compare model.onnx -infer-precision2 bf16 --limit 1e-2"},
    .options = options,
    .values_size = sizeof(Values),
    .run = run,
};
