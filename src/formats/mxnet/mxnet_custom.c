/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet: operators of extensions, and those that another model stands for. Of Custom, whose code is Python, op_type is the
 * name.
 */
#include "formats/custom_call.h"
#include "formats/mxnet/mxnet_reader.h"

#include <string.h>

const char *ca_mxnet_type_of(const CaMxnetNode *n)
{
    const char *type = ca_mxnet_attr(n, "op_type");
    return type && strcmp(n->op, "Custom") == 0 ? type : n->op;
}

/* All attributes are text: what they are to be says how to read it. */
static CaCustomValue value(void *arg, const char *name, CarinaAttrKind wanted)
{
    CaMxnetCall *c = arg;
    const char *text = ca_mxnet_attr(c->node, name);
    const int most = text ? (int)strlen(text) + 1 : 0; /* no list is longer */
    const bool is_reals = wanted == CARINA_ATTR_FLOATS || wanted == CARINA_ATTR_FLOAT;
    if (!text)
        return (CaCustomValue){0};
    if (wanted == CARINA_ATTR_BOOL) {
        bool truth = false;
        return ca_mxnet_bool(text, &truth)
                   ? (CaCustomValue){.kind = CA_CUSTOM_INT, .whole = truth}
                   : (CaCustomValue){.kind = CA_CUSTOM_OTHER};
    }
    if (wanted == CARINA_ATTR_TYPE)
        return (CaCustomValue){.kind = CA_CUSTOM_INT,
                               .whole = (int64_t)ca_mxnet_dtype(c, name, CARINA_UNKNOWN)};
    if (wanted == CARINA_ATTR_STRING || wanted == CARINA_ATTR_ENUM)
        return (CaCustomValue){.kind = CA_CUSTOM_TEXT, .text = text};
    int64_t *ints = ca_arena_array(c->b->work, (size_t)most, sizeof *ints);
    double *reals = ca_arena_array(c->b->work, (size_t)most, sizeof *reals);
    const int n = !ints || !reals ? -1
                  : is_reals      ? ca_mxnet_reals(text, reals, most)
                                  : ca_mxnet_ints(text, ints, most, -1);
    if (n < 0)
        return (CaCustomValue){.kind = CA_CUSTOM_OTHER};
    if (n == 1 && wanted == CARINA_ATTR_FLOAT)
        return (CaCustomValue){.kind = CA_CUSTOM_REAL, .real = reals[0]};
    if (n == 1 && wanted == CARINA_ATTR_INT)
        return (CaCustomValue){.kind = CA_CUSTOM_INT, .whole = ints[0]};
    return is_reals ? (CaCustomValue){.kind = CA_CUSTOM_REALS, .n = n, .reals = reals}
                    : (CaCustomValue){.kind = CA_CUSTOM_INTS, .n = n, .ints = ints};
}

void ca_mxnet_custom(CaMxnetCall *c)
{
    CaValue **in = ca_arena_array(c->b->work, (size_t)c->n_in + 1, sizeof(CaValue *));
    if (!in) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    for (int i = 0; i < c->n_in; i++)
        in[i] = ca_mxnet_in(c, i);
    CaCustomCall call = {.format = CARINA_FORMAT_MXNET,
                         .type = ca_mxnet_type_of(c->node),
                         .in = in,
                         .n_in = c->n_in,
                         .n_out = 1,
                         .attr = value,
                         .arg = c};
    ca_custom_call(c->b, &call);
    if (call.n_made > 0)
        ca_mxnet_outs(c, call.out, call.n_made);
}
