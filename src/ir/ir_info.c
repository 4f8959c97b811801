/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an IR says of the whole model besides layers and edges: kept as the graph's info.
 */
#include "ir/ir_layers.h"

#include "graph/labels.h"

#include <string.h>

static void keep_own_info(CaGraph *graph, const xmlNode *own)
{
    for (const xmlNode *x = ca_xml_child(own, "info"); x; x = ca_xml_next(x, "info")) {
        const char *name = ca_xml_attr(x, "name"), *value = ca_xml_attr(x, "value");
        if (name && value && strncmp(name, "ir.", 3) != 0)
            ca_graph_set_info(graph, name, value);
    }
}

/* Out of the tree, with the blanks before it. */
static void take_out(xmlNode *element)
{
    xmlNode *blank = element->prev;
    xmlUnlinkNode(element);
    xmlFreeNode(element);
    if (blank && blank->type == XML_TEXT_NODE) {
        xmlUnlinkNode(blank);
        xmlFreeNode(blank);
    }
}

/* Take <carina> out of the element: its contents are the graph's own info. */
static void take_own_info(CaGraph *graph, xmlNode *element)
{
    xmlNode *own = ca_xml_child(element, "carina");
    if (!own)
        return;
    keep_own_info(graph, own);
    take_out(own);
}

/* The same for the labels, which may be changed; our own info has them in full. */
static void take_labels(CaGraph *graph, xmlNode *element)
{
    xmlNode *model = ca_xml_child(element, "model_info");
    xmlNode *labels = ca_xml_child(model, "labels");
    const char *text = labels ? ca_xml_attr(labels, "value") : NULL;
    if (!text || !text[0])
        return;
    if (!ca_info_find(graph->info, "labels"))
        ca_labels_set(graph, text, strlen(text), CA_LABELS_WORDS);
    take_out(labels);
    if (!ca_xml_child(model, NULL))
        take_out(model);
}

/* Who made the file, unless it says who made the model. */
static void name_producer(CaGraph *graph, const xmlNode *element)
{
    static const struct {
        const char *key, *producer;
    } all[] = {{"Runtime_version", "OpenVINO"}, {"MO_version", "Model Optimizer"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const xmlNode *x = ca_xml_child(element, all[i].key);
        const char *version = x ? ca_xml_attr(x, "value") : NULL;
        if (!version || !version[0] || ca_info_find(graph->info, "producer"))
            continue;
        const bool is_own = strncmp(version, "carina ", 7) == 0;
        ca_graph_set_info(graph, "producer", is_own ? "Carina" : all[i].producer);
        ca_graph_set_info(graph, "producer_version", version + (is_own ? 7 : 0));
    }
}

CarinaStatus ca_ir_keep_net_info(const CaIrNet *net, CaGraph *graph, xmlNode *root,
                                 const char *except)
{
    for (const xmlNode *x = ca_xml_child(root, "carina"); x; x = ca_xml_next(x, "carina"))
        keep_own_info(graph, x);
    for (xmlNode *x = ca_xml_child(root, NULL); x; x = ca_xml_next(x, NULL)) {
        if (ca_xml_is(x, "carina") || ca_xml_is(x, "layers") || ca_xml_is(x, "edges") ||
            ca_text_in_list(except, (const char *)x->name))
            continue;
        take_own_info(graph, x);
        take_labels(graph, x);
        name_producer(graph, x);
        xmlBuffer *text = xmlBufferCreate();
        const char *key = ca_arena_printf(net->arena, "ir.%s", (const char *)x->name);
        const bool good = text && key && xmlNodeDump(text, x->doc, x, 0, 0) >= 0;
        if (good)
            ca_graph_set_info(graph, key, (const char *)xmlBufferContent(text));
        xmlBufferFree(text);
        if (!good)
            return ca_ir_no_memory(net);
    }
    return CARINA_OK;
}
