/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the text form of graphs; ir.h shows it. Producers stand above their readers.
 */
#include "graph/op.h"
#include "ir/ir.h"
#include "ir/ir_attr.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_INPUTS = 4096, MAX_LINES = 65536, MAX_ELEMENTS = 1 << 24 };

typedef struct Parser {
    const char *path;
    const char *at; /* next character; the text ends with 0 */
    int line;
    CaGraph *graph;
    CaArena *arena;
    CarinaError *err;
} Parser;

CA_PRINTF(3, 4)
static CarinaStatus fail(Parser *p, CarinaStatus code, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ca_err(p->err, code, "%s: line %d: %s", p->path, p->line, text);
}

static CarinaStatus pass_on(Parser *p, const CarinaError *e)
{
    return fail(p, e->code, "%s", e->text);
}

static void skip_blanks(Parser *p)
{
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\r')
        p->at++;
}

static bool take(Parser *p, char c)
{
    skip_blanks(p);
    if (*p->at != c)
        return false;
    p->at++;
    return true;
}

static CarinaStatus expect(Parser *p, char c)
{
    if (take(p, c))
        return CARINA_OK;
    size_t n = strcspn(p->at, "\n");
    return fail(p, CARINA_ERR_FORMAT, "'%c' is missing before \"%.*s\"", c,
                (int)(n < 40 ? n : 40), p->at);
}

/* A run of characters up to one of stop, copied; blanks at its end are cut. */
static CarinaStatus take_until(Parser *p, char **out, const char *stop)
{
    size_t n = strcspn(p->at, stop);
    const char *from = p->at;
    p->at += n;
    while (n && (from[n - 1] == ' ' || from[n - 1] == '\r' || from[n - 1] == '\t'))
        n--;
    *out = ca_arena_copy_n(p->arena, from, n);
    return *out ? CARINA_OK : fail(p, CARINA_ERR_MEMORY, "out of memory");
}

static CarinaStatus take_string(Parser *p, char **out)
{
    CaText t = {.limit = 1 << 20};
    ca_text_add_n(&t, "", 0);
    p->at++;
    while (*p->at && *p->at != '"' && *p->at != '\n') {
        char c = *p->at++;
        if (c == '\\' && *p->at) {
            c = *p->at == 'n' ? '\n' : *p->at;
            p->at++;
        }
        ca_text_add_n(&t, &c, 1);
    }
    *out = ca_arena_copy(p->arena, t.data ? t.data : "");
    ca_text_free(&t);
    if (*p->at++ != '"')
        return p->at--, fail(p, CARINA_ERR_FORMAT, "a quote is not closed");
    return *out ? CARINA_OK : fail(p, CARINA_ERR_MEMORY, "out of memory");
}

static CarinaStatus take_name(Parser *p, char **out)
{
    skip_blanks(p);
    if (*p->at == '"')
        return take_string(p, out);
    CA_TRY(take_until(p, out, " \t\r\n=():,{\"[]"));
    return (*out)[0] ? CARINA_OK : fail(p, CARINA_ERR_FORMAT, "a name is missing");
}

static bool at_end(Parser *p)
{
    skip_blanks(p);
    return *p->at == 0 || *p->at == '\n';
}

/* --- Types and elements. */

/* "f32 [1, 3]" */
static CarinaStatus take_type(Parser *p, CarinaType *type, CarinaShape *shape)
{
    char *name = NULL, *dims = NULL;
    CA_TRY(take_name(p, &name));
    *type = ca_type_find(name);
    if (*type == CARINA_UNKNOWN)
        return fail(p, CARINA_ERR_TYPE, "there is no element type '%s'", name);
    CA_TRY(expect(p, '['));
    CA_TRY(take_until(p, &dims, "]\n"));
    CA_TRY(expect(p, ']'));
    if (!ca_dims_parse(shape, dims, strlen(dims)))
        return fail(p, CARINA_ERR_SHAPE, "[%s] is no shape", dims);
    return CARINA_OK;
}

static void put(CarinaTensor *t, int64_t i, double v)
{
    if (ca_type_is_real(t->type))
        ca_put_real(t->type, t->data, i, v);
    else
        ca_put_int(t->type, t->data, i, (int64_t)v);
}

/* Knuth's MMIX generator; its upper 24 bits. */
static double next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(int64_t)(*state >> 40) / (1 << 23) - 1;
}

static CarinaStatus fill(Parser *p, CarinaTensor *t, const char *text)
{
    const int64_t n = ca_tensor_count(t);
    const size_t size = strlen(text);
    int64_t seed = 0;
    double v = 0;
    if (strncmp(text, "seed ", 5) == 0 && ca_text_int(&seed, text + 5, size - 5)) {
        uint64_t state = (uint64_t)seed;
        for (int64_t i = 0; i < n; i++)
            put(t, i, next_random(&state));
        return CARINA_OK;
    }
    if (size > 3 && strcmp(text + size - 3, "...") == 0 &&
        ca_text_real(&v, text, size - 3)) {
        for (int64_t i = 0; i < n; i++)
            put(t, i, v);
        return CARINA_OK;
    }
    const char *item = NULL;
    size_t length = 0;
    int64_t i = 0;
    for (const char *at = text; size && (at = ca_text_item(at, ',', &item, &length));) {
        int64_t whole = 0;
        const bool is_whole = ca_text_int(&whole, item, length);
        if (i == n || (!is_whole && !ca_text_real(&v, item, length)))
            break;
        if (is_whole && !ca_type_is_real(t->type))
            ca_put_int(t->type, t->data, i++, whole);
        else
            put(t, i++, is_whole ? (double)whole : v);
        item = NULL;
    }
    if (i != n || (item && n))
        return fail(p, CARINA_ERR_FORMAT, "{%.40s} is no list of %lld numbers", text,
                    (long long)n);
    return CARINA_OK;
}

static CarinaStatus take_constant(Parser *p, const char *name, CaNode **node)
{
    CarinaType type;
    CarinaShape shape;
    CarinaTensor *t = NULL;
    CaValue *value = NULL;
    CarinaError e = {0};
    char *text = NULL;
    int64_t n = 0;
    CA_TRY(expect(p, ':'));
    CA_TRY(take_type(p, &type, &shape));
    if (!ca_shape_count(&shape, &n) || n > MAX_ELEMENTS)
        return fail(p, CARINA_ERR_SHAPE, "a constant of that shape is not read");
    CA_TRY(expect(p, '{'));
    skip_blanks(p);
    CA_TRY(take_until(p, &text, "}\n"));
    CA_TRY(expect(p, '}'));
    if (carina_tensor_create(&t, type, &shape, &e) != CARINA_OK)
        return pass_on(p, &e);
    const CarinaStatus status = fill(p, t, text);
    if (status != CARINA_OK) {
        carina_tensor_free(&t);
        return status;
    }
    if (ca_graph_constant(&value, p->graph, NULL, name, t, &e) != CARINA_OK)
        return pass_on(p, &e);
    *node = value->node;
    return CARINA_OK;
}

/* --- Nodes. */

static CarinaStatus take_input(Parser *p, CaValue **value)
{
    char *name = NULL, *digits = NULL;
    int64_t port = 0;
    skip_blanks(p);
    const bool quoted = *p->at == '"';
    *value = NULL;
    CA_TRY(take_name(p, &name));
    if (!quoted && strcmp(name, "_") == 0)
        return CARINA_OK;
    if (take(p, ':')) {
        CA_TRY(take_until(p, &digits, ",)\n"));
        if (!ca_text_int(&port, digits, strlen(digits)))
            return fail(p, CARINA_ERR_FORMAT, "'%s' is no output's number", digits);
    }
    const CaNode *n = ca_graph_find(p->graph, name);
    if (!n || ca_node_is(n, "Result"))
        return fail(p, CARINA_ERR_FORMAT, "no node '%s' stands above", name);
    if (port < 0 || port >= n->n_outputs)
        return fail(p, CARINA_ERR_FORMAT, "'%s' has no output %lld", name,
                    (long long)port);
    *value = &n->outputs[port];
    return CARINA_OK;
}

static CarinaStatus take_inputs(Parser *p, CaValue **inputs, int *n)
{
    CA_TRY(expect(p, '('));
    *n = 0;
    if (take(p, ')'))
        return CARINA_OK;
    do {
        if (*n == MAX_INPUTS)
            return fail(p, CARINA_ERR_LIMIT, "more than %d inputs", MAX_INPUTS);
        CA_TRY(take_input(p, &inputs[(*n)++]));
    } while (take(p, ','));
    return expect(p, ')');
}

static CarinaStatus take_attribute(Parser *p, CaNode *node)
{
    char *name = NULL, *value = NULL;
    CarinaError e = {0};
    CA_TRY(take_name(p, &name));
    CA_TRY(expect(p, '='));
    skip_blanks(p);
    if (*p->at == '"') {
        CA_TRY(take_string(p, &value));
    } else if (take(p, '[')) {
        CA_TRY(take_until(p, &value, "]\n"));
        CA_TRY(expect(p, ']'));
    } else {
        CA_TRY(take_until(p, &value, " \t\n"));
    }
    if (ca_node_set_text(p->graph, node, name, value, &e) != CARINA_OK)
        return pass_on(p, &e);
    return CARINA_OK;
}

static CarinaStatus check_types(Parser *p, const CaNode *node)
{
    for (int32_t i = 0; i == 0 || take(p, ','); i++) {
        CarinaType type;
        CarinaShape shape;
        CA_TRY(take_type(p, &type, &shape));
        if (i >= node->n_outputs)
            return fail(p, CARINA_ERR_SHAPE, "it has %d outputs, not more",
                        (int)node->n_outputs);
        const CaValue *v = &node->outputs[i];
        char seen[CA_SHAPE_TEXT];
        if (v->type != type || !ca_shape_equal(&v->shape, &shape))
            return fail(p, CARINA_ERR_SHAPE, "output %d is %s %s", (int)i,
                        carina_type_name(v->type),
                        ca_shape_text(seen, sizeof seen, &v->shape));
    }
    return CARINA_OK;
}

/* The number of outputs that the types after ':' list, for operators that have any number. */
static int count_types(const char *line)
{
    const char *end = line + strcspn(line, "\n");
    int n = 0;
    for (const char *c = line; c < end; c++) {
        if (*c == '"')
            while (++c < end && *c != '"')
                c += *c == '\\';
        else if (*c == ':' && c > line && c[-1] == ' ')
            n = 1;
        else if (n && *c == ']' && c + 1 < end && c[1] == ',')
            n++;
    }
    return n ? n : 1;
}

static CarinaStatus take_operator(Parser *p, const char *name, const char *op_name,
                                  int opset, CaValue **inputs, int n_inputs)
{
    CaNode *node = NULL;
    CarinaError e = {0};
    const CaOp *op = ca_op_find(op_name, opset);
    const int n_outputs =
        op && op->arity.n_out >= 0 ? op->arity.n_out : count_types(p->at);
    if (ca_graph_add(&node, p->graph, NULL, op_name, opset, name, inputs, n_inputs,
                     n_outputs, &e) != CARINA_OK)
        return pass_on(p, &e);
    while (!at_end(p) && *p->at != ':')
        CA_TRY(take_attribute(p, node));
    if (ca_node_check(node, &e) != CARINA_OK ||
        ca_node_infer(p->graph, node, &e) != CARINA_OK)
        return pass_on(p, &e);
    return take(p, ':') ? check_types(p, node) : CARINA_OK;
}

static CarinaStatus take_operator_name(Parser *p, char **name, int *opset)
{
    CA_TRY(take_until(p, name, "( \t\n"));
    char *dash = strrchr(*name, '-');
    int64_t v = 0;
    *opset = 0;
    if (dash && ca_text_int(&v, dash + 1, strlen(dash + 1)) && v > 0 && v < 1000) {
        *opset = (int)v;
        *dash = 0;
    }
    return CARINA_OK;
}

static CarinaStatus take_line(Parser *p, CaValue **inputs)
{
    char *name = NULL, *op_name = NULL;
    int opset = 0, n = 0;
    CarinaError e = {0};
    CA_TRY(take_name(p, &name));
    CA_TRY(expect(p, '='));
    skip_blanks(p);
    CA_TRY(take_operator_name(p, &op_name, &opset));
    CA_TRY(take_inputs(p, inputs, &n));
    if (ca_graph_find(p->graph, name) && strcmp(op_name, "Result") != 0)
        return fail(p, CARINA_ERR_FORMAT, "there is a node '%s' already", name);
    if (strcmp(op_name, "Const") == 0) {
        CaNode *node = NULL;
        CA_TRY(take_constant(p, name, &node));
        return ca_node_infer(p->graph, node, &e) == CARINA_OK ? CARINA_OK
                                                              : pass_on(p, &e);
    }
    if (strcmp(op_name, "Parameter") == 0) {
        CarinaType type;
        CarinaShape shape;
        CaValue *value = NULL;
        CA_TRY(expect(p, ':'));
        CA_TRY(take_type(p, &type, &shape));
        if (ca_graph_parameter(&value, p->graph, name, type, &shape, &e) != CARINA_OK ||
            ca_node_infer(p->graph, value->node, &e) != CARINA_OK)
            return pass_on(p, &e);
        return CARINA_OK;
    }
    if (strcmp(op_name, "Result") == 0) {
        if (n != 1 || !inputs[0])
            return fail(p, CARINA_ERR_FORMAT, "a Result has one input");
        if (ca_graph_result(p->graph, name, inputs[0], &e) != CARINA_OK)
            return pass_on(p, &e);
        return CARINA_OK;
    }
    return take_operator(p, name, op_name, opset, inputs, n);
}

static CarinaStatus parse_all(Parser *p)
{
    CaValue **inputs = ca_arena_array(p->arena, MAX_INPUTS, sizeof *inputs);
    if (!inputs)
        return fail(p, CARINA_ERR_MEMORY, "out of memory");
    for (p->line = 1; *p->at; p->line++) {
        if (p->line > MAX_LINES)
            return fail(p, CARINA_ERR_LIMIT, "more than %d lines", MAX_LINES);
        skip_blanks(p);
        if (*p->at == '#')
            p->at += strcspn(p->at, "\n");
        else if (!at_end(p))
            CA_TRY(take_line(p, inputs));
        if (!at_end(p))
            return fail(p, CARINA_ERR_FORMAT, "\"%.*s\" is too much",
                        (int)(strcspn(p->at, "\n") < 40 ? strcspn(p->at, "\n") : 40),
                        p->at);
        if (*p->at)
            p->at++;
    }
    return CARINA_OK;
}

CarinaStatus ca_ir_parse(CaGraph **out, const char *path, const char *text,
                         CarinaError *err)
{
    Parser p = {.path = path, .at = text, .err = err};
    *out = NULL;
    p.arena = ca_arena_create(0);
    if (!p.arena)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    CarinaStatus status = ca_graph_create(&p.graph, err);
    if (status == CARINA_OK)
        status = parse_all(&p);
    CarinaError e = {0};
    if (status == CARINA_OK && ca_graph_infer(p.graph, &e) != CARINA_OK)
        status = ca_err(err, e.code, "%s: %s", path, e.text);
    ca_arena_free(&p.arena);
    if (status == CARINA_OK)
        *out = p.graph;
    else
        ca_graph_free(&p.graph);
    return status;
}
