/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the bodies of TensorIterator, Loop and If, and how their ports are joined to the layer's.
 *
 * Inputs and outputs of a TensorIterator and Loop are named by the ids of its ports, outputs of an If by their index.
 */
#include "ir/ir_reader.h"

#include "graph/op.h"

#include <string.h>

enum { MOST_DEPTH = 6 };

static int count(const xmlNode *list, const char *name)
{
    int n = 0;
    for (const xmlNode *x = ca_xml_child(list, name); x && n < CA_MAX_PORTS;
         x = ca_xml_next(x, name))
        n++;
    return n;
}

static bool has_purpose(const xmlNode *x, const char *purpose)
{
    return ca_text_equal(ca_xml_attr(x, "purpose"), purpose);
}

/* The place among the body's inputs or outputs of the layer with that id; -1: it is none. */
static int32_t find_inner(const CaIrReader *body, const xmlNode *x, const char *attr,
                          bool is_input)
{
    int64_t id = 0;
    const int32_t at = ca_ir_number(x, attr, &id) ? ca_ir_find_layer(&body->net, id) : -1;
    CaNode *const *list = is_input ? body->graph->inputs : body->graph->outputs;
    const int32_t n = is_input ? body->graph->n_inputs : body->graph->n_outputs;
    for (int32_t i = 0; at >= 0 && i < n; i++)
        if (list[i] == body->net.layers[at].node)
            return i;
    return -1;
}

static CarinaStatus bad_map(CaIrReader *r, const CaIrLayer *l, const xmlNode *x)
{
    const char *outer = ca_xml_attr(x, "external_port_id"),
               *inner = ca_xml_attr(x, "internal_layer_id");
    return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT,
                      "its port map joins %.40s port \"%.20s\" to layer \"%.20s\" of its "
                      "body, one of which is not there",
                      (const char *)x->name, outer ? outer : "", inner ? inner : "");
}

/* axis, start, end, stride, part_size: with an axis the port is taken apart. */
static CarinaStatus read_parts(CaIrReader *r, const CaIrLayer *l, const xmlNode *x,
                               CarinaPortMap *m)
{
    const struct {
        const char *name;
        int64_t *v;
    } attrs[] = {{"start", &m->start},
                 {"end", &m->end},
                 {"stride", &m->stride},
                 {"part_size", &m->part_size}};
    int64_t axis = 0;
    *m = (CarinaPortMap){
        .outer = m->outer, .inner = m->inner, .end = -1, .stride = 1, .part_size = 1};
    for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++)
        if (ca_xml_attr(x, attrs[i].name) && !ca_ir_number(x, attrs[i].name, attrs[i].v))
            return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT,
                              "%s in its port map is \"%.40s\", not a number",
                              attrs[i].name, ca_xml_attr(x, attrs[i].name));
    if (!ca_xml_attr(x, "axis"))
        return CARINA_OK;
    if (!ca_ir_number(x, "axis", &axis) || axis < -CARINA_MAX_RANK ||
        axis >= CARINA_MAX_RANK)
        return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT,
                          "axis in its port map is \"%.40s\", not one of -%d to %d",
                          ca_xml_attr(x, "axis"), CARINA_MAX_RANK, CARINA_MAX_RANK - 1);
    m->is_sliced = true;
    m->axis = (int32_t)axis;
    return CARINA_OK;
}

typedef struct Maps {
    const xmlNode *map, *edges;
    int n_in, n_out, n_edges;
} Maps;

static CarinaStatus read_inputs(CaIrReader *r, const CaIrLayer *l, const CaIrReader *body,
                                const Maps *maps, CarinaBody *b)
{
    int n = 0;
    for (const xmlNode *x = ca_xml_child(maps->map, "input"); x && n < maps->n_in;
         x = ca_xml_next(x, "input")) {
        int64_t id = 0;
        CarinaPortMap *m = &b->inputs[n];
        m->inner = find_inner(body, x, "internal_layer_id", true);
        if (has_purpose(x, "current_iteration") && m->inner >= 0) {
            b->iteration_input = m->inner;
            continue;
        }
        m->outer = ca_ir_number(x, "external_port_id", &id)
                       ? ca_ir_find_port(l->in_ids, l->n_in, id)
                       : -1;
        if (m->inner < 0 || m->outer < 0)
            return bad_map(r, l, x);
        CA_TRY(read_parts(r, l, x, m));
        n++;
    }
    b->n_inputs = n;
    return CARINA_OK;
}

static int32_t outer_output(const CaIrLayer *l, const xmlNode *x)
{
    int64_t id = 0;
    if (!ca_ir_number(x, "external_port_id", &id))
        return -1;
    if (ca_text_equal_nocase(l->type, "If"))
        return id >= 0 && id < l->n_out ? (int32_t)id : -1;
    return ca_ir_find_port(l->out_ids, l->n_out, id);
}

static CarinaStatus read_outputs(CaIrReader *r, const CaIrLayer *l,
                                 const CaIrReader *body, const Maps *maps, CarinaBody *b)
{
    int n = 0;
    for (const xmlNode *x = ca_xml_child(maps->map, "output"); x && n < maps->n_out;
         x = ca_xml_next(x, "output")) {
        CarinaPortMap *m = &b->outputs[n];
        m->inner = find_inner(body, x, "internal_layer_id", false);
        if (has_purpose(x, "execution_condition") && m->inner >= 0) {
            b->condition_output = m->inner;
            if (outer_output(l, x) < 0)
                continue;
        }
        m->outer = outer_output(l, x);
        if (m->inner < 0 || m->outer < 0)
            return bad_map(r, l, x);
        CA_TRY(read_parts(r, l, x, m));
        n++;
    }
    b->n_outputs = n;
    return CARINA_OK;
}

static CarinaStatus read_back_edges(CaIrReader *r, const CaIrLayer *l,
                                    const CaIrReader *body, const Maps *maps,
                                    CarinaBody *b)
{
    int n = 0;
    for (const xmlNode *x = ca_xml_child(maps->edges, "edge"); x && n < maps->n_edges;
         x = ca_xml_next(x, "edge"), n++) {
        b->back_edges[n] = (CarinaBackEdge){find_inner(body, x, "from-layer", false),
                                            find_inner(body, x, "to-layer", true)};
        if (b->back_edges[n].from < 0 || b->back_edges[n].to < 0)
            return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT,
                              "its back edge %d does not lead from a Result of its body "
                              "to a Parameter",
                              n);
    }
    return CARINA_OK;
}

static CarinaStatus read_body(CaIrReader *r, CaIrLayer *l, int n, int i,
                              const char *element, const char *map)
{
    CarinaError e = {0};
    CaIrReader body = {
        .net = {.path = r->net.path, .err = r->net.err, .arena = r->net.arena},
        .weights = r->weights,
        .customs = r->customs,
        .root = ca_xml_child(l->xml, element),
        .version = r->version,
        .depth = r->depth + 1,
        .high_first = r->high_first};
    Maps maps = {ca_xml_child(l->xml, map), ca_xml_child(l->xml, "back_edges"), 0, 0, 0};
    if (body.depth > MOST_DEPTH)
        return ca_ir_fail(&r->net, l, CARINA_ERR_LIMIT,
                          "bodies inside each other more than %d deep", MOST_DEPTH);
    if (!body.root)
        return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT, "it has no <%s>", element);
    maps.n_in = count(maps.map, "input");
    maps.n_out = count(maps.map, "output");
    maps.n_edges = n == 1 ? count(maps.edges, "edge") : 0;
    CarinaStatus status = ca_ir_build(&body);
    r->swapped = r->swapped || body.swapped;
    if (status != CARINA_OK) {
        ca_graph_free(&body.graph);
        return status;
    }
    if (ca_node_set_body(r->graph, l->node, n, i, body.graph, maps.n_in, maps.n_out,
                         maps.n_edges, &e) != CARINA_OK)
        return ca_err(r->net.err, e.code, "%s: %s", r->net.path, e.text);
    CarinaBody *b = &l->node->bodies[i];
    CA_TRY(read_inputs(r, l, &body, &maps, b));
    CA_TRY(read_outputs(r, l, &body, &maps, b));
    return read_back_edges(r, l, &body, &maps, b);
}

CarinaStatus ca_ir_read_bodies(CaIrReader *r, CaIrLayer *l)
{
    if (ca_node_is(l->node, "TensorIterator") || ca_node_is(l->node, "Loop"))
        return read_body(r, l, 1, 0, "body", "port_map");
    if (!ca_node_is(l->node, "If"))
        return CARINA_OK;
    CA_TRY(read_body(r, l, 2, 0, "then_body", "then_port_map"));
    return read_body(r, l, 2, 1, "else_body", "else_port_map");
}
