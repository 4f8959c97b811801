/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of operators, made from ops.def.
 */
#include "graph/op.h"

#include <string.h>

#define CA_OP(name) extern const CaOp ca_op_##name;
#include "ops/ops.def"
#undef CA_OP

static const CaOp *const table[] = {
#define CA_OP(name) &ca_op_##name,
#include "ops/ops.def"
#undef CA_OP
};
enum { N_OPS = sizeof table / sizeof *table };

const CaOp *ca_op_at(int i) { return i >= 0 && i < N_OPS ? table[i] : NULL; }

/* Letters of either case have the same five low bits: most names differ in the first. */
static bool is_named(const CaOp *op, const char *name)
{
    return !((op->name[0] ^ name[0]) & 31) && ca_text_equal_nocase(op->name, name);
}

const CaOp *ca_op_find(const char *name, int opset)
{
    const CaOp *best = NULL;
    for (int i = 0; name && i < N_OPS; i++)
        if (is_named(table[i], name) && (!opset || table[i]->opset <= opset) &&
            (!best || table[i]->opset > best->opset))
            best = table[i];
    return best;
}

const CaImportRule *ca_op_import(CaFormat format, const char *foreign, const CaOp **op)
{
    for (int i = 0; i < N_OPS; i++)
        for (const CaImportRule *r = table[i]->imports; r && r->format != CA_FORMAT_NONE;
             r++)
            if (r->format == format && strcmp(r->name, foreign) == 0) {
                *op = ca_op_find(table[i]->name, 0);
                return r;
            }
    return NULL;
}

const char *ca_op_import_name(CaFormat format, int i)
{
    for (int k = 0; k < N_OPS; k++)
        for (const CaImportRule *r = table[k]->imports; r && r->format != CA_FORMAT_NONE;
             r++)
            if (r->format == format && i-- == 0)
                return r->name;
    return NULL;
}

const char *ca_op_nearest(const char *name)
{
    const char *best = NULL;
    int least = 4;
    for (int i = 0; i < N_OPS; i++) {
        const int d = ca_text_distance(table[i]->name, name);
        if (d < least) {
            least = d;
            best = table[i]->name;
        }
    }
    return best;
}
