/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded reading and writing of the wire format.
 */
#include "formats/protobuf/protobuf_wire.h"

enum { LENGTH_BYTES = 5 };

CarinaStatus ca_wire_damaged(const CaWire *w, size_t at, const char *what)
{
    return ca_err(w->err, CARINA_ERR_FORMAT,
                  "%s: byte %zu: %s; the file is damaged, was cut, or %s", w->path, at,
                  what, w->not_it);
}

static bool varint(const unsigned char *data, size_t *at, size_t end, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (*at >= end)
            return false;
        const unsigned char byte = data[(*at)++];
        if (shift < 64)
            *out |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

CarinaStatus ca_wire_next(const CaWire *w, CaWireField *f, size_t at, size_t end)
{
    uint64_t key, length = 0;
    f->key = at;
    if (!varint(w->data, &at, end, &key) || key >> 3 == 0)
        return ca_wire_damaged(w, f->key, "no field can begin here");
    f->number = key >> 3;
    f->wire = (unsigned)(key & 7);
    f->body = f->length_at = at;
    switch (f->wire) {
    case 0:
        if (!varint(w->data, &at, end, &length))
            return ca_wire_damaged(w, f->key,
                                   "a number runs past the end of its message");
        f->end = at;
        return CARINA_OK;
    case 1: length = 8; break;
    case 5: length = 4; break;
    case 2:
        if (!varint(w->data, &at, end, &length))
            return ca_wire_damaged(w, f->key,
                                   "a length runs past the end of its message");
        f->body = at;
        break;
    default: return ca_wire_damaged(w, f->key, "no field can begin here");
    }
    if (length > end - f->body)
        return ca_err(
            w->err, CARINA_ERR_FORMAT,
            "%s: byte %zu: a field of %llu bytes, but its message has only %zu left; "
            "the file is damaged, was cut, or %s",
            w->path, f->key, (unsigned long long)length, end - f->body, w->not_it);
    f->end = f->body + (size_t)length;
    return CARINA_OK;
}

void ca_wire_put(CaText *out, uint64_t v, int at_least)
{
    unsigned char bytes[10];
    int n = 0;
    do {
        bytes[n++] = (unsigned char)((v & 0x7f) | 0x80);
        v >>= 7;
    } while (v || n < at_least);
    bytes[n - 1] &= 0x7f;
    ca_text_add_n(out, (const char *)bytes, (size_t)n);
}

void ca_wire_put_place(CaText *out, const CaWireField *f)
{
    ca_wire_put(out, 100 << 3, 1);
    ca_wire_put(out, f->body, 1);
    ca_wire_put(out, 101 << 3, 1);
    ca_wire_put(out, f->end - f->body, 1);
}

size_t ca_wire_begin(const CaWire *w, uint64_t number)
{
    ca_wire_put(w->out, number << 3 | 2, 1);
    const size_t start = w->out->size;
    ca_wire_put(w->out, 0, LENGTH_BYTES);
    return start;
}

CarinaStatus ca_wire_end(const CaWire *w, size_t start, const CaWireField *f)
{
    if (w->out->failed)
        return ca_err(w->err, CARINA_ERR_MEMORY, "%s: out of memory", w->path);
    uint64_t length = w->out->size - start - LENGTH_BYTES;
    if (length >> 31)
        return ca_wire_damaged(w, f->key, "a message of more than 2 GiB");
    for (int i = 0; i < LENGTH_BYTES; i++, length >>= 7)
        w->out->data[start + (size_t)i] =
            (char)(unsigned char)((length & 0x7f) | (i < LENGTH_BYTES - 1 ? 0x80 : 0));
    return CARINA_OK;
}

CarinaStatus ca_wire_open(const CaWire *w, size_t size, size_t growth, const char *what)
{
    if (size == 0)
        return ca_err(w->err, CARINA_ERR_FORMAT,
                      "%s: the file is empty (0 bytes); write the %s again", w->path,
                      what);
    if (!ca_mul_size(&w->out->limit, size, growth) ||
        !ca_add_size(&w->out->limit, w->out->limit, 64))
        return ca_err(w->err, CARINA_ERR_LIMIT, "%s: %zu bytes are too many", w->path,
                      size);
    return CARINA_OK;
}
