/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an IR says of the whole model besides layers and edges: kept as the graph's info.
 */
#include "ir/ir_layers.h"

#include <string.h>

static void keep_own_info(CaGraph *graph, const xmlNode *own)
{
    for (const xmlNode *x = ca_xml_child(own, "info"); x; x = ca_xml_next(x, "info")) {
        const char *name = ca_xml_attr(x, "name"), *value = ca_xml_attr(x, "value");
        if (name && value && strncmp(name, "ir.", 3) != 0)
            ca_graph_set_info(graph, name, value);
    }
}

/* Take <carina> out of the element: its contents are the graph's own info. */
static void take_own_info(CaGraph *graph, xmlNode *element)
{
    xmlNode *own = ca_xml_child(element, "carina");
    if (!own)
        return;
    keep_own_info(graph, own);
    xmlNode *blank = own->prev;
    xmlUnlinkNode(own);
    xmlFreeNode(own);
    if (blank && blank->type == XML_TEXT_NODE) {
        xmlUnlinkNode(blank);
        xmlFreeNode(blank);
    }
}

CarinaStatus ca_ir_keep_net_info(const CaIrNet *net, CaGraph *graph, xmlNode *root,
                                 const char *except)
{
    for (xmlNode *x = ca_xml_child(root, NULL); x; x = ca_xml_next(x, NULL)) {
        if (ca_xml_is(x, "layers") || ca_xml_is(x, "edges") ||
            ca_text_in_list(except, (const char *)x->name))
            continue;
        if (ca_xml_is(x, "carina")) {
            keep_own_info(graph, x);
            continue;
        }
        take_own_info(graph, x);
        const xmlNode *labels = ca_xml_child(ca_xml_child(x, "model_info"), "labels");
        if (labels && ca_xml_attr(labels, "value"))
            ca_graph_set_info(graph, "labels", ca_xml_attr(labels, "value"));
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
