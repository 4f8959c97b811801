/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes IR versions 10 and 11, as OpenVINO spells them.
 *
 * Layers come as Parameters, the rest in the graph's order, Results, and are numbered so. A layer's ports are
 * numbered through: inputs, then outputs. Version 10 has no tensor names and no rt_info of layers.
 */
#include "ir/ir.h"

#include "base/file.h"
#include "graph/labels.h"
#include "graph/op.h"
#include "graph/shape.h"
#include "ir/ir_attr.h"
#include "ir/ir_weights.h"
#include "ir/ir_xml.h"

#include <stdlib.h>
#include <string.h>

typedef struct Place {
    int32_t layer; /* id of the layer whose output it is; of the Convert where narrowed */
    bool feeds_shapes; /* all that its readers make of it are shapes */
    bool narrowed;     /* a constant written as float16 and a Convert */
    bool renamed;      /* an earlier layer has its name */
} Place;

typedef struct Writer {
    const CaGraph *graph;
    CarinaError *err;
    CaText xml;
    CaWeights *weights;
    Place *places; /* by node id */
    int32_t n_ids, n_layers;
    int version;
    bool fp16;
} Writer;

static CarinaStatus no_memory(Writer *w)
{
    return ca_err(w->err, CARINA_ERR_MEMORY, "out of memory while writing '%s'",
                  w->graph->name ? w->graph->name : "");
}

static bool is_parameter(const CaNode *n) { return ca_node_is(n, "Parameter"); }
static bool is_result(const CaNode *n) { return ca_node_is(n, "Result"); }

/* --- Which constants are narrowed. */

/* Inputs from `first` on are shapes, axes, pads, scales: what output shapes are computed from. */
static bool is_shape_input(const CaUse *use)
{
    static const struct {
        const char *op;
        int first;
    } inputs[] = {
        {"Reshape", 1},
        {"Interpolate", 1},
        {"Broadcast", 1},
        {"StridedSlice", 1},
        {"Slice", 1},
        {"Tile", 1},
        {"Range", 0},
        {"TopK", 1},
        {"Unsqueeze", 1},
        {"Squeeze", 1},
        {"Split", 1},
        {"VariadicSplit", 1},
        {"Transpose", 1},
        {"PriorBox", 0},
        {"PriorBoxClustered", 0},
        {"ConvolutionBackpropData", 2},
        {"NonMaxSuppression", 2},
        {"GroupConvolutionBackpropData", 2},
        {"BatchToSpace", 1},
        {"SpaceToBatch", 1},
        {"AdaptiveAvgPool", 1},
        {"AdaptiveMaxPool", 1},
    };
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        if (ca_node_is(use->node, inputs[i].op))
            return use->index >= inputs[i].first;
    return ca_node_is(use->node, "Pad") && use->index < 3 && use->index > 0;
}

static bool wants_precision(const CaNode *n)
{
    return ca_info_find(n->info, "rt_info.precise") ||
           ca_info_find(n->info, "rt_info.disable_fp16_compression") ||
           ca_info_find(n->info, "rt_info.keep_const_precision");
}

/* Readers come later in the list, so one walk from its end suffices. */
static void mark_shapes(Writer *w)
{
    for (const CaNode *n = w->graph->last; n; n = n->prev) {
        bool marked = false;
        for (int32_t i = 0; i < n->n_outputs; i++)
            for (const CaUse *u = n->outputs[i].uses; u && !marked; u = u->next)
                marked = is_shape_input(u) || (w->places[u->node->id].feeds_shapes &&
                                               !ca_node_is(u->node, "ShapeOf"));
        w->places[n->id].feeds_shapes = marked;
    }
}

static bool is_narrowed(const Writer *w, const CaNode *n)
{
    if (!w->fp16 || !ca_node_is(n, "Const") || n->outputs[0].type != CARINA_F32 ||
        w->places[n->id].feeds_shapes || wants_precision(n))
        return false;
    for (const CaUse *u = n->outputs[0].uses; u; u = u->next)
        if (wants_precision(u->node))
            return false;
    return true;
}

/* --- Numbers and names. */

static void place_node(Writer *w, const CaNode *n)
{
    Place *p = &w->places[n->id];
    p->narrowed = is_narrowed(w, n);
    w->n_layers += p->narrowed;
    p->layer = w->n_layers++;
}

static int compare_names(const void *a, const void *b)
{
    const CaNode *x = *(const CaNode *const *)a, *y = *(const CaNode *const *)b;
    const int order = strcmp(x->name, y->name);
    return order ? order : (x->id > y->id) - (x->id < y->id);
}

/* OpenVINO before 2023 refuses two layers of one name; only a Result may share its. */
static CarinaStatus find_equal_names(Writer *w)
{
    size_t size = 0;
    const CaNode **nodes = ca_mul_size(&size, (size_t)w->graph->n_nodes, sizeof *nodes)
                               ? ca_alloc(size)
                               : NULL;
    size_t n = 0;
    if (!nodes)
        return no_memory(w);
    CA_EACH_NODE(node, w->graph)
        if (!is_result(node) && n < (size_t)w->graph->n_nodes)
            nodes[n++] = node;
    qsort(nodes, n, sizeof *nodes, compare_names);
    for (size_t i = 1; i < n; i++)
        w->places[nodes[i]->id].renamed = strcmp(nodes[i]->name, nodes[i - 1]->name) == 0;
    ca_free(nodes);
    return CARINA_OK;
}

/* Runtimes that are bound to version 10 end with opset8. */
static CarinaStatus check_offered(const Writer *w, const CaNode *n)
{
    enum { NEWEST_OF_10 = 8 };
    if (w->version > 10 || n->op->flags & (CA_OP_CUSTOM | CA_OP_OWN) ||
        ca_op_find(n->op_name, NEWEST_OF_10))
        return CARINA_OK;
    return ca_err(w->err, CARINA_ERR_UNSUPPORTED,
                  "node '%s' (%s): is of opset%d, and runtimes that need IR v10 know no "
                  "operator of that name; write v11 (--ir-version 11)",
                  n->name, n->op_name, n->opset);
}

static CarinaStatus place_all(Writer *w)
{
    CA_EACH_NODE(n, w->graph) {
        CA_TRY(check_offered(w, n));
        if (n->id >= w->n_ids)
            w->n_ids = n->id + 1;
    }
    size_t size = 0;
    if (!ca_mul_size(&size, (size_t)w->n_ids, sizeof *w->places) ||
        !(w->places = ca_alloc(size)))
        return no_memory(w);
    mark_shapes(w);
    for (int32_t i = 0; i < w->graph->n_inputs; i++)
        place_node(w, w->graph->inputs[i]);
    CA_EACH_NODE(n, w->graph)
        if (!is_parameter(n) && !is_result(n))
            place_node(w, n);
    for (int32_t i = 0; i < w->graph->n_outputs; i++)
        place_node(w, w->graph->outputs[i]);
    return find_equal_names(w);
}

static int32_t n_inputs_written(const CaNode *n)
{
    int32_t n_in = n->n_inputs;
    while (n_in && !n->inputs[n_in - 1].value)
        n_in--;
    return n_in;
}

/* --- XML. */

static void add_quoted(Writer *w, const char *attr, const char *value)
{
    ca_text_add(&w->xml, " %s=\"", attr);
    ca_xml_escape(&w->xml, value);
    ca_text_add(&w->xml, "\"");
}

/*
 * Entries whose key starts with prefix: <attribute> or <user_data>. Their values are XML already. IR v10 has <user_data>
 * only, of which it knows nothing: there OpenVINO reads over it.
 */
static void write_rt_info(Writer *w, const CaNode *n, const char *prefix,
                          const char *indent, bool decompression)
{
    const size_t n_prefix = strlen(prefix);
    bool open = false;
    if (decompression && w->version >= 11) {
        ca_text_add(
            &w->xml,
            "%s<rt_info>\n%s\t<attribute name=\"decompression\" version=\"0\"/>\n",
            indent, indent);
        open = true;
    }
    for (const CarinaInfo *i = n->info; i; i = i->next) {
        const bool in = strncmp(i->key, prefix, n_prefix) == 0;
        const char *key = in ? i->key + n_prefix : "";
        const bool user = strncmp(key, "user_data.", 10) == 0;
        if (!user && (w->version < 11 || strncmp(key, "rt_info.", 8) != 0))
            continue;
        if (!open)
            ca_text_add(&w->xml, "%s<rt_info>\n", indent);
        open = true;
        ca_text_add(&w->xml, "%s\t<%s", indent, user ? "user_data" : "attribute");
        add_quoted(w, "name", key + (user ? 10 : 8));
        ca_text_add(&w->xml, "%s%s/>\n", i->value[0] ? " " : "", i->value);
    }
    if (open)
        ca_text_add(&w->xml, "%s</rt_info>\n", indent);
}

/* The names of tensors that nobody named: without one a model's inputs and outputs cannot be asked for. */
static void write_names(Writer *w, const CaValue *v)
{
    if (w->version < 11)
        return;
    bool is_port = is_parameter(v->node);
    for (const CaUse *u = v->uses; u && !is_port; u = u->next)
        is_port = is_result(u->node);
    if (v->name) {
        add_quoted(w, "names", v->name);
    } else if (is_port) {
        ca_text_add(&w->xml, " names=\"");
        for (const char *c = v->node->name; *c; c++) {
            const char one[2] = {*c, 0};
            const unsigned char byte = (unsigned char)*c;
            if (*c == ',')
                ca_text_add(&w->xml, "\\,");
            else if (byte < 0x80)
                ca_xml_escape(&w->xml, one);
            else
                ca_text_add_n(&w->xml, one, 1);
        }
        if (v->node->n_outputs > 1)
            ca_text_add(&w->xml, ".%d", (int)v->index);
        ca_text_add(&w->xml, "\"");
    }
}

static void write_dims(Writer *w, const CarinaShape *s)
{
    for (int32_t i = 0; i < s->rank; i++)
        ca_text_add(&w->xml, "\t\t\t\t\t<dim>%lld</dim>\n", (long long)s->dims[i]);
}

static void write_input(Writer *w, const CaNode *n, int32_t i, CarinaType type)
{
    char prefix[32];
    const CaValue *v = n->inputs[i].value;
    CaText t = {.limit = sizeof prefix};
    ca_text_add(&t, "in%d.", (int)i);
    ca_text_add(&w->xml, "\t\t\t\t<port id=\"%d\" precision=\"%s\">\n", (int)i,
                ca_precision_name(type));
    write_dims(w, &v->shape);
    if (t.data)
        write_rt_info(w, n, t.data, "\t\t\t\t\t", false);
    ca_text_free(&t);
    ca_text_add(&w->xml, "\t\t\t\t</port>\n");
}

static CarinaStatus write_inputs(Writer *w, const CaNode *n)
{
    const int32_t n_in = n_inputs_written(n);
    if (n_in == 0)
        return CARINA_OK;
    ca_text_add(&w->xml, "\t\t\t<input>\n");
    for (int32_t i = 0; i < n_in; i++) {
        if (!n->inputs[i].value)
            return ca_err(
                w->err, CARINA_ERR_UNSUPPORTED,
                "node '%s' (%s): input %d is absent and a later one is not; an IR "
                "cannot say so",
                n->name, n->op_name, (int)i);
        write_input(w, n, i, n->inputs[i].value->type);
    }
    ca_text_add(&w->xml, "\t\t\t</input>\n");
    return CARINA_OK;
}

static void write_output(Writer *w, const CaNode *n, int32_t i, int32_t id)
{
    CaText prefix = {.limit = 32};
    const CaValue *v = &n->outputs[i];
    ca_text_add(&prefix, "out%d.", (int)i);
    ca_text_add(&w->xml, "\t\t\t\t<port id=\"%d\" precision=\"%s\"", (int)id,
                ca_precision_name(v->type));
    write_names(w, v);
    ca_text_add(&w->xml, ">\n");
    write_dims(w, &v->shape);
    if (prefix.data)
        write_rt_info(w, n, prefix.data, "\t\t\t\t\t", false);
    ca_text_free(&prefix);
    ca_text_add(&w->xml, "\t\t\t\t</port>\n");
}

static void write_outputs(Writer *w, const CaNode *n, int32_t first_id)
{
    if (n->n_outputs == 0 || is_result(n))
        return;
    ca_text_add(&w->xml, "\t\t\t<output>\n");
    for (int32_t i = 0; i < n->n_outputs; i++)
        write_output(w, n, i, first_id + i);
    ca_text_add(&w->xml, "\t\t\t</output>\n");
}

static void write_data(Writer *w, const CaNode *n)
{
    const CarinaAttr *a = n->attr_table;
    if (!a || a->kind == CARINA_ATTR_END)
        return;
    ca_text_add(&w->xml, "\t\t\t<data");
    for (; a->kind != CARINA_ATTR_END; a++) {
        CaText t = {.limit = 1 << 20};
        ca_attr_text(&t, n, a);
        add_quoted(w, a->name, t.data ? t.data : "");
        w->xml.failed |= t.failed;
        ca_text_free(&t);
    }
    ca_text_add(&w->xml, "/>\n");
}

static void open_layer(Writer *w, const CaNode *n, int32_t id, const char *suffix,
                       const char *type, int opset)
{
    CaText name = {.limit = 1 << 20};
    ca_text_add(&name, "%s", n->name);
    if (w->places[n->id].renamed)
        ca_text_add(&name, "_%d", (int)id);
    ca_text_add(&name, "%s", suffix);
    ca_text_add(&w->xml, "\t\t<layer id=\"%d\"", (int)id);
    add_quoted(w, "name", name.data ? name.data : "");
    w->xml.failed |= name.failed;
    ca_text_free(&name);
    add_quoted(w, "type", type);
    if (n->op->flags & CA_OP_CUSTOM)
        ca_text_add(&w->xml, " version=\"extension\"");
    else
        ca_text_add(&w->xml, " version=\"opset%d\"", opset);
    const char *names = ca_info_find(n->info, "output_names");
    if (w->version >= 11 && names && is_result(n))
        add_quoted(w, "output_names", names);
    ca_text_add(&w->xml, ">\n");
}

static CarinaStatus write_const_data(Writer *w, const CaNode *n, bool narrowed)
{
    const CarinaTensor *t = n->outputs[0].constant;
    size_t offset = 0, size = 0;
    if (!t)
        return ca_err(w->err, CARINA_ERR_FORMAT, "node '%s' (Const): it has no data",
                      n->name);
    CA_TRY(ca_weights_add(w->weights, &offset, &size, t, narrowed, w->err));
    ca_text_add(&w->xml, "\t\t\t<data element_type=\"%s\" shape=\"",
                carina_type_name(narrowed ? CARINA_F16 : t->type));
    ca_dims_text(&w->xml, &t->shape, ", ");
    ca_text_add(&w->xml, "\" offset=\"%zu\" size=\"%zu\"/>\n", offset, size);
    return CARINA_OK;
}

/* X becomes Const X_compressed and Convert X. */
static CarinaStatus write_narrowed(Writer *w, const CaNode *n)
{
    const int32_t id = w->places[n->id].layer;
    const CarinaShape *s = &n->outputs[0].shape;
    open_layer(w, n, id - 1, "_compressed", "Const", 1);
    CA_TRY(write_const_data(w, n, true));
    ca_text_add(&w->xml, "\t\t\t<output>\n\t\t\t\t<port id=\"0\" precision=\"FP16\">\n");
    write_dims(w, s);
    ca_text_add(&w->xml, "\t\t\t\t</port>\n\t\t\t</output>\n\t\t</layer>\n");
    open_layer(w, n, id, "", "Convert", 1);
    ca_text_add(&w->xml, "\t\t\t<data destination_type=\"f32\"/>\n");
    write_rt_info(w, n, "", "\t\t\t", true);
    ca_text_add(&w->xml, "\t\t\t<input>\n\t\t\t\t<port id=\"0\" precision=\"FP16\">\n");
    write_dims(w, s);
    ca_text_add(&w->xml, "\t\t\t\t</port>\n\t\t\t</input>\n");
    write_outputs(w, n, 1);
    ca_text_add(&w->xml, "\t\t</layer>\n");
    return CARINA_OK;
}

/* --- Bodies: written like the model, by a writer of their own into the same text and weights. */

static CarinaStatus write_layers(Writer *w);
static CarinaStatus write_edges(Writer *w);

static void write_map(Writer *w, const Writer *body, const char *kind, int32_t outer,
                      const CaNode *inner, const CarinaPortMap *m, const char *purpose)
{
    ca_text_add(&w->xml, "\t\t\t\t<%s external_port_id=\"%d\" internal_layer_id=\"%d\"",
                kind, (int)outer, (int)body->places[inner->id].layer);
    if (m && m->is_sliced)
        ca_text_add(&w->xml,
                    " axis=\"%d\" start=\"%lld\" end=\"%lld\" stride=\"%lld\" "
                    "part_size=\"%lld\"",
                    (int)m->axis, (long long)m->start, (long long)m->end,
                    (long long)m->stride, (long long)m->part_size);
    if (purpose)
        add_quoted(w, "purpose", purpose);
    ca_text_add(&w->xml, "/>\n");
}

static void write_maps(Writer *w, const CaNode *n, const CarinaBody *b,
                       const Writer *body, const char *name)
{
    CaNode *const *in = b->graph->inputs, *const *out = b->graph->outputs;
    const int32_t first = ca_node_is(n, "If") ? 0 : n_inputs_written(n);
    ca_text_add(&w->xml, "\t\t\t<%s>\n", name);
    for (int32_t i = 0; i < b->n_inputs; i++)
        write_map(w, body, "input", b->inputs[i].outer, in[b->inputs[i].inner],
                  &b->inputs[i], NULL);
    if (b->iteration_input >= 0)
        write_map(w, body, "input", -1, in[b->iteration_input], NULL,
                  "current_iteration");
    for (int32_t i = 0; i < b->n_outputs; i++)
        write_map(w, body, "output", first + b->outputs[i].outer,
                  out[b->outputs[i].inner], &b->outputs[i], NULL);
    if (b->condition_output >= 0)
        write_map(w, body, "output", -1, out[b->condition_output], NULL,
                  "execution_condition");
    ca_text_add(&w->xml, "\t\t\t</%s>\n", name);
    if (!b->n_back_edges)
        return;
    ca_text_add(&w->xml, "\t\t\t<back_edges>\n");
    for (int32_t i = 0; i < b->n_back_edges; i++)
        ca_text_add(&w->xml,
                    "\t\t\t\t<edge from-layer=\"%d\" from-port=\"0\" to-layer=\"%d\" "
                    "to-port=\"0\"/>\n",
                    (int)body->places[out[b->back_edges[i].from]->id].layer,
                    (int)body->places[in[b->back_edges[i].to]->id].layer);
    ca_text_add(&w->xml, "\t\t\t</back_edges>\n");
}

static CarinaStatus write_body(Writer *w, const CaNode *n, const CarinaBody *b,
                               const char *map, const char *element)
{
    Writer body = {.graph = b->graph,
                   .err = w->err,
                   .weights = w->weights,
                   .version = w->version,
                   .fp16 = w->fp16};
    CarinaStatus status = place_all(&body);
    if (status == CARINA_OK) {
        write_maps(w, n, b, &body, map);
        ca_text_add(&w->xml, "\t\t\t<%s>\n", element);
        body.xml = w->xml;
        status = write_layers(&body);
        if (status == CARINA_OK)
            status = write_edges(&body);
        w->xml = body.xml;
        ca_text_add(&w->xml, "\t\t\t</%s>\n", element);
    }
    ca_free(body.places);
    return status;
}

static CarinaStatus write_bodies(Writer *w, const CaNode *n)
{
    if (n->n_bodies == 1)
        return write_body(w, n, &n->bodies[0], "port_map", "body");
    if (n->n_bodies != 2)
        return CARINA_OK;
    CA_TRY(write_body(w, n, &n->bodies[0], "then_port_map", "then_body"));
    return write_body(w, n, &n->bodies[1], "else_port_map", "else_body");
}

static CarinaStatus write_layer(Writer *w, const CaNode *n)
{
    if (w->places[n->id].narrowed)
        return write_narrowed(w, n);
    open_layer(w, n, w->places[n->id].layer, "", n->op_name, n->opset);
    if (ca_node_is(n, "Const"))
        CA_TRY(write_const_data(w, n, false));
    else
        write_data(w, n);
    write_rt_info(w, n, "", "\t\t\t", false);
    CA_TRY(write_inputs(w, n));
    write_outputs(w, n, n_inputs_written(n));
    CA_TRY(write_bodies(w, n));
    ca_text_add(&w->xml, "\t\t</layer>\n");
    return CARINA_OK;
}

static CarinaStatus write_layers(Writer *w)
{
    ca_text_add(&w->xml, "\t<layers>\n");
    for (int32_t i = 0; i < w->graph->n_inputs; i++)
        CA_TRY(write_layer(w, w->graph->inputs[i]));
    CA_EACH_NODE(n, w->graph)
        if (!is_parameter(n) && !is_result(n))
            CA_TRY(write_layer(w, n));
    for (int32_t i = 0; i < w->graph->n_outputs; i++)
        CA_TRY(write_layer(w, w->graph->outputs[i]));
    ca_text_add(&w->xml, "\t</layers>\n");
    return CARINA_OK;
}

typedef struct Edge {
    int32_t from, from_port, to, to_port;
} Edge;

static int compare_edges(const void *a, const void *b)
{
    const int32_t *x = a, *y = b;
    int order = 0;
    for (int i = 0; i < 4 && !order; i++)
        order = (x[i] > y[i]) - (x[i] < y[i]);
    return order;
}

static size_t collect_edges(const Writer *w, Edge *edges)
{
    size_t n_edges = 0;
    CA_EACH_NODE(n, w->graph) {
        const Place *p = &w->places[n->id];
        if (p->narrowed) {
            if (edges)
                edges[n_edges] = (Edge){p->layer - 1, 0, p->layer, 0};
            n_edges++;
        }
        for (int32_t i = 0; i < n->n_inputs; i++) {
            const CaValue *v = n->inputs[i].value;
            if (!v)
                continue;
            const Place *source = &w->places[v->node->id];
            const int32_t first = source->narrowed ? 1 : n_inputs_written(v->node);
            if (edges)
                edges[n_edges] = (Edge){source->layer, first + v->index, p->layer, i};
            n_edges++;
        }
    }
    return n_edges;
}

static CarinaStatus write_edges(Writer *w)
{
    const size_t n = collect_edges(w, NULL);
    size_t size = 0;
    Edge *edges = ca_mul_size(&size, n, sizeof *edges) ? ca_alloc(size) : NULL;
    if (!edges)
        return no_memory(w);
    collect_edges(w, edges);
    qsort(edges, n, sizeof *edges, compare_edges);
    ca_text_add(&w->xml, "\t<edges>\n");
    for (size_t i = 0; i < n; i++)
        ca_text_add(&w->xml,
                    "\t\t<edge from-layer=\"%d\" from-port=\"%d\" to-layer=\"%d\" "
                    "to-port=\"%d\"/>\n",
                    (int)edges[i].from, (int)edges[i].from_port, (int)edges[i].to,
                    (int)edges[i].to_port);
    ca_text_add(&w->xml, "\t</edges>\n");
    ca_free(edges);
    return CARINA_OK;
}

/* --- What is carried along. */

/* The producer of an IR is in what is written as it was read. */
static bool is_said(const Writer *w, const CarinaInfo *i)
{
    const char *version = ca_info_find(w->graph->info, "producer_version");
    const char *const kept[] = {
        ca_info_find(w->graph->info, "ir.meta_data"),
        w->version >= 11 ? ca_info_find(w->graph->info, "ir.rt_info") : NULL};
    bool is_there = false;
    for (int k = 0; k < 2 && version; k++)
        is_there = is_there || (kept[k] && strstr(kept[k], version));
    return is_there && strncmp(i->key, "producer", 8) == 0;
}

static void write_own_info(Writer *w, bool with_labels, const char *indent)
{
    bool open = false;
    for (const CarinaInfo *i = w->graph->info; i; i = i->next) {
        if (strncmp(i->key, "ir.", 3) == 0 || is_said(w, i) ||
            (!with_labels && strcmp(i->key, "labels") == 0))
            continue;
        if (!open)
            ca_text_add(&w->xml, "%s<carina>\n", indent);
        open = true;
        ca_text_add(&w->xml, "%s\t<info", indent);
        add_quoted(w, "name", i->key);
        add_quoted(w, "value", i->value);
        ca_text_add(&w->xml, "/>\n");
    }
    if (open)
        ca_text_add(&w->xml, "%s</carina>\n", indent);
}

/* For the Model API, in an element that is there or not; our own info repeats labels that lose something. */
static bool write_labels(Writer *w, bool with_element)
{
    const char *labels = ca_info_find(w->graph->info, "labels");
    CaText words = {.limit = (size_t)8 << 20};
    if (!labels)
        return true;
    const bool is_same = ca_labels_words(&words, labels);
    if (with_element)
        ca_text_add(&w->xml, "\t\t<model_info>\n");
    ca_text_add(&w->xml, "\t\t\t<labels");
    add_quoted(w, "value", words.data);
    ca_text_add(&w->xml, with_element ? "/>\n\t\t</model_info>\n" : "/>");
    ca_text_free(&words);
    return is_same;
}

/* The rt_info as it was read, with the labels where they were, and our own info before its end. */
static bool write_kept(Writer *w, const char *xml)
{
    const char *end = NULL, *at = xml, *model = strstr(xml, "<model_info>");
    bool is_same = true;
    for (const char *p = xml; (p = strstr(p, "</")); p++)
        end = p;
    if (!end)
        return false;
    size_t n = (size_t)(end - xml);
    while (n && strchr(" \t\n", xml[n - 1]))
        n--;
    ca_text_add(&w->xml, "\t");
    if (model && model < xml + n) {
        model += strlen("<model_info>");
        ca_text_add_n(&w->xml, xml, (size_t)(model - xml));
        ca_text_add(&w->xml, "\n");
        is_same = write_labels(w, false);
        at = model;
    }
    ca_text_add_n(&w->xml, at, (size_t)(xml + n - at));
    ca_text_add(&w->xml, "\n");
    if (at == xml)
        is_same = write_labels(w, true);
    write_own_info(w, !is_same, "\t\t");
    ca_text_add(&w->xml, "\t%s\n", end);
    return true;
}

static void write_fresh_rt_info(Writer *w)
{
    ca_text_add(&w->xml, "\t<rt_info>\n\t\t<Runtime_version value=\"carina %s\"/>\n",
                carina_version());
    const bool is_same = write_labels(w, true);
    write_own_info(w, !is_same, "\t\t");
    ca_text_add(&w->xml, "\t</rt_info>\n");
}

/* Version 10 has <meta_data>, in which OpenVINO bears no elements it does not know: ours stands beside it. */
static void write_net_info(Writer *w)
{
    const char *rt_info = ca_info_find(w->graph->info, "ir.rt_info");
    if (w->version >= 11 && (!rt_info || !write_kept(w, rt_info)))
        write_fresh_rt_info(w);
    if (w->version < 11 && !ca_info_find(w->graph->info, "ir.meta_data"))
        ca_text_add(
            &w->xml,
            "\t<meta_data>\n\t\t<MO_version value=\"carina %s\"/>\n\t</meta_data>\n",
            carina_version());
    for (const CarinaInfo *i = w->graph->info; i; i = i->next)
        if (strncmp(i->key, "ir.", 3) == 0 && strcmp(i->key, "ir.rt_info") != 0)
            ca_text_add(&w->xml, "\t%s\n", i->value);
    if (w->version < 11)
        write_own_info(w, true, "\t");
}

/* --- All of it. */

static CarinaStatus write_xml(Writer *w)
{
    ca_text_add(&w->xml, "<?xml version=\"1.0\"?>\n<net");
    add_quoted(w, "name", w->graph->name ? w->graph->name : "");
    ca_text_add(&w->xml, " version=\"%d\">\n", w->version);
    CA_TRY(write_layers(w));
    CA_TRY(write_edges(w));
    write_net_info(w);
    ca_text_add(&w->xml, "</net>\n");
    return w->xml.failed ? no_memory(w) : CARINA_OK;
}

/* Both files are complete before either is renamed. */
static CarinaStatus write_files(Writer *w, const char *xml_path, const char *bin_path)
{
    CaWriter *file = NULL;
    CA_TRY(ca_weights_open(&w->weights, bin_path, w->err));
    CA_TRY(write_xml(w));
    CA_TRY(ca_writer_open(&file, xml_path, w->err));
    CarinaStatus status = ca_writer_write(file, w->xml.data, w->xml.size, w->err);
    if (status == CARINA_OK)
        status = ca_weights_commit(&w->weights, w->err);
    if (status == CARINA_OK)
        return ca_writer_commit(&file, w->err);
    ca_writer_abandon(&file);
    return status;
}

CarinaStatus ca_ir_write(const CaGraph *graph, const char *stem, int version, bool fp16,
                         CarinaError *err)
{
    if (version != 10 && version != 11)
        return ca_err(err, CARINA_ERR_ARGUMENT,
                      "IR v%d cannot be written; there are 10 and 11", version);
    Writer w = {.graph = graph,
                .err = err,
                .xml = {.limit = (size_t)1 << 30},
                .version = version,
                .fp16 = fp16};
    CaText xml_path = {.limit = 1 << 16}, bin_path = {.limit = 1 << 16};
    ca_text_add(&xml_path, "%s.xml", stem);
    ca_text_add(&bin_path, "%s.bin", stem);
    CarinaStatus status =
        xml_path.failed || bin_path.failed ? no_memory(&w) : place_all(&w);
    if (status == CARINA_OK)
        status = write_files(&w, xml_path.data, bin_path.data);
    ca_weights_abandon(&w.weights);
    ca_free(w.places);
    ca_text_free(&w.xml);
    ca_text_free(&xml_path);
    ca_text_free(&bin_path);
    return status;
}
