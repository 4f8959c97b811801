/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes: set from text or numbers, checked against the operator's table, copied.
 */
#include "graph/op.h"

#include <math.h>
#include <string.h>

static const CarinaAttr *find(const CaNode *node, const char *name)
{
    for (const CarinaAttr *a = node->attr_table; a && a->kind != CARINA_ATTR_END; a++)
        if (strcmp(a->name, name) == 0)
            return a;
    return NULL;
}

static void *field(const CaNode *node, const CarinaAttr *a)
{
    return (char *)node->attrs + a->offset;
}

static CarinaStatus unknown(const CaNode *node, const char *attr, CarinaError *err)
{
    return ca_err(err, CARINA_ERR_NOT_FOUND, "node '%s' (%s): has no attribute %s",
                  node->name, node->op_name, attr);
}

static CarinaStatus bad(const CaNode *node, const CarinaAttr *a, const char *text,
                        const char *want, CarinaError *err)
{
    return ca_err(err, CARINA_ERR_FORMAT,
                  "node '%s' (%s): attribute %s is \"%.60s\", must be %s", node->name,
                  node->op_name, a->name, text, want);
}

static CarinaStatus in_range(const CaNode *node, const CarinaAttr *a, double v,
                             CarinaError *err)
{
    if (a->lowest == 0 && a->highest == 0)
        return CARINA_OK;
    if (v >= a->lowest && v <= a->highest)
        return CARINA_OK;
    if (!isfinite(v))
        return ca_err(err, CARINA_ERR_FORMAT,
                      "node '%s' (%s): attribute %s is not finite", node->name,
                      node->op_name, a->name);
    return ca_err(err, CARINA_ERR_FORMAT,
                  "node '%s' (%s): attribute %s is %.9g, must be from %.9g to %.9g",
                  node->name, node->op_name, a->name, v, a->lowest, a->highest);
}

static CarinaStatus no_memory(CarinaError *err)
{
    return ca_err(err, CARINA_ERR_MEMORY, "out of memory for attributes");
}

/* A list may be long (anchors, densities) but not longer than its text. */
static CarinaStatus set_list(CaGraph *g, CaNode *node, const CarinaAttr *a,
                             const char *text, CarinaError *err)
{
    const char *item = NULL;
    size_t n = 0;
    int count = 0;
    for (const char *p = text; (p = ca_text_item(p, ',', &item, &n));)
        count++;
    int64_t *ints = ca_arena_array(g->own->arena, (size_t)count, sizeof *ints);
    double *reals = ca_arena_array(g->own->arena, (size_t)count, sizeof *reals);
    if (!ints || !reals)
        return no_memory(err);
    int i = 0;
    for (const char *p = text; (p = ca_text_item(p, ',', &item, &n)); i++) {
        if (a->kind == CARINA_ATTR_INTS ? !ca_text_int(&ints[i], item, n)
                                        : !ca_text_real(&reals[i], item, n))
            return bad(node, a, text, "numbers separated by commas", err);
    }
    return a->kind == CARINA_ATTR_INTS
               ? ca_node_set_ints(g, node, a->name, ints, count, err)
               : ca_node_set_floats(g, node, a->name, reals, count, err);
}

static bool parse_shape(CarinaShape *out, const char *text)
{
    const char *item = NULL;
    size_t n = 0;
    CarinaShape s = {0, {0}};
    if (strcmp(text, "...") == 0) {
        *out = ca_shape_unknown();
        return true;
    }
    for (const char *p = text; (p = ca_text_item(p, ',', &item, &n)); s.rank++) {
        if (s.rank == CARINA_MAX_RANK)
            return false;
        int64_t v = 0;
        const bool is_range = n >= 2 && memchr(item, '.', n) != NULL;
        if ((n == 1 && *item == '?') || is_range)
            v = CARINA_DYNAMIC;
        else if (!ca_text_int(&v, item, n) || v < -1)
            return false;
        s.dims[s.rank] = v;
    }
    *out = s;
    return true;
}

static bool parse_bool(bool *out, const char *text)
{
    const bool yes = ca_text_equal_nocase(text, "true") || strcmp(text, "1") == 0;
    *out = yes;
    return yes || ca_text_equal_nocase(text, "false") || strcmp(text, "0") == 0;
}

static CarinaStatus set_enum(CaNode *node, const CarinaAttr *a, const char *text,
                             CarinaError *err)
{
    for (int32_t i = 0; a->names[i]; i++)
        if (ca_text_equal_nocase(a->names[i], text)) {
            *(int32_t *)field(node, a) = i;
            return CARINA_OK;
        }
    CaText want = {.limit = 200};
    for (int32_t i = 0; a->names[i]; i++)
        ca_text_add(&want, "%s%s", i ? ", " : "one of ", a->names[i]);
    const CarinaStatus status =
        bad(node, a, text, want.data ? want.data : "a known name", err);
    ca_text_free(&want);
    return status;
}

CarinaStatus ca_node_set_text(CaGraph *g, CaNode *node, const char *attr,
                              const char *text, CarinaError *err)
{
    const CarinaAttr *a = find(node, attr);
    int64_t whole = 0;
    double real = 0;
    if (!a)
        return unknown(node, attr, err);
    switch (a->kind) {
    case CARINA_ATTR_INT:
        if (!ca_text_int(&whole, text, strlen(text)))
            return bad(node, a, text, "a whole number", err);
        return ca_node_set_int(g, node, attr, whole, err);
    case CARINA_ATTR_FLOAT:
        if (!ca_text_real(&real, text, strlen(text)))
            return bad(node, a, text, "a number", err);
        return ca_node_set_float(g, node, attr, real, err);
    case CARINA_ATTR_BOOL:
        return parse_bool(field(node, a), text)
                   ? CARINA_OK
                   : bad(node, a, text, "true or false", err);
    case CARINA_ATTR_ENUM: return set_enum(node, a, text, err);
    case CARINA_ATTR_STRING: {
        char *copy = ca_arena_copy(g->own->arena, text);
        *(const char **)field(node, a) = copy;
        return copy ? CARINA_OK : no_memory(err);
    }
    case CARINA_ATTR_INTS:
    case CARINA_ATTR_FLOATS: return set_list(g, node, a, text, err);
    case CARINA_ATTR_TYPE:
        *(CarinaType *)field(node, a) = ca_type_find(text);
        return ca_type_find(text) != CARINA_UNKNOWN || ca_text_equal(text, "dynamic") ||
                       ca_text_equal(text, "undefined")
                   ? CARINA_OK
                   : bad(node, a, text, "an element type", err);
    case CARINA_ATTR_SHAPE:
        return parse_shape(field(node, a), text)
                   ? CARINA_OK
                   : bad(node, a, text, "a shape of at most 8 dimensions", err);
    case CARINA_ATTR_END: break;
    }
    return unknown(node, attr, err);
}

CarinaStatus ca_node_set_int(CaGraph *g, CaNode *node, const char *attr, int64_t v,
                             CarinaError *err)
{
    const CarinaAttr *a = find(node, attr);
    if (!a)
        return unknown(node, attr, err);
    if (a->kind == CARINA_ATTR_BOOL) {
        *(bool *)field(node, a) = v != 0;
        return CARINA_OK;
    }
    if (a->kind == CARINA_ATTR_FLOAT)
        return ca_node_set_float(g, node, attr, (double)v, err);
    if (a->kind == CARINA_ATTR_TYPE) {
        *(CarinaType *)field(node, a) = (CarinaType)v;
        return CARINA_OK;
    }
    if (a->kind != CARINA_ATTR_INT)
        return bad(node, a, "a whole number", "of another kind", err);
    CA_TRY(in_range(node, a, (double)v, err));
    *(int64_t *)field(node, a) = v;
    return CARINA_OK;
}

CarinaStatus ca_node_set_float(CaGraph *g, CaNode *node, const char *attr, double v,
                               CarinaError *err)
{
    const CarinaAttr *a = find(node, attr);
    (void)g;
    if (!a || a->kind != CARINA_ATTR_FLOAT)
        return unknown(node, attr, err);
    CA_TRY(in_range(node, a, v, err));
    *(double *)field(node, a) = v;
    return CARINA_OK;
}

CarinaStatus ca_node_set_ints(CaGraph *g, CaNode *node, const char *attr,
                              const int64_t *v, int n, CarinaError *err)
{
    const CarinaAttr *a = find(node, attr);
    if (!a || a->kind != CARINA_ATTR_INTS)
        return unknown(node, attr, err);
    int64_t *copy = ca_arena_array(g->own->arena, (size_t)n + 1, sizeof *copy);
    if (!copy)
        return no_memory(err);
    for (int i = 0; i < n; i++) {
        CA_TRY(in_range(node, a, (double)v[i], err));
        copy[i] = v[i];
    }
    *(CarinaInts *)field(node, a) = (CarinaInts){n, copy};
    return CARINA_OK;
}

CarinaStatus ca_node_set_floats(CaGraph *g, CaNode *node, const char *attr,
                                const double *v, int n, CarinaError *err)
{
    const CarinaAttr *a = find(node, attr);
    if (!a || a->kind != CARINA_ATTR_FLOATS)
        return unknown(node, attr, err);
    double *copy = ca_arena_array(g->own->arena, (size_t)n + 1, sizeof *copy);
    if (!copy)
        return no_memory(err);
    for (int i = 0; i < n; i++) {
        CA_TRY(in_range(node, a, v[i], err));
        copy[i] = v[i];
    }
    *(CarinaFloats *)field(node, a) = (CarinaFloats){n, copy};
    return CARINA_OK;
}

CarinaStatus ca_attrs_copy(CaGraph *g, CaNode *to, const CaNode *from, CarinaError *err)
{
    if (from->op->attrs_size)
        memcpy(to->attrs, from->attrs, from->op->attrs_size);
    for (const CarinaAttr *a = from->attr_table; a && a->kind != CARINA_ATTR_END; a++) {
        if (a->kind == CARINA_ATTR_STRING && *(const char **)field(from, a))
            CA_TRY(ca_node_set_text(g, to, a->name, *(const char **)field(from, a), err));
        if (a->kind == CARINA_ATTR_INTS) {
            const CarinaInts *v = field(from, a);
            CA_TRY(ca_node_set_ints(g, to, a->name, v->v, v->n, err));
        }
        if (a->kind == CARINA_ATTR_FLOATS) {
            const CarinaFloats *v = field(from, a);
            CA_TRY(ca_node_set_floats(g, to, a->name, v->v, v->n, err));
        }
    }
    return CARINA_OK;
}

/* A required attribute that was never set shows by its zero; a FLOAT by its NaN. */
CarinaStatus ca_node_check(const CaNode *node, CarinaError *err)
{
    const CaArity *arity = &node->op->arity;
    if (node->n_inputs < arity->min_in ||
        (arity->max_in >= 0 && node->n_inputs > arity->max_in))
        return ca_err(err, CARINA_ERR_FORMAT,
                      "node '%s' (%s): has %d inputs, needs %d%s%d", node->name,
                      node->op_name, node->n_inputs, arity->min_in,
                      arity->max_in < 0 ? " or more, not " : " to ",
                      arity->max_in < 0 ? node->n_inputs : arity->max_in);
    for (int i = 0; i < arity->min_in; i++)
        if (!node->inputs[i].value)
            return ca_err(err, CARINA_ERR_FORMAT, "node '%s' (%s): input %d is missing",
                          node->name, node->op_name, i);
    for (const CarinaAttr *a = node->attr_table; a && a->kind != CARINA_ATTR_END; a++) {
        if (!a->is_required)
            continue;
        const void *f = field(node, a);
        const bool is_missing =
            (a->kind == CARINA_ATTR_FLOAT && isnan(*(const double *)f)) ||
            (a->kind == CARINA_ATTR_INTS && !((const CarinaInts *)f)->v) ||
            (a->kind == CARINA_ATTR_FLOATS && !((const CarinaFloats *)f)->v) ||
            (a->kind == CARINA_ATTR_STRING && !*(const char *const *)f) ||
            (a->kind == CARINA_ATTR_TYPE && *(const CarinaType *)f == CARINA_UNKNOWN);
        if (is_missing)
            return ca_err(err, CARINA_ERR_FORMAT,
                          "node '%s' (%s): attribute %s is missing", node->name,
                          node->op_name, a->name);
    }
    return CARINA_OK;
}
