/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classes of layers that an extension has or that another model stands for: all weights of the layer are inputs behind its
 * own, and values of its configuration the attributes.
 *
 * .h5 lists the weights as the layer has them. .keras has the layer's own variables, in their order, and its parts by name:
 * own ones first, then part after part in the file's order of names, each by the same rule.
 */
#include "formats/custom_call.h"
#include "formats/keras/keras_reader.h"

#include <string.h>

enum { MOST_WEIGHTS = 4096 };

typedef struct Paths {
    const char **v;
    int n;
} Paths;

static void no_memory(CaKerasCall *c)
{
    ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
}

/* keras_hdf5.c has said which file. */
static bool good(CaKerasCall *c, CarinaStatus status)
{
    if (c->b->status == CARINA_OK)
        c->b->status = status;
    return c->b->status == CARINA_OK;
}

static void add(CaKerasCall *c, Paths *p, const char *path)
{
    if (!path)
        no_memory(c);
    else if (p->n >= MOST_WEIGHTS)
        ca_build_fail(c->b, CARINA_ERR_LIMIT, "more than %d weights", MOST_WEIGHTS);
    else
        p->v[p->n++] = path;
}

static CaHdf5Kind kind_of(CaKerasCall *c, const char *path)
{
    CaHdf5Kind kind = CA_HDF5_NOTHING;
    if (!path)
        no_memory(c);
    return c->b->status == CARINA_OK &&
                   good(c, ca_hdf5_find(&kind, c->r->h5, path, c->b->err))
               ? kind
               : CA_HDF5_NOTHING;
}

static void walk(CaKerasCall *c, Paths *p, const char *at, int depth)
{
    CaArena *work = c->b->work;
    char **links = NULL;
    int n = 0;
    if (depth > CA_KERAS_DEPTH || kind_of(c, at) != CA_HDF5_GROUP)
        return;
    for (int i = 0; c->b->status == CARINA_OK; i++) {
        const char *path = ca_arena_printf(work, "%s/vars/%d", at, i);
        if (kind_of(c, path) != CA_HDF5_DATASET)
            break;
        add(c, p, path);
    }
    if (c->b->status != CARINA_OK ||
        !good(c, ca_hdf5_links(&links, &n, c->r->h5, work, at, c->b->err)))
        return;
    for (int i = 0; i < n && c->b->status == CARINA_OK; i++)
        if (strcmp(links[i], "vars") != 0 && strncmp(links[i], "seed_generator", 14) != 0)
            walk(c, p, ca_arena_printf(work, "%s/%s", at, links[i]), depth + 1);
}

static Paths list_weights(CaKerasCall *c)
{
    Paths p = {ca_arena_array(c->b->work, MOST_WEIGHTS, sizeof *p.v), 0};
    const CaKerasScope *s = &c->layer->scope;
    if (!p.v)
        no_memory(c);
    else if (c->r->is_tree)
        walk(c, &p, s->at, 0);
    else
        for (int i = 0; i < s->n; i++)
            add(c, &p, ca_arena_printf(c->b->work, "%s/%s", s->at, s->names[i]));
    return p;
}

/* The weight as it is stored; read once for all calls of the layer. */
static CaValue *weight(CaKerasCall *c, const char *path, int i)
{
    CarinaTensor *t = NULL;
    for (const CaKerasKept *kept = c->layer->kept; kept; kept = kept->next)
        if (strcmp(kept->key, path) == 0)
            return kept->value;
    if (!ca_build_settle(c->b) || !good(c, ca_hdf5_tensor(&t, c->r->h5, path, c->b->err)))
        return NULL;
    CaValue *v = ca_build_tensor(
        c->b, ca_arena_printf(c->b->work, "%s/weight%d", c->b->name, i), t);
    CaKerasKept *kept = ca_arena_alloc(c->b->work, sizeof *kept);
    if (!kept)
        no_memory(c);
    if (!kept || !ca_build_settle(c->b))
        return NULL;
    *kept = (CaKerasKept){path, v, c->layer->kept};
    c->layer->kept = kept;
    return v;
}

/* --- The configuration. */

static CaCustomValue list_of(CaKerasCall *c, json_t *j)
{
    const size_t n = json_array_size(j);
    int64_t *ints = ca_arena_array(c->b->work, n + 1, sizeof *ints);
    double *reals = ca_arena_array(c->b->work, n + 1, sizeof *reals);
    bool whole = true;
    if (!ints || !reals || n > INT32_MAX)
        return (CaCustomValue){.kind = CA_CUSTOM_OTHER};
    for (size_t i = 0; i < n; i++) {
        json_t *item = json_array_get(j, i);
        if (!json_is_number(item) && !json_is_null(item))
            return (CaCustomValue){.kind = CA_CUSTOM_OTHER};
        whole = whole && !json_is_real(item);
        ints[i] = json_is_null(item) ? -1 : json_integer_value(item);
        reals[i] = json_is_null(item) ? -1 : json_number_value(item);
    }
    return (CaCustomValue){.kind = whole ? CA_CUSTOM_INTS : CA_CUSTOM_REALS,
                           .n = (int)n,
                           .ints = ints,
                           .reals = reals};
}

static CaCustomValue value(void *arg, const char *name, CarinaAttrKind wanted)
{
    CaKerasCall *c = arg;
    json_t *j = json_object_get(c->config, name);
    if (json_object_get(j, "items")) /* {"class_name": "__tuple__", "items": [...]} */
        j = json_object_get(j, "items");
    if (!j || json_is_null(j))
        return (CaCustomValue){0};
    if (json_is_boolean(j))
        return (CaCustomValue){.kind = CA_CUSTOM_INT, .whole = json_is_true(j)};
    if (json_is_integer(j))
        return (CaCustomValue){.kind = CA_CUSTOM_INT, .whole = json_integer_value(j)};
    if (json_is_real(j))
        return (CaCustomValue){.kind = CA_CUSTOM_REAL, .real = json_real_value(j)};
    if (json_is_array(j))
        return list_of(c, j);
    if (json_is_string(j) || wanted == CARINA_ATTR_STRING || wanted == CARINA_ATTR_ENUM)
        return (CaCustomValue){.kind = CA_CUSTOM_TEXT, .text = ca_keras_name_of(j)};
    return (CaCustomValue){.kind = CA_CUSTOM_OTHER};
}

void ca_keras_custom(CaKerasCall *c)
{
    const Paths p = list_weights(c);
    CaValue **in =
        ca_arena_array(c->b->work, (size_t)(c->n_in + p.n) + 1, sizeof(CaValue *));
    if (!in) {
        no_memory(c);
        return;
    }
    for (int i = 0; i < c->n_in; i++)
        in[i] = c->in[i];
    for (int i = 0; i < p.n; i++)
        if (!(in[c->n_in + i] = weight(c, p.v[i], i)))
            return;
    CaCustomCall call = {.format = CARINA_FORMAT_KERAS,
                         .type = c->layer->class_name,
                         .in = in,
                         .n_in = c->n_in + p.n,
                         .n_weights = p.n,
                         .n_out = 1,
                         .attr = value,
                         .arg = c};
    ca_custom_call(c->b, &call);
    for (int i = 0; i < call.n_made; i++)
        ca_keras_out(c, call.out[i]);
}
