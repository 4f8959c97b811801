/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: operators of extensions, and those that another model stands for.
 */
#include "formats/custom_call.h"
#include "formats/tensorflow/tf.h"

#include <string.h>

/* Fields of AttrValue and of its lists. */
enum { LIST = 1, TEXT = 2, INT = 3, REAL = 4, BOOL = 5, TYPE = 6, SHAPE = 7 };
enum { MOST = 1 << 16 };

static double real_of(uint64_t bits)
{
    const uint32_t low = (uint32_t)bits;
    float v;
    memcpy(&v, &low, sizeof v);
    return (double)v;
}

/* Reals of a list, packed or one by one: how many. */
static int list_reals(CaTf *r, CaTfSpan list, double *out)
{
    CaTfField f;
    int n = 0;
    while (ca_tf_next(r, &f, &list)) {
        if (f.number != REAL)
            continue;
        if (f.wire == 5 && n < MOST)
            out[n++] = real_of(f.value);
        const char *data = r->file->data;
        for (size_t at = f.span.at; f.wire == 2 && f.span.end - at >= 4 && n < MOST;
             at += 4) {
            float v;
            memcpy(&v, data + at, sizeof v);
            out[n++] = (double)v;
        }
    }
    return n;
}

static CaCustomValue list_value(CaTfCall *c, CaTfSpan list, const char *name,
                                CarinaAttrKind wanted)
{
    const CaCustomValue other = {.kind = CA_CUSTOM_OTHER};
    if (wanted == CARINA_ATTR_FLOATS) {
        double *reals = ca_arena_array(c->b->work, MOST, sizeof *reals);
        const int n = reals ? list_reals(c->r, list, reals) : -1;
        return n < 0 ? other
                     : (CaCustomValue){.kind = CA_CUSTOM_REALS, .n = n, .reals = reals};
    }
    int64_t *ints = ca_arena_array(c->b->work, MOST, sizeof *ints);
    const int n = ints ? ca_tf_attr_ints(c->r, c->node, name, ints, MOST) : -1;
    return n < 0 ? other : (CaCustomValue){.kind = CA_CUSTOM_INTS, .n = n, .ints = ints};
}

static CaCustomValue shape_value(CaTfCall *c, CaTfSpan span)
{
    const CarinaShape s = ca_tf_shape_of(c->r, span);
    int64_t *dims = ca_arena_array(c->b->work, CARINA_MAX_RANK, sizeof *dims);
    if (!dims || s.rank < 0)
        return (CaCustomValue){.kind = CA_CUSTOM_OTHER};
    memcpy(dims, s.dims, sizeof s.dims);
    return (CaCustomValue){.kind = CA_CUSTOM_INTS, .n = s.rank, .ints = dims};
}

static CaCustomValue value(void *arg, const char *name, CarinaAttrKind wanted)
{
    CaTfCall *c = arg;
    CaTfSpan rest;
    CaTfField f = {0};
    if (!ca_tf_attr(c->r, c->node, name, &rest))
        return (CaCustomValue){0};
    const bool is_empty = rest.at == rest.end;
    while (ca_tf_next(c->r, &f, &rest))
        ;
    if (is_empty) /* a 0, "" or false that the writer left out */
        return wanted == CARINA_ATTR_STRING || wanted == CARINA_ATTR_ENUM
                   ? (CaCustomValue){.kind = CA_CUSTOM_TEXT, .text = ""}
                   : (CaCustomValue){.kind = CA_CUSTOM_INT};
    switch (f.number) {
    case LIST: return list_value(c, f.span, name, wanted);
    case TEXT: {
        const char *text = ca_tf_text(c->r, f.span);
        return (CaCustomValue){.kind = text ? CA_CUSTOM_TEXT : CA_CUSTOM_OTHER,
                               .text = text};
    }
    case INT:
    case BOOL: return (CaCustomValue){.kind = CA_CUSTOM_INT, .whole = (int64_t)f.value};
    case REAL: return (CaCustomValue){.kind = CA_CUSTOM_REAL, .real = real_of(f.value)};
    case TYPE:
        return (CaCustomValue){.kind = CA_CUSTOM_INT,
                               .whole = (int64_t)ca_tf_type(f.value)};
    case SHAPE: return shape_value(c, f.span);
    default: return (CaCustomValue){.kind = CA_CUSTOM_OTHER};
    }
}

void ca_tf_custom(CaTfCall *c)
{
    CaCustomCall call = {.format = CARINA_FORMAT_TENSORFLOW,
                         .type = c->node->op,
                         .in = c->in,
                         .n_in = c->n_in,
                         .n_out = 1,
                         .attr = value,
                         .arg = c};
    for (int i = 1; i < 63; i++)
        if (ca_tf_out_used(c, i))
            call.n_out = i + 1;
    ca_custom_call(c->b, &call);
    for (int i = 0; i < call.n_made; i++)
        ca_tf_out(c, i, call.out[i]);
}
