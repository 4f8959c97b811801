/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML from strangers: no DOCTYPE, so no entities; no network; bounded depth and size.
 */
#ifndef CA_IR_IR_XML_H
#define CA_IR_IR_XML_H

#include "base/error.h"
#include "base/text.h"

#include <libxml/tree.h>

/* Free with xmlFreeDoc. */
CarinaStatus ca_xml_parse(xmlDoc **out, const char *path, const void *data, size_t size,
                          CarinaError *err);
/* Its value, lent by the tree, or NULL. */
const char *ca_xml_attr(const xmlNode *node, const char *name);
bool ca_xml_is(const xmlNode *node, const char *name);
/* The first child element, and the next sibling, of that name (NULL: any); NULL if none. */
xmlNode *ca_xml_child(const xmlNode *node, const char *name);
xmlNode *ca_xml_next(const xmlNode *node, const char *name);
/* The text inside an element that holds nothing else; "" if none. */
const char *ca_xml_text(const xmlNode *node);
/* Text with & < > " and control characters spelt so that any XML reader gives it back; what XML cannot
 * hold becomes '?'. */
void ca_xml_escape(CaText *t, const char *text);

#endif
