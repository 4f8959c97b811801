/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node of an extension's operator with the attributes that it declares, or the graph that stands for a layer put in.
 */
#include "formats/custom_call.h"

#include <math.h>
#include <string.h>

/* A Keras class without its package: "Custom>Scale" is Scale. */
static const char *plain(CarinaFormat format, const char *type)
{
    const char *mark = format == CARINA_FORMAT_KERAS ? strrchr(type, '>') : NULL;
    return mark ? mark + 1 : type;
}

static const CaOp *find_op(const CaBuild *b, CarinaFormat format, const char *domain,
                           const char *type)
{
    const CaOp *op = format == CARINA_FORMAT_IR
                         ? ca_custom_find_ir(b->customs, type)
                         : ca_custom_find(b->customs, format, domain, type);
    return op ? op : ca_custom_find(b->customs, format, domain, plain(format, type));
}

/* The name of the layer that a graph stands for; NULL: none does. */
static const char *find_layer(const CaBuild *b, CarinaFormat format, const char *type)
{
    const CaCustoms *c = b->customs;
    if (!c || !c->has_layer)
        return NULL;
    if (c->has_layer(c->layer_arg, type))
        return type;
    type = plain(format, type);
    return c->has_layer(c->layer_arg, type) ? type : NULL;
}

bool ca_custom_is(const CaBuild *b, CarinaFormat format, const char *domain,
                  const char *type)
{
    return find_layer(b, format, type) || find_op(b, format, domain, type);
}

/* --- Attributes. */

static const char *const kind_words[] = {
    [CARINA_ATTR_INT] = "a whole number", [CARINA_ATTR_FLOAT] = "a number",
    [CARINA_ATTR_BOOL] = "true or false", [CARINA_ATTR_ENUM] = "a name",
    [CARINA_ATTR_STRING] = "text",        [CARINA_ATTR_INTS] = "a list of whole numbers",
    [CARINA_ATTR_FLOATS] = "numbers",     [CARINA_ATTR_TYPE] = "an element type",
    [CARINA_ATTR_SHAPE] = "a shape",
};

static void set_floats(CaBuild *b, CaValue *v, const CarinaAttr *a,
                       const CaCustomValue *x)
{
    const int n = x->kind == CA_CUSTOM_REALS || x->kind == CA_CUSTOM_INTS ? x->n : 1;
    double *reals = ca_arena_array(b->work, (size_t)n + 1, sizeof *reals);
    if (!reals) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    for (int i = 0; i < n; i++)
        reals[i] = x->kind == CA_CUSTOM_REALS  ? x->reals[i]
                   : x->kind == CA_CUSTOM_INTS ? (double)x->ints[i]
                   : x->kind == CA_CUSTOM_INT  ? (double)x->whole
                                               : x->real;
    ca_build_ok(b, ca_node_set_floats(b->graph, v->node, a->name, reals, n, b->err));
}

static void set_shape(CaBuild *b, CaValue *v, const CarinaAttr *a, const CaCustomValue *x)
{
    CaText t = {.limit = 1000};
    ca_text_add(&t, "%s", "");
    for (int i = 0; i < x->n; i++)
        ca_text_add(&t, "%s%lld", i ? "," : "",
                    (long long)(x->ints[i] < 0 ? -1 : x->ints[i]));
    if (t.failed)
        ca_build_fail(b, CARINA_ERR_LIMIT, "attribute %s: a shape that is too long",
                      a->name);
    else
        ca_build_set_text(b, v, a->name, t.data);
    ca_text_free(&t);
}

/* "float16", "uint8" of Python, besides what IR writes. */
static void set_type(CaBuild *b, CaValue *v, const CarinaAttr *a, const char *text)
{
    static const char *const names[][2] = {
        {"bfloat", "bf"}, {"float", "f"}, {"uint", "u"}, {"int", "i"}};
    const char *ours = text;
    for (size_t i = 0; i < sizeof names / sizeof *names && ours == text; i++)
        if (strncmp(text, names[i][0], strlen(names[i][0])) == 0)
            ours =
                ca_arena_printf(b->work, "%s%s", names[i][1], text + strlen(names[i][0]));
    if (!ours)
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
    ca_build_set_text(b, v, a->name,
                      ours && ca_type_find(ours) != CARINA_UNKNOWN ? ours : text);
}

/* Numbers where numbers are wanted; false: what the file has does not suit. */
static bool set_number(CaBuild *b, CaValue *v, const CarinaAttr *a,
                       const CaCustomValue *x)
{
    const bool is_whole =
        x->kind == CA_CUSTOM_INT ||
        (x->kind == CA_CUSTOM_REAL && fabs(x->real) < 9e15 && x->real == floor(x->real));
    const int64_t whole = x->kind == CA_CUSTOM_INT ? x->whole
                          : is_whole               ? (int64_t)x->real
                                                   : 0;
    if (a->kind == CARINA_ATTR_FLOAT && x->kind == CA_CUSTOM_REAL)
        ca_build_set_real(b, v, a->name, x->real);
    else if (is_whole && a->kind == CARINA_ATTR_INTS)
        ca_build_set_ints(b, v, a->name, &whole, 1);
    else if (is_whole && (a->kind == CARINA_ATTR_INT || a->kind == CARINA_ATTR_FLOAT ||
                          a->kind == CARINA_ATTR_BOOL || a->kind == CARINA_ATTR_TYPE))
        ca_build_set_int(b, v, a->name, whole);
    else
        return false;
    return true;
}

static void set(CaBuild *b, CaValue *v, const CarinaAttr *a, const CaCustomValue *x)
{
    const bool is_list = x->kind == CA_CUSTOM_INTS || x->kind == CA_CUSTOM_REALS,
               is_other = x->kind == CA_CUSTOM_OTHER;
    if (x->kind == CA_CUSTOM_TEXT && a->kind == CARINA_ATTR_TYPE)
        set_type(b, v, a, x->text);
    else if (x->kind == CA_CUSTOM_TEXT)
        ca_build_set_text(b, v, a->name, x->text);
    else if (a->kind == CARINA_ATTR_FLOATS && !is_other)
        set_floats(b, v, a, x);
    else if (a->kind == CARINA_ATTR_INTS && x->kind == CA_CUSTOM_INTS)
        ca_build_set_ints(b, v, a->name, x->ints, x->n);
    else if (a->kind == CARINA_ATTR_SHAPE && x->kind == CA_CUSTOM_INTS)
        set_shape(b, v, a, x);
    else if (is_list || is_other || !set_number(b, v, a, x))
        ca_build_fail(b, CARINA_ERR_FORMAT,
                      "its '%s' is of another kind than the extension wants: %s", a->name,
                      kind_words[a->kind]);
}

static void make_node(CaBuild *b, CaCustomCall *c, const CaOp *op)
{
    CaNode *node = NULL;
    const int n_out = op->arity.n_out >= 0 ? op->arity.n_out : c->n_out;
    if (c->n_out > n_out) {
        ca_build_fail(b, CARINA_ERR_FORMAT, "has %d outputs, the extension's %s gives %d",
                      c->n_out, op->name, n_out);
        return;
    }
    ca_build_ok(b, ca_graph_add_op(&node, b->graph, NULL, op, b->name, c->in, c->n_in,
                                   n_out, b->err));
    c->out = ca_arena_array(b->work, (size_t)n_out + 1, sizeof *c->out);
    if (b->status != CARINA_OK || !c->out) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    for (const CarinaAttr *a = op->attrs;
         a && a->kind != CARINA_ATTR_END && b->status == CARINA_OK; a++) {
        const CaCustomValue x =
            c->attr ? c->attr(c->arg, a->name, a->kind) : (CaCustomValue){0};
        if (x.kind != CA_CUSTOM_ABSENT)
            set(b, &node->outputs[0], a, &x);
        else if (a->is_required)
            ca_build_fail(b, CARINA_ERR_FORMAT,
                          "has no '%s', which the extension's %s needs", a->name,
                          op->name);
    }
    b->pending = node;
    if (!ca_build_settle(b))
        return;
    for (int i = 0; i < n_out; i++)
        c->out[c->n_made++] = &node->outputs[i];
}

/* --- Graphs that stand for layers. */

static bool fits(const CarinaShape *have, const CarinaShape *want)
{
    if (have->rank < 0 || want->rank < 0)
        return true;
    bool same = have->rank == want->rank;
    for (int i = 0; same && i < have->rank; i++)
        same = have->dims[i] < 0 || want->dims[i] < 0 || have->dims[i] == want->dims[i];
    return same;
}

static bool is_kin(CarinaType a, CarinaType b)
{
    return (ca_type_is_real(a) && ca_type_is_real(b)) ||
           (ca_type_is_whole(a) && ca_type_is_whole(b));
}

/* Value i for the graph's input i, of its type. */
static CaValue *given(CaBuild *b, const CaCustomCall *c, const CaGraph *body, int i)
{
    char have[CA_SHAPE_TEXT], want[CA_SHAPE_TEXT];
    CaValue *v = c->in[i];
    const CaNode *p = body->inputs[i];
    const CaValue *wanted = &p->outputs[0];
    const bool is_weight = i >= c->n_in - c->n_weights;
    const int at = is_weight ? i - (c->n_in - c->n_weights) : i;
    const char *what = is_weight ? "weight" : "input";
    if (!ca_build_settle(b))
        return NULL;
    if (!v) {
        ca_build_fail(b, CARINA_ERR_FORMAT,
                      "its input %d is absent, and the model that stands for it needs "
                      "'%s'",
                      at, p->name);
        return NULL;
    }
    if (!fits(&v->shape, &wanted->shape))
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "its %s %d is %s, input %d ('%s') of the model that stands for it "
                      "is %s",
                      what, at, ca_shape_text(have, sizeof have, &v->shape), i, p->name,
                      ca_shape_text(want, sizeof want, &wanted->shape));
    else if (v->type != wanted->type && !is_kin(v->type, wanted->type))
        ca_build_fail(b, CARINA_ERR_TYPE,
                      "its %s %d is %s, input %d ('%s') of the model that stands for it "
                      "is %s",
                      what, at, carina_type_name(v->type), i, p->name,
                      carina_type_name(wanted->type));
    else if (v->type != wanted->type)
        v = ca_build_convert(b, v, wanted->type);
    return ca_build_settle(b) ? v : NULL;
}

static void put_in(CaBuild *b, CaCustomCall *c, const char *type)
{
    const CaGraph *body = NULL;
    const CaCustoms *customs = b->customs;
    if (!ca_build_settle(b))
        return;
    b->status = customs->layer(&body, customs->layer_arg, type, b->err);
    if (b->status != CARINA_OK)
        return;
    if (c->n_in != body->n_inputs) {
        ca_build_fail(b, CARINA_ERR_FORMAT,
                      "has %d inputs and %d weights, the model that stands for it %d "
                      "inputs; it needs one for each, in that order",
                      c->n_in - c->n_weights, c->n_weights, body->n_inputs);
        return;
    }
    if (c->n_out > body->n_outputs) {
        ca_build_fail(b, CARINA_ERR_FORMAT,
                      "has %d outputs, the model that stands for it %d", c->n_out,
                      body->n_outputs);
        return;
    }
    const char *prefix = ca_arena_printf(b->work, "%s/", b->name);
    CaValue **in = ca_arena_array(b->work, (size_t)c->n_in + 1, sizeof *in);
    CaNode **made =
        ca_arena_array(b->work, (size_t)body->own->next_id + 1, sizeof(CaNode *));
    c->out = ca_arena_array(b->work, (size_t)body->n_outputs + 1, sizeof *c->out);
    if (!prefix || !in || !made || !c->out) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    for (int i = 0; i < c->n_in; i++)
        if (!(in[i] = given(b, c, body, i)))
            return;
    if (ca_build_ok(b, ca_body_inline(b->graph, NULL, body, in, c->out, NULL, made,
                                      prefix, "", b->err)))
        c->n_made = body->n_outputs;
}

void ca_custom_call(CaBuild *b, CaCustomCall *c)
{
    const char *layer = find_layer(b, c->format, c->type);
    const CaOp *op = layer ? NULL : find_op(b, c->format, c->domain, c->type);
    c->out = NULL;
    c->n_made = 0;
    if (!ca_build_settle(b))
        return;
    if (layer)
        put_in(b, c, layer);
    else if (op)
        make_node(b, c, op);
}
