/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: looking into the messages of a file, where they lie.
 */
#include "formats/tensorflow/tf.h"

#include "formats/protobuf/protobuf_wire.h"

#include <string.h>

static CaWire wire(const CaTf *r)
{
    return (CaWire){r->file->data, r->b.path, "is no TensorFlow model", NULL, r->b.err};
}

/* Little-endian, whatever the machine is. */
static uint64_t fixed(const unsigned char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

bool ca_tf_varint(CaTf *r, uint64_t *out, CaTfSpan *rest)
{
    const unsigned char *data = r->file->data;
    *out = 0;
    for (unsigned shift = 0; shift < 70 && rest->at < rest->end; shift += 7) {
        const unsigned char byte = data[rest->at++];
        if (shift < 64)
            *out |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    const CaWire w = wire(r);
    if (r->b.status == CARINA_OK)
        r->b.status =
            ca_wire_damaged(&w, rest->at, "a number runs past the end of its message");
    return false;
}

bool ca_tf_next(CaTf *r, CaTfField *f, CaTfSpan *rest)
{
    const unsigned char *data = r->file->data;
    const CaWire w = wire(r);
    CaWireField raw;
    if (rest->at >= rest->end || r->b.status != CARINA_OK)
        return false;
    r->b.status = ca_wire_next(&w, &raw, rest->at, rest->end);
    if (r->b.status != CARINA_OK)
        return false;
    *f = (CaTfField){raw.number, raw.wire, {raw.body, raw.end}, 0};
    CaTfSpan number = {raw.body, raw.end};
    if (raw.wire == 0 && !ca_tf_varint(r, &f->value, &number))
        return false;
    if (raw.wire == 1 || raw.wire == 5)
        f->value = fixed(data + raw.body, raw.end - raw.body);
    rest->at = raw.end;
    return true;
}

bool ca_tf_field(CaTf *r, CaTfField *f, CaTfSpan message, uint64_t number)
{
    CaTfField at;
    bool found = false;
    while (ca_tf_next(r, &at, &message))
        if (at.number == number) {
            *f = at;
            found = true;
        }
    return found && r->b.status == CARINA_OK;
}

const char *ca_tf_text(CaTf *r, CaTfSpan span)
{
    const char *data = r->file->data;
    const char *text = ca_arena_copy_n(r->b.work, data + span.at, span.end - span.at);
    if (!text && r->b.status == CARINA_OK)
        r->b.status = ca_err(r->b.err, CARINA_ERR_MEMORY, "%s: out of memory", r->b.path);
    return text;
}

bool ca_tf_span_is(const CaTf *r, CaTfSpan span, const char *text)
{
    const char *data = r->file->data;
    const size_t n = strlen(text);
    return span.end - span.at == n && memcmp(data + span.at, text, n) == 0;
}

CarinaShape ca_tf_shape_of(CaTf *r, CaTfSpan shape_proto)
{
    CarinaShape s = ca_shape(0, NULL);
    CaTfField f, size;
    bool unknown = false;
    while (ca_tf_next(r, &f, &shape_proto)) {
        if (f.number == 3)
            unknown = f.value != 0;
        if (f.number != 2 || f.wire != 2)
            continue;
        if (s.rank == CARINA_MAX_RANK) {
            r->b.status = ca_err(r->b.err, CARINA_ERR_LIMIT,
                                 "%s: byte %zu: a shape of more than %d dimensions; "
                                 "Carina reads no such model",
                                 r->b.path, f.span.at, CARINA_MAX_RANK);
            break;
        }
        const bool given = ca_tf_field(r, &size, f.span, 1);
        s.dims[s.rank++] = !given                    ? 0
                           : (int64_t)size.value < 0 ? -1
                                                     : (int64_t)size.value;
    }
    return unknown || r->b.status != CARINA_OK ? ca_shape_unknown() : s;
}

/* --- Attributes. */

bool ca_tf_attr(CaTf *r, const CaTfNode *n, const char *name, CaTfSpan *attr_value)
{
    (void)r;
    for (int32_t i = n->n_attrs - 1; i >= 0; i--)
        if (strcmp(n->attrs[i].name, name) == 0) {
            *attr_value = n->attrs[i].value;
            return true;
        }
    return false;
}

/* The value of one kind: its field in AttrValue. A value of 0, "" or false may have no field at all. */
static bool value_of(CaTf *r, const CaTfNode *n, const char *name, uint64_t kind,
                     CaTfField *f)
{
    CaTfSpan v;
    *f = (CaTfField){0};
    if (!ca_tf_attr(r, n, name, &v))
        return false;
    (void)ca_tf_field(r, f, v, kind);
    return r->b.status == CARINA_OK;
}

int64_t ca_tf_attr_int(CaTf *r, const CaTfNode *n, const char *name, int64_t absent)
{
    CaTfField f;
    return value_of(r, n, name, 3, &f) ? (int64_t)f.value : absent;
}
bool ca_tf_attr_bool(CaTf *r, const CaTfNode *n, const char *name, bool absent)
{
    CaTfField f;
    return value_of(r, n, name, 5, &f) ? f.value != 0 : absent;
}
double ca_tf_attr_real(CaTf *r, const CaTfNode *n, const char *name, double absent)
{
    CaTfField f;
    float v;
    if (!value_of(r, n, name, 4, &f))
        return absent;
    const uint32_t bits = (uint32_t)f.value;
    memcpy(&v, &bits, sizeof v);
    return (double)v;
}
const char *ca_tf_attr_text(CaTf *r, const CaTfNode *n, const char *name,
                            const char *absent)
{
    CaTfField f;
    if (!value_of(r, n, name, 2, &f))
        return absent;
    const char *text = ca_tf_text(r, f.wire == 2 ? f.span : (CaTfSpan){0, 0});
    return text ? text : absent;
}
uint64_t ca_tf_attr_type(CaTf *r, const CaTfNode *n, const char *name)
{
    CaTfField f;
    return value_of(r, n, name, 6, &f) ? f.value : 0;
}

int ca_tf_attr_ints(CaTf *r, const CaTfNode *n, const char *name, int64_t *out, int max)
{
    CaTfField list, f;
    int count = 0;
    if (!value_of(r, n, name, 1, &list) || list.wire != 2)
        return -1;
    for (CaTfSpan rest = list.span; ca_tf_next(r, &f, &rest);) {
        if (f.number != 3)
            continue;
        CaTfSpan packed = f.span;
        while (f.wire == 2 ? packed.at < packed.end : f.wire == 0) {
            uint64_t v = f.value;
            if (f.wire == 2 && !ca_tf_varint(r, &v, &packed))
                return -1;
            if (count == max)
                return -1;
            out[count++] = (int64_t)v;
            if (f.wire != 2)
                break;
        }
    }
    return r->b.status == CARINA_OK ? count : -1;
}

CarinaShape ca_tf_attr_shape(CaTf *r, const CaTfNode *n, const char *name)
{
    CaTfField f;
    if (!value_of(r, n, name, 7, &f) || f.wire != 2)
        return ca_shape_unknown();
    return ca_tf_shape_of(r, f.span);
}

const char *ca_tf_attr_function(CaTf *r, const CaTfNode *n, const char *name)
{
    CaTfField f, text;
    if (!value_of(r, n, name, 10, &f) || f.wire != 2 ||
        !ca_tf_field(r, &text, f.span, 1) || text.wire != 2)
        return NULL;
    return ca_tf_text(r, text.span);
}

bool ca_tf_attr_tensor(CaTf *r, const CaTfNode *n, const char *name, CaTfSpan *out)
{
    CaTfField f;
    if (!value_of(r, n, name, 8, &f) || f.wire != 2)
        return false;
    *out = f.span;
    return true;
}
