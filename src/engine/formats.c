/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read: the formats, their operators in their own words, and what becomes of them.
 */
#include "engine/read.h"
#include "graph/op.h"

#include <string.h>

/* {operator, formats}: made from the readers' sources when they are built (cmake/op_formats.cmake). */
static const char *const made_from[][2] = {
#include "op_formats.inc"
    {NULL, NULL},
};

const char *carina_op_formats(int i)
{
    const CaOp *op = ca_op_at(i);
    if (!op)
        return NULL;
    for (int k = 0; made_from[k][0]; k++)
        if (strcmp(made_from[k][0], op->name) == 0)
            return made_from[k][1];
    return op->flags & CA_OP_OWN ? "none" : "IR";
}

/* Reader i of those that read. */
static const CaReader *format_at(int i)
{
    const CaReader *r;
    for (int k = 0; i >= 0 && (r = ca_reader_at(k)); k++)
        if (r->name && i-- == 0)
            return r;
    return NULL;
}

const char *carina_format_name(int i)
{
    const CaReader *r = format_at(i);
    return r ? r->name : NULL;
}

const char *carina_format_op(int i, int k)
{
    const CaReader *r = format_at(i);
    return r && r->operator_name && k >= 0 ? r->operator_name(k) : NULL;
}
