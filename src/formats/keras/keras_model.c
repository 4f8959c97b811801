/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running through a described model: each call of a layer becomes nodes of the graph, in the order of need.
 */
#include "formats/custom_call.h"
#include "formats/keras/keras_reader.h"

#include <string.h>

static void no_memory(CaKeras *r)
{
    ca_build_fail(&r->b, CARINA_ERR_MEMORY, "out of memory");
}

/* --- Inputs of the model. */

static CarinaType input_type(CaKerasCall *c)
{
    const char *name = "float32";
    json_t *j = json_object_get(c->config, "dtype");
    if (json_is_object(j))
        j = json_object_get(json_object_get(j, "config"), "name");
    if (json_is_string(j))
        name = json_string_value(j);
    if (strcmp(name, "string") == 0)
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "text as input; cut the model behind its text layers and save again");
    if (strcmp(name, "bool") == 0)
        return CARINA_BOOL;
    static const struct {
        const char *theirs;
        CarinaType type;
    } whole[] = {{"int8", CARINA_I8},    {"int16", CARINA_I16}, {"int32", CARINA_I32},
                 {"int64", CARINA_I64},  {"uint8", CARINA_U8},  {"uint16", CARINA_U16},
                 {"uint32", CARINA_U32}, {"uint64", CARINA_U64}};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strcmp(name, whole[i].theirs) == 0)
            return whole[i].type;
    return CARINA_F32; /* float16 and float64 too: what comes behind computes in f32 */
}

/* [null, 224, 224, 3] */
static bool shape_of(CaKerasCall *c, json_t *j, CarinaShape *out)
{
    if (json_is_object(j))
        j = json_object_get(j, "items");
    const size_t rank = json_array_size(j);
    if (!json_is_array(j) || rank > CARINA_MAX_RANK)
        return false;
    *out = ca_shape_of_rank((int)rank);
    for (size_t i = 0; i < rank; i++) {
        json_t *d = json_array_get(j, i);
        if (json_is_array(d))
            return false;
        const int64_t v = json_is_integer(d) ? json_integer_value(d) : -1;
        if (v == 0 || v < -1 || v > INT32_MAX)
            ca_build_fail(c->b, CARINA_ERR_SHAPE, "dimension %zu of the input is %lld", i,
                          (long long)v);
        out->dims[i] = v;
    }
    return true;
}

static json_t *first_given(json_t *config, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        json_t *j = json_object_get(config, keys[i]);
        if (j && !json_is_null(j))
            return j;
    }
    return NULL;
}

/* The graph's input that the call's configuration describes. */
static CaValue *make_input(CaKerasCall *c, json_t *shape_json)
{
    CarinaShape shape;
    CaValue *v = NULL;
    if (ca_keras_bool(c, "sparse", false) || ca_keras_bool(c, "ragged", false))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "sparse or ragged inputs; save the model with a dense input");
    if (!shape_json || !shape_of(c, shape_json, &shape))
        ca_build_fail(
            c->b, CARINA_ERR_SHAPE,
            "the shape of the model's input is not in the file; build the model with "
            "an Input layer and save it again");
    const CarinaType type = input_type(c);
    if (!ca_build_settle(c->b))
        return NULL;
    ca_build_ok(c->b, ca_graph_parameter(&v, c->b->graph, c->layer->name, type, &shape,
                                         c->b->err));
    if (c->b->status != CARINA_OK)
        return NULL;
    ca_value_set_name(c->b->graph, v, c->layer->name);
    return v;
}

static CaValue *input_layer(CaKerasCall *c)
{
    static const char *const keys[] = {"batch_shape", "batch_input_shape"};
    return make_input(c, first_given(c->config, keys, 2));
}

/* --- Calls. */

typedef struct Bag {
    CaKeras *r;
    const CaKerasFrame *frame;
    CaValue **v, **masks;
    int n, room;
} Bag;

/* Room for what was counted. */
static bool open_bag(Bag *bag)
{
    bag->v = ca_arena_array(bag->r->b.work, (size_t)bag->room + 1, sizeof *bag->v);
    bag->masks =
        ca_arena_array(bag->r->b.work, (size_t)bag->room + 1, sizeof *bag->masks);
    if (!bag->v || !bag->masks)
        no_memory(bag->r);
    return bag->v && bag->masks;
}

static const CaKerasResult *result_of(const CaKerasFrame *f, const CaKerasReference *ref,
                                      CaKerasLayer **layer)
{
    CaKerasLayer *l = ca_keras_find(f->model, ref->layer);
    if (!l || ref->node < l->base || ref->node - l->base >= l->n_calls)
        return NULL;
    if (layer)
        *layer = l;
    return &f->results[l->first + (int)(ref->node - l->base)];
}

static CaValue *referred(CaKeras *r, const CaKerasFrame *f, const CaKerasReference *ref,
                         CaValue **mask)
{
    const CaKerasResult *result = result_of(f, ref, NULL);
    if (r->b.status != CARINA_OK)
        return NULL;
    if (!result || !result->is_done || ref->tensor < 0 || ref->tensor >= result->n) {
        ca_build_fail(
            &r->b, CARINA_ERR_FORMAT,
            "its input is output %lld of call %lld of layer '%s', which does not "
            "exist; the configuration is damaged",
            (long long)ref->tensor, (long long)ref->node, ref->layer);
        return NULL;
    }
    if (mask)
        *mask = result->masks ? result->masks[ref->tensor] : NULL;
    return result->v[ref->tensor];
}

static void count_one(void *arg, const CaKerasReference *ref)
{
    (void)ref;
    ((Bag *)arg)->room++;
}
static void take_one(void *arg, const CaKerasReference *ref)
{
    Bag *bag = arg;
    CaValue *mask = NULL, *v = referred(bag->r, bag->frame, ref, &mask);
    if (v && bag->n < bag->room) {
        bag->masks[bag->n] = mask;
        bag->v[bag->n++] = v;
    }
}

CaValue *ca_keras_value(CaKerasCall *c, json_t *j)
{
    CaKerasReference ref;
    return c->frame && ca_keras_reference(j, &ref) ? referred(c->r, c->frame, &ref, NULL)
                                                   : NULL;
}
CaValue *ca_keras_value_mask(CaKerasCall *c, json_t *j)
{
    CaKerasReference ref;
    CaValue *mask = NULL;
    if (c->frame && ca_keras_reference(j, &ref))
        (void)referred(c->r, c->frame, &ref, &mask);
    return mask;
}

/* Old calls are lists of [layer, node, tensor, {keywords}]; their keywords are the first one's. One alone may stand
 * without the list around it. */
static void split_call(CaKerasCall *c, json_t *call)
{
    if (json_is_object(call)) {
        c->args = json_object_get(call, "args");
        c->kwargs = json_object_get(call, "kwargs");
        return;
    }
    json_t *first = call;
    if (json_is_array(json_array_get(call, 0)))
        first = json_array_get(call, 0);
    c->args = call;
    c->kwargs = json_array_get(first, 3);
}

/* References of the arguments alone: an old call's keywords do not count. */
static void take_args(CaKerasCall *c)
{
    Bag bag = {.r = c->r, .frame = c->frame};
    CaKerasReference ref;
    json_t *item;
    size_t i;
    if (ca_keras_reference(c->args, &ref)) {
        bag.room = 1;
    } else if (json_is_array(c->args)) {
        ca_keras_each_reference(c->args, 0, count_one, &bag);
    }
    if (!open_bag(&bag))
        return;
    if (ca_keras_reference(c->args, &ref)) {
        take_one(&bag, &ref);
    } else if (json_is_array(c->args)) {
        json_array_foreach(c->args, i, item)
        {
            if (json_is_array(item) && ca_keras_reference(item, &ref))
                take_one(&bag, &ref);
            else
                ca_keras_each_reference(item, 0, take_one, &bag);
        }
    }
    c->in = bag.v;
    c->n_in = bag.n;
    c->in_masks = bag.masks;
}

/* Layers of Keras that are refused, and why. */
static const char *reason(const char *class_name)
{
    static const char *const rows[][2] = {
        {"Lambda", "Python code inside the model, which is never run; write it as Keras "
                   "layers or keras.ops and save again"},
        {"StringLookup,TextVectorization,Hashing,HashedCrossing",
         "it makes numbers of text, or hashes them; do that before the model"},
        {"DenseFeatures,SequenceFeatures",
         "feature columns, whose names and tables are TensorFlow's; do that before the "
         "model"},
        {"JaxLayer,FlaxLayer,TorchModuleWrapper,TFSMLayer",
         "another framework's model inside this one; convert that model itself"},
        {"Equalization,ContrastLimitedAdaptiveHistogramEqualization",
         "it counts the grey levels of each picture; do that before the model"},
        {"STFTSpectrogram,MelSpectrogram",
         "Fourier transforms of sound; do that before the model"},
        {"MaxNumBoundingBoxes",
         "it changes what one trains with, not what one sees; save "
         "the model without"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ca_text_in_list(rows[i][0], class_name))
            return rows[i][1];
    return "a class of layer that Carina does not know; load an extension that has it "
           "(-l FILE), give a model that stands for it (--layer CLASS=FILE), or replace "
           "it by Keras' own layers";
}

static void unknown_class(CaKerasCall *c)
{
    if (json_is_string(json_object_get(c->config, "function")) &&
        strcmp(c->layer->class_name, "Lambda") != 0)
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "tf.%s, which Carina does not know here; write it with Keras' layers or "
            "convert the model to ONNX",
            json_string_value(json_object_get(c->config, "function")));
    else if (c->layer->is_op)
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "an operation of keras.ops that Carina does not know; write it with "
            "others or convert the model to ONNX");
    else
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "%s", reason(c->layer->class_name));
}

static bool is_identity(const CaKerasCall *c)
{
    return c->n_out == 1 && c->n_in > 0 && c->out[0] == c->in[0];
}

/* The node that computes gets the layer's name, a Transpose behind it has a made-up one; the tensor gets it too. */
static void give_names(CaKerasCall *c, int32_t first_id)
{
    for (int i = 0; ca_build_settle(c->b) && i < c->n_out; i++) {
        CaValue *v = c->out[i];
        CaNode *node = v->node;
        if (node->id < first_id || node->id >= c->b->graph->own->next_id)
            continue;
        const char *name = c->b->name;
        if (ca_node_is(node, "Transpose") && ca_node_input_node(node, 0) &&
            ca_node_input_node(node, 0)->id >= first_id &&
            !ca_node_is(ca_node_input_node(node, 0), "Const"))
            node = ca_node_input_node(node, 0);
        if (i == 0)
            ca_build_ok(c->b, ca_node_rename(c->b->graph, node, name, c->b->err));
        if (c->n_out > 1)
            name = ca_arena_printf(c->b->work, "%s:%d", name, i);
        if (name)
            ca_value_set_name(c->b->graph, v, name);
    }
}

static void call_model(CaKerasCall *c)
{
    CaValue **masks = ca_arena_array(c->b->work, (size_t)c->n_in + 1, sizeof(CaValue *));
    if (!masks) {
        no_memory(c->r);
        return;
    }
    for (int i = 0; i < c->n_in; i++)
        masks[i] = ca_keras_mask(c, i);
    const CaKerasResult result =
        ca_keras_run(c->r, c->layer->inner, c->in, masks, c->n_in,
                     ca_arena_printf(c->b->work, "%s/", c->b->name));
    c->out = result.v;
    c->out_masks = result.masks;
    c->n_out = result.n;
}

static void call_layer(CaKerasCall *c)
{
    CaKerasLayer *l = c->layer;
    const int32_t first_id = c->b->graph->own->next_id;
    if (++c->r->n_calls > CA_MAX_NODES) {
        ca_build_fail(c->b, CARINA_ERR_LIMIT, "more than %d calls of layers",
                      CA_MAX_NODES);
        return;
    }
    if (l->inner) {
        call_model(c);
        return;
    }
    const bool is_custom = ca_custom_is(c->b, CARINA_FORMAT_KERAS, NULL, l->class_name);
    if (!l->op && !is_custom) {
        unknown_class(c);
        return;
    }
    if (is_custom)
        ca_keras_custom(c);
    else if (!ca_keras_quantized(c))
        l->op->fn(c);
    if (!l->is_op && (is_custom || l->op->mask == CA_KERAS_PASSES))
        ca_keras_give_mask(c, 0, ca_keras_mask(c, 0));
    if (ca_build_settle(c->b) && !is_identity(c))
        give_names(c, first_id);
    if (c->b->status == CARINA_OK && !c->n_out)
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "it has no output; the configuration is damaged");
}

static CaKerasResult finish(const CaKerasCall *c)
{
    const CaKerasResult out = {c->out, c->out_masks, c->n_out, true, false};
    return out;
}

CaKerasResult ca_keras_apply(CaKerasCall *outer, CaKerasLayer *layer, CaValue *const *in,
                             CaValue *const *masks, int n_in)
{
    CaKeras *r = outer->r;
    const char *name = r->b.name, *type = r->b.type;
    CaKerasCall c = {.r = r,
                     .b = &r->b,
                     .layer = layer,
                     .config = layer->config,
                     .n_in = n_in,
                     .in = ca_arena_array(r->b.work, (size_t)n_in + 1, sizeof(CaValue *)),
                     .in_masks =
                         ca_arena_array(r->b.work, (size_t)n_in + 1, sizeof(CaValue *))};
    if (!c.in || !c.in_masks || r->depth >= CA_KERAS_DEPTH) {
        ca_build_fail(&r->b, CARINA_ERR_LIMIT, "layers in each other more than %d deep",
                      CA_KERAS_DEPTH);
        return finish(&c);
    }
    for (int i = 0; i < n_in; i++) {
        c.in[i] = in[i];
        c.in_masks[i] = masks ? masks[i] : NULL;
    }
    r->depth++;
    r->b.name = ca_arena_printf(r->b.work, "%s/%s", name, layer->name);
    r->b.type = layer->class_name;
    if (!r->b.name)
        r->b.name = name;
    if (ca_build_settle(&r->b))
        call_layer(&c);
    r->b.name = name;
    r->b.type = type;
    r->depth--;
    return finish(&c);
}

/* Sets the builder's name for the layer's call: "outer/layer", and "_1" from the second call on. */
static bool enter(CaKeras *r, const CaKerasFrame *f, const CaKerasLayer *l, int call)
{
    const char *name = f->prefix[0] || call
                           ? ca_arena_printf(r->b.work, call ? "%s%s_%d" : "%s%s",
                                             f->prefix, l->name, call)
                           : l->name;
    r->b.name = name ? name : l->name;
    r->b.type = l->class_name;
    if (!name)
        no_memory(r);
    return name != NULL;
}

static CaKerasCall call_of(CaKeras *r, const CaKerasFrame *f, CaKerasLayer *l)
{
    const CaKerasCall c = {
        .r = r, .b = &r->b, .layer = l, .config = l->config, .frame = f};
    return c;
}

static bool is_input(const CaKerasLayer *l)
{
    return strcmp(l->class_name, "InputLayer") == 0;
}

/* --- Sequential models. */

/* The input of a model whose first layer does not say it by being an InputLayer. */
static CaValue *unspoken_input(CaKeras *r, const CaKerasFrame *f)
{
    static const char *const keys[] = {"batch_input_shape", "batch_shape"};
    static const char *const built[] = {"build_input_shape", "batch_input_shape"};
    CaKerasLayer *l = f->model->layers[0];
    CaKerasCall c = call_of(r, f, l);
    json_t *shape = first_given(l->config, keys, 2);
    if (!shape)
        shape = first_given(f->model->config, built, 2);
    CaKerasLayer input = {.name = ca_arena_printf(r->b.work, "%s_input", l->name),
                          .config = l->config};
    c.layer = &input;
    if (!enter(r, f, l, 0) || !input.name)
        return NULL;
    return make_input(&c, shape);
}

static CaKerasResult run_sequential(CaKeras *r, CaKerasFrame *f)
{
    const CaKerasModel *m = f->model;
    CaKerasResult at = {0};
    at.v = ca_arena_array(r->b.work, (size_t)f->n_in + 1, sizeof *at.v);
    at.masks = ca_arena_array(r->b.work, (size_t)f->n_in + 1, sizeof *at.masks);
    if (!at.v || !at.masks) {
        no_memory(r);
        return at;
    }
    for (int i = 0; i < f->n_in; i++) {
        at.masks[at.n] = f->in_masks ? f->in_masks[i] : NULL;
        at.v[at.n++] = f->in[i];
    }
    if (!f->in && !is_input(m->layers[0])) {
        CaKerasLayer *l = m->layers[0];
        if (l->inner) { /* it knows its own input */
            at = ca_keras_run(r, l->inner, NULL, NULL, 0,
                              ca_arena_printf(r->b.work, "%s/", l->name));
        } else {
            at.v[at.n++] = unspoken_input(r, f);
        }
    }
    for (int i = 0; i < m->n_layers && ca_build_settle(&r->b); i++) {
        CaKerasLayer *l = m->layers[i];
        CaKerasCall c = call_of(r, f, l);
        if ((i == 0 && !f->in && l->inner) || !enter(r, f, l, 0))
            continue;
        if (is_input(l)) {
            if (!f->in)
                at.v[at.n++] = input_layer(&c);
            continue;
        }
        c.in = at.v;
        c.n_in = at.n;
        c.in_masks = at.masks;
        call_layer(&c);
        at = finish(&c);
    }
    return at;
}

/* --- Functional models. */

static void bind_input(void *arg, const CaKerasReference *ref)
{
    Bag *bag = arg;
    CaKeras *r = bag->r;
    CaKerasFrame *f = (CaKerasFrame *)(uintptr_t)bag->frame;
    CaKerasLayer *l = NULL;
    const CaKerasResult *found = result_of(f, ref, &l);
    if (r->b.status != CARINA_OK)
        return;
    if (!found || (f->in && f->next_in >= f->n_in)) {
        ca_build_fail(
            &r->b, CARINA_ERR_FORMAT,
            "the model is called with %d inputs and has more, or its input layer "
            "'%s' is missing; the configuration is damaged",
            f->n_in, ref->layer);
        return;
    }
    CaKerasResult *result = &f->results[l->first];
    CaKerasCall c = call_of(r, f, l);
    CaValue **v = ca_arena_alloc(r->b.work, sizeof *v),
            **mask = ca_arena_alloc(r->b.work, sizeof *mask);
    if (!v || !mask || !enter(r, f, l, 0)) {
        no_memory(r);
        return;
    }
    *mask = f->in && f->in_masks ? f->in_masks[f->next_in] : NULL;
    *v = f->in ? f->in[f->next_in++] : input_layer(&c);
    *result = (CaKerasResult){v, mask, 1, true, false};
}

typedef struct Pending { /* a call and what it waits for */
    CaKerasLayer *layer;
    int call;
    CaKerasReference *needs;
    int n, next;
} Pending;

typedef struct Needs {
    CaKerasReference *v;
    int n;
} Needs;
static void count_need(void *arg, const CaKerasReference *ref)
{
    (void)ref;
    ((Needs *)arg)->n++;
}
static void take_need(void *arg, const CaKerasReference *ref)
{
    Needs *needs = arg;
    needs->v[needs->n++] = *ref;
}

static bool open_call(CaKeras *r, CaKerasFrame *f, Pending *p,
                      const CaKerasReference *ref)
{
    CaKerasLayer *l = NULL;
    CaKerasResult *result = (CaKerasResult *)(uintptr_t)result_of(f, ref, &l);
    Needs needs = {0};
    if (!result) {
        ca_build_fail(&r->b, CARINA_ERR_FORMAT,
                      "it reads call %lld of layer '%s', which does not exist; the "
                      "configuration is damaged",
                      (long long)ref->node, ref->layer);
        return false;
    }
    if (result->is_open) {
        ca_build_fail(&r->b, CARINA_ERR_FORMAT,
                      "it depends on its own output; the configuration is damaged");
        return false;
    }
    *p = (Pending){.layer = l, .call = (int)(ref->node - l->base)};
    json_t *call = json_array_get(l->calls, (size_t)p->call);
    ca_keras_each_reference(call, 0, count_need, &needs);
    needs.v = ca_arena_array(r->b.work, (size_t)needs.n + 1, sizeof *needs.v);
    if (!needs.v) {
        no_memory(r);
        return false;
    }
    needs.n = 0;
    ca_keras_each_reference(call, 0, take_need, &needs);
    p->needs = needs.v;
    p->n = needs.n;
    result->is_open = true;
    return true;
}

static void close_call(CaKeras *r, CaKerasFrame *f, const Pending *p)
{
    CaKerasLayer *l = p->layer;
    CaKerasResult *result = &f->results[l->first + p->call];
    CaKerasCall c = call_of(r, f, l);
    if (!enter(r, f, l, p->call))
        return;
    if (is_input(l)) { /* one that the model does not list */
        CaValue *v = f->in ? NULL : input_layer(&c);
        if (f->in)
            ca_build_fail(&r->b, CARINA_ERR_FORMAT,
                          "no input of the model it is in; the "
                          "configuration is damaged");
        ca_keras_out(&c, v);
    } else {
        split_call(&c, json_array_get(l->calls, (size_t)p->call));
        take_args(&c);
        if (ca_build_settle(&r->b))
            call_layer(&c);
    }
    *result = finish(&c);
}

static void walk(CaKeras *r, CaKerasFrame *f, const CaKerasReference *root)
{
    const CaKerasResult *known = result_of(f, root, NULL);
    Pending *stack =
        ca_arena_array(r->b.work, (size_t)f->model->n_results + 1, sizeof *stack);
    int depth = 0;
    if (!stack) {
        no_memory(r);
        return;
    }
    if ((known && known->is_done) || !open_call(r, f, &stack[depth++], root))
        return;
    while (depth > 0 && r->b.status == CARINA_OK) {
        Pending *p = &stack[depth - 1];
        if (p->next == p->n) {
            close_call(r, f, p);
            depth--;
            continue;
        }
        const CaKerasReference *need = &p->needs[p->next++];
        const CaKerasResult *result = result_of(f, need, NULL);
        if (result && result->is_done)
            continue;
        (void)enter(r, f, p->layer, p->call);
        if (open_call(r, f, &stack[depth], need))
            depth++;
    }
}

/* Keras 3 counts calls of functional models from 1 here, and from 0 elsewhere. */
static CaKerasReference output_of(const CaKerasFrame *f, const CaKerasReference *ref)
{
    CaKerasReference out = *ref;
    const CaKerasLayer *l = ca_keras_find(f->model, ref->layer);
    if (f->model->is_new && l && l->inner && !l->inner->is_sequential)
        out.node--;
    return out;
}
static void walk_to(void *arg, const CaKerasReference *ref)
{
    const Bag *bag = arg;
    const CaKerasReference at = output_of(bag->frame, ref);
    if (bag->r->b.status == CARINA_OK)
        walk(bag->r, (CaKerasFrame *)(uintptr_t)bag->frame, &at);
}
static void take_output(void *arg, const CaKerasReference *ref)
{
    const CaKerasReference at = output_of(((Bag *)arg)->frame, ref);
    take_one(arg, &at);
}

static CaKerasResult run_functional(CaKeras *r, CaKerasFrame *f)
{
    CaKerasResult out = {0};
    Bag bag = {.r = r, .frame = f};
    json_t *outputs = json_object_get(f->model->config, "output_layers");
    ca_keras_each_reference(json_object_get(f->model->config, "input_layers"), 0,
                            bind_input, &bag);
    if (r->b.status == CARINA_OK && f->in && f->next_in != f->n_in)
        ca_build_fail(
            &r->b, CARINA_ERR_FORMAT,
            "it is called with %d inputs and has %d; the configuration is damaged",
            f->n_in, f->next_in);
    r->b.name = f->model->name;
    r->b.type = f->model->class_name;
    ca_keras_each_reference(outputs, 0, walk_to, &bag);
    ca_keras_each_reference(outputs, 0, count_one, &bag);
    if (!open_bag(&bag))
        return out;
    ca_keras_each_reference(outputs, 0, take_output, &bag);
    out.v = bag.v;
    out.n = bag.n;
    out.masks = bag.masks;
    return out;
}

CaKerasResult ca_keras_run(CaKeras *r, const CaKerasModel *m, CaValue *const *in,
                           CaValue *const *masks, int n_in, const char *prefix)
{
    CaKerasFrame f = {.model = m,
                      .in = in,
                      .n_in = n_in,
                      .in_masks = masks,
                      .prefix = prefix ? prefix : ""};
    CaKerasResult out = {0};
    const char *name = r->b.name, *type = r->b.type;
    f.results = ca_arena_array(r->b.work, (size_t)m->n_results + 1, sizeof *f.results);
    if (!f.results || r->depth >= CA_KERAS_DEPTH || r->b.graph->n_nodes > CA_MAX_NODES) {
        ca_build_fail(&r->b, CARINA_ERR_LIMIT, "models in each other more than %d deep",
                      CA_KERAS_DEPTH);
        return out;
    }
    r->depth++;
    out = m->is_sequential ? run_sequential(r, &f) : run_functional(r, &f);
    r->depth--;
    r->b.name = name;
    r->b.type = type;
    return out;
}
