/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which numbers in the file belong to a layer.
 *
 * .h5 lists the names of a layer's weights, in the order of their making and relative to the layer's group. A model
 * as a layer has one list for all its layers, in another order, so names decide: those with the layer's name as a
 * component. .keras has a tree of objects whose names are made from class names and counted: dense, dense_1.
 */
#include "formats/keras/keras_reader.h"

#include <stdio.h>
#include <string.h>

static void no_memory(CaKeras *r)
{
    ca_build_fail(&r->b, CARINA_ERR_MEMORY, "out of memory");
}

static bool good(CaKeras *r, CarinaStatus status)
{
    if (r->b.status == CARINA_OK)
        r->b.status = status; /* keras_hdf5.c has said which file */
    return r->b.status == CARINA_OK;
}

/* --- Components of a path. */

static bool is_one_of(const char *list, const char *text, size_t n, bool is_start)
{
    while (list && *list) {
        const size_t length = strcspn(list, "|");
        if ((is_start ? length <= n : length == n) && memcmp(list, text, length) == 0)
            return true;
        list += length + (list[length] == '|');
    }
    return false;
}

/* Is there a component (the last one aside) that equals or begins with one of the list? */
static bool has_component(const char *path, const char *list, bool is_start)
{
    for (const char *p = path, *slash; (slash = strchr(p, '/')); p = slash + 1)
        if (is_one_of(list, p, (size_t)(slash - p), is_start))
            return true;
    return false;
}

/* Keras 2.0 and 2.1 counted scopes: "conv_1_2/kernel" for layer conv_1. */
static bool has_counted(const char *path, const char *name)
{
    const size_t n = strlen(name);
    for (const char *p = path, *slash; (slash = strchr(p, '/')); p = slash + 1) {
        const char *digit = p + n + 1;
        if ((size_t)(slash - p) < n + 2 || strncmp(p, name, n) != 0 || p[n] != '_')
            continue;
        while (digit < slash && *digit >= '0' && *digit <= '9')
            digit++;
        if (digit == slash)
            return true;
    }
    return false;
}

/* The last component without ":0". */
static bool is_variable(const char *path, const char *names)
{
    const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
    return is_one_of(names, last, strcspn(last, ":"), false);
}

typedef enum Keep { EXACT, START, COUNTED } Keep;

static CaKerasScope filtered(CaKeras *r, const CaKerasScope *scope, const char *list,
                             Keep keep)
{
    CaKerasScope out = {.at = scope->at};
    out.names = ca_arena_array(r->b.work, (size_t)scope->n + 1, sizeof *out.names);
    if (!out.names) {
        no_memory(r);
        return out;
    }
    for (int i = 0; i < scope->n; i++)
        if (keep == COUNTED ? has_counted(scope->names[i], list)
                            : has_component(scope->names[i], list, keep == START))
            out.names[out.n++] = scope->names[i];
    return out;
}

/* --- Scopes of a model's layers. */

/* Keras' own rule, two regular expressions: (.)([A-Z][a-z]+) -> \1_\2, then ([a-z])([A-Z]) -> \1_\2, lower case. */
static void snake_case(char *out, size_t room, const char *name)
{
    char once[256];
    size_t n = 0, to = 0;
    const char *shield = NULL; /* the character before is part of a match already */
    for (const char *p = name; *p && n + 2 < sizeof once; p++) {
        const bool is_word = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                             (*p >= '0' && *p <= '9') || *p == '_';
        if (!is_word)
            continue;
        const bool starts = *p >= 'A' && *p <= 'Z' && p[1] >= 'a' && p[1] <= 'z';
        if (starts && n > 0 && (!shield || p > shield)) {
            once[n++] = '_';
            for (shield = p + 1; shield[1] >= 'a' && shield[1] <= 'z';)
                shield++; /* the match ends here */
            shield++;
        }
        once[n++] = *p;
    }
    once[n] = 0;
    for (size_t i = 0; i < n && to + 2 < room; i++) {
        if (i > 0 && once[i] >= 'A' && once[i] <= 'Z' && once[i - 1] >= 'a' &&
            once[i - 1] <= 'z')
            out[to++] = '_';
        out[to++] = once[i] >= 'A' && once[i] <= 'Z' ? (char)(once[i] | 32) : once[i];
    }
    out[to] = 0;
}

static bool is_there(CaKeras *r, const char *path)
{
    CaHdf5Kind kind = CA_HDF5_NOTHING;
    return r->b.status == CARINA_OK && path &&
           good(r, ca_hdf5_find(&kind, r->h5, path, r->b.err)) && kind != CA_HDF5_NOTHING;
}

/* The layer's name as the group of its variables tells it (Keras 3.6 and newer); NULL where it does not. */
static const char *name_in_file(CaKeras *r, const char *at)
{
    char *name = NULL;
    const char *vars = ca_arena_printf(r->b.work, "%s/vars", at);
    if (vars && r->b.status == CARINA_OK)
        good(r, ca_hdf5_text(&name, r->h5, r->b.work, vars, "name", r->b.err));
    return name;
}

/* Another group beside it that has the layer's name. */
static const char *by_name(CaKeras *r, const char *folder, const char *name)
{
    char **links;
    int n;
    if (r->b.status != CARINA_OK ||
        !good(r, ca_hdf5_links(&links, &n, r->h5, r->b.work, folder, r->b.err)))
        return NULL;
    for (int i = 0; i < n; i++) {
        const char *at = ca_arena_printf(r->b.work, "%s/%s", folder, links[i]);
        const char *found = at ? name_in_file(r, at) : NULL;
        if (found && strcmp(found, name) == 0)
            return at;
    }
    return NULL;
}

typedef struct Counter {
    const char *snake;
    int64_t n;
    struct Counter *next;
} Counter;

static Counter *counter(CaKeras *r, Counter **list, const char *class_name)
{
    char snake[300];
    if (strcmp(class_name, "GroupQueryAttention") == 0)
        class_name = "GroupedQueryAttention"; /* what the class is called inside Keras */
    snake_case(snake, sizeof snake, class_name);
    Counter *at = *list;
    while (at && strcmp(at->snake, snake) != 0)
        at = at->next;
    if (at)
        return at;
    at = ca_arena_alloc(r->b.work, sizeof *at);
    if (!at || !(at->snake = ca_arena_copy(r->b.work, snake))) {
        no_memory(r);
        return NULL;
    }
    at->next = *list;
    *list = at;
    return at;
}

/* Does the object hold variables, itself or in a part? Keras 2.13 counted such a layer twice. */
static bool holds_variables(CaKeras *r, const char *at, int depth, int *budget)
{
    char **links;
    int n;
    bool found = false;
    if (depth > CA_KERAS_DEPTH || --*budget < 0 || r->b.status != CARINA_OK ||
        !good(r, ca_hdf5_links(&links, &n, r->h5, r->b.work, at, r->b.err)))
        return false;
    for (int i = 0; i < n && !found; i++) {
        CaHdf5Kind kind;
        const char *path = ca_arena_printf(r->b.work, "%s/%s", at, links[i]);
        if (!path || !good(r, ca_hdf5_find(&kind, r->h5, path, r->b.err)))
            return false;
        found = kind == CA_HDF5_DATASET ||
                (kind == CA_HDF5_GROUP && holds_variables(r, path, depth + 1, budget));
    }
    return found;
}

static void tree_scopes(CaKeras *r, CaKerasModel *m, const CaKerasScope *scope)
{
    Counter *counters = NULL;
    const char *folder = ca_arena_printf(r->b.work, "%s/%s", scope->at, r->layers);
    const bool is_doubled = strcmp(r->layers, "layers") != 0;
    int budget = 1 << 20; /* objects that may be looked at */
    for (int i = 0; folder && i < m->n_layers; i++) {
        CaKerasLayer *l = m->layers[i];
        Counter *k = l->is_op ? NULL : counter(r, &counters, l->class_name);
        if (!k)
            continue;
        l->scope.at = k->n ? ca_arena_printf(r->b.work, "%s/%s_%lld", folder, k->snake,
                                             (long long)k->n)
                           : ca_arena_printf(r->b.work, "%s/%s", folder, k->snake);
        if (!l->scope.at) {
            no_memory(r);
            return;
        }
        k->n += is_doubled && holds_variables(r, l->scope.at, 0, &budget) ? 2 : 1;
        const char *named = name_in_file(r, l->scope.at);
        if (named && strcmp(named, l->name) != 0) {
            const char *other = by_name(r, folder, l->name);
            l->scope.at = other ? other : l->scope.at;
        }
    }
}

static void list_scope(CaKeras *r, CaKerasLayer *l, const CaKerasScope *scope)
{
    l->scope.at = ca_arena_printf(r->b.work, "%s/%s", scope->at, l->name);
    if (!l->scope.at)
        no_memory(r);
    else if (r->b.status == CARINA_OK &&
             good(r, ca_hdf5_texts(&l->scope.names, &l->scope.n, r->h5, r->b.work,
                                   l->scope.at, "weight_names", r->b.err)) &&
             l->scope.n < 0)
        l->scope.n = 0;
}

/* Do names of a model beside it lead to this one? Then it is a layer inside that model, though it is called like l. */
static bool is_of_sibling(const CaKerasModel *m, const CaKerasLayer *l, const char *path)
{
    for (int i = 0; i < m->n_layers; i++)
        if (m->layers[i] != l && ca_keras_is_model(m->layers[i]->class_name) &&
            has_component(path, m->layers[i]->name, false))
            return true;
    return false;
}

static CaKerasScope inner_scope(CaKeras *r, const CaKerasModel *m, const CaKerasLayer *l,
                                const CaKerasScope *scope)
{
    CaKerasScope out = filtered(r, scope, l->name, EXACT);
    int n = 0;
    if (!out.n)
        out = filtered(r, scope, l->name, COUNTED);
    if (!out.n && ca_keras_is_model(l->class_name))
        return *scope; /* tf.keras leaves the names of models out */
    for (int i = 0; i < out.n; i++)
        if (!is_of_sibling(m, l, out.names[i]))
            out.names[n++] = out.names[i];
    if (n)
        out.n = n;
    return out;
}

/* A scope without names is the whole file's: each layer has its group there. */
void ca_keras_scopes(CaKeras *r, CaKerasModel *m, CaKerasScope scope)
{
    if (r->is_tree) {
        tree_scopes(r, m, &scope);
        return;
    }
    for (int i = 0; i < m->n_layers && r->b.status == CARINA_OK; i++) {
        if (scope.names)
            m->layers[i]->scope = inner_scope(r, m, m->layers[i], &scope);
        else
            list_scope(r, m->layers[i], &scope);
    }
}

/* Could the two be one object? Configurations are written anew each time and differ in details; names do not. */
static bool are_same(const CaKerasLayer *a, const CaKerasLayer *b)
{
    if (strcmp(a->name, b->name) != 0 || strcmp(a->class_name, b->class_name) != 0 ||
        !a->inner != !b->inner)
        return false;
    if (a->inner && a->inner->n_layers != b->inner->n_layers)
        return false;
    for (int i = 0; a->inner && i < a->inner->n_layers; i++)
        if (strcmp(a->inner->layers[i]->name, b->inner->layers[i]->name) != 0)
            return false;
    return true;
}

void ca_keras_share_scopes(CaKeras *r)
{
    int64_t budget = (int64_t)1 << 26; /* comparisons: no real model comes near */
    for (CaKerasLayer *l = r->all; l && r->b.status == CARINA_OK; l = l->next) {
        if (l->is_op || is_there(r, l->scope.at))
            continue;
        for (const CaKerasLayer *o = r->all; o && --budget > 0; o = o->next)
            if (o != l && are_same(o, l) && is_there(r, o->scope.at)) {
                l->scope = o->scope;
                if (l->inner) /* its layers are looked at here, too */
                    ca_keras_scopes(r, l->inner, l->scope);
                break;
            }
    }
}

CaKerasScope ca_keras_root(CaKeras *r)
{
    const CaKerasScope root = {.at = r->is_tree ? "" : "model_weights"};
    return root;
}

CaKerasScope ca_keras_part(CaKerasCall *c, const CaKerasScope *scope, const char *sub,
                           const char *within)
{
    CaKeras *r = c->r;
    CaKerasScope out = *scope;
    if (!r->is_tree) {
        CaKerasScope some = within ? filtered(r, scope, within, START) : *scope;
        return some.n ? some : *scope;
    }
    for (const char *p = sub; p && *p;) {
        const size_t n = strcspn(p, "|");
        const char *at = ca_arena_printf(r->b.work, "%s/%.*s", scope->at, (int)n, p);
        if (!at)
            no_memory(r);
        out.at = at ? at : scope->at;
        if (is_there(r, at))
            break;
        p += n + (p[n] == '|');
    }
    return out;
}

/* --- Weights. */

/* The path of the dataset; NULL where there is none. */
static const char *path_of(CaKeras *r, const CaKerasScope *scope, int i, const char *name,
                           int k)
{
    const char *path = NULL;
    if (r->is_tree) {
        path = ca_arena_printf(r->b.work, "%s/vars/%d", scope->at, i);
        return is_there(r, path) ? path : NULL;
    }
    for (int j = 0; j < scope->n && !path; j++)
        if (is_variable(scope->names[j], name) && k-- == 0)
            path = ca_arena_printf(r->b.work, "%s/%s", scope->at, scope->names[j]);
    if (!path && scope->n == 1 && i == 0 &&
        k == 0) /* made without a name: "variable_7" */
        path = ca_arena_printf(r->b.work, "%s/%s", scope->at, scope->names[0]);
    return path;
}

bool ca_keras_has_weight(CaKerasCall *c, const CaKerasScope *scope, int i,
                         const char *name)
{
    return path_of(c->r, scope, i, name, 0) != NULL;
}

static bool fits(const CarinaShape *s, const int64_t *dims, int rank)
{
    if (s->rank != rank)
        return false;
    for (int i = 0; i < rank; i++)
        if (dims[i] >= 0 && s->dims[i] != dims[i])
            return false;
    return true;
}

static CaValue *read_weight(CaKerasCall *c, const char *path, const char *name,
                            const int64_t *dims, int rank)
{
    CaKeras *r = c->r;
    CarinaShape seen;
    CarinaTensor *t = NULL;
    if (!good(r, ca_hdf5_shape(&seen, r->h5, path, r->b.err)))
        return NULL;
    if (rank >= 0 && !fits(&seen, dims, rank)) {
        char have[CA_SHAPE_TEXT], want[CA_SHAPE_TEXT];
        const CarinaShape wanted = ca_shape(rank, dims);
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "weight '%s' is %s, the layer needs %s; the file is damaged", path,
                      ca_shape_text(have, sizeof have, &seen),
                      ca_shape_text(want, sizeof want, &wanted));
        return NULL;
    }
    if (!good(r, ca_hdf5_tensor(&t, r->h5, path, r->b.err)))
        return NULL;
    return ca_build_tensor(c->b, ca_arena_printf(c->b->work, "%s/%s", c->b->name, name),
                           t);
}

CaValue *ca_keras_weight_at(CaKerasCall *c, const CaKerasScope *scope, int i,
                            const char *name, int k, const int64_t *dims, int rank,
                            const int *perm)
{
    CaKeras *r = c->r;
    if (!ca_build_settle(c->b))
        return NULL;
    const char *path = path_of(r, scope, i, name, k);
    const int length = (int)strcspn(name, "|");
    if (!path) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "its weight '%.*s' is not in the file; save the whole model again",
                      length, name);
        return NULL;
    }
    for (const CaKerasKept *kept = c->layer->kept; kept; kept = kept->next)
        if (strcmp(kept->key, path) == 0)
            return kept->value;
    const char *plain = ca_arena_copy_n(c->b->work, name, (size_t)length);
    CaValue *v = plain ? read_weight(c, path, plain, dims, rank) : NULL;
    if (v && perm)
        v = ca_build_transpose(c->b, v, perm, rank);
    CaKerasKept *kept = ca_arena_alloc(c->b->work, sizeof *kept);
    if (!kept || !plain)
        no_memory(r);
    if (!v || !kept || !ca_build_settle(c->b))
        return NULL;
    *kept = (CaKerasKept){path, v, c->layer->kept};
    c->layer->kept = kept;
    return v;
}

CaValue *ca_keras_weight(CaKerasCall *c, int i, const char *name, const int64_t *dims,
                         int rank, const int *perm)
{
    return ca_keras_weight_at(c, &c->layer->scope, i, name, 0, dims, rank, perm);
}
