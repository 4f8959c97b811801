/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet's -symbol.json. jansson parses it, after a look at the raw text has bounded depth and size; attributes lie
 * under "attrs" (from 1.0), "attr" (0.9 to 0.12) or "param" (before), and of these the first that has the key counts.
 */
#include "formats/mxnet/mxnet_symbol.h"

#include "base/text.h"
#include "graph/graph.h"

#include <jansson.h>
#include <string.h>

/* A true symbol is 5 deep (nodes, node, inputs, input, number); subgraphs of control flow add as much again. jansson
 * takes some 100 bytes for a value. */
enum { MAX_DEPTH = 32, MAX_VALUES = 1 << 22, MAX_ATTRS = 256 };

typedef struct Reader {
    const char *path;
    CaArena *arena;
    CarinaError *err;
    CaMxnetSymbol *out;
} Reader;

static CarinaStatus damaged(const Reader *r, int64_t node, const char *what)
{
    if (node < 0)
        return ca_err(r->err, CARINA_ERR_FORMAT,
                      "%s: %s; the file is damaged or is no MXNet symbol", r->path, what);
    return ca_err(r->err, CARINA_ERR_FORMAT,
                  "%s: node %lld: %s; the file is damaged or is no MXNet symbol", r->path,
                  (long long)node, what);
}

static CarinaStatus no_memory(const Reader *r)
{
    return ca_err(r->err, CARINA_ERR_MEMORY, "%s: out of memory", r->path);
}

/* --- The raw text. */

/* Past the string whose opening quote is at p; end where it is not closed. */
static const char *after_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        p += *p == '\\';
    return p < end ? p + 1 : end;
}

static CarinaStatus check_bounds(const Reader *r, const CaBuffer *file)
{
    const char *p = file->data, *end = p + file->size;
    int depth = 0;
    size_t n = 0;
    while (p < end) {
        if (*p == '"') {
            p = after_string(p, end);
            continue;
        }
        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        n += *p == '{' || *p == '[' || *p == ',';
        if (depth > MAX_DEPTH)
            return ca_err(
                r->err, CARINA_ERR_LIMIT,
                "%s: lists inside each other more than %d deep; no MXNet symbol "
                "is so",
                r->path, MAX_DEPTH);
        if (n > MAX_VALUES)
            return ca_err(r->err, CARINA_ERR_LIMIT,
                          "%s: more than %d values; Carina reads no such symbol", r->path,
                          MAX_VALUES);
        p++;
    }
    return CARINA_OK;
}

/* The keys of the outermost object, as far as they come before `most` bytes have been looked at. */
static bool has_key(const CaBuffer *file, const char *key)
{
    const char *p = file->data, *end = p + file->size;
    const size_t n = strlen(key);
    int depth = 0;
    while (p < end) {
        if (*p == '"') {
            const char *next = after_string(p, end);
            if (depth == 1 && (size_t)(next - p) == n + 2 && memcmp(p + 1, key, n) == 0)
                return true;
            p = next;
            continue;
        }
        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        p++;
    }
    return false;
}

bool ca_mxnet_is_symbol(const CaBuffer *file)
{
    const char *p = file->data;
    size_t i = 0;
    while (i < file->size && strchr(" \t\r\n", p[i]) && p[i])
        i++;
    return i < file->size && p[i] == '{' && has_key(file, "nodes") &&
           (has_key(file, "arg_nodes") || has_key(file, "heads"));
}

/* --- Nodes. */

static const char *copied(const Reader *r, const json_t *text)
{
    return ca_arena_copy_n(r->arena, json_string_value(text), json_string_length(text));
}

static bool is_plain(const json_t *text)
{
    return json_is_string(text) &&
           memchr(json_string_value(text), 0, json_string_length(text)) == NULL;
}

static CarinaStatus read_attrs(const Reader *r, int64_t i, CaMxnetNode *n,
                               json_t *const lists[3])
{
    size_t room = 0;
    for (int k = 0; k < 3; k++) {
        if (lists[k] && !json_is_object(lists[k]))
            return damaged(r, i, "its attributes are no object");
        room += json_object_size(lists[k]);
    }
    if (room > MAX_ATTRS)
        return ca_err(r->err, CARINA_ERR_LIMIT,
                      "%s: node %lld: %zu attributes; Carina reads at most %d", r->path,
                      (long long)i, room, MAX_ATTRS);
    n->attrs = ca_arena_array(r->arena, room + 1, sizeof *n->attrs);
    if (!n->attrs)
        return no_memory(r);
    for (int k = 0; k < 3; k++) {
        const CaMxnetNode before = *n; /* one list has a key once */
        const char *key;
        json_t *value;
        json_object_foreach(lists[k], key, value)
        {
            if (ca_mxnet_attr(&before, key))
                continue;
            if (!is_plain(value))
                return damaged(r, i, "an attribute is no text");
            CaMxnetAttr *a = &n->attrs[n->n_attrs++];
            a->key = ca_arena_copy(r->arena, key);
            a->value = copied(r, value);
            if (!a->key || !a->value)
                return no_memory(r);
        }
    }
    return CARINA_OK;
}

/* [node, out] or [node, out, version]; before: only nodes with a smaller number. */
static CarinaStatus read_edges(const Reader *r, int64_t i, CaMxnetEdge **out,
                               int32_t *n_out, const json_t *list, int64_t before)
{
    const size_t n = json_array_size(list);
    if (!json_is_array(list) || n > CA_MAX_PORTS)
        return damaged(r, i, i < 0 ? "its heads are no list" : "its inputs are no list");
    *out = ca_arena_array(r->arena, n + 1, sizeof **out);
    if (!*out)
        return no_memory(r);
    for (size_t k = 0; k < n; k++) {
        const json_t *edge = json_array_get(list, k);
        const json_t *node = json_array_get(edge, 0), *at = json_array_get(edge, 1);
        const json_int_t from = json_integer_value(node), port = json_integer_value(at);
        if (!json_is_integer(node) || !json_is_integer(at) || port < 0 ||
            port >= CA_MAX_PORTS || from < 0 || from >= r->out->n_nodes)
            return damaged(r, i,
                           i < 0 ? "an output is no node of the file"
                                 : "an input is no node of the file");
        if (from >= before)
            return ca_err(
                r->err, CARINA_ERR_FORMAT,
                "%s: node %lld: it reads node %lld, which is not before it; the "
                "graph has a loop or the file is damaged",
                r->path, (long long)i, (long long)from);
        (*out)[k] = (CaMxnetEdge){(int32_t)from, (int32_t)port};
    }
    *n_out = (int32_t)n;
    return CARINA_OK;
}

static CarinaStatus read_node(const Reader *r, int32_t i, const json_t *node)
{
    CaMxnetNode *n = &r->out->nodes[i];
    const json_t *name = json_object_get(node, "name"), *op = json_object_get(node, "op");
    const json_t *sub = json_object_get(node, "subgraphs");
    json_t *const lists[3] = {json_object_get(node, "attrs"),
                              json_object_get(node, "attr"),
                              json_object_get(node, "param")};
    if (!is_plain(name) || !is_plain(op) || json_string_length(op) == 0)
        return damaged(r, i, "no name or no operator");
    n->name = copied(r, name);
    n->op = copied(r, op);
    if (!n->name || !n->op)
        return no_memory(r);
    n->has_subgraph = json_array_size(sub) > 0;
    CA_TRY(read_attrs(r, i, n, lists));
    return read_edges(r, i, &n->in, &n->n_in, json_object_get(node, "inputs"), i);
}

static CarinaStatus read_root(const Reader *r, const json_t *root)
{
    const json_t *nodes = json_object_get(root, "nodes");
    const json_t *heads = json_object_get(root, "heads");
    const size_t n = json_array_size(nodes);
    if (!json_is_array(nodes) || n == 0)
        return damaged(r, -1, "it has no nodes");
    if (n > CA_MAX_NODES)
        return ca_err(r->err, CARINA_ERR_LIMIT, "%s: %zu nodes; Carina reads at most %d",
                      r->path, n, CA_MAX_NODES);
    CaMxnetSymbol *s = r->out;
    s->nodes = ca_arena_array(r->arena, n, sizeof *s->nodes);
    if (!s->nodes)
        return no_memory(r);
    s->n_nodes = (int32_t)n;
    for (size_t i = 0; i < n; i++)
        CA_TRY(read_node(r, (int32_t)i, json_array_get(nodes, i)));
    if (!heads)
        return damaged(r, -1, "it has no heads, the outputs of the graph");
    CA_TRY(read_edges(r, -1, &s->heads, &s->n_heads, heads, s->n_nodes));
    if (s->n_heads == 0)
        return damaged(r, -1, "it has no heads, the outputs of the graph");
    const json_t *version =
        json_object_get(json_object_get(root, "attrs"), "mxnet_version");
    s->version = json_integer_value(json_array_get(version, 1));
    return CARINA_OK;
}

CarinaStatus ca_mxnet_symbol(CaMxnetSymbol *out, CaArena *arena, const char *path,
                             const CaBuffer *file, CarinaError *err)
{
    const Reader r = {path, arena, err, out};
    json_error_t where;
    *out = (CaMxnetSymbol){.nodes = NULL};
    CA_TRY(check_bounds(&r, file));
    json_t *root = json_loadb(file->data, file->size, 0, &where);
    if (!root)
        return ca_err(
            err, CARINA_ERR_FORMAT,
            "%s: line %d: the JSON is broken there; the file was cut or is damaged", path,
            where.line);
    const CarinaStatus status = read_root(&r, root);
    json_decref(root);
    return status;
}

/* --- Attributes. */

const char *ca_mxnet_attr(const CaMxnetNode *n, const char *key)
{
    for (int32_t i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attrs[i].key, key) == 0)
            return strcmp(n->attrs[i].value, "None") == 0 ? NULL : n->attrs[i].value;
    return NULL;
}

/* The items of "(a, b)", "[a, b]" or "a": sets *item, *n and returns where to go on; NULL at the end. */
static const char *next_item(const char *text, const char **item, size_t *n)
{
    text += strspn(text, " (),[]");
    *item = text;
    *n = strcspn(text, ",)]");
    while (*n > 0 && text[*n - 1] == ' ')
        --*n;
    return *n > 0 ? text + strcspn(text, ",)]") : NULL;
}

int ca_mxnet_ints(const char *text, int64_t *out, int max, int64_t none)
{
    const char *item;
    size_t length;
    int n = 0;
    while ((text = next_item(text, &item, &length)) != NULL) {
        if (n == max)
            return -1;
        if (length > 1 && item[length - 1] == 'L') /* Python 2 */
            length--;
        if (length == 4 && memcmp(item, "None", 4) == 0)
            out[n] = none;
        else if (!ca_text_int(&out[n], item, length))
            return -1;
        n++;
    }
    return n;
}

int ca_mxnet_reals(const char *text, double *out, int max)
{
    const char *item;
    size_t length;
    int n = 0;
    while ((text = next_item(text, &item, &length)) != NULL)
        if (n == max || !ca_text_real(&out[n++], item, length))
            return -1;
    return n;
}

bool ca_mxnet_bool(const char *text, bool *out)
{
    *out =
        strcmp(text, "True") == 0 || strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    return *out || strcmp(text, "False") == 0 || strcmp(text, "false") == 0 ||
           strcmp(text, "0") == 0;
}
