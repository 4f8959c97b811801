/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of a Keras layer: its configuration, its inputs and outputs.
 */
#include "formats/keras/keras_reader.h"

#include <string.h>

/* null is as good as absent. */
static json_t *given(CaKerasCall *c, const char *key)
{
    json_t *j = json_object_get(c->config, key);
    return json_is_null(j) ? NULL : j;
}

static void wrong_kind(CaKerasCall *c, const char *key, const char *wanted)
{
    ca_build_fail(c->b, CARINA_ERR_FORMAT, "%s is not %s; the configuration is damaged",
                  key, wanted);
}

static bool to_int(json_t *j, int64_t *out)
{
    if (json_is_integer(j))
        *out = json_integer_value(j);
    else if (json_is_boolean(j))
        *out = json_is_true(j);
    else if (json_is_real(j) && json_real_value(j) > -9e15 && json_real_value(j) < 9e15)
        *out = (int64_t)json_real_value(j);
    else
        return false;
    return true;
}

int64_t ca_keras_int(CaKerasCall *c, const char *key, int64_t absent)
{
    json_t *j = given(c, key);
    int64_t v = absent;
    if (j &&
        !to_int(json_is_array(j) && json_array_size(j) == 1 ? json_array_get(j, 0) : j,
                &v))
        wrong_kind(c, key, "a whole number");
    return v;
}

double ca_keras_real(CaKerasCall *c, const char *key, double absent)
{
    json_t *j = given(c, key);
    /* Keras 2 writes a NumPy number as {"class_name": "__numpy__" or "ndarray", "config": {"value": x}}. */
    json_t *value = json_object_get(json_object_get(j, "config"), "value");
    if (!value)
        value = json_object_get(j, "value");
    if (value)
        j = value;
    if (j && !json_is_number(j))
        wrong_kind(c, key, "a number");
    return json_is_number(j) ? json_number_value(j) : absent;
}

bool ca_keras_bool(CaKerasCall *c, const char *key, bool absent)
{
    int64_t v = absent;
    json_t *j = given(c, key);
    if (j && !to_int(j, &v))
        wrong_kind(c, key, "true or false");
    return v != 0;
}

const char *ca_keras_text(CaKerasCall *c, const char *key, const char *absent)
{
    json_t *j = given(c, key);
    if (j && !json_is_string(j))
        wrong_kind(c, key, "text");
    return json_is_string(j) ? json_string_value(j) : absent;
}

/* Lists may stand inside {"class_name": "__tuple__", "items": [...]}. */
static json_t *list_of(json_t *j)
{
    json_t *items = json_object_get(j, "items");
    return items ? items : j;
}

int ca_keras_json_ints(CaKerasCall *c, int64_t *out, int max, json_t *j, const char *what)
{
    j = list_of(j);
    if (!j || json_is_null(j))
        return -1;
    const size_t n = json_is_array(j) ? json_array_size(j) : 1;
    if (n > (size_t)max) {
        ca_build_fail(c->b, CARINA_ERR_LIMIT,
                      "%s has %zu numbers; at most %d are possible", what, n, max);
        return -1;
    }
    for (size_t i = 0; i < n; i++)
        if (!to_int(json_is_array(j) ? json_array_get(j, i) : j, &out[i])) {
            wrong_kind(c, what, "a list of whole numbers");
            return -1;
        }
    return (int)n;
}

int ca_keras_list(CaKerasCall *c, int64_t *out, int max, const char *key)
{
    return ca_keras_json_ints(c, out, max, given(c, key), key);
}

void ca_keras_ints(CaKerasCall *c, int64_t *out, int n, const char *key, int64_t absent)
{
    int64_t v[CARINA_MAX_RANK] = {0};
    const int got = ca_keras_list(c, v, CARINA_MAX_RANK, key);
    if (got >= 0 && got != n && got != 1)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "%s has %d numbers, needs %d", key, got,
                      n);
    for (int i = 0; i < n; i++)
        out[i] = got == n ? v[i] : got == 1 ? v[0] : absent;
}

bool ca_keras_is_first(CaKerasCall *c)
{
    return strcmp(ca_keras_text(c, "data_format", "channels_last"), "channels_first") ==
           0;
}

const char *ca_keras_name_of(json_t *j)
{
    static const char *const keys[] = {"registered_name", "class_name", "name"};
    if (json_is_string(j))
        return json_string_value(j);
    /* A function object: {"class_name": "function", "config": "relu"}. */
    if (json_is_object(j) && json_is_string(json_object_get(j, "config")))
        return json_string_value(json_object_get(j, "config"));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (json_is_string(json_object_get(j, keys[i])))
            return json_string_value(json_object_get(j, keys[i]));
    return "";
}

/* --- Inputs and outputs. */

CaValue *ca_keras_in(CaKerasCall *c, int i)
{
    if (i < c->n_in)
        return c->in[i];
    ca_build_fail(c->b, CARINA_ERR_FORMAT, "%d inputs, needs %d; the file is damaged",
                  c->n_in, i + 1);
    return NULL;
}

CaValue *ca_keras_real_in(CaKerasCall *c, int i)
{
    CaValue *v = ca_keras_in(c, i);
    const CarinaType type = ca_build_type(c->b, v);
    return !v || ca_type_is_real(type) || type == CARINA_UNKNOWN
               ? v
               : ca_build_convert(c->b, v, CARINA_F32);
}

void ca_keras_out(CaKerasCall *c, CaValue *v)
{
    if (!ca_build_settle(c->b) || !v)
        return;
    CaValue **out = ca_arena_array(c->b->work, (size_t)c->n_out + 1, sizeof(CaValue *));
    if (!out) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    for (int i = 0; i < c->n_out; i++)
        out[i] = c->out[i];
    out[c->n_out++] = v;
    c->out = out;
}

CaValue *ca_keras_to_work(CaKerasCall *c, CaValue *v)
{
    return ca_keras_is_first(c) ? v : ca_build_channels_first(c->b, v);
}
CaValue *ca_keras_from_work(CaKerasCall *c, CaValue *v)
{
    return ca_keras_is_first(c) ? v : ca_build_channels_last(c->b, v);
}
CaValue *ca_keras_bias(CaKerasCall *c, CaValue *v, CaValue *bias, int axis)
{
    const int rank = bias ? ca_build_rank(c->b, v) : 0;
    return bias ? ca_build_2(c->b, "Add", v, ca_build_per_channel(c->b, bias, axis, rank))
                : v;
}
