/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Keras configuration as models and layers: what there is, how often it is called, where its weights are.
 */
#include "formats/keras/keras_reader.h"

#include <string.h>

static const char *const model_classes = "Sequential,Functional,Model";

static void no_memory(CaKeras *r)
{
    ca_build_fail(&r->b, CARINA_ERR_MEMORY, "out of memory");
}

bool ca_keras_is_model(const char *class_name)
{
    return ca_text_in_list(model_classes, class_name);
}

static const char *text_at(json_t *object, const char *key)
{
    json_t *j = json_object_get(object, key);
    return json_is_string(j) ? json_string_value(j) : NULL;
}

/* --- References. */

bool ca_keras_reference(json_t *j, CaKerasReference *out)
{
    const char *class_name = text_at(j, "class_name");
    if (class_name && strcmp(class_name, "__keras_tensor__") == 0)
        j = json_object_get(json_object_get(j, "config"), "keras_history");
    if (!json_is_array(j) || json_array_size(j) < 3 ||
        !json_is_string(json_array_get(j, 0)) || !json_is_integer(json_array_get(j, 1)) ||
        !json_is_integer(json_array_get(j, 2)) ||
        strcmp(json_string_value(json_array_get(j, 0)), "_CONSTANT_VALUE") == 0)
        return false;
    *out = (CaKerasReference){json_string_value(json_array_get(j, 0)),
                              json_integer_value(json_array_get(j, 1)),
                              json_integer_value(json_array_get(j, 2))};
    return true;
}

void ca_keras_each_reference(json_t *j, int depth, CaKerasReferenceFn *fn, void *arg)
{
    enum { DEEPEST = 64 };
    CaKerasReference ref;
    const char *key;
    json_t *item;
    size_t i;
    if (depth > DEEPEST)
        return;
    if (ca_keras_reference(j, &ref)) {
        fn(arg, &ref);
        /* An old call carries its keywords behind the first reference. */
        if (json_is_array(j))
            ca_keras_each_reference(json_array_get(j, 3), depth + 1, fn, arg);
        return;
    }
    if (json_is_array(j)) {
        json_array_foreach(j, i, item) ca_keras_each_reference(item, depth + 1, fn, arg);
    } else if (json_is_object(j)) {
        json_object_foreach(j, key, item)
            ca_keras_each_reference(item, depth + 1, fn, arg);
    }
}

/* --- Layers by name. */

CaKerasLayer *ca_keras_find(const CaKerasModel *m, const char *name)
{
    size_t i = (size_t)ca_hash(name, strlen(name), 0) & (m->n_slots - 1);
    for (; m->slots[i]; i = (i + 1) & (m->n_slots - 1))
        if (strcmp(m->layers[m->slots[i] - 1]->name, name) == 0)
            return m->layers[m->slots[i] - 1];
    return NULL;
}

static void index_layers(CaKeras *r, CaKerasModel *m)
{
    for (m->n_slots = 16; m->n_slots < 2 * (size_t)m->n_layers + 2;)
        m->n_slots *= 2;
    m->slots = ca_arena_array(r->b.work, m->n_slots, sizeof *m->slots);
    if (!m->slots) {
        no_memory(r);
        return;
    }
    for (int i = 0; i < m->n_layers; i++) {
        const char *name = m->layers[i]->name;
        size_t at = (size_t)ca_hash(name, strlen(name), 0) & (m->n_slots - 1);
        if (ca_keras_find(m, name) && !m->is_sequential) {
            r->b.name = name;
            r->b.type = m->layers[i]->class_name;
            ca_build_fail(&r->b, CARINA_ERR_FORMAT,
                          "two layers have this name; the configuration is damaged");
        }
        while (m->slots[at])
            at = (at + 1) & (m->n_slots - 1);
        m->slots[at] = i + 1;
    }
}

/* --- One layer. */

static const CaKerasOp *find_op(const CaKerasOp *const *tables, size_t n,
                                const char *name)
{
    for (size_t t = 0; t < n; t++)
        for (const CaKerasOp *op = tables[t]; op->name; op++)
            if (strcmp(op->name, name) == 0)
                return op;
    return NULL;
}

static const CaKerasOp *const layer_tables[] = {
    ca_keras_conv, ca_keras_pool, ca_keras_norm,   ca_keras_moves, ca_keras_merge,
    ca_keras_act,  ca_keras_rnn,  ca_keras_attend, ca_keras_image, ca_keras_wrap};
static const CaKerasOp *const op_tables[] = {ca_keras_ops_math, ca_keras_ops_moves,
                                             ca_keras_ops_nn};
enum {
    N_LAYER_TABLES = sizeof layer_tables / sizeof *layer_tables,
    N_OP_TABLES = sizeof op_tables / sizeof *op_tables
};

static const CaKerasOp *op_of(const CaKerasLayer *l)
{
    const CaKerasOp *op = NULL;
    if (strcmp(l->class_name, "TFOpLambda") == 0 ||
        strcmp(l->class_name, "SlicingOpLambda") == 0) {
        static const char old[] = "compat.v1.";
        const char *symbol = text_at(l->config, "function");
        if (symbol && strncmp(symbol, old, sizeof old - 1) == 0)
            symbol += sizeof old - 1;
        return symbol ? find_op(op_tables, N_OP_TABLES, symbol) : NULL;
    }
    if (l->is_op)
        op = find_op(op_tables, N_OP_TABLES, l->class_name);
    return op ? op : find_op(layer_tables, N_LAYER_TABLES, l->class_name);
}

const char *ca_keras_op_name(int i)
{
    for (size_t t = 0; t < N_LAYER_TABLES; t++)
        for (const CaKerasOp *op = layer_tables[t]; op->name; op++)
            if (i-- == 0)
                return op->name;
    for (size_t t = 0; t < N_OP_TABLES; t++)
        for (const CaKerasOp *op = op_tables[t]; op->name; op++)
            if (!find_op(layer_tables, N_LAYER_TABLES, op->name) && i-- == 0)
                return op->name;
    return NULL;
}

CaKerasLayer *ca_keras_layer(CaKeras *r, json_t *element, CaKerasScope scope)
{
    static const char *const op_modules[] = {"keras.src.ops.", "keras.ops",
                                             "keras.src.activations"};
    CaKerasLayer *l = ca_arena_alloc(r->b.work, sizeof *l);
    const char *class_name = text_at(element, "class_name"),
               *module = text_at(element, "module"), *name = text_at(element, "name");
    if (!l) {
        no_memory(r);
        return NULL;
    }
    l->config = json_object_get(element, "config");
    if (!name)
        name = text_at(l->config, "name");
    l->name = r->b.name = name ? name : class_name ? class_name : "?";
    l->class_name = r->b.type = class_name ? class_name : "?";
    l->calls = json_object_get(element, "inbound_nodes");
    l->scope = scope;
    if (!class_name || (!json_is_object(l->config) && !ca_keras_is_model(class_name))) {
        ca_build_fail(&r->b, CARINA_ERR_FORMAT,
                      "it has no class_name or no config; the configuration is damaged");
        return NULL;
    }
    for (size_t i = 0; module && i < sizeof op_modules / sizeof *op_modules; i++)
        l->is_op = l->is_op || strncmp(module, op_modules[i], strlen(op_modules[i])) == 0;
    /* .h5 has no modules, but only layers say whether they are trained. */
    if (!module && !r->is_tree && r->version >= 3 &&
        !json_object_get(l->config, "trainable") && !ca_keras_is_model(class_name) &&
        strcmp(class_name, "InputLayer") != 0)
        l->is_op = true;
    l->op = op_of(l);
    return l;
}

/* --- Models. */

static void note_call(void *arg, const CaKerasReference *ref)
{
    CaKerasLayer *l = ca_keras_find(arg, ref->layer);
    if (l && ref->node < l->base)
        l->base = (int)ref->node;
}

/* Keras 2 counts the making of a model as its call 0, so that its first use as a layer is call 1. Keras 3 does so
 * only where it names the outputs of the model around it. */
static void find_bases(CaKerasModel *m)
{
    for (int i = 0; i < m->n_layers; i++) {
        m->layers[i]->base = INT32_MAX;
        m->is_new = m->is_new || json_is_object(json_array_get(m->layers[i]->calls, 0));
    }
    for (int i = 0; i < m->n_layers; i++)
        ca_keras_each_reference(m->layers[i]->calls, 0, note_call, m);
    ca_keras_each_reference(json_object_get(m->config, "output_layers"), 0, note_call, m);
    for (int i = 0; i < m->n_layers; i++) {
        CaKerasLayer *l = m->layers[i];
        l->base = l->inner && !m->is_new && l->base == 1;
    }
}

static void count_results(CaKeras *r, CaKerasModel *m)
{
    for (int i = 0; i < m->n_layers; i++) {
        CaKerasLayer *l = m->layers[i];
        const size_t n = json_is_array(l->calls) ? json_array_size(l->calls) : 0;
        if (n > CA_MAX_PORTS || m->n_results > CA_MAX_NODES) {
            r->b.name = l->name;
            r->b.type = l->class_name;
            ca_build_fail(&r->b, CARINA_ERR_LIMIT, "it is called %zu times; too often",
                          n);
            return;
        }
        l->first = m->n_results;
        l->n_calls = n ? (int)n : 1;
        m->n_results += l->n_calls;
    }
}

static void describe_layers(CaKeras *r, CaKerasModel *m, json_t *list, CaKerasScope scope)
{
    json_t *element;
    size_t i;
    m->layers = ca_arena_array(r->b.work, json_array_size(list) + 1, sizeof *m->layers);
    if (!m->layers) {
        no_memory(r);
        return;
    }
    json_array_foreach(list, i, element)
    {
        CaKerasLayer *l = ca_keras_layer(r, element, scope);
        if (!l)
            return;
        m->layers[m->n_layers++] = l;
        *(r->end ? r->end : &r->all) = l;
        r->end = &l->next;
    }
    ca_keras_scopes(r, m, scope);
    for (int k = 0; k < m->n_layers && r->b.status == CARINA_OK; k++) {
        CaKerasLayer *l = m->layers[k];
        r->b.name = l->name;
        r->b.type = l->class_name;
        if (!l->is_op && ca_keras_is_model(l->class_name))
            l->inner = ca_keras_model(r, l->class_name, l->config, l->scope);
    }
}

CaKerasModel *ca_keras_model(CaKeras *r, const char *class_name, json_t *config,
                             CaKerasScope scope)
{
    CaKerasModel *m = ca_arena_alloc(r->b.work, sizeof *m);
    /* Before Keras 2.2.3 a Sequential was the bare list. */
    json_t *list = json_is_array(config) ? config : json_object_get(config, "layers");
    const size_t n = json_array_size(list);
    const char *name = text_at(config, "name");
    if (!m) {
        no_memory(r);
        return NULL;
    }
    if (!json_is_array(list) || n == 0 || n > CA_MAX_PORTS) {
        ca_build_fail(
            &r->b, CARINA_ERR_FORMAT,
            "%zu layers inside; a model that was subclassed in Python does not say "
            "what it computes: rebuild it with the functional API and save again",
            n);
        return NULL;
    }
    if (r->depth >= CA_KERAS_DEPTH) {
        ca_build_fail(&r->b, CARINA_ERR_LIMIT, "models in each other more than %d deep",
                      CA_KERAS_DEPTH);
        return NULL;
    }
    m->name = name ? name : "model";
    m->class_name = class_name;
    m->config = config;
    m->is_sequential = strcmp(class_name, "Sequential") == 0;
    r->depth++;
    describe_layers(r, m, list, scope);
    r->depth--;
    if (r->b.status == CARINA_OK)
        index_layers(r, m);
    if (r->b.status != CARINA_OK)
        return NULL;
    find_bases(m);
    count_results(r, m);
    return r->b.status == CARINA_OK ? m : NULL;
}
