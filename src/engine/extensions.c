/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading extensions: nothing of a table is used before it has been looked through.
 */
#include "engine/extensions.h"

#include "base/memory.h"
#include "base/text.h"

#include <dlfcn.h>
#include <string.h>

enum {
    MOST_OPS = 4096,
    MOST_ATTRS = 256,
    MOST_ALIASES = 256,
    MOST_NAME = 100,
    MOST_PORTS = 1 << 16,
    MOST_ATTRS_SIZE = 1 << 20
};

/* The members of ABI 1.0. */
#define LEAST_TABLE (offsetof(CarinaExtension, ops) + sizeof(void *))
#define LEAST_OP (offsetof(CarinaExtensionOp, evaluate) + sizeof(void *))

static CarinaStatus no_memory(const CaExtension *e, CarinaError *err)
{
    return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", e->path);
}

static void free_extensions(const CaExtension **list)
{
    while (*list) {
        const CaExtension *e = *list;
        CaArena *arena = e->arena;
        *list = e->next;
        dlclose(e->library);
        ca_arena_free(&arena);
    }
}

/* --- What a table may say. */

static bool is_name(const char *name, bool is_attr)
{
    const size_t n = name ? strnlen(name, MOST_NAME + 1) : 0;
    if (n == 0 || n > MOST_NAME || (is_attr && (*name == '-' || *name == '.')))
        return false;
    for (size_t i = 0; i < n; i++) {
        const char c = name[i];
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && c != '_' && (i == 0 || !strchr("0123456789.-", c)))
            return false;
    }
    return true;
}

/* Size of an attribute's member, which is its alignment but for structs; 0: no kind that there is. */
static size_t size_of(CarinaAttrKind kind, size_t *alignment)
{
    switch (kind) {
    case CARINA_ATTR_INT: *alignment = sizeof(int64_t); return sizeof(int64_t);
    case CARINA_ATTR_FLOAT: *alignment = sizeof(double); return sizeof(double);
    case CARINA_ATTR_BOOL: *alignment = sizeof(bool); return sizeof(bool);
    case CARINA_ATTR_ENUM: *alignment = sizeof(int32_t); return sizeof(int32_t);
    case CARINA_ATTR_STRING: *alignment = sizeof(char *); return sizeof(char *);
    case CARINA_ATTR_INTS: *alignment = sizeof(void *); return sizeof(CarinaInts);
    case CARINA_ATTR_FLOATS: *alignment = sizeof(void *); return sizeof(CarinaFloats);
    case CARINA_ATTR_TYPE: *alignment = sizeof(CarinaType); return sizeof(CarinaType);
    case CARINA_ATTR_SHAPE: *alignment = sizeof(int64_t); return sizeof(CarinaShape);
    case CARINA_ATTR_END: break;
    }
    return 0;
}

static CarinaStatus check_attr(const CaExtension *e, const CarinaExtensionOp *t, int i,
                               CarinaError *err)
{
    const CarinaAttr *a = &t->attrs[i];
    size_t alignment = 1;
    const size_t size = size_of(a->kind, &alignment);
    if (i >= MOST_ATTRS || !size || !is_name(a->name, true))
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: operator %s: attribute %d has no name or no kind that there "
                      "is; its list must end with CARINA_ATTR_END",
                      e->path, t->name, i);
    if (a->offset % alignment || a->offset > t->attrs_size ||
        size > t->attrs_size - a->offset)
        return ca_err(
            err, CARINA_ERR_FORMAT,
            "%s: operator %s: attribute %s lies at %zu, outside of the struct of "
            "%zu bytes or not aligned",
            e->path, t->name, a->name, a->offset, t->attrs_size);
    if (a->kind == CARINA_ATTR_ENUM && (!a->names || !a->names[0]))
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: operator %s: attribute %s is an enum without names", e->path,
                      t->name, a->name);
    for (int k = 0; k < i; k++)
        if (strcmp(t->attrs[k].name, a->name) == 0)
            return ca_err(err, CARINA_ERR_FORMAT,
                          "%s: operator %s: two attributes are called %s", e->path,
                          t->name, a->name);
    return CARINA_OK;
}

static CarinaStatus check_aliases(const CaExtension *e, const CarinaExtensionOp *t,
                                  CarinaError *err)
{
    const CarinaAlias *a = t->aliases;
    for (int i = 0; a && a[i].format != CARINA_FORMAT_END; i++)
        if (i >= MOST_ALIASES || (int)a[i].format < CARINA_FORMAT_END ||
            (int)a[i].format > CARINA_FORMAT_IR || !a[i].name || !a[i].name[0])
            return ca_err(err, CARINA_ERR_FORMAT,
                          "%s: operator %s: alias %d has no name or no format that there "
                          "is; the list must end with CARINA_FORMAT_END",
                          e->path, t->name, i);
    return CARINA_OK;
}

/* A node with nothing given: do the fallbacks hold? */
static CarinaStatus check_fallbacks(const CaExtension *e, const CaCustomOp *c,
                                    CarinaError *err)
{
    CaGraph *g = NULL;
    CaNode *node = NULL;
    CarinaError said = {CARINA_OK, ""};
    CarinaStatus status = ca_graph_create(&g, &said);
    if (status == CARINA_OK)
        status = ca_graph_add_op(&node, g, NULL, &c->op, "fallback", NULL, 0, 0, &said);
    ca_graph_free(&g);
    if (status == CARINA_OK)
        return CARINA_OK;
    return ca_err(err, status, "%s: %s", e->path, said.text);
}

static CarinaStatus check_op(const CaExtension *e, const CarinaExtensionOp *t,
                             CarinaError *err)
{
    if (ca_op_find(t->name, 0))
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: operator %s is one of Carina's own; give yours another name "
                      "(an alias may be what files call it)",
                      e->path, t->name);
    if (t->min_inputs < 0 || t->max_inputs > MOST_PORTS || t->n_outputs < -1 ||
        t->n_outputs == 0 || t->n_outputs > MOST_PORTS ||
        (t->max_inputs >= 0 && t->max_inputs < t->min_inputs) || t->max_inputs < -1)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: operator %s: %d to %d inputs and %d outputs cannot be",
                      e->path, t->name, (int)t->min_inputs, (int)t->max_inputs,
                      (int)t->n_outputs);
    if (!t->infer || !t->evaluate)
        return ca_err(err, CARINA_ERR_FORMAT, "%s: operator %s has no %s function",
                      e->path, t->name, t->infer ? "evaluate" : "infer");
    if (t->attrs_size > MOST_ATTRS_SIZE)
        return ca_err(err, CARINA_ERR_LIMIT,
                      "%s: operator %s: attributes of %zu bytes, at most %d are possible",
                      e->path, t->name, t->attrs_size, MOST_ATTRS_SIZE);
    for (int i = 0; t->attrs && t->attrs[i].kind != CARINA_ATTR_END; i++)
        CA_TRY(check_attr(e, t, i, err));
    return check_aliases(e, t, err);
}

static CarinaStatus taken(const CaExtension *e, const CaExtension *loaded,
                          const CarinaExtensionOp *t, CarinaError *err)
{
    const CaCustoms others = {.extensions = loaded};
    bool is_taken = ca_custom_find_ir(&others, t->name) != NULL;
    for (int i = 0; i < e->n_ops; i++)
        is_taken = is_taken || strcmp(e->ops[i].op.name, t->name) == 0;
    if (is_taken)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: operator %s has been loaded before; load each extension once",
                      e->path, t->name);
    for (const CarinaAlias *a = t->aliases; a && a->format != CARINA_FORMAT_END; a++) {
        const CaOp *other = ca_custom_find(&others, a->format, a->domain, a->name);
        if (other)
            return ca_err(err, CARINA_ERR_FORMAT,
                          "%s: operator %s answers to '%s', as %s of another extension "
                          "does; load one of them",
                          e->path, t->name, a->name, other->name);
    }
    return CARINA_OK;
}

static CarinaStatus add_op(CaExtension *e, const CaExtension *loaded,
                           const CarinaExtensionOp *t, CarinaError *err)
{
    CaCustomOp *c = &e->ops[e->n_ops];
    if (!t || t->struct_size < LEAST_OP)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: the table of operator %d is %zu bytes, needs %zu; build it "
                      "against carina/extension.h again",
                      e->path, e->n_ops, t ? t->struct_size : 0, LEAST_OP);
    if (!is_name(t->name, false))
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: operator %d has no name of at most %d letters, digits and _.-",
                      e->path, e->n_ops, MOST_NAME);
    memcpy(&c->table, t,
           t->struct_size < sizeof c->table ? t->struct_size : sizeof c->table);
    CA_TRY(check_op(e, &c->table, err));
    CA_TRY(taken(e, loaded, &c->table, err));
    ca_custom_bind(c);
    CA_TRY(check_fallbacks(e, c, err));
    e->n_ops++;
    return CARINA_OK;
}

/* --- The object. */

static CarinaStatus check_table(const CaExtension *e, const CarinaExtension *t,
                                CarinaError *err)
{
    if (!t || t->struct_size < offsetof(CarinaExtension, name) ||
        t->abi_major != CARINA_EXTENSION_ABI_MAJOR)
        return ca_err(err, CARINA_ERR_UNSUPPORTED,
                      "%s: is for extension ABI %d.%d, this library has %d.%d; build it "
                      "against its carina/extension.h",
                      e->path, t ? t->abi_major : 0, t ? t->abi_minor : 0,
                      CARINA_EXTENSION_ABI_MAJOR, CARINA_EXTENSION_ABI_MINOR);
    if (t->struct_size < LEAST_TABLE || t->attr_size != sizeof(CarinaAttr))
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: its table is %zu bytes with attributes of %zu, needs %zu and "
                      "%zu; build it against carina/extension.h again",
                      e->path, t->struct_size,
                      t->struct_size < LEAST_TABLE ? 0 : t->attr_size, LEAST_TABLE,
                      sizeof(CarinaAttr));
    if (t->n_ops < 1 || t->n_ops > MOST_OPS || !t->ops)
        return ca_err(err, CARINA_ERR_FORMAT, "%s: has %d operators, must have 1 to %d",
                      e->path, (int)t->n_ops, MOST_OPS);
    return CARINA_OK;
}

static CarinaStatus open_library(CaExtension *e, CarinaError *err)
{
    const char *file =
        strchr(e->path, '/') ? e->path : ca_arena_printf(e->arena, "./%s", e->path);
    if (!file)
        return no_memory(e, err);
    e->library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (e->library)
        return CARINA_OK;
    const char *why = dlerror(), *colon = why ? strstr(why, ": ") : NULL;
    return ca_err(err, CARINA_ERR_FILE, "%s: cannot be loaded as an extension: %.300s",
                  e->path,
                  colon ? colon + 2
                  : why ? why
                        : "no reason given");
}

static CarinaStatus load(CaExtension *e, const CaExtension *loaded, CarinaError *err)
{
    CarinaExtensionEntry *entry = NULL;
    CA_TRY(open_library(e, err));
    *(void **)&entry = dlsym(e->library, "carina_extension_entry");
    if (!entry)
        return ca_err(
            err, CARINA_ERR_FORMAT, "%s: exports no carina_extension_entry%s", e->path,
            dlsym(e->library, "carina_plugin_entry") ? "; it is a device's plugin"
                                                     : "; it is no extension of Carina");
    const CarinaExtension *table = entry(CARINA_EXTENSION_ABI_MAJOR);
    CA_TRY(check_table(e, table, err));
    e->name = table->name ? table->name : "";
    e->ops = ca_arena_array(e->arena, (size_t)table->n_ops, sizeof *e->ops);
    if (!e->ops)
        return no_memory(e, err);
    for (int i = 0; i < table->n_ops; i++)
        CA_TRY(add_op(e, loaded, table->ops[i], err));
    return CARINA_OK;
}

CarinaStatus carina_extension_load(CarinaContext *ctx, const char *path, CarinaError *err)
{
    CaArena *arena = ca_arena_create(0);
    CaExtension *e = arena ? ca_arena_alloc(arena, sizeof *e) : NULL;
    if (e) {
        e->arena = arena;
        e->path = ca_arena_copy(arena, path);
    }
    if (!e || !e->path) {
        ca_arena_free(&arena);
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    }
    pthread_mutex_lock(&ctx->devices_lock);
    const CarinaStatus status = load(e, ctx->extensions, err);
    if (status == CARINA_OK) {
        e->next = ctx->extensions;
        ctx->extensions = e;
        ctx->extensions_free = free_extensions;
    }
    pthread_mutex_unlock(&ctx->devices_lock);
    if (status == CARINA_OK) {
        ca_log(ctx, CARINA_LOG_INFO, "extension %s: %d operators of %s", path, e->n_ops,
               e->name);
    } else {
        if (e->library)
            dlclose(e->library);
        ca_arena_free(&arena);
    }
    return status;
}

const CarinaExtensionOp *carina_extension_op(CarinaContext *ctx, int i)
{
    const CaExtension *e = ca_extensions(ctx);
    for (; e && i >= e->n_ops; e = e->next)
        i -= e->n_ops;
    return e && i >= 0 ? &e->ops[i].table : NULL;
}

const CaExtension *ca_extensions(CarinaContext *ctx)
{
    if (!ctx) /* reading needs none */
        return NULL;
    pthread_mutex_lock(&ctx->devices_lock);
    const CaExtension *newest = ctx->extensions;
    pthread_mutex_unlock(&ctx->devices_lock);
    return newest;
}
