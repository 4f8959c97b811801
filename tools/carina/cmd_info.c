/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carina info: what a model is made of.
 *
 * Parameters are the elements of constants that a layer reads, each counted where it is read first;
 * MACs are multiply-adds of convolutions and products by their definition.
 */
#include "naming.h"
#include "reading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SHOWN = 80 }; /* of a text */

typedef struct {
    const char *model, *dot, *svg;
    Reading reading;
    int64_t batch;
    bool optimize;
} Values;

static bool is_kind(const CarinaNode *n, const char *op)
{
    return strcmp(n->op_name, op) == 0;
}

static bool is_constant(const CarinaNode *n)
{
    return is_kind(n, "Const") || is_kind(n, "Constant");
}

static bool is_edge(const CarinaNode *n)
{
    return is_kind(n, "Parameter") || is_kind(n, "Result") || is_constant(n);
}

static const CarinaShape *input_shape(const CarinaNode *n, int i)
{
    return i < n->n_inputs && n->inputs[i].value ? &n->inputs[i].value->shape : NULL;
}

static double product_from(const CarinaShape *s, int from)
{
    double p = 1;
    for (int i = from; i < s->rank; i++)
        p *= (double)(s->dims[i] < 0 ? 1 : s->dims[i]);
    return p;
}

static double macs(const CarinaNode *n)
{
    const CarinaShape *a = input_shape(n, 0), *w = input_shape(n, 1);
    if (!a || !w || n->n_outputs < 1)
        return 0;
    const double out = (double)shape_count(&n->outputs[0].shape);
    if (is_kind(n, "Convolution"))
        return out * product_from(w, 1);
    if (is_kind(n, "GroupConvolution"))
        return out * product_from(w, 2);
    if (is_kind(n, "ConvolutionBackpropData"))
        return (double)shape_count(a) * product_from(w, 1);
    if (is_kind(n, "GroupConvolutionBackpropData"))
        return (double)shape_count(a) * product_from(w, 2);
    if (is_kind(n, "MatMul") && a->rank > 0) {
        const bool is_turned = carina_node_bool(n, "transpose_a", false) && a->rank > 1;
        const int64_t k = a->dims[a->rank - (is_turned ? 2 : 1)];
        return out * (double)(k < 0 ? 1 : k);
    }
    return 0;
}

/* A constant, perhaps behind the Convert that widens it. */
static const CarinaNode *constant_of(const CarinaUse *use)
{
    const CarinaNode *n = use->value ? use->value->node : NULL;
    while (n && is_kind(n, "Convert") && n->n_inputs > 0 && n->inputs[0].value)
        n = n->inputs[0].value->node;
    return n && is_constant(n) ? n : NULL;
}

static bool is_real(CarinaType t)
{
    return t == CARINA_F32 || t == CARINA_F16 || t == CARINA_BF16 || t == CARINA_F64 ||
           t == CARINA_I8 || t == CARINA_U8;
}

/* seen: one flag per node id, so that shared weights count once. */
static int64_t parameters(const CarinaNode *n, bool *seen)
{
    int64_t sum = 0;
    if (is_kind(n, "Convert"))
        return 0; /* its constant is counted where the widened one is read */
    for (int i = 0; i < n->n_inputs; i++) {
        const CarinaNode *c = constant_of(&n->inputs[i]);
        if (!c || seen[c->id] || !is_real(c->outputs[0].type))
            continue;
        seen[c->id] = true;
        sum += shape_count(&c->outputs[0].shape);
    }
    return sum;
}

static int max_id(const CarinaGraph *g)
{
    int most = 0;
    for (const CarinaNode *n = g->first; n; n = n->next)
        most = n->id > most ? n->id : most;
    return most;
}

typedef struct {
    int64_t parameters;
    double macs;
    int n_layers;
} Totals;

static Totals add_layers(const CarinaGraph *g, Table *t, Json *json)
{
    Totals sum = {0};
    bool *seen = allocate((size_t)max_id(g) + 1, sizeof *seen);
    json_list(json, "layers");
    for (const CarinaNode *n = g->first; n; n = n->next) {
        if (is_edge(n))
            continue;
        const int64_t params = parameters(n, seen);
        const double m = macs(n);
        sum.parameters += params;
        sum.macs += m;
        char *number = text_of("%d", ++sum.n_layers);
        char *name = text_of("%.40s%s", n->name, strlen(n->name) > 40 ? "…" : "");
        table_cell(t, number);
        table_cell(t, name);
        table_cell(t, n->op_name);
        table_cell(t, n->n_outputs > 0 ? size_text(&n->outputs[0].shape) : "");
        table_cell(t, params ? grouped(params) : "");
        table_cell(t, m > 0 ? three(m / 1e6) : "");
        free(number);
        free(name);
        json_object(json, NULL);
        json_text(json, "name", n->name);
        json_text(json, "type", n->op_name);
        if (n->n_outputs > 0)
            json_shape(json, "shape", &n->outputs[0].shape);
        json_number(json, "parameters", (double)params);
        json_number(json, "macs", m);
        json_end(json);
    }
    json_end(json);
    free(seen);
    return sum;
}

static void add_port(Json *json, const CarinaPort *port, const char *what)
{
    printf("  %-3s  %-14s %s %s%s%s\n", what, port->name, carina_type_name(port->type),
           shape_text(&port->shape), *port->layout ? "   " : "", port->layout);
    json_object(json, NULL);
    json_text(json, "name", port->name);
    json_text(json, "type", carina_type_name(port->type));
    json_shape(json, "shape", &port->shape);
    json_text(json, "layout", port->layout);
    json_end(json);
}

static void add_ports(const CarinaModel *model, Json *json)
{
    json_list(json, "inputs");
    for (int i = 0; i < carina_model_n_inputs(model); i++) {
        const CarinaPort port = carina_model_input(model, i);
        add_port(json, &port, "in");
    }
    json_end(json);
    json_list(json, "outputs");
    for (int i = 0; i < carina_model_n_outputs(model); i++) {
        const CarinaPort port = carina_model_output(model, i);
        add_port(json, &port, "out");
    }
    json_end(json);
}

/* What the file says of itself, a line each: the producer with its version first, the labels last. */
static void add_metadata(const CarinaModel *model, Json *json)
{
    const char *producer = carina_model_metadata(model, "producer"),
               *version = carina_model_metadata(model, "producer_version"),
               *labels = carina_model_metadata(model, "labels");
    json_object(json, "metadata");
    if (producer)
        printf("  producer    %s%s%s\n", producer, version ? " " : "",
               version ? version : "");
    for (const CarinaInfo *i = carina_model_graph(model)->info; i; i = i->next) {
        if (strncmp(i->key, "ir.", 3) == 0)
            continue;
        json_text(json, i->key, i->value);
        if (strcmp(i->key, "labels") == 0 ||
            (producer && strncmp(i->key, "producer", 8) == 0))
            continue;
        int n = (int)strcspn(i->value, "\n");
        n = n > MOST_SHOWN ? MOST_SHOWN : n;
        while (n > 0 && (i->value[n] & 0xc0) == 0x80) /* not within a character */
            n--;
        printf("  %-11s %.*s%s\n", i->key, n, i->value, i->value[n] ? "…" : "");
    }
    char *text = labels ? labels_text(labels) : NULL;
    if (text)
        printf("  labels      %s\n", text);
    free(text);
    json_end(json);
}

static int print(const CarinaModel *model, double mb)
{
    static const char *const heads[] = {"#",      "<layer", "<type", "<output",
                                        "params", "MMAC",   NULL};
    const CarinaGraph *g = carina_model_graph(model);
    Json *json = NULL;
    if (!json_open(&json, common.json))
        return EXIT_BAD;
    Table *t = table_create(heads);
    const Totals sum = add_layers(g, t, json);
    printf("%s   %s   %s nodes   %s parameters   %sMAC",
           g->name && *g->name ? g->name : "model", carina_model_format(model),
           grouped(g->n_nodes), si((double)sum.parameters), si(sum.macs));
    if (mb > 0)
        printf("   %s MB", three(mb));
    printf("\n");
    add_ports(model, json);
    add_metadata(model, json);
    table_print(t, stdout);
    json_text(json, "name", g->name);
    json_text(json, "format", carina_model_format(model));
    json_number(json, "nodes", g->n_nodes);
    json_number(json, "parameters", (double)sum.parameters);
    json_number(json, "gmac", sum.macs / 1e9);
    json_number(json, "file_mb", mb);
    return json_close(&json) ? EXIT_GOOD : EXIT_BAD;
}

static int run(const void *values, const List *words)
{
    const Values *v = values;
    const char *path = model_word(v->model, words);
    CarinaModel *model = NULL;
    CarinaError err = {0};
    if (!path)
        return EXIT_USAGE;
    CarinaContext *ctx = open_context(0, NULL);
    bool good = ctx && load_extensions(ctx, &v->reading.custom) &&
                read_model(&model, ctx, path, &v->reading);
    if (good && v->batch > 0 &&
        carina_model_set_batch(model, v->batch, &err) != CARINA_OK) {
        complain("%s", err.text);
        good = false;
    }
    good = good && (!v->optimize || optimize_model(model, NULL));
    good = good && (!v->dot || draw_dot(carina_model_graph(model), v->dot));
    good = good && (!v->svg || draw_svg(carina_model_graph(model), v->svg));
    const int status = good ? print(model, model_mb(path, &v->reading)) : EXIT_BAD;
    carina_model_free(&model);
    carina_context_free(&ctx);
    return status;
}

static const Option options[] = {
    {OPTION_GROUP, "what", NULL, NULL, 0},
    {OPTION_TEXT, "model,m", "MODEL", "the model, where it is not given as a word",
     offsetof(Values, model)},
    {OPTION_TEXT, "weights,w", "FILE", "its second file, where the name does not follow",
     offsetof(Values, reading.weights)},
    {OPTION_INT, "batch,b", "N", "first dimension of every input",
     offsetof(Values, batch)},
    {OPTION_FLAG, "optimize,optimise", NULL, "as it is after all passes",
     offsetof(Values, optimize)},
    {OPTION_TEXT, "input-shape", "SHAPES",
     "of inputs whose file says none: [1,3,224,224]",
     offsetof(Values, reading.input_shape)},
    CUSTOM_OPTIONS(Values, reading.custom),
    READING_OPTIONS(Values),
    {OPTION_GROUP, "pictures", NULL, NULL, 0},
    {OPTION_TEXT, "dot", "FILE", "the graph for Graphviz", offsetof(Values, dot)},
    {OPTION_TEXT, "svg", "FILE", "the graph for a browser", offsetof(Values, svg)},
    {OPTION_END, NULL, NULL, NULL, 0},
};

const Command command_info = {
    .name = "info",
    .purpose = "inputs, outputs and layers of a model",
    .usage = "MODEL",
    .examples = {"carina info model.onnx", "carina info ir/model.xml --svg model.svg",
                 "carina info net.caffemodel --optimize --json net.json"},
    .options = options,
    .values_size = sizeof(Values),
    .run = run,
};
