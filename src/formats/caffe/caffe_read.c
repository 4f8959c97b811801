/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Caffe reader: parses both files, takes the layers of the test phase in their order, matches weights by name.
 *
 * A top with its bottom's name is a new version of that blob: the map of blobs always holds the newest.
 */
#include "formats/caffe/caffe.h"

#include "base/file.h"
#include "formats/caffe/caffe_reader.h"
#include "formats/caffe/caffe_text.h"
#include "formats/caffe/caffe_wire.h"
#include "formats/custom_call.h"
#include "formats/reader.h"

#include <stdio.h>
#include <string.h>

static const size_t work_limit = (size_t)4 << 30;

/* Layers that only training or its tests need. */
static const char dropped[] =
    "Accuracy,HingeLoss,ContrastiveLoss,InfogainLoss,MultinomialLogisticLoss,MultiBoxLoss,HDF5Output,"
    "DetectionEvaluate";
static const char databases[] =
    "Data,ImageData,HDF5Data,AnnotatedData,WindowData,VideoData";

static void *work_alloc(void *arena, size_t size) { return ca_arena_alloc(arena, size); }
static void work_free(void *arena, void *p)
{
    (void)arena;
    (void)p; /* goes with the arena */
}

static CarinaStatus no_memory(const CaCaffe *r)
{
    return ca_err(r->b.err, CARINA_ERR_MEMORY, "%s: out of memory", r->b.path);
}

/* --- Names. */

CaCaffeName *ca_caffe_find(const CaCaffeNames *names, const char *key)
{
    size_t i = (size_t)ca_hash(key, strlen(key), 0) & (names->room - 1);
    for (; names->v[i].key; i = (i + 1) & (names->room - 1))
        if (strcmp(names->v[i].key, key) == 0)
            return &names->v[i];
    return NULL;
}

CaCaffeName *ca_caffe_name(CaCaffeNames *names, const char *key)
{
    size_t i = (size_t)ca_hash(key, strlen(key), 0) & (names->room - 1);
    while (names->v[i].key && strcmp(names->v[i].key, key) != 0)
        i = (i + 1) & (names->room - 1);
    names->v[i].key = key;
    return &names->v[i];
}

static bool make_room(CaCaffe *r, CaCaffeNames *names, size_t n)
{
    for (names->room = 16; names->room < 2 * n + 2;)
        names->room *= 2;
    names->v = ca_arena_array(r->b.work, names->room, sizeof *names->v);
    return names->v != NULL;
}

static CarinaStatus collect(CaCaffe *r, const Caffe__Net *net, const Caffe__Weights *w)
{
    size_t n = net->n_input;
    for (size_t i = 0; i < r->n_layers; i++)
        n += r->layers[i]->n_top + 1;
    r->order = ca_arena_array(r->b.work, n + 1, sizeof *r->order);
    if (!r->order || !make_room(r, &r->blobs, n) ||
        !make_room(r, &r->weights, w->n_layer))
        return no_memory(r);
    for (size_t i = 0; i < w->n_layer; i++) {
        const char *key = w->layer[i]->name;
        CaCaffeName *name = ca_caffe_name(&r->weights, key ? key : "");
        if (!name->weights || !name->weights->n_blobs)
            name->weights = w->layer[i];
    }
    return CARINA_OK;
}

/* --- Phases. */

static bool has_stage(const Caffe__State *state, const char *stage)
{
    for (size_t i = 0; state && i < state->n_stage; i++)
        if (strcmp(state->stage[i], stage) == 0)
            return true;
    return false;
}

static bool is_met(const Caffe__Rule *rule, const Caffe__State *state)
{
    const int32_t level = state ? state->level : 0;
    if (rule->has_phase && rule->phase != CAFFE__PHASE__TEST)
        return false;
    if ((rule->has_min_level && level < rule->min_level) ||
        (rule->has_max_level && level > rule->max_level))
        return false;
    for (size_t i = 0; i < rule->n_stage; i++)
        if (!has_stage(state, rule->stage[i]))
            return false;
    for (size_t i = 0; i < rule->n_not_stage; i++)
        if (has_stage(state, rule->not_stage[i]))
            return false;
    return true;
}

static bool is_wanted(const Caffe__Layer *l, const Caffe__State *state)
{
    bool met = false;
    Caffe__Rule **rules = l->n_include ? l->include : l->exclude;
    const size_t n = l->n_include ? l->n_include : l->n_exclude;
    for (size_t i = 0; i < n; i++)
        met = met || is_met(rules[i], state);
    return l->n_include ? met : !met;
}

/* --- Inputs. */

static CarinaStatus add_input(CaCaffe *r, const char *name, const int64_t *dims,
                              size_t rank)
{
    CaCaffeName *blob = ca_caffe_name(&r->blobs, name);
    int64_t n;
    if (rank == 0 || rank > CARINA_MAX_RANK)
        return ca_err(r->b.err, CARINA_ERR_LIMIT,
                      "%s: input '%s' has %zu dimensions; give it 1 to %d", r->b.path,
                      name, rank, CARINA_MAX_RANK);
    for (size_t i = 0; i < rank; i++)
        if (dims[i] <= 0)
            return ca_err(r->b.err, CARINA_ERR_SHAPE,
                          "%s: input '%s' has dimension %lld; write its true size there",
                          r->b.path, name, (long long)dims[i]);
    const CarinaShape shape = ca_shape((int)rank, dims);
    if (!ca_shape_count(&shape, &n))
        return ca_err(r->b.err, CARINA_ERR_LIMIT,
                      "%s: input '%s' has more elements than memory can hold", r->b.path,
                      name);
    if (blob->value)
        return ca_err(r->b.err, CARINA_ERR_FORMAT,
                      "%s: blob '%s' is made twice; give one of them another name",
                      r->b.path, name);
    CA_TRY(
        ca_graph_parameter(&blob->value, r->b.graph, name, CARINA_F32, &shape, r->b.err));
    r->order[r->n_order++] = name;
    return CARINA_OK;
}

static CarinaStatus old_inputs(CaCaffe *r, const Caffe__Net *net)
{
    for (size_t i = 0; i < net->n_input; i++) {
        int64_t dims[4];
        if (i < net->n_input_shape) {
            CA_TRY(add_input(r, net->input[i], net->input_shape[i]->dim,
                             net->input_shape[i]->n_dim));
            continue;
        }
        if (net->n_input_dim < 4 * (i + 1))
            return ca_err(r->b.err, CARINA_ERR_SHAPE,
                          "%s: input '%s' has no shape; add input_shape { dim: ... }",
                          r->b.path, net->input[i]);
        for (int k = 0; k < 4; k++)
            dims[k] = net->input_dim[4 * i + (size_t)k];
        CA_TRY(add_input(r, net->input[i], dims, 4));
    }
    return CARINA_OK;
}

static CarinaStatus layer_error(const CaCaffe *r, const Caffe__Layer *l,
                                CarinaStatus code, const char *what)
{
    return ca_err(r->b.err, code, "%s: layer '%s' (%s): %s", r->b.path, l->name, l->type,
                  what);
}

static CarinaStatus input_layer(CaCaffe *r, const Caffe__Layer *l)
{
    const size_t n = l->input_param ? l->input_param->n_shape : 0;
    if (n != 1 && n != l->n_top)
        return layer_error(r, l, CARINA_ERR_SHAPE,
                           "it has no shape; add input_param { shape { dim: ... } }");
    for (size_t i = 0; i < l->n_top; i++) {
        const Caffe__Shape *s = l->input_param->shape[n == 1 ? 0 : i];
        CA_TRY(add_input(r, l->top[i], s->dim, s->n_dim));
    }
    return CARINA_OK;
}

/* Only the first top: the others are labels. */
static CarinaStatus data_layer(CaCaffe *r, const Caffe__Layer *l)
{
    const Caffe__MemoryData *m = l->memory_data_param;
    const Caffe__DummyData *d = l->dummy_data_param;
    if (!l->n_top)
        return CARINA_OK;
    if (m)
        return add_input(r, l->top[0],
                         (int64_t[]){m->batch_size, m->channels, m->height, m->width}, 4);
    if (d && d->n_shape)
        return add_input(r, l->top[0], d->shape[0]->dim, d->shape[0]->n_dim);
    if (d && d->n_num && d->n_channels && d->n_height && d->n_width)
        return add_input(
            r, l->top[0],
            (int64_t[]){d->num[0], d->channels[0], d->height[0], d->width[0]}, 4);
    return layer_error(
        r, l, CARINA_ERR_SHAPE,
        "the shape lies in data that is not here; replace it with a layer of "
        "type \"Input\" and input_param { shape { dim: ... } }");
}

/* --- Layers. */

static bool is_param_of(const char *field, const char *type)
{
    for (; *type; field++) {
        if (*field == '_')
            continue;
        if ((*field | 32) != (*type | 32))
            return false;
        type++;
    }
    return strcmp(field, "_param") == 0;
}

/* The field of the layer's own parameter message; NULL where it is not given. */
static const ProtobufCFieldDescriptor *own_field(const Caffe__Layer *l, const char *name,
                                                 const char **message)
{
    const ProtobufCMessageDescriptor *d = &caffe__layer__descriptor;
    for (unsigned i = 0; i < d->n_fields; i++) {
        if (d->fields[i].type != PROTOBUF_C_TYPE_MESSAGE ||
            d->fields[i].label == PROTOBUF_C_LABEL_REPEATED ||
            !is_param_of(d->fields[i].name, l->type))
            continue;
        memcpy(message, (const char *)l + d->fields[i].offset, sizeof *message);
        return *message ? protobuf_c_message_descriptor_get_field_by_name(
                              d->fields[i].descriptor, name)
                        : NULL;
    }
    return NULL;
}

static void set_by_rule(CaCaffeCall *c, CaValue *v, const CaAttrMap *map)
{
    const char *message = NULL;
    const ProtobufCFieldDescriptor *f =
        map->theirs ? own_field(c->layer, map->theirs, &message) : NULL;
    float real;
    int32_t whole;
    if (f && f->type == PROTOBUF_C_TYPE_FLOAT) {
        memcpy(&real, message + f->offset, sizeof real);
        ca_build_set_real(c->b, v, map->ours, (double)real);
    } else if (f &&
               (f->type == PROTOBUF_C_TYPE_INT32 || f->type == PROTOBUF_C_TYPE_UINT32)) {
        memcpy(&whole, message + f->offset, sizeof whole);
        ca_build_set_int(c->b, v, map->ours, whole);
    } else if (map->value) {
        ca_build_set_text(c->b, v, map->ours, map->value);
    }
}

static void by_rule(CaCaffeCall *c, const CaImportRule *rule, const CaOp *op)
{
    CaValue *v = ca_build_make_at(c->b, op->name, op->opset, c->in, c->n_in, 1);
    for (size_t i = 0; i < sizeof rule->map / sizeof rule->map[0] && rule->map[i].ours;
         i++)
        set_by_rule(c, v, &rule->map[i]);
    c->out[0] = v;
}

static const CaCaffeOp *const tables[] = {ca_caffe_nn, ca_caffe_math, ca_caffe_moves,
                                          ca_caffe_ssd};

static const CaCaffeOp *find_op(const char *type)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const CaCaffeOp *op = tables[t]; op->type; op++)
            if (strcmp(op->type, type) == 0)
                return op;
    return NULL;
}

/* The bottoms' values; of a loss only the first, the others are labels. */
static void take_bottoms(CaCaffeCall *c)
{
    const Caffe__Layer *l = c->layer;
    const bool is_loss = strstr(c->type, "Loss") != NULL;
    c->n_in = (int)(is_loss && l->n_bottom > 1 ? 1 : l->n_bottom);
    for (int i = 0; i < c->n_in && c->b->status == CARINA_OK; i++) {
        CaCaffeName *blob = ca_caffe_find(&c->r->blobs, l->bottom[i]);
        if (!blob || !blob->value) {
            ca_build_fail(
                c->b, CARINA_ERR_FORMAT,
                "bottom '%s' is made by no layer before it; correct the name or "
                "the order of the layers",
                l->bottom[i]);
            return;
        }
        blob->is_read = true;
        c->in[i] = blob->value;
    }
}

static bool reads(const Caffe__Layer *l, const char *blob)
{
    for (size_t i = 0; i < l->n_bottom; i++)
        if (strcmp(l->bottom[i], blob) == 0)
            return true;
    return false;
}

/* The tensor that was called so until now keeps its layer's name, or gets one that says before what it is. */
static void rename_older(CaCaffeCall *c, CaValue *older, const char *top)
{
    if (ca_node_is(older->node, "Parameter") || !older->name ||
        strcmp(older->name, top) != 0)
        return;
    const char *name = ca_arena_printf(c->r->b.work, "%s/before/%s", top, c->name);
    if (name)
        ca_value_set_name(c->r->b.graph, older, name);
}

static void give_tops(CaCaffeCall *c)
{
    for (size_t i = 0; ca_build_settle(c->b) && i < c->layer->n_top; i++) {
        const char *top = c->layer->top[i];
        CaCaffeName *blob = ca_caffe_name(&c->r->blobs, top);
        CaValue *v = c->out[i];
        if (!v)
            continue;
        if (blob->value && !reads(c->layer, top))
            ca_build_fail(
                c->b, CARINA_ERR_FORMAT,
                "top '%s' is already made by another layer; give it another name", top);
        if (c->b->status != CARINA_OK)
            return;
        if (!blob->value)
            c->r->order[c->r->n_order++] = top;
        else if (blob->value != v)
            rename_older(c, blob->value, top);
        blob->value = v;
        blob->is_read = false;
        if (v->node->id < c->first_id)
            continue;
        if (i == 0)
            c->b->status = ca_node_rename(c->r->b.graph, v->node, c->name, c->r->b.err);
        ca_value_set_name(c->r->b.graph, v, top);
    }
}

static void translate(CaCaffeCall *c)
{
    const CaOp *op = NULL;
    if (ca_custom_is(c->b, CARINA_FORMAT_CAFFE, NULL, c->type)) {
        take_bottoms(c);
        if (c->b->status == CARINA_OK)
            ca_caffe_custom(c);
        give_tops(c);
        return;
    }
    const CaCaffeOp *own = find_op(c->type);
    const CaImportRule *rule = own ? NULL : ca_op_import(CA_FORMAT_CAFFE, c->type, &op);
    if (!own && !rule) {
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "a type of layer that Carina does not know; load an extension that has it "
            "(-l FILE), replace it or convert the network to ONNX");
        return;
    }
    const int least = own ? own->min_in : op->arity.min_in,
              most = own ? own->max_in : op->arity.max_in;
    take_bottoms(c);
    if (c->b->status == CARINA_OK && (c->n_in < least || (most >= 0 && c->n_in > most)))
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "%d bottoms, needs %d to %d", c->n_in,
                      least, most);
    if (c->b->status != CARINA_OK)
        return;
    if (own)
        own->fn(c);
    else
        by_rule(c, rule, op);
    give_tops(c);
}

static CarinaStatus read_layer(CaCaffe *r, Caffe__Layer *l)
{
    const CaCaffeName *weights = ca_caffe_find(&r->weights, l->name);
    CaCaffeCall c = {.r = r,
                     .b = &r->b,
                     .layer = l,
                     .weights = weights ? weights->weights : NULL,
                     .name = l->name,
                     .type = l->type,
                     .first_id = r->b.graph->own->next_id};
    if (l->n_bottom > CA_MAX_PORTS || l->n_top > CA_MAX_PORTS)
        return layer_error(r, l, CARINA_ERR_LIMIT, "too many bottoms or tops");
    if (!l->n_top) { /* a loss without a top is called like its layer */
        l->top = ca_arena_alloc(r->b.work, sizeof *l->top);
        if (!l->top)
            return no_memory(r);
        l->top[0] = l->name;
        l->n_top = 1;
    }
    c.in = ca_arena_array(r->b.work, l->n_bottom + 1, sizeof(CaValue *));
    c.out = ca_arena_array(r->b.work, l->n_top + 1, sizeof(CaValue *));
    if (!c.in || !c.out)
        return no_memory(r);
    r->b.name = c.name;
    r->b.type = c.type;
    translate(&c);
    return r->b.status;
}

static CarinaStatus any_layer(CaCaffe *r, Caffe__Layer *l)
{
    if (!l->type || !l->type[0])
        return ca_err(r->b.err, CARINA_ERR_FORMAT, "%s: layer '%s' has no type; add it",
                      r->b.path, l->name);
    if (ca_text_in_list(dropped, l->type))
        return CARINA_OK;
    if (strcmp(l->type, "Silence") == 0) {
        for (size_t i = 0; i < l->n_bottom; i++) {
            CaCaffeName *blob = ca_caffe_find(&r->blobs, l->bottom[i]);
            if (blob)
                blob->is_read = true;
        }
        return CARINA_OK;
    }
    if (strcmp(l->type, "Input") == 0)
        return input_layer(r, l);
    if (strcmp(l->type, "MemoryData") == 0 || strcmp(l->type, "DummyData") == 0 ||
        ca_text_in_list(databases, l->type))
        return data_layer(r, l);
    return read_layer(r, l);
}

static CarinaStatus read_layers(CaCaffe *r, const Caffe__Net *net)
{
    static char nameless[] = "?";
    if (r->n_layers > CA_MAX_NODES)
        return ca_err(r->b.err, CARINA_ERR_LIMIT,
                      "%s: more than %d layers; Carina reads no such model", r->b.path,
                      CA_MAX_NODES);
    for (size_t i = 0; i < r->n_layers; i++) {
        Caffe__Layer *l = r->layers[i];
        if (!l->name || !l->name[0])
            l->name = l->n_top ? l->top[0] : nameless;
    }
    for (size_t i = 0; i < r->n_layers; i++) {
        Caffe__Layer *l = r->layers[i];
        if (l->n_include && l->n_exclude)
            return ca_err(r->b.err, CARINA_ERR_FORMAT,
                          "%s: layer '%s' has include and exclude; keep one of them",
                          r->b.path, l->name);
        if (is_wanted(l, net->state))
            CA_TRY(any_layer(r, l));
    }
    return CARINA_OK;
}

/* --- The model. */

static CarinaStatus read_outputs(CaCaffe *r)
{
    for (size_t i = 0; i < r->n_order; i++) {
        const CaCaffeName *blob = ca_caffe_find(&r->blobs, r->order[i]);
        if (!blob->is_read && !ca_node_is(blob->value->node, "Parameter"))
            CA_TRY(ca_graph_result(r->b.graph, blob->key, blob->value, r->b.err));
    }
    if (!r->b.graph->n_outputs)
        return ca_err(
            r->b.err, CARINA_ERR_FORMAT,
            "%s: no layer computes anything that could be an output; the file is "
            "no network or is damaged",
            r->b.path);
    return CARINA_OK;
}

static CarinaStatus read_model(CaCaffe *r, Caffe__Net *net, const Caffe__Weights *weights)
{
    CA_TRY(ca_caffe_upgrade(r, net));
    if (!r->n_layers)
        return ca_err(r->b.err, CARINA_ERR_FORMAT,
                      "%s: no layer inside; the file is no Caffe network or is damaged",
                      r->b.path);
    CA_TRY(collect(r, net, weights));
    CA_TRY(ca_graph_create(&r->b.graph, r->b.err));
    if (net->name && net->name[0])
        r->b.graph->name = ca_arena_copy(ca_graph_arena(r->b.graph), net->name);
    ca_graph_set_info(r->b.graph, "producer", "Caffe");
    CA_TRY(old_inputs(r, net));
    CA_TRY(read_layers(r, net));
    CA_TRY(read_outputs(r));
    ca_graph_sweep(r->b.graph);
    return CARINA_OK;
}

static CarinaStatus parse_weights(Caffe__Weights **out, CaCaffe *r)
{
    CaText skeleton = {0};
    ProtobufCAllocator allocator = {work_alloc, work_free, r->b.work};
    CarinaStatus status = ca_caffe_skeleton(&skeleton, r->model_path, r->model, r->b.err);
    if (status == CARINA_OK) {
        *out = caffe__weights__unpack(&allocator, skeleton.size,
                                      (const uint8_t *)skeleton.data);
        if (!*out)
            status = ca_err(
                r->b.err, CARINA_ERR_FORMAT,
                "%s: fields of the wrong kind; the file is damaged or is no caffemodel",
                r->model_path);
        else if (!(*out)->n_layer)
            status = ca_err(r->b.err, CARINA_ERR_FORMAT,
                            "%s: no layer inside; the file is no caffemodel or was cut",
                            r->model_path);
    }
    ca_text_free(&skeleton);
    return status;
}

static CarinaStatus read_files(CaGraph **out, const char *prototxt_path,
                               CaBuffer *prototxt, const char *model_path,
                               CaBuffer *model, const CaCustoms *customs,
                               CarinaError *err)
{
    CaCaffe r = {
        .b = {.path = prototxt_path, .err = err, .noun = "layer", .customs = customs},
        .model_path = model_path,
        .model = model};
    ProtobufCMessage *net = NULL;
    Caffe__Weights *weights = NULL;
    CarinaError spare; /* so that the parts can rewrite the sentence */
    *out = NULL;
    if (!r.b.err)
        r.b.err = &spare;
    r.b.work = ca_arena_create(work_limit);
    if (!r.b.work)
        return no_memory(&r);
    CarinaStatus status = ca_caffe_text(
        &net, &r.unknown, r.b.work, &caffe__net__descriptor, r.b.path, prototxt, r.b.err);
    if (status == CARINA_OK)
        status = parse_weights(&weights, &r);
    if (status == CARINA_OK)
        status = read_model(&r, (Caffe__Net *)net, weights);
    ca_arena_free(&r.b.work);
    if (status != CARINA_OK) {
        ca_graph_free(&r.b.graph);
        return status;
    }
    *out = r.b.graph;
    return CARINA_OK;
}

CarinaStatus ca_caffe_read(CaGraph **out, const char *prototxt_path, CaBuffer *prototxt,
                           const char *model_path, CaBuffer *model, CarinaError *err)
{
    return read_files(out, prototxt_path, prototxt, model_path, model, NULL, err);
}

/* --- The reader's row: one of the pair was given. */

/* A printable first line that starts with a word or a comment. */
static bool is_text(const CaSource *s)
{
    size_t n = 0;
    const char *p = ca_source_text(s, &n);
    const size_t look = n < 512 ? n : 512;
    if (!n || !((*p >= 'a' && *p <= 'z') || *p == '#'))
        return false;
    for (size_t i = 0; i < look; i++)
        if ((unsigned char)p[i] < ' ' && p[i] != '\n' && p[i] != '\r' && p[i] != '\t')
            return false;
    return memchr(p, ':', look) || memchr(p, '{', look);
}

/* Field 1 of Caffe's NetParameter is its name. */
static bool match(const CaSource *s)
{
    return is_text(s) || ca_source_has(s, 0, "\x0a", 1);
}

static CarinaStatus read_source(CaGraph **out, CaSource *s)
{
    char beside[4096];
    CaBuffer *second = NULL;
    const bool from_text = is_text(s);
    const char *extension = from_text ? ".caffemodel" : ".prototxt",
               *other = s->options->weights;
    ca_path_beside(beside, sizeof beside, s->path, extension);
    if (!other && (ca_path_exists(beside) ||
                   ca_path_only(beside, sizeof beside, s->path, extension)))
        other = beside;
    if (!other)
        return ca_err(s->err, CARINA_ERR_FILE,
                      "%s: the %s file that goes with it is not beside it; name it too",
                      s->path, extension);
    CA_TRY(ca_file_map(&second, other, s->err));
    const CarinaStatus status =
        from_text ? read_files(out, s->path, s->file, other, second, s->customs, s->err)
                  : read_files(out, other, second, s->path, s->file, s->customs, s->err);
    ca_buffer_unref(&second);
    (void)snprintf(s->format, sizeof s->format, "Caffe");
    return status;
}

static const char *operator_name(int i)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const CaCaffeOp *op = tables[t]; op->type; op++)
            if (i-- == 0)
                return op->type;
    return ca_op_import_name(CA_FORMAT_CAFFE, i);
}

const CaReader ca_reader_caffe = {"Caffe", match, read_source, operator_name};
