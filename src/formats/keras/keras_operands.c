/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of operations: positions and keywords, tensors and constants.
 */
#include "formats/keras/keras_reader.h"

#include <string.h>

static json_t *by_names(json_t *object, const char *names)
{
    while (names && *names) {
        const size_t n = strcspn(names, "|");
        char name[64];
        if (n < sizeof name) {
            memcpy(name, names, n);
            name[n] = 0;
            json_t *j = json_object_get(object, name);
            if (j && !json_is_null(j))
                return j;
        }
        names += n + (names[n] == '|');
    }
    return NULL;
}

/* Old calls have constants as ["_CONSTANT_VALUE", -1, value, {}]. */
static bool is_constant(json_t *j)
{
    const char *word = json_string_value(json_array_get(j, 0));
    return word && strcmp(word, "_CONSTANT_VALUE") == 0;
}

static json_t *positional(CaKerasCall *c, int i)
{
    CaKerasReference ref;
    if (i < 0 || !c->args)
        return NULL;
    const bool is_alone = is_constant(c->args) || ca_keras_reference(c->args, &ref);
    if (is_alone && i > 0)
        return NULL;
    json_t *j = is_alone ? c->args : json_array_get(c->args, (size_t)i);
    if (is_constant(j))
        j = json_array_get(j, 2);
    return json_is_null(j) ? NULL : j;
}

json_t *ca_keras_arg(CaKerasCall *c, int i, const char *names)
{
    json_t *j = by_names(c->kwargs, names);
    if (!j)
        j = positional(c, i);
    return j ? j : by_names(c->config, names);
}

/* --- Constants. */

typedef struct List {
    double *v;
    int64_t n, room;
    CarinaShape shape;
    bool is_whole, is_bad;
} List;

static void take_numbers(List *l, json_t *j, int depth)
{
    json_t *item;
    size_t i;
    if (json_is_array(j)) {
        const int64_t n = (int64_t)json_array_size(j);
        if (depth >= CARINA_MAX_RANK ||
            (depth < l->shape.rank && l->shape.dims[depth] != n)) {
            l->is_bad = true;
            return;
        }
        if (depth >= l->shape.rank) {
            l->shape.rank = depth + 1;
            l->shape.dims[depth] = n;
        }
        json_array_foreach(j, i, item) take_numbers(l, item, depth + 1);
        return;
    }
    if (!json_is_number(j) && !json_is_boolean(j)) {
        l->is_bad = true;
        return;
    }
    if (json_is_real(j))
        l->is_whole = false;
    if (l->n < l->room)
        l->v[l->n] = json_is_boolean(j) ? json_is_true(j) : json_number_value(j);
    l->n++;
}

static json_t *value_inside(json_t *j)
{
    json_t *inner = json_object_get(json_object_get(j, "config"), "value");
    if (!inner)
        inner = json_object_get(j, "value");
    return inner ? inner : j;
}

CaValue *ca_keras_operand(CaKerasCall *c, json_t *j, CaValue *like)
{
    List l = {.is_whole = true, .shape = ca_shape(0, NULL)};
    CaValue *v = ca_keras_value(c, j), *out = NULL;
    int64_t n;
    if (v || !j)
        return v;
    j = value_inside(j);
    take_numbers(&l, j, 0);
    l.v = ca_arena_array(c->b->work, (size_t)l.n + 1, sizeof *l.v);
    if (l.is_bad || !l.v || !ca_shape_count(&l.shape, &n) || n != l.n) {
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "an argument that is neither a tensor nor a number");
        return NULL;
    }
    l.room = l.n;
    l.n = 0;
    take_numbers(&l, j, 0);
    CarinaType type = ca_build_type(c->b, like);
    if (type == CARINA_UNKNOWN)
        type = l.is_whole ? CARINA_I64 : CARINA_F32;
    if (!l.is_whole && !ca_type_is_real(type))
        type = CARINA_F32;
    if (!ca_build_settle(c->b))
        return NULL;
    ca_build_ok(c->b, ca_graph_reals(&out, c->b->graph, NULL, NULL, type, &l.shape, l.v,
                                     l.n, c->b->err));
    return c->b->status == CARINA_OK ? out : NULL;
}
