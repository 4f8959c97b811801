/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ONNX reader: parses the skeleton, then translates the nodes that the outputs and each other need.
 *
 * Nodes are translated producers first, whatever their order in the file; a loop is found on the way.
 */
#include "formats/onnx/onnx.h"

#include "formats/custom_call.h"
#include "formats/onnx/onnx_reader.h"
#include "formats/onnx/onnx_wire.h"
#include "formats/reader.h"
#include "graph/labels.h"

#include <stdio.h>
#include <string.h>

/* The parsed skeleton: messages of 2 bytes become structs of some 100. */
static const size_t work_limit = (size_t)4 << 30;
static const int64_t newest_opset = 22;

static void *work_alloc(void *arena, size_t size) { return ca_arena_alloc(arena, size); }
static void work_free(void *arena, void *p)
{
    (void)arena;
    (void)p; /* goes with the arena */
}

/* --- Names. */

static CarinaStatus no_memory(const CaOnnx *r)
{
    return ca_err(r->b.err, CARINA_ERR_MEMORY, "%s: out of memory", r->b.path);
}

static CaOnnxName *find(const CaOnnx *r, const char *key)
{
    size_t i = (size_t)ca_hash(key, strlen(key), 0) & (r->room - 1);
    for (; r->names[i].key; i = (i + 1) & (r->room - 1))
        if (strcmp(r->names[i].key, key) == 0)
            return &r->names[i];
    return NULL;
}

/* room is twice the names that the file can have, so there is always a free place. */
static CaOnnxName *name_of(CaOnnx *r, const char *key)
{
    size_t i = (size_t)ca_hash(key, strlen(key), 0) & (r->room - 1);
    while (r->names[i].key && strcmp(r->names[i].key, key) != 0)
        i = (i + 1) & (r->room - 1);
    if (!r->names[i].key)
        r->names[i] = (CaOnnxName){.key = key, .maker = -1};
    return &r->names[i];
}

static const char *node_name(const Onnx__NodeProto *n)
{
    if (n->name && n->name[0])
        return n->name;
    for (size_t i = 0; i < n->n_output; i++)
        if (n->output[i][0])
            return n->output[i];
    return "?";
}

static CarinaStatus check_nodes(const CaOnnx *r, const Onnx__GraphProto *g)
{
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *n = g->node[i];
        if (!n->op_type || !n->op_type[0])
            return ca_err(r->b.err, CARINA_ERR_FORMAT,
                          "%s: node '%s' has no operator; the file is damaged", r->b.path,
                          node_name(n));
        if (n->n_input > CA_MAX_PORTS || n->n_output > CA_MAX_PORTS)
            return ca_err(r->b.err, CARINA_ERR_LIMIT,
                          "%s: node '%s' (%s): more than %d inputs or outputs", r->b.path,
                          node_name(n), n->op_type, CA_MAX_PORTS);
    }
    return CARINA_OK;
}

static CarinaStatus collect_names(CaOnnx *r, const Onnx__GraphProto *g)
{
    size_t n = g->n_initializer + g->n_input;
    for (size_t i = 0; i < g->n_node; i++)
        n += g->node[i]->n_output;
    for (r->room = 16; r->room < 2 * n + 2;)
        r->room *= 2;
    r->names = ca_arena_array(r->b.work, r->room, sizeof *r->names);
    if (!r->names)
        return no_memory(r);
    for (size_t i = 0; i < g->n_initializer; i++)
        if (g->initializer[i]->name && g->initializer[i]->name[0])
            name_of(r, g->initializer[i]->name)->tensor = g->initializer[i];
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t o = 0; o < g->node[i]->n_output; o++) {
            const char *key = g->node[i]->output[o];
            if (!key[0])
                continue;
            CaOnnxName *name = name_of(r, key);
            if (name->maker >= 0 || name->tensor)
                return ca_err(
                    r->b.err, CARINA_ERR_FORMAT,
                    "%s: node '%s' (%s): tensor '%s' is made twice; the file is damaged",
                    r->b.path, node_name(g->node[i]), g->node[i]->op_type, key);
            name->maker = (int32_t)i;
        }
    return CARINA_OK;
}

/* --- Inputs and outputs. */

static CarinaStatus read_input(CaOnnx *r, const Onnx__ValueInfoProto *info)
{
    if (!info->name || !info->name[0])
        return ca_err(r->b.err, CARINA_ERR_FORMAT,
                      "%s: an input of the graph has no name; the file is damaged",
                      r->b.path);
    CaOnnxName *name = name_of(r, info->name);
    const Onnx__TensorTypeProto *t = info->type ? info->type->tensor_type : NULL;
    CarinaShape shape = ca_shape_unknown();
    if (name->tensor) /* older files list weights as inputs; newer ones give defaults so */
        return CARINA_OK;
    if (!t || ca_onnx_type(t->elem_type) == CARINA_UNKNOWN)
        return ca_err(
            r->b.err, CARINA_ERR_UNSUPPORTED,
            "%s: input '%s' has element type %s; Carina reads tensors of numbers only",
            r->b.path, name->key, t ? ca_onnx_type_text(t->elem_type) : "none");
    if (t->shape && t->shape->n_dim > CARINA_MAX_RANK)
        return ca_err(r->b.err, CARINA_ERR_LIMIT,
                      "%s: input '%s' has %zu dimensions; Carina reads at most %d",
                      r->b.path, name->key, t->shape->n_dim, CARINA_MAX_RANK);
    if (t->shape) {
        shape = ca_shape_of_rank((int)t->shape->n_dim);
        for (size_t i = 0; i < t->shape->n_dim; i++)
            if (t->shape->dim[i]->has_dim_value && t->shape->dim[i]->dim_value > 0)
                shape.dims[i] = t->shape->dim[i]->dim_value;
    }
    if (name->maker >= 0 || name->value)
        return ca_err(
            r->b.err, CARINA_ERR_FORMAT,
            "%s: input '%s' is also made by a node or listed twice; the file is damaged",
            r->b.path, name->key);
    CA_TRY(ca_graph_parameter(&name->value, r->b.graph, name->key,
                              ca_onnx_type(t->elem_type), &shape, r->b.err));
    return CARINA_OK;
}

/* A weight becomes a constant when a node first reads it: the node is named where the weight is damaged. */
static CarinaStatus weight(CaOnnx *r, CaOnnxName *name, const char *where)
{
    CarinaTensor *t = NULL;
    if (name->value || !name->tensor)
        return CARINA_OK;
    CA_TRY(ca_onnx_tensor(&t, r, where, name->key, name->tensor));
    CA_TRY(ca_graph_constant(&name->value, r->b.graph, NULL, name->key, t, r->b.err));
    ca_value_set_name(r->b.graph, name->value, name->key);
    return CARINA_OK;
}

/* An output that its node's translation has left out: Dropout's mask, running statistics. */
static CarinaStatus not_computed(CaOnnx *r, const char *where, const char *tensor)
{
    return ca_err(
        r->b.err, CARINA_ERR_UNSUPPORTED,
        "%s: %s: tensor '%s' is an output that Carina does not compute; export for inference",
        r->b.path, where, tensor);
}

static CarinaStatus read_outputs(CaOnnx *r, const Onnx__GraphProto *g)
{
    for (size_t i = 0; i < g->n_output; i++) {
        const char *key = g->output[i]->name ? g->output[i]->name : "";
        CaOnnxName *name = find(r, key);
        if (name)
            CA_TRY(weight(r, name, "the graph's outputs"));
        if (name && !name->value && name->maker >= 0)
            return not_computed(r, "the graph's outputs", key);
        if (!name || !name->value)
            return ca_err(
                r->b.err, CARINA_ERR_FORMAT,
                "%s: output '%s' is made by no node of the graph; the file is damaged",
                r->b.path, key);
        CA_TRY(ca_graph_result(r->b.graph, key, name->value, r->b.err));
    }
    if (g->n_output == 0)
        return ca_err(r->b.err, CARINA_ERR_FORMAT,
                      "%s: the graph has no outputs; export the model again", r->b.path);
    return CARINA_OK;
}

/* --- Nodes. */

static const CaOnnxOp *const tables[] = {ca_onnx_nn,    ca_onnx_math,    ca_onnx_moves,
                                         ca_onnx_quant, ca_onnx_control, ca_onnx_grid};

const CaOnnxOp *ca_onnx_op_find(const char *domain, const char *name)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const CaOnnxOp *op = tables[t]; op->name; op++)
            if (strcmp(op->name, name) == 0 && strcmp(op->domain, domain) == 0)
                return op;
    return NULL;
}

/* An operator whose inputs are ours and whose attributes only have other names. */
static void translate_by_rule(CaOnnxCall *c, const CaImportRule *rule, const CaOp *op)
{
    CaValue *v = ca_build_make(c->b, op->name, c->in, c->n_in,
                               op->arity.n_out > 0 ? op->arity.n_out : 1);
    for (const CaAttrMap *m = rule->map; m < rule->map + 8 && m->ours; m++) {
        const Onnx__AttributeProto *a = m->theirs ? ca_onnx_attr(c, m->theirs) : NULL;
        if (!a && m->value)
            ca_build_set_text(c->b, v, m->ours, m->value);
        else if (a && a->has_f)
            ca_build_set_real(c->b, v, m->ours, (double)a->f);
        else if (a && a->has_s)
            ca_build_set_text(c->b, v, m->ours, ca_onnx_attr_text(c, m->theirs, ""));
        else if (a && a->n_ints > 0)
            ca_build_set_ints(c->b, v, m->ours, a->ints, (int)a->n_ints);
        else if (a)
            ca_build_set_int(c->b, v, m->ours, a->i);
    }
    for (int i = 0; c->b->status == CARINA_OK && v && i < v->node->n_outputs; i++)
        ca_onnx_out(c, i, &v->node->outputs[i]);
}

static const char *advice(const char *domain)
{
    if (strcmp(domain, "com.microsoft.nchwc") == 0)
        return "export again without layout optimisation";
    if (strcmp(domain, "ai.onnx.ml") == 0)
        return "Carina reads neural networks, not trees or encoders";
    if (domain[0])
        return "export without runtime-specific operators, or load an extension that has "
               "it (-l FILE)";
    return "export with an older opset, run a simplifier that replaces it, or load an "
           "extension that has it (-l FILE)";
}

static void translate(CaOnnxCall *c)
{
    const char *domain = c->node->domain ? c->node->domain : "";
    const CaOp *op = NULL;
    if (strcmp(domain, "ai.onnx") == 0)
        domain = "";
    for (size_t i = 0; i < c->node->n_attribute; i++)
        if (c->node->attribute[i]->ref_attr_name &&
            c->node->attribute[i]->ref_attr_name[0]) {
            ca_build_fail(c->b, CARINA_ERR_FORMAT,
                          "attribute '%s' refers to a function's, outside any function",
                          c->node->attribute[i]->name ? c->node->attribute[i]->name : "");
            return;
        }
    if (ca_custom_is(c->b, CARINA_FORMAT_ONNX, domain, c->node->op_type)) {
        ca_onnx_custom(c, domain);
        return;
    }
    const CaOnnxOp *row = ca_onnx_op_find(domain, c->node->op_type);
    const CaImportRule *rule =
        domain[0] || row ? NULL : ca_op_import(CA_FORMAT_ONNX, c->node->op_type, &op);
    if (row && row->fn)
        row->fn(c);
    else if (rule && op)
        translate_by_rule(c, rule, op);
    else
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "operator %s of domain '%s', opset %lld, is not supported; %s",
                      c->node->op_type, domain[0] ? domain : "ai.onnx",
                      (long long)c->opset, advice(domain));
    ca_build_settle(c->b);
}

/* A value of this graph, or in a body of a graph around: a constant is shared, anything else becomes a Parameter. */
static CarinaStatus value_of(CaOnnx *r, const char *key, const char *where, CaValue **out)
{
    CaOnnxName *name = find(r, key);
    CaOnnxCapture **at = &r->captures;
    CaValue *outer = NULL;
    *out = NULL;
    if (name) {
        CA_TRY(weight(r, name, where));
        if (!name->value && name->maker >= 0)
            return not_computed(r, where, key);
        *out = name->value;
    }
    if (name || !r->outer)
        return CARINA_OK;
    for (; *at; at = &(*at)->next)
        if (strcmp((*at)->key, key) == 0) {
            *out = (*at)->inner;
            return CARINA_OK;
        }
    CA_TRY(value_of(r->outer, key, where, &outer));
    if (!outer)
        return CARINA_OK;
    if (outer->constant) {
        CarinaTensor *t = NULL;
        CA_TRY(ca_tensor_share(&t, outer->constant, r->b.err));
        return ca_graph_constant(out, r->b.graph, NULL, key, t, r->b.err);
    }
    CaOnnxCapture *c = ca_arena_alloc(r->b.work, sizeof *c);
    if (!c)
        return no_memory(r);
    CA_TRY(
        ca_graph_parameter(out, r->b.graph, key, outer->type, &outer->shape, r->b.err));
    *c = (CaOnnxCapture){key, outer, *out, NULL};
    *at = c;
    return CARINA_OK;
}

static CarinaStatus read_node(CaOnnx *r, const Onnx__NodeProto *n)
{
    CaOnnxCall c = {.r = r,
                    .b = &r->b,
                    .node = n,
                    .name = node_name(n),
                    .opset = r->opset,
                    .first_id = r->b.graph->own->next_id};
    const char *where = ca_arena_printf(r->b.work, "node '%s' (%s)", c.name, n->op_type);
    c.in = ca_arena_array(r->b.work, n->n_input + 1, sizeof *c.in);
    if (!where || !c.in)
        return no_memory(r);
    c.n_in = (int)n->n_input;
    for (size_t i = 0; i < n->n_input; i++) {
        if (!n->input[i][0])
            continue;
        CA_TRY(value_of(r, n->input[i], where, &c.in[i]));
        if (!c.in[i])
            return ca_err(
                r->b.err, CARINA_ERR_FORMAT,
                "%s: %s: input '%s' is no input of the model, no weight and no node's output; "
                "the file is damaged or was cut out of a larger model",
                r->b.path, where, n->input[i]);
    }
    while (c.n_in > 0 && !c.in[c.n_in - 1])
        c.n_in--;
    c.first_id = r->b.graph->own->next_id;
    r->b.name = c.name;
    r->b.type = n->op_type;
    translate(&c);
    return r->b.status;
}

/* --- Names that bodies may want of the graph around: all that they read; their own among them do no harm. */

static void list_names(CaOnnxNameList *list, const Onnx__GraphProto *g);

static void list_node(CaOnnxNameList *list, const Onnx__NodeProto *n)
{
    for (size_t i = 0; i < n->n_attribute; i++)
        if (n->attribute[i]->g)
            list_names(list, n->attribute[i]->g);
}

/* v NULL: counts only. */
static void list_names(CaOnnxNameList *list, const Onnx__GraphProto *g)
{
    for (size_t i = 0; i < g->n_node; i++) {
        for (size_t k = 0; k < g->node[i]->n_input; k++, list->n++)
            if (list->v)
                list->v[list->n] = g->node[i]->input[k];
        list_node(list, g->node[i]);
    }
    for (size_t i = 0; i < g->n_output; i++, list->n++)
        if (list->v)
            list->v[list->n] = g->output[i]->name ? g->output[i]->name : "";
}

static CarinaStatus list_inside(CaOnnx *r, const Onnx__GraphProto *g)
{
    r->inside = ca_arena_array(r->b.work, g->n_node + 1, sizeof *r->inside);
    if (!r->inside)
        return no_memory(r);
    for (size_t i = 0; i < g->n_node; i++) {
        CaOnnxNameList *list = &r->inside[i];
        list_node(list, g->node[i]);
        if (!list->n)
            continue;
        list->v = ca_arena_array(r->b.work, list->n, sizeof *list->v);
        if (!list->v || list->n > INT32_MAX)
            return no_memory(r);
        list->n = 0;
        list_node(list, g->node[i]);
    }
    return CARINA_OK;
}

/* --- The walk. */

typedef struct Frame {
    int32_t node;
    uint32_t input; /* the next to look at */
} Frame;
enum { UNSEEN = 0, OPEN = 1, DONE = 2 };

/* The next producer of the frame's node that is not done; -1 if none. */
static int32_t next_producer(const CaOnnx *r, const Onnx__GraphProto *g, Frame *f,
                             const unsigned char *state)
{
    const Onnx__NodeProto *n = g->node[f->node];
    const CaOnnxNameList *inside = &r->inside[f->node];
    while (f->input < n->n_input + inside->n) {
        const char *key =
            f->input < n->n_input ? n->input[f->input] : inside->v[f->input - n->n_input];
        const CaOnnxName *name = find(r, key);
        f->input++;
        if (name && name->maker >= 0 && state[name->maker] != DONE)
            return name->maker;
    }
    return -1;
}

static CarinaStatus walk(CaOnnx *r, const Onnx__GraphProto *g, int32_t root, Frame *stack,
                         unsigned char *state)
{
    int32_t depth = 1;
    stack[0] = (Frame){root, 0};
    state[root] = OPEN;
    while (depth > 0) {
        Frame *f = &stack[depth - 1];
        const int32_t maker = next_producer(r, g, f, state);
        if (maker < 0) {
            CA_TRY(read_node(r, g->node[f->node]));
            state[f->node] = DONE;
            depth--;
        } else if (state[maker] == OPEN) {
            return ca_err(
                r->b.err, CARINA_ERR_FORMAT,
                "%s: node '%s' (%s): it depends on its own output; the file is damaged",
                r->b.path, node_name(g->node[maker]), g->node[maker]->op_type);
        } else {
            state[maker] = OPEN;
            stack[depth++] = (Frame){maker, 0};
        }
    }
    return CARINA_OK;
}

static CarinaStatus read_nodes(CaOnnx *r, const Onnx__GraphProto *g)
{
    CA_TRY(list_inside(r, g));
    Frame *stack = ca_arena_array(r->b.work, g->n_node + 1, sizeof *stack);
    unsigned char *state = ca_arena_alloc(r->b.work, g->n_node + 1);
    if (!stack || !state)
        return no_memory(r);
    for (size_t i = 0; i < g->n_node; i++)
        if (state[i] == UNSEEN)
            CA_TRY(walk(r, g, (int32_t)i, stack, state));
    return CARINA_OK;
}

/* --- Bodies. */

static CarinaStatus body_input(CaOnnx *r, const Onnx__ValueInfoProto *info,
                               const CaOnnxPort *port)
{
    const Onnx__TensorTypeProto *t = info->type ? info->type->tensor_type : NULL;
    const CarinaType stated = t ? ca_onnx_type(t->elem_type) : CARINA_UNKNOWN;
    CaOnnxName *name = name_of(r, info->name ? info->name : "");
    CarinaShape shape = port->shape;
    CaValue *v = NULL;
    if (name->value || name->maker >= 0 || name->tensor)
        return ca_err(r->b.err, CARINA_ERR_FORMAT,
                      "%s: input '%s' of a body is made twice; the file is damaged",
                      r->b.path, name->key);
    CA_TRY(ca_graph_parameter(&v, r->b.graph, name->key,
                              port->type != CARINA_UNKNOWN ? port->type : stated, &shape,
                              r->b.err));
    if (port->is_part) {
        r->b.name = name->key;
        r->b.type = "input";
        v = ca_build_2(&r->b, "Squeeze", v, ca_build_vector(&r->b, &port->axis, 1));
        ca_build_settle(&r->b);
    }
    name->value = v;
    return r->b.status;
}

static CarinaStatus body_output(CaOnnx *r, const Onnx__ValueInfoProto *info,
                                const CaOnnxPort *port)
{
    const char *key = info->name ? info->name : "";
    CaValue *v = NULL;
    CA_TRY(value_of(r, key, "the outputs of a body", &v));
    if (!v)
        return ca_err(r->b.err, CARINA_ERR_FORMAT,
                      "%s: output '%s' of a body is made by no node; the file is damaged",
                      r->b.path, key);
    if (port->is_part) {
        r->b.name = key;
        r->b.type = "output";
        v = ca_build_2(&r->b, "Unsqueeze", v, ca_build_vector(&r->b, &port->axis, 1));
        ca_build_settle(&r->b);
    }
    CA_TRY(r->b.status);
    return ca_graph_result(r->b.graph, key, v, r->b.err);
}

static CarinaStatus read_body(CaOnnx *r, const Onnx__GraphProto *g, const CaOnnxPort *in,
                              const CaOnnxPort *out)
{
    CA_TRY(ca_graph_create(&r->b.graph, r->b.err));
    CA_TRY(check_nodes(r, g));
    CA_TRY(collect_names(r, g));
    for (size_t i = 0; i < g->n_input; i++)
        CA_TRY(body_input(r, g->input[i], &in[i]));
    CA_TRY(read_nodes(r, g));
    for (size_t i = 0; i < g->n_output; i++)
        CA_TRY(body_output(r, g->output[i], &out[i]));
    ca_graph_sweep(r->b.graph);
    return ca_graph_sort(r->b.graph, r->b.err);
}

CaGraph *ca_onnx_body(CaOnnxCall *c, const Onnx__GraphProto *g, const CaOnnxPort *in,
                      int n_in, const CaOnnxPort *out, int n_out,
                      CaOnnxCapture **captures)
{
    if (!ca_build_settle(c->b))
        return NULL;
    if (g->n_input != (size_t)n_in || g->n_output != (size_t)n_out) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "its body has %zu inputs and %zu outputs, needs %d and %d",
                      g->n_input, g->n_output, n_in, n_out);
        return NULL;
    }
    CaOnnx r = *c->r;
    r.b.graph = NULL;
    r.outer = c->r;
    r.captures = NULL;
    r.quants = NULL;
    c->b->status = read_body(&r, g, in, out);
    c->r->files = r.files; /* those that it has opened too */
    *captures = r.captures;
    if (c->b->status != CARINA_OK)
        ca_graph_free(&r.b.graph);
    return r.b.graph;
}

/* --- The model. */

static CarinaStatus read_opset(CaOnnx *r, const Onnx__ModelProto *m)
{
    r->ir_version = m->ir_version;
    r->opset = 1; /* files older than opset_import */
    for (size_t i = 0; i < m->n_opset_import; i++) {
        const char *domain = m->opset_import[i]->domain;
        if (!domain || !domain[0] || strcmp(domain, "ai.onnx") == 0)
            r->opset = m->opset_import[i]->version;
    }
    if (r->opset < 1 || r->opset > newest_opset)
        return ca_err(
            r->b.err, CARINA_ERR_UNSUPPORTED,
            "%s: opset %lld; Carina reads 1 to %lld, export with opset %lld or lower",
            r->b.path, (long long)r->opset, (long long)newest_opset,
            (long long)newest_opset);
    return CARINA_OK;
}

static void read_property(CaGraph *g, const char *key, const char *value)
{
    if (ca_labels_is_key(key))
        ca_labels_set(g, value, strlen(value), CA_LABELS_VALUE);
    if (!ca_text_equal(key, "labels"))
        ca_graph_set_info(g, key, value);
}

static CarinaStatus read_info(CaOnnx *r, const Onnx__ModelProto *m)
{
    CaGraph *g = r->b.graph;
    if (m->graph->name && m->graph->name[0])
        g->name = ca_arena_copy(ca_graph_arena(g), m->graph->name);
    if (m->producer_name && m->producer_name[0])
        ca_graph_set_info(g, "producer", m->producer_name);
    if (m->producer_version && m->producer_version[0])
        ca_graph_set_info(g, "producer_version", m->producer_version);
    for (size_t i = 0; i < m->n_metadata_props; i++) {
        const char *key = m->metadata_props[i]->key, *value = m->metadata_props[i]->value;
        if (key && key[0])
            read_property(g, key, value ? value : "");
    }
    return CARINA_OK;
}

static CarinaStatus read_model(CaOnnx *r, const Onnx__ModelProto *m)
{
    const Onnx__GraphProto *g = m->graph;
    if (!g || (g->n_node == 0 && g->n_output == 0))
        return ca_err(r->b.err, CARINA_ERR_FORMAT,
                      "%s: no graph inside; the file is not ONNX or is damaged",
                      r->b.path);
    if (g->n_sparse_initializer > 0)
        return ca_err(
            r->b.err, CARINA_ERR_UNSUPPORTED,
            "%s: has sparse weights, which Carina does not read; export with dense ones",
            r->b.path);
    CA_TRY(read_opset(r, m));
    CA_TRY(ca_graph_create(&r->b.graph, r->b.err));
    CA_TRY(read_info(r, m));
    CA_TRY(check_nodes(r, g));
    CA_TRY(collect_names(r, g));
    for (size_t i = 0; i < g->n_input; i++)
        CA_TRY(read_input(r, g->input[i]));
    CA_TRY(read_nodes(r, g));
    CA_TRY(read_outputs(r, g));
    ca_graph_sweep(r->b.graph);
    return CARINA_OK;
}

static CarinaStatus parse(Onnx__ModelProto **out, CaOnnx *r)
{
    CaText skeleton = {0};
    ProtobufCAllocator allocator = {work_alloc, work_free, r->b.work};
    CarinaStatus status = ca_onnx_skeleton(&skeleton, r->b.path, r->file, r->b.err);
    if (status == CARINA_OK) {
        *out = onnx__model_proto__unpack(&allocator, skeleton.size,
                                         (const uint8_t *)skeleton.data);
        if (!*out)
            status =
                ca_err(r->b.err, CARINA_ERR_FORMAT,
                       "%s: fields of the wrong kind; the file is damaged or is not ONNX",
                       r->b.path);
    }
    ca_text_free(&skeleton);
    return status;
}

static CarinaStatus read_file(CaGraph **out, const char *path, CaBuffer *file,
                              const CaCustoms *customs, int *opset, CarinaError *err)
{
    CaOnnx r = {.b = {.path = path, .err = err, .noun = "node", .customs = customs},
                .file = file};
    Onnx__ModelProto *model = NULL;
    CarinaError spare; /* so that the parts can rewrite the sentence */
    *out = NULL;
    if (!r.b.err)
        r.b.err = &spare;
    r.b.work = ca_arena_create(work_limit);
    if (!r.b.work)
        return no_memory(&r);
    CarinaStatus status = parse(&model, &r);
    if (status == CARINA_OK)
        status = read_model(&r, model);
    for (CaOnnxFile *f = r.files; f; f = f->next)
        ca_buffer_unref(&f->data);
    ca_arena_free(&r.b.work);
    if (status != CARINA_OK) {
        ca_graph_free(&r.b.graph);
        return status;
    }
    *out = r.b.graph;
    if (opset)
        *opset = (int)r.opset;
    return CARINA_OK;
}

CarinaStatus ca_onnx_read(CaGraph **out, const char *path, CaBuffer *file, int *opset,
                          CarinaError *err)
{
    return read_file(out, path, file, NULL, opset, err);
}

/* --- The reader's row: field 1 of ONNX's ModelProto is a varint. */

static bool match(const CaSource *s) { return ca_source_has(s, 0, "\x08", 1); }

static CarinaStatus read_source(CaGraph **out, CaSource *s)
{
    int opset = 0;
    CA_TRY(read_file(out, s->path, s->file, s->customs, &opset, s->err));
    (void)snprintf(s->format, sizeof s->format, "ONNX opset %d", opset);
    return CARINA_OK;
}

static const char *operator_name(int i)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const CaOnnxOp *op = tables[t]; op->name; op++)
            if (i-- == 0)
                return op->name;
    return ca_op_import_name(CA_FORMAT_ONNX, i);
}

const CaReader ca_reader_onnx = {"ONNX", match, read_source, operator_name};
