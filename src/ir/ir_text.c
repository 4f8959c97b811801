/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints a graph as text, one line a node; ir.h shows the form.
 */
#include "graph/op.h"
#include "ir/ir.h"
#include "ir/ir_attr.h"

#include <string.h>

enum { MAX_SHOWN = 16 };

static bool is_bare(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789_./-";
    return name[0] && strcmp(name, "_") != 0 && name[strspn(name, allowed)] == 0;
}

static void add_string(CaText *t, const char *s)
{
    ca_text_add(t, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            ca_text_add(t, "\\%c", *s);
        else if (*s == '\n')
            ca_text_add(t, "\\n");
        else
            ca_text_add_n(t, s, 1);
    }
    ca_text_add(t, "\"");
}

static void add_name(CaText *t, const char *name)
{
    if (is_bare(name))
        ca_text_add(t, "%s", name);
    else
        add_string(t, name);
}

static bool is_list(CarinaAttrKind kind)
{
    return kind == CARINA_ATTR_INTS || kind == CARINA_ATTR_FLOATS ||
           kind == CARINA_ATTR_SHAPE;
}

/* The fallback and the value may be spelt apart ("1.0", "1"): then the value is shown, which does no harm. */
static bool is_fallback(const CarinaAttr *a, const char *value)
{
    if (a->is_required)
        return false;
    if (a->fallback)
        return ca_text_equal_nocase(value, a->fallback);
    return value[0] == 0 || strcmp(value, "0") == 0 || strcmp(value, "false") == 0;
}

static void add_attr(CaText *t, const CaNode *n, const CarinaAttr *a)
{
    CaText value = {.limit = 1 << 20};
    ca_attr_text(&value, n, a);
    const char *v = value.data ? value.data : "";
    if (!is_fallback(a, v)) {
        ca_text_add(t, " %s=", a->name);
        if (is_list(a->kind))
            ca_text_add(t, "[%s]", v);
        else if (a->kind == CARINA_ATTR_STRING || a->kind == CARINA_ATTR_ENUM)
            add_string(t, v);
        else
            ca_text_add(t, "%s", v);
    }
    ca_text_free(&value);
}

static void add_type(CaText *t, CarinaType type, const CarinaShape *shape)
{
    ca_text_add(t, "%s [", carina_type_name(type));
    ca_dims_text(t, shape, ", ");
    ca_text_add(t, "]");
}

static void add_elements(CaText *t, const CarinaTensor *c)
{
    const int64_t n = ca_tensor_count(c);
    const size_t size = (size_t)carina_type_bits(c->type) / 8;
    ca_text_add(t, " {");
    if (n > MAX_SHOWN)
        ca_text_add(t, "#%016llx", (unsigned long long)ca_hash(c->data, c->size, 0));
    for (int64_t i = 0; n <= MAX_SHOWN && i < n; i++) {
        if (i)
            ca_text_add(t, ", ");
        if (ca_type_is_real(c->type))
            ca_element_text(t, c->type, (const char *)c->data + (size_t)i * size);
        else
            ca_text_add(t, "%lld", (long long)ca_get_int(c->type, c->data, i));
    }
    ca_text_add(t, "}");
}

static void add_graph(CaText *t, const CaGraph *graph, int indent);

static void add_indent(CaText *t, int indent)
{
    for (int i = 0; i < indent; i++)
        ca_text_add(t, "  ");
}

static void add_map(CaText *t, const CarinaPortMap *m, bool is_input)
{
    ca_text_add(t, is_input ? " %d->%d" : " %d<-%d", (int)m->outer, (int)m->inner);
    if (m->is_sliced)
        ca_text_add(t, "[axis %d, %lld:%lld:%lld, %lld]", (int)m->axis,
                    (long long)m->start, (long long)m->end, (long long)m->stride,
                    (long long)m->part_size);
}

/* "| in 1->0 2->1[axis 0, 0:-1:1, 1] out 0<-0 back 0->0 iteration 2 condition 1", then the body's nodes. */
static void add_body(CaText *t, const CaNode *n, int i, int indent)
{
    const CarinaBody *b = &n->bodies[i];
    add_indent(t, indent);
    ca_text_add(t, "| in");
    for (int32_t k = 0; k < b->n_inputs; k++)
        add_map(t, &b->inputs[k], true);
    ca_text_add(t, " out");
    for (int32_t k = 0; k < b->n_outputs; k++)
        add_map(t, &b->outputs[k], false);
    for (int32_t k = 0; k < b->n_back_edges; k++)
        ca_text_add(t, "%s %d->%d", k ? "" : " back", (int)b->back_edges[k].from,
                    (int)b->back_edges[k].to);
    if (b->iteration_input >= 0)
        ca_text_add(t, " iteration %d", (int)b->iteration_input);
    if (b->condition_output >= 0)
        ca_text_add(t, " condition %d", (int)b->condition_output);
    ca_text_add(t, "\n");
    add_graph(t, b->graph, indent);
}

static void add_node(CaText *t, const CaNode *n, int indent)
{
    add_indent(t, indent);
    add_name(t, n->name);
    ca_text_add(t, " = %s-%d(", n->op_name, (int)n->opset);
    for (int32_t i = 0; i < n->n_inputs; i++) {
        const CaValue *v = n->inputs[i].value;
        if (i)
            ca_text_add(t, ", ");
        if (v)
            add_name(t, v->node->name);
        else
            ca_text_add(t, "_");
        if (v && v->index)
            ca_text_add(t, ":%d", (int)v->index);
    }
    ca_text_add(t, ")");
    const bool is_parameter = ca_node_is(n, "Parameter");
    for (const CarinaAttr *a = n->attr_table; a && a->kind != CARINA_ATTR_END; a++)
        if (!is_parameter)
            add_attr(t, n, a);
    for (int32_t i = 0; i < n->n_outputs && !ca_node_is(n, "Result"); i++) {
        ca_text_add(t, i ? ", " : " : ");
        add_type(t, n->outputs[i].type, &n->outputs[i].shape);
    }
    if (ca_node_is(n, "Const") && n->outputs[0].constant)
        add_elements(t, n->outputs[0].constant);
    ca_text_add(t, "\n");
    for (int32_t i = 0; i < n->n_bodies; i++)
        add_body(t, n, i, indent + 1);
}

/* Parameters and Results in the model's order, whatever order the list has them in. */
static void add_graph(CaText *t, const CaGraph *graph, int indent)
{
    for (int32_t i = 0; i < graph->n_inputs; i++)
        add_node(t, graph->inputs[i], indent);
    CA_EACH_NODE(n, graph)
        if (!ca_node_is(n, "Parameter") && !ca_node_is(n, "Result"))
            add_node(t, n, indent);
    for (int32_t i = 0; i < graph->n_outputs; i++)
        add_node(t, graph->outputs[i], indent);
}

void ca_ir_text(CaText *t, const CaGraph *graph) { add_graph(t, graph, 0); }
