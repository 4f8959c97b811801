/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layers and edges of a <net> or a <body>.
 */
#include "ir/ir_layers.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct CaIrById {
    int64_t id;
    int32_t layer;
} CaIrById;

CarinaStatus ca_ir_no_memory(const CaIrNet *net)
{
    return ca_err(net->err, CARINA_ERR_MEMORY, "%s: out of memory", net->path);
}

CarinaStatus ca_ir_fail(const CaIrNet *net, const CaIrLayer *l, CarinaStatus code,
                        const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ca_err(net->err, code, "%s: layer %lld '%s' (%s): %s", net->path,
                  (long long)l->id, l->name, l->type, text);
}

bool ca_ir_number(const xmlNode *node, const char *attr, int64_t *v)
{
    const char *text = node ? ca_xml_attr(node, attr) : NULL;
    return text && ca_text_int(v, text, strlen(text));
}

/* --- Layers. */

static CarinaStatus read_port_list(CaIrNet *net, CaIrLayer *l, const char *list,
                                   int32_t *n, int64_t **ids, const xmlNode ***ports)
{
    const xmlNode *parent = ca_xml_child(l->xml, list);
    int32_t count = 0;
    for (const xmlNode *p = ca_xml_child(parent, "port"); p; p = ca_xml_next(p, "port"))
        if (++count > CA_MAX_PORTS)
            return ca_ir_fail(net, l, CARINA_ERR_LIMIT, "more than %d %s ports",
                              CA_MAX_PORTS, list);
    *n = count;
    *ids = ca_arena_array(net->arena, (size_t)count, sizeof **ids);
    *ports = ca_arena_array(net->arena, (size_t)count, sizeof **ports);
    if (count && (!*ids || !*ports))
        return ca_ir_no_memory(net);
    int32_t i = 0;
    for (const xmlNode *p = ca_xml_child(parent, "port"); p; p = ca_xml_next(p, "port")) {
        (*ports)[i] = p;
        if (!ca_ir_number(p, "id", &(*ids)[i++]))
            return ca_ir_fail(net, l, CARINA_ERR_FORMAT,
                              "%s port %d has no number for an id", list, i - 1);
    }
    return CARINA_OK;
}

static CarinaStatus read_layer(CaIrNet *net, CaIrLayer *l)
{
    const char *name = ca_xml_attr(l->xml, "name");
    l->name = name ? name : "";
    l->type = ca_xml_attr(l->xml, "type");
    if (!l->type)
        return ca_err(net->err, CARINA_ERR_FORMAT,
                      "%s: line %d: layer '%s' has no type; the file is damaged",
                      net->path, (int)l->xml->line, l->name);
    if (!ca_ir_number(l->xml, "id", &l->id) || l->id < 0)
        return ca_err(net->err, CARINA_ERR_FORMAT,
                      "%s: layer '%s' (%s): its id is \"%s\", not a number of 0 or more",
                      net->path, l->name, l->type,
                      ca_xml_attr(l->xml, "id") ? ca_xml_attr(l->xml, "id") : "");
    CA_TRY(read_port_list(net, l, "input", &l->n_in, &l->in_ids, &l->in_ports));
    CA_TRY(read_port_list(net, l, "output", &l->n_out, &l->out_ids, &l->out_ports));
    l->from = ca_arena_array(net->arena, (size_t)l->n_in, sizeof *l->from);
    if (l->n_in && !l->from)
        return ca_ir_no_memory(net);
    for (int32_t i = 0; i < l->n_in; i++)
        l->from[i].layer = -1;
    return CARINA_OK;
}

static int compare_ids(const void *a, const void *b)
{
    const CaIrById *x = a, *y = b;
    return x->id != y->id ? (x->id > y->id) - (x->id < y->id)
                          : (x->layer > y->layer) - (x->layer < y->layer);
}

static CarinaStatus read_layers(CaIrNet *net, const xmlNode *element)
{
    const xmlNode *list = ca_xml_child(element, "layers");
    int32_t n = 0;
    for (const xmlNode *x = ca_xml_child(list, "layer"); x; x = ca_xml_next(x, "layer"))
        if (++n > CA_MAX_NODES)
            return ca_err(net->err, CARINA_ERR_LIMIT, "%s: more than %d layers",
                          net->path, CA_MAX_NODES);
    if (n == 0)
        return ca_err(net->err, CARINA_ERR_FORMAT, "%s: the network has no layers",
                      net->path);
    net->layers = ca_arena_array(net->arena, (size_t)n, sizeof *net->layers);
    net->by_id = ca_arena_array(net->arena, (size_t)n, sizeof *net->by_id);
    if (!net->layers || !net->by_id)
        return ca_ir_no_memory(net);
    net->n = n;
    int32_t i = 0;
    for (const xmlNode *x = ca_xml_child(list, "layer"); x;
         x = ca_xml_next(x, "layer"), i++) {
        net->layers[i].xml = x;
        CA_TRY(read_layer(net, &net->layers[i]));
        net->by_id[i] = (CaIrById){net->layers[i].id, i};
    }
    qsort(net->by_id, (size_t)n, sizeof *net->by_id, compare_ids);
    for (i = 1; i < n; i++)
        if (net->by_id[i].id == net->by_id[i - 1].id)
            return ca_ir_fail(net, &net->layers[net->by_id[i].layer], CARINA_ERR_FORMAT,
                              "layer '%s' has the same id",
                              net->layers[net->by_id[i - 1].layer].name);
    return CARINA_OK;
}

/* --- Edges. */

int32_t ca_ir_find_layer(const CaIrNet *net, int64_t id)
{
    int32_t low = 0, high = net->n;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (net->by_id[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < net->n && net->by_id[low].id == id ? net->by_id[low].layer : -1;
}

/* Ids are nearly always consecutive: look there first. */
int32_t ca_ir_find_port(const int64_t *ids, int32_t n, int64_t id)
{
    if (n && id >= ids[0] && id - ids[0] < n && ids[id - ids[0]] == id)
        return (int32_t)(id - ids[0]);
    for (int32_t i = 0; i < n; i++)
        if (ids[i] == id)
            return i;
    return -1;
}

static CarinaStatus read_edge(CaIrNet *net, const xmlNode *edge, int64_t index)
{
    static const char *const names[] = {"from-layer", "from-port", "to-layer", "to-port"};
    int64_t v[4] = {0};
    for (int i = 0; i < 4; i++)
        if (!ca_ir_number(edge, names[i], &v[i]))
            return ca_err(net->err, CARINA_ERR_FORMAT, "%s: edge %lld: %s is no number",
                          net->path, (long long)index, names[i]);
    const int32_t from = ca_ir_find_layer(net, v[0]), to = ca_ir_find_layer(net, v[2]);
    if (from < 0 || to < 0)
        return ca_err(net->err, CARINA_ERR_FORMAT,
                      "%s: edge %lld: there is no layer %lld; the file is damaged",
                      net->path, (long long)index, (long long)(from < 0 ? v[0] : v[2]));
    CaIrLayer *l = &net->layers[to];
    const CaIrLayer *source = &net->layers[from];
    const int32_t out = ca_ir_find_port(source->out_ids, source->n_out, v[1]);
    const int32_t in = ca_ir_find_port(l->in_ids, l->n_in, v[3]);
    if (out < 0)
        return ca_ir_fail(net, source, CARINA_ERR_FORMAT,
                          "edge %lld starts at output port %lld, which it has not",
                          (long long)index, (long long)v[1]);
    if (in < 0)
        return ca_ir_fail(net, l, CARINA_ERR_FORMAT,
                          "edge %lld ends at input port %lld, which it has not",
                          (long long)index, (long long)v[3]);
    if (l->from[in].layer >= 0)
        return ca_ir_fail(net, l, CARINA_ERR_FORMAT, "two edges end at input port %lld",
                          (long long)v[3]);
    l->from[in] = (CaIrSource){from, out};
    return CARINA_OK;
}

static CarinaStatus read_edges(CaIrNet *net, const xmlNode *element)
{
    const xmlNode *list = ca_xml_child(element, "edges");
    int64_t index = 0;
    for (const xmlNode *e = ca_xml_child(list, "edge"); e; e = ca_xml_next(e, "edge"))
        CA_TRY(read_edge(net, e, index++));
    return CARINA_OK;
}

CarinaStatus ca_ir_net_read(CaIrNet *net, const xmlNode *element)
{
    CA_TRY(read_layers(net, element));
    return read_edges(net, element);
}
