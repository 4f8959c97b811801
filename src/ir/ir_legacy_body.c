/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IR versions 2 to 7: TensorIterator, whose body has no Parameters and Results but names the ports of its layers; and
 * Memory, one layer that reads what another of the same id wrote in the run before.
 */
#include "ir/ir_legacy.h"

#include <string.h>

enum { MOST_DEPTH = 6 };

typedef struct Port {
    int32_t layer, port;
} Port;

/* A TensorIterator being read: what the body's ports have become. */
typedef struct Iterator {
    CaLegacyCall *c;
    CaLegacy body;
    const xmlNode *map, *edges;
    CaValue ***given; /* [layer][input port] */
    Port *in, *out;   /* of its Parameters and Results */
    int n_in, n_out, n_edges;
} Iterator;

static int count(const xmlNode *list, const char *name)
{
    int n = 0;
    for (const xmlNode *x = ca_xml_child(list, name); x && n < CA_MAX_PORTS;
         x = ca_xml_next(x, name))
        n++;
    return n;
}

/* The layer and port of the body that two attributes name; false where there is none. */
static bool inner_port(const Iterator *t, const xmlNode *x, const char *layer_attr,
                       const char *port_attr, bool is_input, Port *out)
{
    int64_t layer = 0, port = 0;
    if (!ca_ir_number(x, layer_attr, &layer) || !ca_ir_number(x, port_attr, &port))
        return false;
    out->layer = ca_ir_find_layer(&t->body.net, layer);
    if (out->layer < 0)
        return false;
    const CaIrLayer *l = &t->body.net.layers[out->layer];
    out->port = is_input ? ca_ir_find_port(l->in_ids, l->n_in, port)
                         : ca_ir_find_port(l->out_ids, l->n_out, port);
    return out->port >= 0;
}

static void bad_port(const Iterator *t, const xmlNode *x)
{
    ca_build_fail(&t->c->b, CARINA_ERR_FORMAT,
                  "line %d: it joins ports of which one is not there", (int)x->line);
}

static int32_t outer_port(const Iterator *t, const xmlNode *x, bool is_input)
{
    const CaIrLayer *l = t->c->l;
    int64_t id = 0;
    if (!ca_ir_number(x, "external_port_id", &id))
        return -1;
    return is_input ? ca_ir_find_port(l->in_ids, l->n_in, id)
                    : ca_ir_find_port(l->out_ids, l->n_out, id);
}

/* --- Parameters and Results. */

static void make_parameter(Iterator *t, const xmlNode *x, int i)
{
    CaBuild *b = &t->c->b;
    Port *p = &t->in[i];
    const int32_t outer = outer_port(t, x, true);
    CaValue *v = NULL;
    if (outer < 0 ||
        !inner_port(t, x, "internal_layer_id", "internal_port_id", true, p)) {
        bad_port(t, x);
        return;
    }
    if (t->given[p->layer][p->port]) {
        ca_build_fail(b, CARINA_ERR_FORMAT,
                      "line %d: two inputs go to one port of its body", (int)x->line);
        return;
    }
    const CarinaShape shape = ca_build_shape(b, t->c->in[outer]);
    const char *name = ca_arena_printf(b->work, "%s/input%d", b->name, i);
    ca_build_ok(b, name ? CARINA_OK : CARINA_ERR_MEMORY);
    if (b->status == CARINA_OK)
        ca_build_ok(b, ca_graph_parameter(&v, t->body.graph, name, t->c->in[outer]->type,
                                          &shape, b->err));
    t->given[p->layer][p->port] = v;
}

static int32_t find_port(const Port *list, int n, const Port *p)
{
    for (int i = 0; i < n; i++)
        if (list[i].layer == p->layer && list[i].port == p->port)
            return i;
    return -1;
}

/* The Result of that port, made where there is none yet. */
static int32_t result_of(Iterator *t, const Port *p)
{
    CaBuild *b = &t->c->b;
    const int32_t found = find_port(t->out, t->n_out, p);
    CaValue *v = t->body.net.layers[p->layer].values[p->port];
    if (found >= 0)
        return found;
    const char *name = ca_arena_printf(b->work, "%s/output%d", b->name, t->n_out);
    ca_build_ok(b, name && v ? CARINA_OK : CARINA_ERR_MEMORY);
    if (b->status == CARINA_OK)
        ca_build_ok(b, ca_graph_result(t->body.graph, name, v, b->err));
    t->out[t->n_out] = *p;
    return t->n_out++;
}

/* --- Maps. */

/* An end that counts from the start is not included here, in the operator set it is. */
static void read_parts(Iterator *t, const xmlNode *x, const CarinaShape *s,
                       CarinaPortMap *m)
{
    int64_t axis = -1, start = 0, end = -1, stride = 1, part = 1;
    if (!ca_ir_number(x, "axis", &axis) || axis == -1)
        return;
    (void)ca_ir_number(x, "start", &start);
    (void)ca_ir_number(x, "end", &end);
    (void)ca_ir_number(x, "stride", &stride);
    (void)ca_ir_number(x, "part_size", &part);
    const int64_t size = axis >= 0 && axis < s->rank ? s->dims[axis] : 0;
    const int64_t from = start < 0 ? start + size + 1 : start,
                  to = end < 0 ? end + size + 1 : end;
    if (size < 1 || from < 0 || from > size || to < 0 || to > size || part < 1 ||
        part > size || stride < -size || stride > size || stride == 0) {
        ca_build_fail(&t->c->b, CARINA_ERR_FORMAT,
                      "line %d: parts that are not in the %lld elements of axis %lld",
                      (int)x->line, (long long)size, (long long)axis);
        return;
    }
    m->is_sliced = true;
    m->axis = (int32_t)axis;
    m->start = stride < 0 ? (from == size ? -1 : from - 1) : from;
    m->end = stride < 0 ? to : (to == size ? -1 : to - 1);
    m->stride = stride;
    m->part_size = part;
}

static void join(Iterator *t, CarinaBody *body)
{
    int n = 0;
    for (const xmlNode *x = ca_xml_child(t->map, "input"); x && n < t->n_in;
         x = ca_xml_next(x, "input"), n++) {
        CarinaPortMap *m = &body->inputs[n];
        *m = (CarinaPortMap){.outer = outer_port(t, x, true), .inner = n, .stride = 1};
        read_parts(t, x, &t->c->in[m->outer]->shape, m); /* the node waits for its maps */
    }
    n = 0;
    for (const xmlNode *x = ca_xml_child(t->map, "output"); x && n < body->n_outputs;
         x = ca_xml_next(x, "output"), n++) {
        Port p = {0, 0};
        CarinaPortMap *m = &body->outputs[n];
        *m = (CarinaPortMap){.outer = outer_port(t, x, false), .stride = 1};
        if (m->outer < 0 ||
            !inner_port(t, x, "internal_layer_id", "internal_port_id", false, &p)) {
            bad_port(t, x);
            return;
        }
        m->inner = result_of(t, &p);
        const CarinaShape s = ca_legacy_stated(t->c, m->outer);
        read_parts(t, x, &s, m);
    }
    n = 0;
    for (const xmlNode *x = ca_xml_child(t->edges, "edge"); x && n < t->n_edges;
         x = ca_xml_next(x, "edge"), n++) {
        Port from = {0, 0}, to = {0, 0};
        const bool good = inner_port(t, x, "from-layer", "from-port", false, &from) &&
                          inner_port(t, x, "to-layer", "to-port", true, &to);
        const int32_t at = good ? find_port(t->in, t->n_in, &to) : -1;
        if (at < 0) {
            bad_port(t, x);
            return;
        }
        body->back_edges[n] = (CarinaBackEdge){result_of(t, &from), at};
    }
}

/* --- The layer. */

static bool read_body(Iterator *t)
{
    CaBuild *b = &t->c->b;
    CaIrNet *net = &t->body.net;
    const xmlNode *element = ca_xml_child(t->c->l->xml, "body");
    if (!element) {
        ca_build_fail(b, CARINA_ERR_FORMAT, "it has no <body>");
        return false;
    }
    b->status = ca_ir_net_read(net, element);
    if (b->status != CARINA_OK ||
        !ca_build_ok(b, ca_graph_create(&t->body.graph, b->err)))
        return false;
    t->given = ca_arena_array(b->work, (size_t)net->n, sizeof *t->given);
    t->in = ca_arena_array(b->work, (size_t)t->n_in + 1, sizeof *t->in);
    t->out =
        ca_arena_array(b->work, (size_t)count(t->map, "output") + (size_t)t->n_edges + 1,
                       sizeof *t->out);
    bool fits = t->given && t->in && t->out;
    for (int32_t i = 0; fits && i < net->n; i++) {
        t->given[i] =
            ca_arena_array(b->work, (size_t)net->layers[i].n_in + 1, sizeof **t->given);
        fits = t->given[i] != NULL;
    }
    if (!fits)
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
    return fits;
}

/* A part instead of the whole, before the body's layers are made. */
static void shape_parameters(Iterator *t)
{
    int n = 0;
    for (const xmlNode *x = ca_xml_child(t->map, "input");
         x && n < t->n_in && t->c->b.status == CARINA_OK;
         x = ca_xml_next(x, "input"), n++) {
        CarinaPortMap m = {.is_sliced = false};
        CaValue *v = &t->body.graph->inputs[n]->outputs[0];
        read_parts(t, x, &v->shape, &m);
        if (!m.is_sliced)
            continue;
        v->shape.dims[m.axis] = m.part_size;
        ((CaParameterAttrs *)v->node->attrs)->shape = v->shape;
    }
}

static void make_body(Iterator *t)
{
    CaBuild *b = &t->c->b;
    int n = 0;
    for (const xmlNode *x = ca_xml_child(t->map, "input");
         x && n < t->n_in && b->status == CARINA_OK; x = ca_xml_next(x, "input"))
        make_parameter(t, x, n++);
    /* Parameters are put in front of each other in the list; the model's order is that of graph->inputs. */
    shape_parameters(t);
    if (b->status == CARINA_OK)
        b->status = ca_legacy_layers(&t->body, t->given);
}

static void tensor_iterator(CaLegacyCall *c)
{
    CaBuild *b = &c->b;
    const xmlNode *map = ca_xml_child(c->l->xml, "port_map"),
                  *edges = ca_xml_child(c->l->xml, "back_edges");
    Iterator t = {.c = c,
                  .body = *c->r,
                  .map = map,
                  .edges = edges,
                  .n_in = count(map, "input"),
                  .n_edges = count(edges, "edge")};
    t.body.net = (CaIrNet){.path = c->r->net.path, .err = b->err, .arena = b->work};
    t.body.graph = NULL;
    if (++t.body.depth > MOST_DEPTH)
        ca_build_fail(b, CARINA_ERR_LIMIT, "bodies inside each other more than %d deep",
                      MOST_DEPTH);
    if (b->status == CARINA_OK && read_body(&t))
        make_body(&t);
    if (b->status != CARINA_OK) {
        ca_graph_free(&t.body.graph);
        return;
    }
    CaValue *v = ca_build_make(b, "TensorIterator", c->in, c->n_in, c->n_out);
    if (!v) {
        ca_graph_free(&t.body.graph);
        return;
    }
    ca_build_ok(b, ca_node_set_body(b->graph, v->node, 1, 0, t.body.graph, t.n_in,
                                    count(map, "output"), t.n_edges, b->err));
    if (b->status == CARINA_OK) {
        join(&t, &v->node->bodies[0]);
        (void)ca_graph_sweep(t.body.graph);
    }
    for (int i = 0; ca_build_settle(b) && i < c->n_out; i++)
        c->out[i] = v + i;
}

/* --- Memory: before anything was written it holds zeros. */

static void memory(CaLegacyCall *c)
{
    const char *id = ca_legacy_text(c, "id");
    CaValue *v = NULL;
    if (!id)
        ca_build_fail(&c->b, CARINA_ERR_FORMAT, "attribute id is missing");
    if (c->n_in == (c->n_out > 0))
        ca_build_fail(&c->b, CARINA_ERR_FORMAT,
                      "it has %d inputs and %d outputs, must have one of either", c->n_in,
                      c->n_out);
    if (c->b.status != CARINA_OK)
        return;
    if (c->n_in) {
        v = ca_build_make_at(&c->b, "Assign", 3, c->in, 1, 1);
    } else {
        const CarinaShape shape = ca_legacy_stated(c, 0);
        CarinaTensor *zeros = NULL;
        if (c->b.status == CARINA_OK)
            ca_build_ok(&c->b,
                        carina_tensor_create(&zeros, CARINA_F32, &shape, c->b.err));
        CaValue *first = zeros ? ca_build_tensor(&c->b, NULL, zeros) : NULL;
        v = ca_build_make_at(&c->b, "ReadValue", 3, &first, 1, 1);
        c->out[0] = v;
    }
    ca_build_set_text(&c->b, v, "variable_id", id);
}

const CaLegacyOp ca_legacy_body[] = {
    {"TensorIterator", tensor_iterator, 1, CA_MAX_PORTS},
    {"Memory", memory, 0, 1},
    {NULL, NULL, 0, 0},
};
