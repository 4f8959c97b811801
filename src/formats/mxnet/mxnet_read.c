/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MXNet reader: decides what each variable is (a weight, an input, a label, a state of zeros), then translates
 * the nodes that the outputs need, in the file's order, which has producers first.
 */
#include "formats/mxnet/mxnet.h"

#include "formats/custom_call.h"
#include "formats/mxnet/mxnet_reader.h"

#include <stdio.h>
#include <string.h>

/* The symbol and tables beside it: a node of some 60 bytes of text becomes structs of some 200. */
static const size_t work_limit = (size_t)4 << 30;

enum { IS_NEEDED = 1, IS_DATA = 2, IS_WEIGHT = 4, IS_STATE = 8 };
/* Inputs whose shape is looked for in what reads them: each costs a walk. */
enum { MOST_DERIVED = 64 };

static CarinaStatus no_memory(const CaMxnet *r)
{
    return ca_err(r->b.err, CARINA_ERR_MEMORY, "%s: out of memory", r->b.path);
}

/* --- Tables. */

static const CaMxnetOp *const tables[] = {
    ca_mxnet_nn,     ca_mxnet_math,  ca_mxnet_moves,    ca_mxnet_arrays,  ca_mxnet_vision,
    ca_mxnet_detect, ca_mxnet_boxes, ca_mxnet_proposal, ca_mxnet_sampling};

const char *ca_mxnet_op_name(int i)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const CaMxnetOp *op = tables[t]; op->name; op++)
            if (i-- == 0)
                return op->name;
    return ca_op_import_name(CA_FORMAT_MXNET, i);
}

const CaMxnetOp *ca_mxnet_op_find(const char *name)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const CaMxnetOp *op = tables[t]; op->name; op++)
            if (strcmp(op->name, name) == 0)
                return op;
    return NULL;
}

/* Where the name is or would be; room is twice the arrays, so there is always a free place. */
static size_t place(const CaMxnet *r, const char *name)
{
    size_t i = (size_t)ca_hash(name, strlen(name), 0) & (r->room - 1);
    while (r->arrays[i] && strcmp(r->arrays[i]->name, name) != 0)
        i = (i + 1) & (r->room - 1);
    return i;
}

const CaMxnetArray *ca_mxnet_array(const CaMxnet *r, const char *name)
{
    const CaMxnetArray *a = r->arrays[place(r, name)];
    return a && a->type != CARINA_UNKNOWN ? a : NULL;
}

static CarinaStatus read_params(CaMxnet *r, const CaMxnetFile *files, int n_files)
{
    size_t n = 0;
    CaMxnetParams *lists = ca_arena_array(r->b.work, (size_t)n_files + 1, sizeof *lists);
    if (!lists)
        return no_memory(r);
    for (int i = 0; i < n_files; i++) {
        CA_TRY(ca_mxnet_params(&lists[i], r->b.work, files[i].path, files[i].data,
                               r->b.err));
        n += lists[i].n;
    }
    for (r->room = 16; r->room < 2 * n + 2;)
        r->room *= 2;
    r->arrays = ca_arena_array(r->b.work, r->room, sizeof(CaMxnetArray *));
    if (!r->arrays)
        return no_memory(r);
    for (int i = 0; i < n_files; i++)
        for (size_t k = 0; k < lists[i].n; k++) {
            const CaMxnetArray *a = &lists[i].v[k];
            r->arrays[place(r, a->name)] = a;
            r->has_structural_names = r->has_structural_names || strchr(a->name, '.');
        }
    r->params_path = n_files ? files[0].path : NULL;
    return CARINA_OK;
}

CaValue *ca_mxnet_constant(CaMxnet *r, const CaMxnetArray *a)
{
    CarinaTensor *t = NULL;
    if (!ca_build_settle(&r->b) || !ca_build_ok(&r->b, ca_mxnet_tensor(&t, a, r->b.err)))
        return NULL;
    CaValue *v = ca_build_tensor(&r->b, a->name, t);
    if (v)
        ca_value_set_name(r->b.graph, v, a->name);
    return v;
}

/* --- What the variables are. */

/* Losses read the truth beside the prediction; inference has none. */
static bool is_label_slot(const CaMxnetNode *n, int32_t slot)
{
    const size_t length = strlen(n->op);
    return slot == 1 && ((length > 6 && strcmp(n->op + length - 6, "Output") == 0) ||
                         strcmp(n->op, "Softmax") == 0);
}

static void mark_slot(unsigned char *roles, const CaMxnetNode *n, const CaMxnetOp *op,
                      int32_t slot)
{
    const int32_t from = n->in[slot].node;
    const bool is_state = strcmp(n->op, "RNN") == 0 && slot >= 2;
    roles[from] |= IS_NEEDED;
    if (is_state)
        roles[from] |= IS_STATE;
    else if (op && op->n_data > 0 && slot >= op->n_data)
        roles[from] |= IS_WEIGHT;
    else
        roles[from] |= IS_DATA;
}

static int32_t find_node(const CaMxnetSymbol *s, const char *name, size_t n)
{
    for (int32_t i = 0; i < s->n_nodes; i++)
        if (strlen(s->nodes[i].name) == n && memcmp(s->nodes[i].name, name, n) == 0)
            return i;
    return -1;
}

/* "softmax", "split:1", "softmax_output", "split_output1". */
static bool find_head(const CaMxnetSymbol *s, const char *name, size_t n,
                      CaMxnetEdge *out)
{
    size_t digits = 0;
    int64_t port = 0;
    *out = (CaMxnetEdge){find_node(s, name, n), 0};
    if (out->node >= 0)
        return true;
    while (digits < n && digits < 6 && name[n - 1 - digits] >= '0' &&
           name[n - 1 - digits] <= '9')
        digits++;
    if (digits > 0 && !ca_text_int(&port, name + n - digits, digits))
        return false;
    n -= digits;
    out->out = (int32_t)port;
    if (digits > 0 && n > 1 && name[n - 1] == ':')
        n -= 1;
    else if (n > 7 && memcmp(name + n - 7, "_output", 7) == 0)
        n -= 7;
    else
        return false;
    out->node = find_node(s, name, n);
    return out->node >= 0;
}

/* The network ends where the caller says. */
static CarinaStatus end_at(CaMxnet *r, const char *outputs)
{
    CaMxnetSymbol *s = &r->symbol;
    const char *item;
    size_t n, room = 1;
    for (const char *p = outputs; *p; p++)
        room += *p == ',';
    s->heads = ca_arena_array(r->b.work, room, sizeof *s->heads);
    if (!s->heads)
        return no_memory(r);
    s->n_heads = 0;
    while ((outputs = ca_text_item(outputs, ',', &item, &n)) != NULL) {
        if (!find_head(s, item, n, &s->heads[s->n_heads]))
            return ca_err(r->b.err, CARINA_ERR_NOT_FOUND,
                          "%s: no node '%.*s' to end at; correct the name", r->b.path,
                          (int)(n < 100 ? n : 100), item);
        s->n_heads++;
    }
    return CARINA_OK;
}

/* Backwards from the heads; producers come first in the file, so one walk is enough. */
static void mark(CaMxnet *r, unsigned char *roles)
{
    const CaMxnetSymbol *s = &r->symbol;
    for (int32_t i = 0; i < s->n_heads; i++)
        roles[s->heads[i].node] |= IS_NEEDED | IS_DATA;
    for (int32_t i = s->n_nodes - 1; i >= 0; i--) {
        const CaMxnetNode *n = &s->nodes[i];
        const CaMxnetOp *op = roles[i] & IS_NEEDED ? ca_mxnet_op_find(n->op) : NULL;
        for (int32_t k = 0; (roles[i] & IS_NEEDED) && k < n->n_in; k++)
            if (!is_label_slot(n, k))
                mark_slot(roles, n, op, k);
    }
}

static bool is_variable(const CaMxnetNode *n) { return strcmp(n->op, "null") == 0; }

static bool is_zero_state(const CaMxnetNode *n)
{
    const char *init = ca_mxnet_attr(n, "__init__");
    return strstr(n->name, "begin_state") || (init && strstr(init, "zero"));
}

/* --- Shapes of inputs: MXNet's files have none. */

/* Does the output have the first input's shape? */
static bool keeps_shape(const CaMxnetNode *n)
{
    static const char *const names[] = {"BatchNorm",  "_copy",   "identity", "Cast",
                                        "cast",       "Dropout", "clip",     "amp_cast",
                                        "Activation", "relu"};
    const size_t length = strlen(n->op);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(n->op, names[i]) == 0)
            return true;
    return (length > 7 && strcmp(n->op + length - 7, "_scalar") == 0) ||
           (length > 6 && strcmp(n->op + length - 6, "Scalar") == 0);
}

/* [?, C, ?, ?] from the weight of a convolution that reads it first, or [?, K] from that of a product. */
static bool shape_for(const CaMxnet *r, const CaMxnetNode *n, CarinaShape *shape)
{
    const CaMxnetArray *w = n->n_in > 1 ? r->made[n->in[1].node].array : NULL;
    const char *group = ca_mxnet_attr(n, "num_group"),
               *layout = ca_mxnet_attr(n, "layout");
    int64_t groups = 1;
    if (!w || w->shape.rank < 2 || (layout && strncmp(layout, "NC", 2) != 0))
        return false;
    if (group && ca_mxnet_ints(group, &groups, 1, 1) != 1)
        return false;
    *shape = ca_shape_of_rank(w->shape.rank);
    if (strncmp(n->op, "Convolution", 11) == 0 && groups > 0 &&
        w->shape.dims[1] < INT32_MAX && groups < INT32_MAX)
        shape->dims[1] = w->shape.dims[1] * groups;
    else if (strcmp(n->op, "Deconvolution") == 0)
        shape->dims[1] = w->shape.dims[0];
    else if (strcmp(n->op, "FullyConnected") == 0)
        shape->dims[1] = w->shape.dims[1];
    else
        return false;
    return true;
}

static bool derive(const CaMxnet *r, int32_t input, CarinaShape *shape)
{
    int32_t follow = input;
    for (int32_t i = input + 1; i < r->symbol.n_nodes; i++) {
        const CaMxnetNode *n = &r->symbol.nodes[i];
        if (n->n_in == 0 || n->in[0].node != follow)
            continue;
        if (shape_for(r, n, shape))
            return true;
        if (keeps_shape(n))
            follow = i;
    }
    return false;
}

/* What the caller said, by name or by place among the inputs. */
static const CarinaShape *given(const CarinaReadOptions *o, const char *name, int place)
{
    for (int32_t i = 0; i < o->n_inputs; i++) {
        const CarinaReadInput *in = &o->inputs[i];
        if (in->shape.rank >= 0 && (in->name ? strcmp(in->name, name) == 0 : i == place))
            return &in->shape;
    }
    return NULL;
}

/* "__shape__", where 0 (and -1) stands for what is not known. */
static bool shape_written(const CaMxnetNode *n, CarinaShape *shape)
{
    int64_t dims[CARINA_MAX_RANK];
    const char *text = ca_mxnet_attr(n, "__shape__");
    const int rank = text ? ca_mxnet_ints(text, dims, CARINA_MAX_RANK, 0) : 0;
    if (rank <= 0)
        return false;
    *shape = ca_shape_of_rank(rank);
    for (int i = 0; i < rank; i++)
        if (dims[i] > 0)
            shape->dims[i] = dims[i];
    return true;
}

static CarinaStatus make_input(CaMxnet *r, int32_t i, const CarinaReadOptions *o)
{
    const CaMxnetNode *n = &r->symbol.nodes[i];
    const int place = r->b.graph->n_inputs;
    const CarinaShape *said = given(o, n->name, place);
    CarinaShape shape = said ? *said : ca_shape_unknown();
    const char *flag = ca_mxnet_attr(n, "__dtype__");
    int64_t type = 0;
    if (flag && ca_mxnet_ints(flag, &type, 1, 0) != 1)
        type = 0;
    if (ca_mxnet_type(type) == CARINA_UNKNOWN)
        type = 0;
    if (!said && !shape_written(n, &shape) && place < MOST_DERIVED)
        derive(r, i, &shape);
    if (shape.rank < 0)
        return ca_err(
            r->b.err, CARINA_ERR_SHAPE,
            "%s: input '%s' has no shape, which MXNet's files do not hold; give "
            "it, as --input_shape [1,3,224,224]",
            r->b.path, n->name);
    return ca_graph_parameter(&r->made[i].out[0], r->b.graph, n->name,
                              ca_mxnet_type(type), &shape, r->b.err);
}

static CarinaStatus make_variables(CaMxnet *r, const unsigned char *roles,
                                   const CarinaReadOptions *o)
{
    CaMxnetSymbol *s = &r->symbol;
    for (int32_t i = 0; i < s->n_nodes; i++) {
        if (!is_variable(&s->nodes[i]))
            continue;
        r->made[i].is_variable = true;
        r->made[i].n_out = 1;
        r->made[i].array = ca_mxnet_array(r, s->nodes[i].name);
        r->made[i].out = ca_arena_alloc(r->b.work, sizeof(CaValue *));
        if (!r->made[i].out)
            return no_memory(r);
    }
    for (int32_t i = 0; i < s->n_nodes; i++) {
        CaMxnetMade *m = &r->made[i];
        if (!m->is_variable || m->array || !(roles[i] & IS_NEEDED))
            continue;
        if (!(roles[i] & IS_DATA) && (roles[i] & IS_WEIGHT)) {
            if (!r->params_path)
                return ca_err(r->b.err, CARINA_ERR_FILE,
                              "%s: the .params file that goes with it is not beside it "
                              "(%s is in there); name it too",
                              r->b.path, s->nodes[i].name);
            continue; /* who reads it says what is missing */
        }
        m->is_zero = !(roles[i] & IS_DATA) && is_zero_state(&s->nodes[i]);
        if (!m->is_zero)
            CA_TRY(make_input(r, i, o));
    }
    return CARINA_OK;
}

/* --- Nodes. */

/* An operator whose inputs are ours and whose attributes only have other names. */
static void translate_by_rule(CaMxnetCall *c, const CaImportRule *rule, const CaOp *op)
{
    CaValue *in[8] = {NULL};
    if (c->n_in > 8) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "%d inputs are too many", c->n_in);
        return;
    }
    for (int i = 0; i < c->n_in; i++)
        in[i] = ca_mxnet_in(c, i);
    CaValue *v = ca_build_make(c->b, op->name, in, c->n_in,
                               op->arity.n_out > 0 ? op->arity.n_out : 1);
    for (const CaAttrMap *m = rule->map; m < rule->map + 8 && m->ours; m++) {
        const char *theirs = m->theirs ? ca_mxnet_attr(c->node, m->theirs) : NULL;
        if (theirs || m->value)
            ca_build_set_text(c->b, v, m->ours, theirs ? theirs : m->value);
    }
    ca_mxnet_out(c, v);
}

static const char *advice(const char *op)
{
    if (strstr(op, "quantize") || strncmp(op, "_sg_", 4) == 0)
        return "Carina reads no graph that MXNet has quantised or fused: export the float "
               "symbol";
    if (strcmp(op, "Custom") == 0)
        return "its code is Python: load an extension that has its op_type (-l FILE), or "
               "replace it by operators of MXNet";
    if (strcmp(op, "_foreach") == 0 || strcmp(op, "_while_loop") == 0 ||
        strcmp(op, "_cond") == 0)
        return "Carina reads no control flow: unroll it before export";
    if (strncmp(op, "_random", 7) == 0 || strncmp(op, "_sample", 7) == 0)
        return "an inference has no random numbers: export without it";
    return "load an extension that has it (-l FILE), replace it in the symbol, or export to "
           "ONNX with mxnet.onnx";
}

static void translate(CaMxnetCall *c)
{
    const CaOp *ours = NULL;
    const char *type = c->node->op;
    const CaImportRule *rule = c->op ? NULL : ca_op_import(CA_FORMAT_MXNET, type, &ours);
    if (ca_custom_is(c->b, CARINA_FORMAT_MXNET, NULL, ca_mxnet_type_of(c->node)))
        ca_mxnet_custom(c);
    else if (c->op)
        c->op->fn(c);
    else if (rule && ours)
        translate_by_rule(c, rule, ours);
    else
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "an operator that Carina does not know; %s", advice(type));
    ca_build_settle(c->b);
}

static CarinaStatus read_node(CaMxnet *r, int32_t i)
{
    const CaMxnetNode *n = &r->symbol.nodes[i];
    CaMxnetCall c = {.r = r,
                     .b = &r->b,
                     .node = n,
                     .op = ca_mxnet_op_find(n->op),
                     .made = &r->made[i],
                     .n_in = n->n_in,
                     .first_id = r->b.graph->own->next_id};
    r->b.name = n->name;
    r->b.type = n->op;
    translate(&c);
    return r->b.status;
}

static CarinaStatus read_head(CaMxnet *r, CaMxnetEdge head)
{
    const CaMxnetNode *n = &r->symbol.nodes[head.node];
    CaMxnetMade *m = &r->made[head.node];
    r->b.name = n->name;
    r->b.type = n->op;
    if (m->array && !m->out[0])
        m->out[0] = ca_mxnet_constant(r, m->array);
    CA_TRY(r->b.status);
    if (head.out >= m->n_out || !m->out[head.out])
        return ca_err(r->b.err, CARINA_ERR_UNSUPPORTED,
                      "%s: output %d of '%s' (%s) is an output of the network, which "
                      "Carina does not compute; export for inference",
                      r->b.path, head.out, n->name, n->op);
    const bool is_main = m->n_out == 1 || (m->names && head.out == 0);
    const char *name = is_main ? n->name : ca_mxnet_out_name(r, n, m, head.out);
    if (!name)
        return no_memory(r);
    return ca_graph_result(r->b.graph, name, m->out[head.out], r->b.err);
}

static CarinaStatus read_model(CaMxnet *r, const CarinaReadOptions *o)
{
    const CaMxnetSymbol *s = &r->symbol;
    const size_t n = (size_t)s->n_nodes;
    unsigned char *roles = ca_arena_alloc(r->b.work, n);
    r->made = ca_arena_array(r->b.work, n, sizeof *r->made);
    if (!roles || !r->made)
        return no_memory(r);
    if (o->outputs && *o->outputs)
        CA_TRY(end_at(r, o->outputs));
    CA_TRY(ca_graph_create(&r->b.graph, r->b.err));
    mark(r, roles);
    CA_TRY(make_variables(r, roles, o));
    for (int32_t i = 0; i < s->n_nodes; i++)
        if (!r->made[i].is_variable && (roles[i] & IS_NEEDED))
            CA_TRY(read_node(r, i));
    for (int32_t i = 0; i < s->n_heads; i++)
        CA_TRY(read_head(r, s->heads[i]));
    ca_graph_sweep(r->b.graph);
    return CARINA_OK;
}

/* 10703 is 1.7.3. */
static void name_producer(CaGraph *g, int64_t version)
{
    char text[48];
    ca_graph_set_info(g, "producer", "MXNet");
    (void)snprintf(text, sizeof text, "%d.%d.%d", (int)(version / 10000 % 10000),
                   (int)(version / 100 % 100), (int)(version % 100));
    if (version > 0)
        ca_graph_set_info(g, "producer_version", text);
}

CarinaStatus ca_mxnet_read(CaGraph **out, const CaMxnetFile *symbol,
                           const CaMxnetFile *params, int n_params,
                           const CarinaReadOptions *options, const CaCustoms *customs,
                           int64_t *version, CarinaError *err)
{
    CaMxnet r = {
        .b = {.path = symbol->path, .err = err, .noun = "node", .customs = customs}};
    CarinaError spare; /* so that the parts can rewrite the sentence */
    *out = NULL;
    if (!r.b.err)
        r.b.err = &spare;
    r.b.work = ca_arena_create(work_limit);
    if (!r.b.work)
        return no_memory(&r);
    CarinaStatus status =
        ca_mxnet_symbol(&r.symbol, r.b.work, symbol->path, symbol->data, r.b.err);
    if (status == CARINA_OK)
        status = read_params(&r, params, n_params);
    if (status == CARINA_OK)
        status = read_model(&r, options);
    ca_arena_free(&r.b.work);
    if (status != CARINA_OK) {
        ca_graph_free(&r.b.graph);
        return status;
    }
    *out = r.b.graph;
    *version = r.symbol.version;
    name_producer(*out, *version);
    return CARINA_OK;
}
