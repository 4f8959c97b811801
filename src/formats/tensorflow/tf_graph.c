/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: a GraphDef as nodes and edges.
 */
#include "formats/tensorflow/tf_text.h"

#include <string.h>

/* Nodes, names, edges: an edge of 2 bytes becomes some 50. */
static const size_t work_limit = (size_t)4 << 30;

CaValue ca_tf_dead;

CarinaStatus ca_tf_no_memory(CaTf *r)
{
    if (r->b.status == CARINA_OK)
        r->b.status = ca_err(r->b.err, CARINA_ERR_MEMORY, "%s: out of memory", r->b.path);
    return r->b.status;
}

/* --- The reading. */

CarinaStatus ca_tf_begin(CaTf **out, const char *path, CaBuffer *file, CaTfRoot root,
                         const CarinaReadOptions *options, CarinaError *err)
{
    CaArena *work = ca_arena_create(work_limit);
    CaTf *r = work ? ca_arena_alloc(work, sizeof *r) : NULL;
    *out = NULL;
    if (!r) {
        ca_arena_free(&work);
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    }
    r->b = (CaBuild){.work = work, .path = path, .noun = "node", .name = "", .type = ""};
    r->b.err = err ? err : &r->spare;
    r->options = options;
    CarinaStatus status =
        file->size == 0
            ? ca_err(r->b.err, CARINA_ERR_FORMAT,
                     "%s: the file is empty (0 bytes); save the model again", path)
            : CARINA_OK;
    if (status == CARINA_OK && ca_tf_is_text(file))
        status = ca_tf_text_read(&r->file, path, file, root, r->b.err);
    else if (status == CARINA_OK)
        r->file = ca_buffer_ref(file);
    if (status == CARINA_OK)
        status = ca_graph_create(&r->b.graph, r->b.err);
    *out = r;
    if (status != CARINA_OK)
        ca_tf_free(out);
    return status;
}

void ca_tf_free(CaTf **r)
{
    if (!r || !*r)
        return;
    CaArena *work = (*r)->b.work;
    ca_buffer_unref(&(*r)->file);
    ca_graph_free(&(*r)->b.graph);
    *r = NULL;
    ca_arena_free(&work);
}

/* --- Nodes. */

static CarinaStatus keep_node(CaTf *r, CaTfNode *n)
{
    if (r->n_nodes == CA_MAX_NODES)
        return r->b.status = ca_err(r->b.err, CARINA_ERR_LIMIT,
                                    "%s: more than %d nodes; Carina reads no such model",
                                    r->b.path, CA_MAX_NODES);
    if (r->n_nodes == r->room) {
        const int32_t room = r->room ? 2 * r->room : 256;
        CaTfNode **nodes = ca_arena_array(r->b.work, (size_t)room, sizeof *nodes);
        if (!nodes)
            return ca_tf_no_memory(r);
        if (r->n_nodes)
            memcpy(nodes, r->nodes, (size_t)r->n_nodes * sizeof *nodes);
        r->nodes = nodes;
        r->room = room;
    }
    n->place = r->n_nodes;
    r->nodes[r->n_nodes++] = n;
    return CARINA_OK;
}

static CarinaStatus make_room(CaTf *r, CaTfNode *n, int64_t n_in, int64_t n_attrs)
{
    if (n_in > CA_MAX_PORTS || n_attrs > CA_MAX_PORTS)
        return r->b.status =
                   ca_err(r->b.err, CARINA_ERR_LIMIT,
                          "%s: node '%s' (%s): more than %d inputs or attributes",
                          r->b.path, n->name, n->op, CA_MAX_PORTS);
    n->in = ca_arena_array(r->b.work, (size_t)n_in + 1, sizeof *n->in);
    n->attrs = ca_arena_array(r->b.work, (size_t)n_attrs + 1, sizeof *n->attrs);
    return n->in && n->attrs ? CARINA_OK : ca_tf_no_memory(r);
}

CarinaStatus ca_tf_add_node(CaTfNode **out, CaTf *r, const char *name, const char *op,
                            int n_in)
{
    CaTfNode *n = ca_arena_alloc(r->b.work, sizeof *n);
    *out = n;
    if (!n)
        return ca_tf_no_memory(r);
    n->name = name;
    n->op = op;
    CA_TRY(make_room(r, n, n_in, 0));
    n->n_in = n_in;
    return keep_node(r, n);
}

static bool is_control(const CaTf *r, CaTfSpan s)
{
    return s.at < s.end && ((const char *)r->file->data)[s.at] == '^';
}

/* One entry of the map of attributes. */
static void read_attr(CaTf *r, CaTfNode *n, CaTfSpan entry)
{
    CaTfField key, value = {0};
    if (!ca_tf_field(r, &key, entry, 1) || key.wire != 2)
        return;
    if (ca_tf_field(r, &value, entry, 2) && value.wire != 2)
        return;
    const char *name = ca_tf_text(r, key.span);
    if (name)
        n->attrs[n->n_attrs++] = (CaTfAttr){name, value.span};
}

static CarinaStatus read_lists(CaTf *r, CaTfNode *n, CaTfSpan node_def)
{
    CaTfField f;
    for (CaTfSpan rest = node_def; ca_tf_next(r, &f, &rest);) {
        if (f.wire != 2)
            continue;
        if (f.number == 3 && !is_control(r, f.span))
            n->in[n->n_in++].text = ca_tf_text(r, f.span);
        else if (f.number == 5)
            read_attr(r, n, f.span);
    }
    return r->b.status;
}

CarinaStatus ca_tf_parse_node(CaTfNode **out, CaTf *r, CaTfSpan node_def,
                              const char *prefix)
{
    CaTfNode *n = ca_arena_alloc(r->b.work, sizeof *n);
    int64_t n_in = 0, n_attrs = 0;
    CaTfField f;
    *out = n;
    if (!n)
        return ca_tf_no_memory(r);
    n->name = n->op = "";
    for (CaTfSpan rest = node_def; ca_tf_next(r, &f, &rest);) {
        if (f.wire != 2)
            continue;
        if (f.number == 1)
            n->name = ca_tf_text(r, f.span);
        else if (f.number == 2)
            n->op = ca_tf_text(r, f.span);
        n_in += f.number == 3 && !is_control(r, f.span);
        n_attrs += f.number == 5;
    }
    CA_TRY(r->b.status);
    if (!n->name[0] || !n->op[0])
        return r->b.status =
                   ca_err(r->b.err, CARINA_ERR_FORMAT,
                          "%s: byte %zu: a node without %s; the file is damaged or is no "
                          "TensorFlow model",
                          r->b.path, node_def.at, n->name[0] ? "an operator" : "a name");
    if (prefix[0] && !(n->name = ca_arena_printf(r->b.work, "%s%s", prefix, n->name)))
        return ca_tf_no_memory(r);
    CA_TRY(make_room(r, n, n_in, n_attrs));
    CA_TRY(read_lists(r, n, node_def));
    return keep_node(r, n);
}

/* --- Names and edges. */

static size_t place_of(const CaTf *r, const char *key, size_t n)
{
    size_t i = (size_t)ca_hash(key, n, 0) & (r->names_room - 1);
    while (r->names[i].key &&
           (strncmp(r->names[i].key, key, n) != 0 || r->names[i].key[n]))
        i = (i + 1) & (r->names_room - 1);
    return i;
}

static CaTfNode *find_n(const CaTf *r, const char *name, size_t n)
{
    return r->names ? r->names[place_of(r, name, n)].node : NULL;
}

CaTfNode *ca_tf_find(const CaTf *r, const char *name)
{
    return find_n(r, name, strlen(name));
}

void ca_tf_find_edge(CaTf *r, CaTfEdge *out, const char *text)
{
    const char *colon = strrchr(text, ':');
    int64_t port = 0;
    *out = (CaTfEdge){.text = text};
    if (colon && ca_text_int(&port, colon + 1, strlen(colon + 1)) && port >= 0 &&
        port < CA_MAX_PORTS) {
        out->node = find_n(r, text, (size_t)(colon - text));
        out->port = (int32_t)port;
    } else {
        out->node = ca_tf_find(r, text);
    }
}

static CarinaStatus collect_names(CaTf *r)
{
    for (r->names_room = 16; r->names_room < 2 * (size_t)r->n_nodes + 2;)
        r->names_room *= 2;
    r->names = ca_arena_array(r->b.work, r->names_room, sizeof *r->names);
    if (!r->names)
        return ca_tf_no_memory(r);
    for (int32_t i = 0; i < r->n_nodes; i++) {
        const char *key = r->nodes[i]->name;
        CaTfName *name = &r->names[place_of(r, key, strlen(key))];
        if (name->key)
            return r->b.status =
                       ca_err(r->b.err, CARINA_ERR_FORMAT,
                              "%s: node '%s' (%s): there are two nodes of that name; the "
                              "file is damaged",
                              r->b.path, key, r->nodes[i]->op);
        *name = (CaTfName){key, r->nodes[i]};
    }
    return CARINA_OK;
}

CarinaStatus ca_tf_parse_graph(CaTf *r, CaTfSpan graph_def)
{
    CaTfField f, producer;
    CaTfNode *n;
    r->n_nodes = 0;
    for (CaTfSpan rest = graph_def; ca_tf_next(r, &f, &rest);) {
        if (f.number == 1 && f.wire == 2)
            CA_TRY(ca_tf_parse_node(&n, r, f.span, ""));
        else if (f.number == 2 && f.wire == 2)
            r->library = f.span;
        else if (f.number == 4 && f.wire == 2 && ca_tf_field(r, &producer, f.span, 1))
            r->producer = (int64_t)producer.value;
    }
    CA_TRY(r->b.status);
    if (r->n_nodes == 0)
        return r->b.status = ca_err(r->b.err, CARINA_ERR_FORMAT,
                                    "%s: no nodes inside; the file is damaged or is no "
                                    "TensorFlow graph",
                                    r->b.path);
    CA_TRY(collect_names(r));
    for (int32_t i = 0; i < r->n_nodes; i++)
        for (int32_t k = 0; k < r->nodes[i]->n_in; k++) {
            CaTfEdge *edge = &r->nodes[i]->in[k];
            ca_tf_find_edge(r, edge, edge->text);
        }
    return CARINA_OK;
}

/* --- Output arguments, in the words of functions' bodies. */

typedef struct Outputs {
    const char *op;
    const char *args[6];
} Outputs;

/* Operators with several output arguments, each of one tensor. */
static const Outputs outputs[] = {
    {"FusedBatchNorm",
     {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"}},
    {"FusedBatchNormV2",
     {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"}},
    {"FusedBatchNormV3",
     {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2",
      "reserve_space_3"}},
    {"TopK", {"values", "indices"}},
    {"TopKV2", {"values", "indices"}},
    {"Switch", {"output_false", "output_true"}},
    {"RefSwitch", {"output_false", "output_true"}},
    {"Merge", {"output", "value_index"}},
    {"RefMerge", {"output", "value_index"}},
    {"MaxPoolWithArgmax", {"output", "argmax"}},
    {"NonMaxSuppressionV4", {"selected_indices", "valid_outputs"}},
    {"NonMaxSuppressionV5", {"selected_indices", "selected_scores", "valid_outputs"}},
    {"CombinedNonMaxSuppression",
     {"nmsed_boxes", "nmsed_scores", "nmsed_classes", "valid_detections"}},
    {"Unique", {"y", "idx"}},
    {"UniqueV2", {"y", "idx"}},
    {"UniqueWithCounts", {"y", "idx", "count"}},
    {"LSTMBlockCell", {"i", "cs", "f", "o", "ci", "co"}},
    {"BlockLSTM", {"i", "cs", "f", "o", "ci", "co"}},
    {"BlockLSTMV2", {"i", "cs", "f", "o", "ci", "co"}},
    {"GRUBlockCell", {"r", "u", "c", "h"}},
    {"TensorListPopBack", {"output_handle", "tensor"}},
    {"TensorListSplit", {"tensor", "lengths"}},
    {"TensorArrayV3", {"handle", "flow"}},
    {"TensorArrayConcatV3", {"value", "lengths"}},
    {"SoftmaxCrossEntropyWithLogits", {"loss", "backprop"}},
    {"SparseSoftmaxCrossEntropyWithLogits", {"loss", "backprop"}},
    {"QuantizeV2", {"output", "output_min", "output_max"}},
    {"ListDiff", {"out", "idx"}},
    {"Moments", {"mean", "variance"}},
};

int32_t ca_tf_port(const char *op, const char *arg, int32_t k)
{
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        if (strcmp(outputs[i].op, op) != 0)
            continue;
        for (int32_t j = 0; j < 6 && outputs[i].args[j]; j++)
            if (strcmp(outputs[i].args[j], arg) == 0)
                return j + k;
        return strcmp(arg, "h") == 0 ? 6 : k; /* of the LSTM rows */
    }
    return k;
}

/* --- Values. */

CaValue *ca_tf_value(const CaTfEdge *edge)
{
    const CaTfNode *n = edge->node;
    if (!n)
        return NULL;
    if (n->is_dead)
        return &ca_tf_dead;
    return edge->port < n->n_value ? n->value[edge->port] : NULL;
}

CarinaStatus ca_tf_set_value(CaTf *r, CaTfNode *n, int32_t port, CaValue *v)
{
    if (port >= n->n_value) {
        CaValue **grown = ca_arena_array(
            r->b.work, (size_t)port + 1 + (port > 0 ? (size_t)port : 0), sizeof *grown);
        if (!grown)
            return ca_tf_no_memory(r);
        if (n->n_value)
            memcpy(grown, n->value, (size_t)n->n_value * sizeof *grown);
        n->value = grown;
        n->n_value = port + 1 + (port > 0 ? port : 0);
    }
    n->value[port] = v;
    return CARINA_OK;
}
