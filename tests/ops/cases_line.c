/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the lines of .cases files.
 */
#include "cases_line.h"

#include "base/text.h"
#include "graph/shape.h"

#include <stdlib.h>
#include <string.h>

static char *skip_blanks(char *p) { return p + strspn(p, " "); }

/* dims are digits joined by x; none is a scalar. */
static char *parse_shape(CarinaShape *s, char *p)
{
    *s = (CarinaShape){0, {0}};
    while (*p >= '0' && *p <= '9' && s->rank < CARINA_MAX_RANK) {
        char *end = NULL;
        s->dims[s->rank++] = strtoll(p, &end, 10);
        p = *end == 'x' ? end + 1 : end;
    }
    return p;
}

/* Numbers between braces: as many as the shape has elements. */
static char *parse_values(CaseTensor *t, char *p)
{
    char *end = strchr(p, '}');
    const char *item = NULL;
    size_t n = 0;
    int64_t i = 0;
    if (!end || carina_tensor_create(&t->values, t->type, &t->shape, NULL) != CARINA_OK)
        return NULL;
    *end = 0;
    const int64_t count = ca_tensor_count(t->values);
    for (const char *q = p; *p && (q = ca_text_item(q, ',', &item, &n)); i++) {
        int64_t whole = 0;
        double real = 0;
        if (i == count)
            return NULL;
        if (!ca_type_is_real(t->type) && ca_text_int(&whole, item, n))
            ca_put_int(t->type, t->values->data, i, whole);
        else if (ca_text_real(&real, item, n))
            ca_put_real(t->type, t->values->data, i, real);
        else
            return NULL;
    }
    return i == count ? end + 1 : NULL;
}

static char *parse_tensor(CaseTensor *t, char *p)
{
    char name[16] = "";
    p = parse_shape(&t->shape, p);
    if (*p != ':')
        return p;
    const size_t n = strcspn(++p, "{,) ");
    if (n >= sizeof name)
        return NULL;
    memcpy(name, p, n);
    t->type = ca_type_find(name);
    p += n;
    if (t->type == CARINA_UNKNOWN)
        return NULL;
    if (*p == '{')
        return parse_values(t, p + 1);
    /* nothing to write where there are no elements */
    return ca_shape_product(&t->shape, 0, t->shape.rank) > 0 ||
                   carina_tensor_create(&t->values, t->type, &t->shape, NULL) == CARINA_OK
               ? p
               : NULL;
}

/* name=text or name="text, with commas" */
static char *parse_attr(CaseLine *c, char *p)
{
    if (c->n_attrs == CASE_MAX_ATTRS)
        return NULL;
    c->attr[c->n_attrs] = p;
    p = strchr(p, '=');
    *p++ = 0;
    const bool is_quoted = *p == '"';
    p += is_quoted;
    c->text[c->n_attrs++] = p;
    p += strcspn(p, is_quoted ? "\"" : ",)");
    if (is_quoted)
        *p++ = 0;
    return p;
}

static char *parse_arguments(CaseLine *c, char *p)
{
    for (p = skip_blanks(p); p && *p && *p != ')'; p = skip_blanks(p)) {
        const size_t n = strcspn(p, "=:,)");
        if (p[n] == '=')
            p = parse_attr(c, p);
        else if (c->n_in < CASE_MAX_IN)
            p = parse_tensor(&c->in[c->n_in++], p);
        else
            return NULL;
        if (!p || (*p != ',' && *p != ')'))
            return NULL;
        const bool is_last = *p == ')';
        *p++ = 0; /* ends an attribute's text */
        if (is_last)
            return p;
    }
    return p && *p == ')' ? p + 1 : NULL;
}

static bool parse_result(CaseLine *c, char *p)
{
    if (strncmp(p, "error \"", 7) == 0) {
        char *end = strrchr(p + 7, '"');
        c->error = p + 7;
        if (end)
            *end = 0;
        return end && end > p + 7;
    }
    while (p && c->n_out < CASE_MAX_OUT) {
        p = parse_tensor(&c->out[c->n_out++], p);
        if (!p || *p == 0)
            return p != NULL;
        if (*p != ',')
            return false;
        p = skip_blanks(p + 1);
    }
    return false;
}

bool case_line_parse(CaseLine *c, char *line, const char **problem)
{
    memset(c, 0, sizeof *c);
    const size_t n = strcspn(line, "(");
    *problem = "no name before '('";
    if (line[n] != '(' || n >= sizeof c->name)
        return false;
    memcpy(c->name, line, n);
    *problem = "the arguments are not operands DIMS:TYPE{VALUES} and name=text";
    char *p = parse_arguments(c, line + n + 1);
    if (!p)
        return false;
    *problem = "no ' -> '";
    if (strncmp(p, " -> ", 4) != 0)
        return false;
    *problem = "the result is neither error \"words\" nor DIMS:TYPE{VALUES}, ...";
    return parse_result(c, p + 4);
}

void case_line_free(CaseLine *c)
{
    for (int i = 0; i < c->n_in; i++)
        carina_tensor_free(&c->in[i].values);
    for (int i = 0; i < c->n_out; i++)
        carina_tensor_free(&c->out[i].values);
}
