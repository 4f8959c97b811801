/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How IR files spell attributes, shapes and types: what reader, writer and text form share.
 */
#ifndef CA_IR_IR_ATTR_H
#define CA_IR_IR_ATTR_H

#include "base/text.h"
#include "graph/graph.h"

/* The attribute's value as OpenVINO writes it: "2, 2", "true", "9.9999997473787516e-06". */
void ca_attr_text(CaText *t, const CaNode *node, const CarinaAttr *attr);
/* The shortest text that reads back as v. */
void ca_real_text(CaText *t, double v);
/* The same for an element of floating type. */
void ca_element_text(CaText *t, CarinaType type, const void *element);
/* "1,3,?,8" with that separator; "..." for an unknown rank. */
void ca_dims_text(CaText *t, const CarinaShape *shape, const char *separator);
/* The reverse: "", "1, 3", "?", "-1", "1..8", "..."; a range is a dynamic dimension. False where it is none. */
bool ca_dims_parse(CarinaShape *shape, const char *text, size_t n);
/* "FP32": how ports spell types. */
const char *ca_precision_name(CarinaType type);

#endif
