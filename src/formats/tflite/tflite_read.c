/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TFLite reader: the model's tables, its inputs and outputs, and the walk through its operators.
 *
 * Operators stand in an order in which they can be executed; those that no output needs are left out.
 */
#include "formats/tflite/tflite.h"

#include "formats/custom_call.h"
#include "formats/tflite/tflite_reader.h"

#include <stdio.h>
#include <string.h>

static const size_t work_limit = (size_t)1 << 30;
enum { MOST_TRANSLATED = 1 << 18, MOST_DEEP = 8 };
enum {
    MODEL_VERSION = 0,
    MODEL_CODES,
    MODEL_SUBGRAPHS,
    MODEL_DESCRIPTION,
    MODEL_BUFFERS,
    MODEL_SIGNATURES = 7,
    MODEL_GROUPS = 8
};
enum { SIGNATURE_INPUTS = 0, SIGNATURE_OUTPUTS, SIGNATURE_KEY, SIGNATURE_SUBGRAPH = 4 };
enum { TENSOR_MAP_NAME = 0, TENSOR_MAP_INDEX };

static const CaTfliteOp *const tables[] = {
    ca_tflite_nn,        ca_tflite_math,    ca_tflite_moves, ca_tflite_index,
    ca_tflite_recurrent, ca_tflite_control, ca_tflite_custom};
enum { N_TABLES = sizeof tables / sizeof tables[0] };

const CaTfliteOp *ca_tflite_op_find(const char *name)
{
    for (int t = 0; t < N_TABLES; t++)
        for (const CaTfliteOp *op = tables[t]; op->name; op++)
            if (strcmp(op->name, name) == 0)
                return op;
    return NULL;
}

static const char *operator_name(int i)
{
    for (int t = 0; t < N_TABLES; t++)
        for (const CaTfliteOp *op = tables[t]; op->name; op++)
            if (i-- == 0)
                return op->name;
    return NULL;
}

/* --- Operators. */

static const char *advice(const char *type, bool is_custom)
{
    if (strncmp(type, "Flex", 4) == 0)
        return "it is TensorFlow's own: convert with TFLITE_BUILTINS only";
    if (is_custom)
        return "it is a custom operator: load an extension that has it (-l FILE), convert "
               "without it, or cut the model before it";
    if (strncmp(type, "STABLEHLO", 9) == 0)
        return "convert to TFLite's own operators";
    if (strncmp(type, "HASHTABLE", 9) == 0)
        return "look the words up before the model and cut it after the table";
    return "convert the model without it, or cut it before";
}

static void translate(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    const CaTfliteNode *n = c->node;
    const int wanted = n->is_custom ? 0 : ca_tflite_options_type(n->code);
    c->op = ca_tflite_op_find(n->type);
    if (c->op && !n->is_custom && !ca_tflite_code_text(n->code))
        c->op = NULL;
    if (ca_custom_is(b, CARINA_FORMAT_TFLITE, NULL, n->type))
        ca_tflite_extension(c);
    else if (!c->op)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "operator %s is not supported; %s",
                      n->type, advice(n->type, n->is_custom));
    else if (wanted > 0 && n->options_type && n->options_type != wanted)
        ca_build_fail(b, CARINA_ERR_FORMAT,
                      "its options are of kind %d, must be %d; the file is damaged",
                      n->options_type, wanted);
    else
        c->op->fn(c);
    ca_build_settle(b);
    ca_tflite_readable(c);
}

static bool run_node(CaTflite *r, CaTfliteScope *s, const CaTfliteNode *n)
{
    CaTfliteCall c = {
        .r = r, .b = &r->b, .s = s, .node = n, .first_id = r->b.graph->own->next_id};
    const CaTfliteTensor *out = ca_tflite_out_tensor(&c, 0);
    const char *name = out ? out->name : n->type;
    r->b.name = s->prefix[0] ? ca_arena_printf(r->b.work, "%s%s", s->prefix, name) : name;
    r->b.type = n->type;
    if (!r->b.name)
        r->b.name = name;
    if (++r->n_translated > MOST_TRANSLATED)
        ca_build_fail(&r->b, CARINA_ERR_LIMIT,
                      "with its loops the model has more than %d operators",
                      MOST_TRANSLATED);
    if (r->b.status == CARINA_OK)
        translate(&c);
    return r->b.status == CARINA_OK;
}

/* Which operators lead to an output; those without outputs are there for what they do. */
static bool *needed_nodes(CaTflite *r, const CaTfliteGraph *g)
{
    bool *nodes = ca_arena_alloc(r->b.work, (size_t)g->n_nodes + 1);
    bool *tensors = ca_arena_alloc(r->b.work, (size_t)g->n_tensors + 1);
    if (!nodes || !tensors) {
        ca_build_fail(&r->b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    for (uint32_t i = 0; i < g->outputs.n; i++)
        tensors[ca_flat_i32(&r->flat, &g->outputs, i)] = true;
    for (int32_t k = g->n_nodes - 1; k >= 0; k--) {
        const CaTfliteNode *n = &g->nodes[k];
        nodes[k] = n->outputs.n == 0;
        for (uint32_t i = 0; i < n->outputs.n; i++) {
            const int32_t at = ca_flat_i32(&r->flat, &n->outputs, i);
            nodes[k] =
                nodes[k] || (at >= 0 && tensors[at] && g->tensors[at].stands_for < 0);
        }
        for (uint32_t i = 0; nodes[k] && i < n->inputs.n; i++) {
            const int32_t at = ca_flat_i32(&r->flat, &n->inputs, i);
            if (at >= 0)
                tensors[at] = true;
        }
    }
    return nodes;
}

static bool run_graph(CaTflite *r, CaTfliteScope *s)
{
    const bool *needed = needed_nodes(r, s->graph);
    for (int32_t k = 0; needed && k < s->graph->n_nodes; k++)
        if (needed[k] && !s->is_done[k] && !run_node(r, s, &s->graph->nodes[k]))
            return false;
    return needed != NULL;
}

static bool new_scope(CaTflite *r, CaTfliteScope *s, CaTfliteGraph *g, const char *prefix)
{
    const size_t n = (size_t)g->n_tensors + 1;
    *s = (CaTfliteScope){.graph = g, .prefix = prefix};
    s->values = ca_arena_array(r->b.work, n, sizeof *s->values);
    s->handles = ca_arena_array(r->b.work, n, sizeof *s->handles);
    s->is_done = ca_arena_alloc(r->b.work, (size_t)g->n_nodes + 1);
    if (!s->values || !s->handles || !s->is_done)
        ca_build_fail(&r->b, CARINA_ERR_MEMORY, "out of memory");
    return r->b.status == CARINA_OK;
}

/* What output i of a subgraph has become. */
static CaValue *output_value(CaTflite *r, CaTfliteScope *s, uint32_t i)
{
    static const CaTfliteNode none = {.type = "output"};
    CaTfliteNode node = none;
    CaTfliteCall c = {
        .r = r, .b = &r->b, .s = s, .node = &node, .first_id = r->b.graph->own->next_id};
    node.inputs = s->graph->outputs;
    r->b.type = "output";
    r->b.name = s->graph->tensors[ca_flat_i32(&r->flat, &s->graph->outputs, i)].name;
    return ca_tflite_in(&c, (int)i);
}

bool ca_tflite_subgraph(CaTfliteCall *c, int64_t index, CaValue *const *inputs,
                        int n_inputs, CaValue **outputs, int n_outputs,
                        const char *prefix)
{
    CaTflite *r = c->r;
    const char *name = c->b->name, *type = c->b->type;
    CaTfliteGraph *g = NULL;
    CaTfliteScope s;
    if (!ca_build_settle(c->b))
        return false;
    if (r->depth >= MOST_DEEP) {
        ca_build_fail(c->b, CARINA_ERR_LIMIT,
                      "subgraphs are nested deeper than %d; the file is damaged",
                      MOST_DEEP);
        return false;
    }
    c->b->status = ca_tflite_graph(&g, r, index);
    if (c->b->status == CARINA_OK &&
        ((int)g->inputs.n != n_inputs || (int)g->outputs.n < n_outputs))
        ca_build_fail(
            c->b, CARINA_ERR_FORMAT,
            "subgraph %lld takes %u and gives %u tensors, not %d and %d; the file "
            "is damaged",
            (long long)index, g->inputs.n, g->outputs.n, n_inputs, n_outputs);
    if (c->b->status != CARINA_OK || !new_scope(r, &s, g, prefix ? prefix : ""))
        return false;
    for (int i = 0; i < n_inputs; i++)
        s.values[ca_flat_i32(&r->flat, &g->inputs, (uint32_t)i)] = inputs[i];
    r->depth++;
    bool good = run_graph(r, &s);
    for (int i = 0; good && i < n_outputs; i++) {
        outputs[i] = output_value(r, &s, (uint32_t)i);
        good = outputs[i] && ca_build_settle(c->b);
    }
    r->depth--;
    c->b->name = name;
    c->b->type = type;
    return good;
}

/* --- The model's edges. */

typedef struct Signature {
    CaFlatVector inputs, outputs; /* TensorMap */
    int64_t subgraph;
    const char *key;
    bool is_there;
} Signature;

/* The name that a signature gives to a tensor; NULL if none. */
static const char *signature_name(CaTflite *r, const CaFlatVector *map, int32_t tensor)
{
    for (uint32_t i = 0; i < map->n; i++) {
        const CaFlatTable item = ca_flat_item(&r->flat, map, i);
        if (ca_flat_int(&r->flat, &item, TENSOR_MAP_INDEX, CA_FLAT_U32, 0) == tensor)
            return ca_flat_text(&r->flat, &item, TENSOR_MAP_NAME);
    }
    return NULL;
}

static CarinaStatus unknown_signature(CaTflite *r, const CaFlatVector *all,
                                      const char *wanted)
{
    char list[200] = "";
    for (uint32_t i = 0; i < all->n; i++) {
        const CaFlatTable item = ca_flat_item(&r->flat, all, i);
        const char *key = ca_flat_text(&r->flat, &item, SIGNATURE_KEY);
        const size_t at = strlen(list);
        (void)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "",
                       key ? key : "?");
    }
    CA_TRY(r->flat.status);
    if (!wanted)
        return ca_err(r->flat.err, CARINA_ERR_ARGUMENT,
                      "%s: the model has several signatures: %s; choose one",
                      r->flat.path, list);
    return ca_err(r->flat.err, CARINA_ERR_NOT_FOUND, "%s: no signature '%s'; there %s %s",
                  r->flat.path, wanted, all->n == 1 ? "is" : "are",
                  all->n ? list : "none");
}

static CarinaStatus find_signature(CaTflite *r, const CaFlatTable *model, Signature *out)
{
    CaFlat *f = &r->flat;
    const CaFlatVector all = ca_flat_vector(f, model, MODEL_SIGNATURES, 4);
    const char *wanted = r->source->options->signature;
    bool any_other = false;
    *out = (Signature){0};
    for (uint32_t i = 0; i < all.n && f->status == CARINA_OK; i++) {
        const CaFlatTable item = ca_flat_item(f, &all, i);
        const char *key = ca_flat_text(f, &item, SIGNATURE_KEY);
        const int64_t subgraph =
            ca_flat_int(f, &item, SIGNATURE_SUBGRAPH, CA_FLAT_U32, 0);
        any_other = any_other || (out->is_there && subgraph != out->subgraph);
        if (wanted && wanted[0] ? !ca_text_equal(key, wanted)
                                : out->is_there && !ca_text_equal(key, "serving_default"))
            continue;
        *out = (Signature){ca_flat_vector(f, &item, SIGNATURE_INPUTS, 4),
                           ca_flat_vector(f, &item, SIGNATURE_OUTPUTS, 4), subgraph, key,
                           true};
    }
    CA_TRY(f->status);
    if (wanted && wanted[0])
        return out->is_there ? CARINA_OK : unknown_signature(r, &all, wanted);
    return any_other && !ca_text_equal(out->key, "serving_default")
               ? unknown_signature(r, &all, NULL)
               : CARINA_OK;
}

static bool is_asked_name(const char *name)
{
    return name && name[0] && !strchr(name, ',');
}

static CarinaStatus read_input(CaTflite *r, CaTfliteScope *s, const Signature *sign,
                               int32_t at)
{
    CaTfliteTensor *t = &s->graph->tensors[at];
    const char *alias = signature_name(r, &sign->inputs, at);
    static const CaTfliteNode node = {.type = "input"};
    CaTfliteCall c = {
        .r = r, .b = &r->b, .s = s, .node = &node, .first_id = r->b.graph->own->next_id};
    CaValue *v = NULL;
    r->b.name = t->name;
    r->b.type = "input";
    if (t->type == CARINA_UNKNOWN || t->type == CARINA_I4 || t->type == CARINA_U4)
        return ca_err(
            r->flat.err, CARINA_ERR_UNSUPPORTED,
            "%s: input '%s' has element type %s; Carina reads tensors of numbers only",
            r->flat.path, t->name, ca_tflite_type_text(t->code));
    if (s->values[at] || t->is_constant || t->maker >= 0)
        return ca_err(
            r->flat.err, CARINA_ERR_FORMAT,
            "%s: input '%s' is also made by an operator, a constant or listed twice; "
            "the file is damaged",
            r->flat.path, t->name);
    CA_TRY(ca_graph_parameter(&v, r->b.graph, t->name, t->type, &t->shape, r->flat.err));
    ca_value_set_name(r->b.graph, v, t->name);
    if (is_asked_name(alias) && !ca_text_equal(alias, t->name)) {
        const char *both = ca_arena_printf(r->b.work, "%s,%s", t->name, alias);
        if (both)
            ca_value_set_name(r->b.graph, v, both);
    }
    s->values[at] = ca_tflite_is_quantized(t) ? ca_tflite_from_steps(&c, t, v) : v;
    ca_build_settle(&r->b);
    return r->b.status;
}

/* A quantised output leaves as the integers that the file's users know. */
static CarinaStatus read_output(CaTflite *r, CaTfliteScope *s, const Signature *sign,
                                uint32_t i)
{
    CaBuild *b = &r->b;
    const int32_t at = ca_flat_i32(&r->flat, &s->graph->outputs, i);
    CaTfliteTensor *t = &s->graph->tensors[at];
    const char *alias = signature_name(r, &sign->outputs, at);
    CaTfliteCall c = {.r = r, .b = b, .s = s, .first_id = b->graph->own->next_id};
    CaValue *v = output_value(r, s, i);
    ca_build_settle(b); /* a constant is widened where it is asked for */
    CA_TRY(b->status);
    if (ca_tflite_is_quantized(t)) {
        CaValue *before = ca_node_is(v->node, "FakeQuantize") && ca_value_n_uses(v) == 0
                              ? ca_node_input(v->node, 0)
                              : v; /* rounding once is enough */
        const char *mark =
            before != v ? ca_info_find(v->node->info, CA_TFLITE_STEPS_MARK) : NULL;
        v = ca_tflite_to_steps(&c, t, before);
        ca_build_settle(b);
        CA_TRY(b->status);
        if (mark)
            ca_node_set_info(b->graph, ca_node_input_node(v->node, 0),
                             CA_TFLITE_STEPS_MARK, mark);
        ca_value_set_name(b->graph, v, t->name);
    }
    if (is_asked_name(alias) && !ca_text_in_list(v->name, alias)) {
        const char *both =
            v->name ? ca_arena_printf(b->work, "%s,%s", v->name, alias) : alias;
        if (both)
            ca_value_set_name(b->graph, v, both);
    }
    return ca_graph_result(b->graph, t->name, v, r->flat.err);
}

static CarinaStatus read_main(CaTflite *r, const Signature *sign)
{
    CaTfliteGraph *g = NULL;
    CaTfliteScope s;
    CA_TRY(ca_tflite_graph(&g, r, sign->is_there ? sign->subgraph : 0));
    if (g->outputs.n == 0)
        return ca_err(r->flat.err, CARINA_ERR_FORMAT,
                      "%s: the graph has no outputs; convert the model again",
                      r->flat.path);
    if (!new_scope(r, &s, g, ""))
        return r->b.status;
    for (uint32_t i = 0; i < g->inputs.n; i++)
        CA_TRY(read_input(r, &s, sign, ca_flat_i32(&r->flat, &g->inputs, i)));
    if (!run_graph(r, &s))
        return r->b.status;
    for (uint32_t i = 0; i < g->outputs.n; i++)
        CA_TRY(read_output(r, &s, sign, i));
    ca_graph_sweep(r->b.graph);
    return r->flat.status;
}

/* --- The file. */

static CarinaStatus read_model(CaTflite *r)
{
    CaFlat *f = &r->flat;
    Signature sign;
    const CaFlatTable model = ca_flat_root(f);
    const int64_t version = ca_flat_int(f, &model, MODEL_VERSION, CA_FLAT_U32, 0);
    const char *description = ca_flat_text(f, &model, MODEL_DESCRIPTION);
    r->codes = ca_flat_vector(f, &model, MODEL_CODES, 4);
    r->subgraphs = ca_flat_vector(f, &model, MODEL_SUBGRAPHS, 4);
    r->buffers = ca_flat_vector(f, &model, MODEL_BUFFERS, 4);
    CA_TRY(f->status);
    if (version != 3)
        return ca_err(f->err, CARINA_ERR_UNSUPPORTED,
                      "%s: schema version %lld; Carina reads 3, convert the model again",
                      f->path, (long long)version);
    if (r->subgraphs.n == 0)
        return ca_err(f->err, CARINA_ERR_FORMAT,
                      "%s: no subgraph inside; the file is damaged", f->path);
    r->graphs = ca_arena_array(r->b.work, r->subgraphs.n, sizeof *r->graphs);
    if (!r->graphs)
        return ca_err(f->err, CARINA_ERR_MEMORY, "%s: out of memory", f->path);
    CA_TRY(find_signature(r, &model, &sign));
    CA_TRY(ca_graph_create(&r->b.graph, f->err));
    if (description && description[0])
        ca_graph_set_info(r->b.graph, "description", description);
    ca_graph_set_info(r->b.graph, "producer", "TensorFlow Lite");
    if (sign.key && sign.key[0])
        ca_graph_set_info(r->b.graph, "signature", sign.key);
    CA_TRY(ca_tflite_metadata(r, &model));
    return read_main(r, &sign);
}

static bool match(const CaSource *s) { return ca_source_has(s, 4, "TFL3", 4); }

static CarinaStatus read(CaGraph **out, CaSource *s)
{
    CarinaError unheard = {CARINA_OK, ""};
    CarinaError *err = s->err ? s->err : &unheard;
    CaTflite r = {.source = s};
    *out = NULL;
    r.flat = (CaFlat){
        .data = s->file->data, .size = s->file->size, .path = s->path, .err = err};
    r.b = (CaBuild){.path = s->path,
                    .err = err,
                    .noun = "node",
                    .name = "",
                    .type = "",
                    .customs = s->customs};
    r.b.work = ca_arena_create(work_limit);
    CarinaStatus status =
        r.b.work ? read_model(&r)
                 : ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", s->path);
    ca_arena_free(&r.b.work);
    if (status == CARINA_OK)
        *out = r.b.graph;
    else
        ca_graph_free(&r.b.graph);
    (void)snprintf(s->format, sizeof s->format, "TensorFlow Lite");
    return status;
}

const CaReader ca_reader_tflite = {"TensorFlow Lite", match, read, operator_name};
