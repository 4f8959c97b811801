/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose value lies under which key of a checkpoint.
 *
 * Names are no sure sign: exporters rename variables, and two may share a name. What the graph does when it restores
 * is: Assign(variable, RestoreV2:k) binds the k-th key. Only where a graph has no such nodes are keys looked up by
 * the variable's name, in the checkpoint or in the object graph that it holds.
 */
#include "formats/tensorflow/tf_variables.h"

#include "base/file.h"
#include "formats/protobuf/protobuf_wire.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_ROOM = 4096, MAX_HOPS = 256 };

typedef struct Key {
    const char *key, *part; /* key NULL: not known */
} Key;

typedef struct Alias { /* the object graph's: a variable's old name */
    const char *name, *key;
} Alias;

struct CaTfVariables {
    CaTf *r;
    CaTfBundle *bundle;
    const char *prefix;
    Key *keys; /* of the node with that id */
    int32_t n_keys;
    Alias *aliases;
    size_t n_aliases, aliases_room;
    bool has_aliases; /* looked for */
};

static CarinaStatus no_memory(const CaTf *r)
{
    return ca_err(r->b.err, CARINA_ERR_MEMORY, "%s: out of memory", r->b.path);
}

/* --- The prefix, which is written in several ways. */

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The latest of a folder's checkpoints, from the file `checkpoint`: the text in quotation marks. */
static const char *latest(CaArena *arena, const char *folder)
{
    static const char field[] = "model_checkpoint_path:";
    const char *path = ca_arena_printf(arena, "%s/checkpoint", folder), *found = NULL;
    CaBuffer *file = NULL;
    if (!path || ca_file_map(&file, path, NULL) != CARINA_OK)
        return NULL;
    const char *at = file->data, *const end = at + file->size;
    while (at < end && !found) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)),
                   *stop = newline ? newline : end;
        const size_t n = (size_t)(stop - at);
        const char *open = memchr(at, '"', n);
        if (n > sizeof field && memcmp(at, field, sizeof field - 1) == 0 && open) {
            const char *close = memchr(open + 1, '"', (size_t)(stop - open - 1));
            if (close)
                found = ca_arena_copy_n(arena, open + 1, (size_t)(close - open - 1));
        }
        at = stop + 1;
    }
    ca_buffer_unref(&file);
    return found;
}

static const char *prefix_in(CaArena *arena, const char *folder)
{
    char index[PATH_ROOM];
    const char *name = latest(arena, folder), *slash = name ? strrchr(name, '/') : NULL;
    const char *inside = ca_arena_printf(arena, "%s/variables/variables", folder);
    if (inside && ca_tf_bundle_exists(inside))
        return inside;
    if (name && name[0] == '/' && ca_tf_bundle_exists(name))
        return name;
    const char *beside =
        name ? ca_arena_printf(arena, "%s/%s", folder, name[0] == '/' ? slash + 1 : name)
             : NULL;
    if (beside && ca_tf_bundle_exists(beside))
        return beside;
    const char *any = ca_arena_printf(arena, "%s/.", folder);
    if (!name && any && ca_path_only(index, sizeof index, any, ".index"))
        return ca_arena_copy_n(arena, index, strlen(index) - strlen(".index"));
    return NULL;
}

/* "X.index", "X.meta", "X.data-00000-of-00001" without its end. */
static const char *stem_of(CaArena *arena, const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    if (!dot || (slash && dot < slash))
        return NULL;
    if (strcmp(dot, ".index") == 0 || strcmp(dot, ".meta") == 0 ||
        strncmp(dot, ".data-", 6) == 0)
        return ca_arena_copy_n(arena, path, (size_t)(dot - path));
    return NULL;
}

CarinaStatus ca_tf_checkpoint_prefix(const char **out, CaArena *arena, const char *path,
                                     CarinaError *err)
{
    const char *stem = stem_of(arena, path);
    CaBuffer *file = NULL;
    *out = path;
    if (ca_tf_bundle_exists(path))
        return CARINA_OK;
    if (stem && ca_tf_bundle_exists(stem)) {
        *out = stem;
        return CARINA_OK;
    }
    if (is_folder(path)) {
        *out = prefix_in(arena, path);
        return *out
                   ? CARINA_OK
                   : ca_err(err, CARINA_ERR_FILE,
                            "%s: the folder's file 'checkpoint' names no checkpoint that "
                            "is there, and it does not hold just one; name it",
                            path);
    }
    if (!stem && ca_file_map(&file, path, NULL) == CARINA_OK) {
        ca_buffer_unref(&file);
        return ca_err(
            err, CARINA_ERR_UNSUPPORTED,
            "%s: is no checkpoint with an .index file; one in a single file (V1) "
            "is of before TensorFlow 0.12: restore and save it with a newer one",
            path);
    }
    return ca_err(err, CARINA_ERR_FILE, "%s: there is no checkpoint %s.index", path,
                  stem ? stem : path);
}

/* --- What the graph restores. */

static const CaTfEdge *origin(const CaTfEdge *e)
{
    for (int hops = 0; hops < MAX_HOPS && e->node; hops++) {
        const bool hands_on = strcmp(e->node->op, "IdentityN") == 0;
        if (e->port >= e->node->n_in ||
            (!hands_on && strcmp(e->node->op, "Identity") != 0))
            return e;
        e = &e->node->in[e->port];
    }
    return e;
}

static bool is_variable(const CaTfNode *n)
{
    return n && ca_text_in_list("VarHandleOp,VariableV2,Variable", n->op);
}

typedef struct Restore { /* the last one that was looked at */
    const CaTfNode *node;
    const char **keys, **parts;
    int32_t n;
} Restore;

/* The texts of the constant that node reads at input i; -1 where it is none. */
static int32_t texts(CaTf *r, const char ***out, const CaTfNode *n, int i)
{
    CaTfSpan value;
    const CaTfEdge *e = i < n->n_in ? origin(&n->in[i]) : NULL;
    if (!e || !e->node || strcmp(e->node->op, "Const") != 0 ||
        !ca_tf_attr_tensor(r, e->node, "value", &value))
        return -1;
    return ca_tf_strings(out, r, value);
}

static CarinaStatus open_restore(Restore *s, CaTf *r, const CaTfNode *n)
{
    if (s->node == n)
        return CARINA_OK;
    *s = (Restore){.node = n};
    s->n = texts(r, &s->keys, n, 1);
    if (s->n < 0 || texts(r, &s->parts, n, 2) < s->n)
        s->n = 0;
    return r->b.status;
}

static CarinaStatus bind(CaTfVariables *v, Restore *s, const CaTfNode *assign)
{
    CaTf *r = v->r;
    const CaTfEdge *variable = origin(&assign->in[0]), *value = origin(&assign->in[1]);
    if (!is_variable(variable->node) || !value->node ||
        strcmp(value->node->op, "RestoreV2") != 0)
        return CARINA_OK;
    CA_TRY(open_restore(s, r, value->node));
    if (value->port >= s->n || !ca_tf_bundle_has(v->bundle, s->keys[value->port]))
        return CARINA_OK;
    const int32_t id = variable->node->place;
    if (id < v->n_keys && !v->keys[id].key)
        v->keys[id] = (Key){s->keys[value->port], s->parts[value->port]};
    return CARINA_OK;
}

CarinaStatus ca_tf_variables_bind(CaTfVariables *v, const char *restore)
{
    CaTf *r = v->r;
    Restore s = {.n = 0};
    CaTfEdge e = {.node = NULL};
    if (restore && restore[0])
        ca_tf_find_edge(r, &e, restore);
    v->n_keys = r->n_nodes; /* variables are nodes of the graph, not of a function */
    v->keys = ca_arena_array(r->b.work, (size_t)v->n_keys + 1, sizeof *v->keys);
    if (!v->keys)
        return no_memory(r);
    if (e.node)
        CA_TRY(ca_tf_inline_call(r, e.node));
    for (int32_t i = 0; i < r->n_nodes; i++)
        if (r->nodes[i]->n_in == 2 &&
            ca_text_in_list("Assign,AssignVariableOp", r->nodes[i]->op))
            CA_TRY(bind(v, &s, r->nodes[i]));
    return r->b.status;
}

/* --- Names. */

static const char *text_at(const CaTf *r, const CaWire *w, const CaWireField *f)
{
    return ca_arena_copy_n(r->b.work, (const char *)w->data + f->body, f->end - f->body);
}

/* A SerializedTensor of the object graph: 2 full_name, 3 checkpoint_key. */
static CarinaStatus add_alias(CaTfVariables *v, const CaWire *w,
                              const CaWireField *attribute)
{
    CaTf *r = v->r;
    CaWireField f;
    Alias a = {NULL, NULL};
    for (size_t at = attribute->body; at < attribute->end; at = f.end) {
        CA_TRY(ca_wire_next(w, &f, at, attribute->end));
        if (f.wire == 2 && f.number == 2)
            a.name = text_at(r, w, &f);
        if (f.wire == 2 && f.number == 3)
            a.key = text_at(r, w, &f);
    }
    if (!a.name || !a.name[0] || !a.key)
        return CARINA_OK;
    if (v->n_aliases == v->aliases_room) {
        const size_t room = v->aliases_room ? 2 * v->aliases_room : 64;
        Alias *grown = ca_arena_array(r->b.work, room, sizeof *grown);
        if (!grown)
            return no_memory(r);
        if (v->n_aliases)
            memcpy(grown, v->aliases, v->n_aliases * sizeof *grown);
        v->aliases = grown;
        v->aliases_room = room;
    }
    v->aliases[v->n_aliases++] = a;
    return CARINA_OK;
}

/* TrackableObjectGraph: 1 nodes* {2 attributes*}. */
static CarinaStatus read_objects(CaTfVariables *v)
{
    static const char key[] = "_CHECKPOINTABLE_OBJECT_GRAPH";
    CaTf *r = v->r;
    CaBuffer *objects = NULL;
    v->has_aliases = true;
    if (!ca_tf_bundle_has(v->bundle, key))
        return CARINA_OK;
    CA_TRY(ca_tf_bundle_text(&objects, v->bundle, key, r->b.err));
    const CaWire w = {objects->data, v->prefix, "has no object graph", NULL, r->b.err};
    CarinaStatus status = CARINA_OK;
    CaWireField node, f;
    for (size_t at = 0; status == CARINA_OK && at < objects->size; at = node.end) {
        status = ca_wire_next(&w, &node, at, objects->size);
        if (status != CARINA_OK || node.number != 1 || node.wire != 2)
            continue;
        for (size_t in = node.body; status == CARINA_OK && in < node.end; in = f.end) {
            status = ca_wire_next(&w, &f, in, node.end);
            if (status == CARINA_OK && f.number == 2 && f.wire == 2)
                status = add_alias(v, &w, &f);
        }
    }
    ca_buffer_unref(&objects);
    return status;
}

/* "w/part_1" of a partitioned variable that was saved as "w": its place, by the shapes of the parts before it. part
 * stays "" where n is no such part. */
static CarinaStatus part_by_name(const CaTfVariables *v, const CaTfNode *n, Key *k)
{
    CaTf *r = v->r;
    const char *end = strstr(n->name, "/part_");
    int64_t number = 0;
    CarinaShape full;
    if (!end || !ca_text_int(&number, end + 6, strlen(end + 6)) || number < 0)
        return CARINA_OK;
    const char *base = ca_arena_copy_n(r->b.work, n->name, (size_t)(end - n->name));
    if (!base)
        return no_memory(r);
    if (!ca_tf_bundle_has(v->bundle, base) || !ca_tf_bundle_shape(&full, v->bundle, base))
        return CARINA_OK;
    const CarinaShape own = ca_tf_attr_shape(r, n, "shape");
    int axis = 0;
    int64_t start = 0;
    while (axis < own.rank - 1 && axis < full.rank && own.dims[axis] == full.dims[axis])
        axis++;
    for (int64_t i = 0; i < number && own.rank == full.rank && own.rank > 0; i++) {
        const char *name = ca_arena_printf(r->b.work, "%s/part_%lld", base, (long long)i);
        const CaTfNode *before = name ? ca_tf_find(r, name) : NULL;
        const CarinaShape s =
            before ? ca_tf_attr_shape(r, before, "shape") : ca_shape_unknown();
        if (s.rank != own.rank || s.dims[axis] < 1 || s.dims[axis] > full.dims[axis])
            return CARINA_OK;
        start += s.dims[axis];
    }
    CaText text = {.limit = 1024};
    for (int i = 0; i < full.rank; i++)
        ca_text_add(&text, "%lld ", (long long)full.dims[i]);
    for (int i = 0; i < own.rank; i++)
        if (i == axis)
            ca_text_add(&text, "%s%lld,%lld", i ? ":" : "", (long long)start,
                        (long long)own.dims[i]);
        else
            ca_text_add(&text, "%s-", i ? ":" : "");
    k->key = base;
    k->part = text.failed ? NULL : ca_arena_copy(r->b.work, text.data ? text.data : "");
    ca_text_free(&text);
    return k->part ? r->b.status : no_memory(r);
}

/* The key of a variable that nothing restores: its name, or what the checkpoint calls the object of that name. */
static CarinaStatus key_by_name(CaTfVariables *v, const CaTfNode *n, Key *k)
{
    const char **key = &k->key;
    *k = (Key){n->name, ""};
    if (ca_tf_bundle_has(v->bundle, n->name))
        return CARINA_OK;
    CA_TRY(part_by_name(v, n, k));
    if (k->part[0])
        return CARINA_OK;
    if (!v->has_aliases)
        CA_TRY(read_objects(v));
    int found = 0;
    for (size_t i = 0; i < v->n_aliases; i++)
        if (strcmp(v->aliases[i].name, n->name) == 0) {
            found += !found || strcmp(*key, v->aliases[i].key) != 0;
            *key = v->aliases[i].key;
        }
    if (found > 1)
        return ca_err(v->r->b.err, CARINA_ERR_UNSUPPORTED,
                      "%s: node '%s' (%s): %d variables of the checkpoint have its name; "
                      "save the model as a SavedModel",
                      v->r->b.path, n->name, n->op, found);
    return CARINA_OK;
}

/* --- Values. */

static CarinaStatus check(const CaTfVariables *v, const CaTfNode *n, const char *key,
                          const CarinaTensor *t)
{
    CaTf *r = v->r;
    char graph[CA_SHAPE_TEXT], file[CA_SHAPE_TEXT];
    CaTfSpan span;
    const uint64_t dtype = ca_tf_attr_type(r, n, "dtype");
    const CarinaType type = dtype ? ca_tf_type(dtype) : t->type;
    const CarinaShape shape = ca_tf_attr(r, n, "shape", &span)
                                  ? ca_tf_attr_shape(r, n, "shape")
                                  : ca_shape_unknown();
    bool same = type == t->type && (shape.rank < 0 || shape.rank == t->shape.rank);
    CA_TRY(r->b.status);
    for (int i = 0; same && i < shape.rank; i++)
        same = shape.dims[i] < 0 || shape.dims[i] == t->shape.dims[i];
    if (same)
        return CARINA_OK;
    return ca_err(
        r->b.err, CARINA_ERR_SHAPE,
        "%s: node '%s' (%s) is %s %s, but '%s' in %s is %s %s; the checkpoint is "
        "of another model",
        r->b.path, n->name, n->op, ca_shape_text(graph, sizeof graph, &shape),
        carina_type_name(type), key, v->prefix,
        ca_shape_text(file, sizeof file, &t->shape), carina_type_name(t->type));
}

static CarinaStatus value_of(CarinaTensor **out, void *arg, const CaTfNode *n,
                             CarinaError *err)
{
    CaTfVariables *v = arg;
    Key k = n->place < v->n_keys ? v->keys[n->place] : (Key){NULL, NULL};
    *out = NULL;
    if (!k.key)
        CA_TRY(key_by_name(v, n, &k));
    CA_TRY(ca_tf_bundle_part(out, v->bundle, k.key, k.part, err));
    const CarinaStatus status = check(v, n, k.key, *out);
    if (status != CARINA_OK)
        carina_tensor_free(out);
    return status;
}

/* --- The whole. */

CarinaStatus ca_tf_variables_open(CaTfVariables **out, CaTf *r, const char *prefix)
{
    CaTfVariables *v = ca_arena_alloc(r->b.work, sizeof *v);
    *out = NULL;
    if (!v)
        return no_memory(r);
    v->r = r;
    v->prefix = prefix;
    CA_TRY(ca_tf_bundle_open(&v->bundle, prefix, r->b.err));
    r->variable = value_of;
    r->variable_arg = v;
    *out = v;
    return CARINA_OK;
}

void ca_tf_variables_free(CaTfVariables **v)
{
    if (v && *v) /* itself it lies in the reading's arena */
        ca_tf_bundle_free(&(*v)->bundle);
    if (v)
        *v = NULL;
}

CarinaStatus ca_tf_variables_given(CaTfVariables **out, CaTf *r)
{
    const char *prefix = NULL;
    *out = NULL;
    if (r->n_outputs == 0 && !(r->options && r->options->outputs))
        CA_TRY(ca_tf_guess_trained(r));
    if (!r->options || !r->options->weights)
        return CARINA_OK;
    CA_TRY(ca_tf_checkpoint_prefix(&prefix, r->b.work, r->options->weights, r->b.err));
    if (!prefix)
        return no_memory(r);
    CA_TRY(ca_tf_variables_open(out, r, prefix));
    const CarinaStatus status = ca_tf_variables_bind(*out, NULL);
    if (status != CARINA_OK)
        ca_tf_variables_free(out);
    return status;
}
