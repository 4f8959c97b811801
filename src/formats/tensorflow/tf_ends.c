/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: where the graph begins and ends. "node" and "node:port" name what a node makes, "port:node" what it
 * reads; a plain name of a node that is no placeholder means what it reads. Outputs that nobody names are what
 * nobody reads, leaving out what only training, saving and logging do.
 */
#include "formats/tensorflow/tf_ends.h"

#include "formats/tensorflow/tf_container.h"

#include <string.h>

/* --- Lists. */

static CarinaStatus add(CaTf *r, CaTfEnd **list, int32_t *n, int32_t *room,
                        const CaTfEnd *end)
{
    if (*n == *room) {
        const int32_t more = *room ? 2 * *room : 8;
        CaTfEnd *grown = ca_arena_array(r->b.work, (size_t)more, sizeof *grown);
        if (!grown)
            return ca_tf_no_memory(r);
        if (*n)
            memcpy(grown, *list, (size_t)*n * sizeof *grown);
        *list = grown;
        *room = more;
    }
    (*list)[(*n)++] = *end;
    return CARINA_OK;
}

CarinaStatus ca_tf_add_input(CaTf *r, const CaTfEnd *end)
{
    return add(r, &r->inputs, &r->n_inputs, &r->inputs_room, end);
}
CarinaStatus ca_tf_add_output(CaTf *r, const CaTfEnd *end)
{
    return add(r, &r->outputs, &r->n_outputs, &r->outputs_room, end);
}

static CaTfEnd *find_end(CaTfEnd *list, int32_t n, const char *name)
{
    for (int32_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0 ||
            (list[i].edge.text && strcmp(list[i].edge.text, name) == 0) ||
            (list[i].edge.node && list[i].edge.port == 0 &&
             strcmp(list[i].edge.node->name, name) == 0))
            return &list[i];
    return NULL;
}

/* --- Names that users give. */

static bool is_placeholder(const CaTfNode *n)
{
    return strcmp(n->op, "Placeholder") == 0 || strcmp(n->op, "PlaceholderV2") == 0;
}
static bool is_input(const CaTfNode *n)
{
    return is_placeholder(n) || strcmp(n->op, "PlaceholderWithDefault") == 0;
}

/* "port:node": the node and the edge it reads there; NULL where the text is no such thing. */
static CaTfEdge *reads_of(CaTf *r, const char *text, CaTfNode **node)
{
    const char *colon = strchr(text, ':');
    int64_t port;
    *node = NULL;
    if (!colon || !ca_text_int(&port, text, (size_t)(colon - text)) || port < 0)
        return NULL;
    *node = ca_tf_find(r, colon + 1);
    return *node && port < (*node)->n_in ? &(*node)->in[port] : NULL;
}

static CarinaStatus no_such(CaTf *r, const char *what, const char *name)
{
    const char *near = NULL;
    int best = 4; /* a typing error, not another name */
    for (int32_t i = 0; i < r->n_nodes; i++) {
        const int d = ca_text_distance(r->nodes[i]->name, name);
        if (d < best) {
            best = d;
            near = r->nodes[i]->name;
        }
    }
    return r->b.status =
               ca_err(r->b.err, CARINA_ERR_NOT_FOUND,
                      "%s: %s '%s' is no node of the graph%s%s%s; name one of its nodes",
                      r->b.path, what, name, near ? " (did you mean '" : "",
                      near ? near : "", near ? "'?)" : "");
}

/* What a node that is cut off made: its attributes say it where they say anything. */
static CarinaType cut_type(CaTf *r, const CaTfNode *n)
{
    static const char *const names[] = {"dtype", "DstT", "T", "output_type", "out_type"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const CarinaType type = ca_tf_type(ca_tf_attr_type(r, n, names[i]));
        if (type != CARINA_UNKNOWN)
            return type;
    }
    return CARINA_F32;
}

/* --- Inputs. */

static CarinaStatus make_parameter(CaTf *r, const CaTfEnd *end)
{
    CaTfNode *n = end->edge.node;
    CaValue *v = NULL;
    CarinaType type = end->type;
    CarinaShape shape = end->has_shape ? end->shape
                        : is_input(n)  ? ca_tf_attr_shape(r, n, "shape")
                                       : ca_shape_unknown();
    if (type == CARINA_UNKNOWN && is_input(n))
        type = ca_tf_type(ca_tf_attr_type(r, n, "dtype"));
    else if (type == CARINA_UNKNOWN)
        type = cut_type(r, n);
    CA_TRY(r->b.status);
    if (type == CARINA_UNKNOWN)
        return r->b.status = ca_err(
                   r->b.err, CARINA_ERR_UNSUPPORTED,
                   "%s: input '%s' has element type %s; Carina reads tensors of "
                   "numbers only, cut the model behind it with --input",
                   r->b.path, end->name, ca_tf_type_text(ca_tf_attr_type(r, n, "dtype")));
    /* Graphs before version 24 wrote an unknown shape as a shape without dimensions. */
    if (!end->has_shape && shape.rank == 0 && r->producer < 24 && type != CARINA_BOOL)
        shape = ca_shape_unknown();
    r->b.status = ca_graph_parameter(&v, r->b.graph, end->name, type, &shape, r->b.err);
    CA_TRY(r->b.status);
    return ca_tf_set_value(r, n, end->edge.port, v);
}

/* An input in place of what the node reads at a port. */
static CarinaStatus cut_before(CaTf *r, CaTfNode *n, CaTfEdge *edge,
                               const CarinaShape *shape)
{
    CaTfNode *now;
    const int port = (int)(edge - n->in);
    const char *name =
        ca_arena_printf(r->b.work, "%s/placeholder_port_%d", n->name, port);
    if (!name)
        return ca_tf_no_memory(r);
    const CarinaType type = edge->node && is_input(edge->node)
                                ? ca_tf_type(ca_tf_attr_type(r, edge->node, "dtype"))
                                : cut_type(r, n);
    CA_TRY(ca_tf_add_node(&now, r, name, "Placeholder", 0));
    *edge = (CaTfEdge){name, now, 0};
    const CaTfEnd end = {name, *edge, type, *shape, shape->rank >= 0};
    return ca_tf_add_input(r, &end);
}

/* An input in place of what the node makes at a port. */
static CarinaStatus cut_behind(CaTf *r, CaTfEdge edge, const CarinaShape *shape)
{
    const char *name = ca_arena_printf(r->b.work, "%s/placeholder_out_port_%d",
                                       edge.node->name, edge.port);
    if (!name)
        return ca_tf_no_memory(r);
    const CaTfEnd end = {name, edge, CARINA_UNKNOWN, *shape, shape->rank >= 0};
    return ca_tf_add_input(r, &end);
}

/* The one edge of a node that carries data, not constants; NULL where there are several. */
static CaTfEdge *only_data(CaTfNode *n)
{
    CaTfEdge *found = NULL;
    for (int32_t i = 0; i < n->n_in; i++) {
        if (n->in[i].node && strcmp(n->in[i].node->op, "Const") == 0)
            continue;
        if (found)
            return NULL;
        found = &n->in[i];
    }
    return found;
}

/* Placeholders only get their shape here: they keep the file's order. */
static CarinaStatus option_input(CaTf *r, const CarinaReadInput *in)
{
    CaTfNode *n;
    CaTfEdge edge, *reads = reads_of(r, in->name, &n);
    CaTfEnd *known = find_end(r->inputs, r->n_inputs, in->name);
    if (known) {
        if (in->shape.rank >= 0) {
            known->shape = in->shape;
            known->has_shape = true;
        }
        return CARINA_OK;
    }
    if (reads)
        return cut_before(r, n, reads, &in->shape);
    ca_tf_find_edge(r, &edge, in->name);
    if (!edge.node)
        return no_such(r, "input", in->name);
    if (is_input(edge.node)) {
        const CaTfEnd end = {edge.node->name, edge, CARINA_UNKNOWN, in->shape,
                             in->shape.rank >= 0};
        return ca_tf_add_input(r, &end);
    }
    if (strchr(in->name, ':') || edge.node->n_in == 0)
        return cut_behind(r, edge, &in->shape);
    reads = only_data(edge.node);
    if (!reads)
        return r->b.status = ca_err(
                   r->b.err, CARINA_ERR_ARGUMENT,
                   "%s: input '%s' reads several tensors; say which with '0:%s', or cut "
                   "behind it with '%s:0'",
                   r->b.path, in->name, in->name, in->name);
    return cut_before(r, edge.node, reads, &in->shape);
}

static CarinaStatus option_inputs(CaTf *r)
{
    for (int32_t i = 0; r->options && i < r->options->n_inputs; i++)
        if (r->options->inputs[i].name)
            CA_TRY(option_input(r, &r->options->inputs[i]));
    return CARINA_OK;
}

/* The shape of an input that is given by its place. */
static void shape_by_place(const CaTf *r, CaTfEnd *end, int32_t place)
{
    if (!r->options || place >= r->options->n_inputs)
        return;
    const CarinaReadInput *in = &r->options->inputs[place];
    if (in->name || in->shape.rank < 0)
        return;
    end->shape = in->shape;
    end->has_shape = true;
}

/* --- Freezing: "name->value,name->[v v],...". */

static bool word_is(const char *text, size_t n, const char *a, const char *b)
{
    return n == strlen(a) && (memcmp(text, a, n) == 0 || memcmp(text, b, n) == 0);
}

static bool read_number(double *v, const char *text, size_t n)
{
    *v = word_is(text, n, "True", "true");
    return *v == 1 || word_is(text, n, "False", "false") || ca_text_real(v, text, n);
}

/* Numbers between blanks or commas; how many, -1 where one is none. */
static int32_t read_numbers(double v[CARINA_MAX_RANK], const char *text, size_t n)
{
    int32_t count = 0;
    for (size_t at = 0, end; at < n; at = end + 1) {
        for (end = at; end < n && text[end] != ' ' && text[end] != ',';)
            end++;
        if (end == at)
            continue;
        if (count == CARINA_MAX_RANK || !read_number(&v[count++], text + at, end - at))
            return -1;
    }
    return count;
}

static CarinaStatus freeze_one(CaTf *r, const char *name, const char *value, size_t n)
{
    double v[CARINA_MAX_RANK];
    const bool list = n >= 2 && value[0] == '[' && value[n - 1] == ']';
    const CarinaShape scalar = ca_shape(0, NULL);
    CaTfEdge edge;
    CaValue *constant = NULL;
    const CaTfEnd *known = find_end(r->inputs, r->n_inputs, name);
    ca_tf_find_edge(r, &edge, name);
    if (known)
        edge = known->edge;
    if (!edge.node)
        return no_such(r, "frozen input", name);
    const int32_t count =
        list ? read_numbers(v, value + 1, n - 2) : read_numbers(v, value, n);
    if (count < 0 || (!list && count != 1))
        return r->b.status = ca_err(
                   r->b.err, CARINA_ERR_ARGUMENT,
                   "%s: '%.*s' is no value for the frozen input '%s'; give a number, True, "
                   "False or a list in brackets",
                   r->b.path, (int)(n < 40 ? n : 40), value, name);
    CarinaType type = is_input(edge.node)
                          ? ca_tf_type(ca_tf_attr_type(r, edge.node, "dtype"))
                          : cut_type(r, edge.node);
    if (type == CARINA_UNKNOWN)
        type = CARINA_F32;
    r->b.status = ca_graph_reals(&constant, r->b.graph, NULL, name, type,
                                 list ? NULL : &scalar, v, count, r->b.err);
    CA_TRY(r->b.status);
    return ca_tf_set_value(r, edge.node, edge.port, constant);
}

static CarinaStatus freeze(CaTf *r)
{
    const char *p = r->options ? r->options->freeze : NULL;
    while (p && *p) {
        const char *arrow = strstr(p, "->");
        if (!arrow)
            return r->b.status = ca_err(r->b.err, CARINA_ERR_ARGUMENT,
                                        "%s: '%s' freezes nothing; write name->value",
                                        r->b.path, p);
        const char *value = arrow + 2, *end = value;
        for (bool inside = false; *end && (inside || *end != ','); end++)
            inside = *end == '[' || (inside && *end != ']');
        const char *name = ca_arena_copy_n(r->b.work, p, (size_t)(arrow - p));
        if (!name)
            return ca_tf_no_memory(r);
        CA_TRY(freeze_one(r, name, value, (size_t)(end - value)));
        p = *end ? end + 1 : end;
    }
    return CARINA_OK;
}

/* --- Outputs. */

/* Operators that leave nothing that an inference would read. */
static bool is_no_output(const CaTfNode *n)
{
    static const char *const whole[] = {"NoOp",
                                        "Const",
                                        "Assert",
                                        "Placeholder",
                                        "PlaceholderWithDefault",
                                        "Print",
                                        "PrintV2",
                                        "ReadVariableOp",
                                        "IsVariableInitialized",
                                        "Enter",
                                        "Switch",
                                        "ControlTrigger",
                                        "LoopCond",
                                        "Exit",
                                        "TensorListReserve",
                                        "EmptyTensorList",
                                        "VarIsInitializedOp"};
    static const char *const parts[] = {
        "Summary",   "Save",   "Restore",     "Assign",     "Queue",   "Variable",
        "VarHandle", "Apply",  "Iterator",    "Dataset",    "Barrier", "Initialize",
        "Table",     "Reader", "TensorArray", "Placeholder"};
    if (n->is_inner || ca_tf_is_pivot(n))
        return true;
    if (ca_text_in_list("TensorArrayReadV3,TensorArrayGatherV3,TensorArrayConcatV3",
                        n->op))
        return false; /* what a loop put there */
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        if (strcmp(n->op, whole[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strstr(n->op, parts[i]))
            return true;
    return strncmp(n->name, "gradients/", 10) == 0 || strncmp(n->name, "save/", 5) == 0;
}

/* A weight that only hands on what it is: loops leave such behind. */
static bool is_constant(const CaTfNode *n)
{
    for (int hops = 0; n && n->n_in == 1 && hops < 64 &&
                       ca_text_in_list("Identity,ReadVariableOp", n->op);
         hops++)
        n = n->in[0].node;
    return n && ca_text_in_list("Const,VarHandleOp,VariableV2,Variable", n->op);
}

static CarinaStatus guess_outputs(CaTf *r)
{
    for (int32_t i = 0; i < r->n_nodes; i++)
        for (int32_t k = 0; k < r->nodes[i]->n_in; k++)
            if (r->nodes[i]->in[k].node)
                r->nodes[i]->in[k].node->used |= 1;
    for (int32_t i = 0; i < r->n_nodes; i++) {
        CaTfNode *n = r->nodes[i];
        const bool is_read = n->used != 0;
        n->used = 0;
        if (is_read || is_no_output(n) || is_constant(n))
            continue;
        const CaTfEnd end = {
            .name = n->name, .edge = {n->name, n, 0}, .is_guessed = true};
        CA_TRY(ca_tf_add_output(r, &end));
    }
    if (r->n_outputs == 0)
        return r->b.status =
                   ca_err(r->b.err, CARINA_ERR_FORMAT,
                          "%s: no node looks like an output; name the model's outputs "
                          "with --output",
                          r->b.path);
    return CARINA_OK;
}

static CarinaStatus option_outputs(CaTf *r)
{
    const char *list = r->options ? r->options->outputs : NULL, *item;
    CaTfEnd *signature = r->outputs;
    const int32_t n_signature = r->n_outputs;
    size_t n;
    if (!list || !list[0])
        return CARINA_OK;
    r->outputs = NULL;
    r->n_outputs = r->outputs_room = 0;
    while ((list = ca_text_item(list, ',', &item, &n)) != NULL) {
        const char *name = ca_arena_copy_n(r->b.work, item, n);
        CaTfNode *node;
        if (!name)
            return ca_tf_no_memory(r);
        const CaTfEdge *reads = reads_of(r, name, &node);
        const CaTfEnd *known = find_end(signature, n_signature, name);
        CaTfEnd end = {.name = name};
        if (known)
            end = *known;
        else if (reads)
            end.edge = *reads;
        else
            ca_tf_find_edge(r, &end.edge, name);
        if (!end.edge.node)
            return no_such(r, "output", name);
        CA_TRY(ca_tf_add_output(r, &end));
    }
    return CARINA_OK;
}

/* --- Marking. */

static CarinaStatus mark_needed(CaTf *r)
{
    CaTfNode **todo = ca_arena_array(r->b.work, (size_t)r->n_nodes + 1, sizeof *todo);
    int32_t n = 0;
    if (!todo)
        return ca_tf_no_memory(r);
    for (int32_t i = 0; i < r->n_outputs; i++) {
        CaTfNode *node = r->outputs[i].edge.node;
        const int32_t port = r->outputs[i].edge.port;
        node->used |= (uint64_t)1 << (port < 63 ? port : 63);
        if (!node->is_needed && !ca_tf_value(&r->outputs[i].edge)) {
            node->is_needed = true;
            todo[n++] = node;
        }
    }
    while (n > 0) {
        const CaTfNode *node = todo[--n];
        for (int32_t k = 0; k < node->n_in; k++) {
            const CaTfEdge *edge = &node->in[k];
            if (!edge->node)
                continue;
            edge->node->used |= (uint64_t)1 << (edge->port < 63 ? edge->port : 63);
            if (edge->node->is_needed || ca_tf_value(edge))
                continue;
            edge->node->is_needed = true;
            todo[n++] = edge->node;
        }
    }
    return CARINA_OK;
}

/* Placeholders of the file, in its order, that lead to the outputs. */
static CarinaStatus guess_inputs(CaTf *r, int32_t n_given)
{
    int32_t place = 0;
    for (int32_t i = 0; i < r->n_nodes; i++) {
        CaTfNode *n = r->nodes[i];
        if (!n->is_needed || !is_input(n) || ca_tf_value(&(CaTfEdge){NULL, n, 0}))
            continue;
        const CaTfEnd *given = find_end(r->inputs, n_given, n->name);
        if (!given && !is_placeholder(n))
            continue; /* its default */
        CaTfEnd end = {.name = n->name, .edge = {n->name, n, 0}};
        if (given)
            end = *given;
        shape_by_place(r, &end, place++);
        CA_TRY(make_parameter(r, &end));
    }
    return CARINA_OK;
}

CarinaStatus ca_tf_settle_ends(CaTf *r)
{
    const bool by_signature = r->n_inputs > 0;
    CA_TRY(option_outputs(r));
    if (r->n_outputs == 0) /* before cutting, which leaves ends that nobody reads */
        CA_TRY(guess_outputs(r));
    CA_TRY(option_inputs(r));
    CA_TRY(freeze(r));
    for (int32_t i = 0; i < r->n_inputs; i++) {
        if (ca_tf_value(&r->inputs[i].edge))
            continue; /* frozen */
        if (by_signature)
            shape_by_place(r, &r->inputs[i], i);
        if (by_signature || !is_input(r->inputs[i].edge.node) ||
            r->inputs[i].edge.node->name != r->inputs[i].name)
            CA_TRY(make_parameter(r, &r->inputs[i]));
    }
    CA_TRY(freeze(r));
    CA_TRY(ca_tf_join_dilations(r));
    CA_TRY(mark_needed(r));
    return guess_inputs(r, r->n_inputs);
}
