/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FlatBuffers, read with every offset, vector and vtable checked against the file.
 *
 * A table at T begins with a signed offset to its vtable at T - offset: u16 bytes of the vtable, u16 bytes of the
 * table, then u16 per field: 0 for absent, else the field's place in the table. Offsets to vectors, strings and
 * tables are unsigned and count from where they lie.
 */
#include "formats/tflite/tflite_flat.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

CarinaStatus ca_flat_fail(CaFlat *f, size_t at, const char *format, ...)
{
    char text[300];
    va_list list;
    if (f->status != CARINA_OK)
        return f->status;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    f->status =
        ca_err(f->err, CARINA_ERR_FORMAT,
               "%s: byte %zu: %s; the file is damaged or was cut", f->path, at, text);
    return f->status;
}

int64_t ca_flat_load(const unsigned char *p, CaFlatKind kind)
{
    static const unsigned char sizes[] = {1, 1, 1, 2, 2, 4, 4, 8, 8, 4, 4};
    uint64_t v = 0;
    for (int i = sizes[kind]; i > 0; i--)
        v = v << 8 | p[i - 1];
    switch (kind) {
    case CA_FLAT_BOOL: return v != 0;
    case CA_FLAT_I8: return (int8_t)(uint8_t)v;
    case CA_FLAT_I16: return (int16_t)(uint16_t)v;
    case CA_FLAT_I32:
    case CA_FLAT_I32S: return (int32_t)(uint32_t)v;
    case CA_FLAT_U8:
    case CA_FLAT_U16:
    case CA_FLAT_U32:
    case CA_FLAT_F32:
    case CA_FLAT_I64:
    case CA_FLAT_U64: break;
    }
    return (int64_t)v;
}

float ca_flat_load_f32(const unsigned char *p)
{
    const uint32_t bits = (uint32_t)ca_flat_load(p, CA_FLAT_U32);
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static size_t size_of(CaFlatKind kind)
{
    switch (kind) {
    case CA_FLAT_BOOL:
    case CA_FLAT_I8:
    case CA_FLAT_U8: return 1;
    case CA_FLAT_I16:
    case CA_FLAT_U16: return 2;
    case CA_FLAT_I64:
    case CA_FLAT_U64: return 8;
    case CA_FLAT_I32:
    case CA_FLAT_U32:
    case CA_FLAT_F32:
    case CA_FLAT_I32S: break;
    }
    return 4;
}

/* size bytes at `at` are inside the file? */
static bool inside(const CaFlat *f, size_t at, size_t size)
{
    return at <= f->size && size <= f->size - at;
}

static CaFlatTable table_at(CaFlat *f, size_t at)
{
    CaFlatTable t = {0};
    if (!inside(f, at, 4)) {
        ca_flat_fail(f, at, "a table begins outside the file of %zu bytes", f->size);
        return t;
    }
    const int64_t vtable = (int64_t)at - ca_flat_load(f->data + at, CA_FLAT_I32);
    if (vtable < 0 || !inside(f, (size_t)vtable, 4)) {
        ca_flat_fail(f, at, "the table's list of fields lies outside the file, at %lld",
                     (long long)vtable);
        return t;
    }
    const unsigned char *v = f->data + vtable;
    const uint32_t vtable_size = (uint32_t)ca_flat_load(v, CA_FLAT_U16),
                   size = (uint32_t)ca_flat_load(v + 2, CA_FLAT_U16);
    if (vtable_size < 4 || vtable_size % 2 || !inside(f, (size_t)vtable, vtable_size))
        ca_flat_fail(f, (size_t)vtable, "a table's list of fields has %u bytes",
                     vtable_size);
    else if (size < 4 || !inside(f, at, size))
        ca_flat_fail(f, at, "a table has %u bytes, the file %zu", size, f->size);
    else
        t = (CaFlatTable){at, (size_t)vtable, size, vtable_size};
    return t;
}

/* Where field lies, its size bytes checked; 0 where absent. */
static size_t place(CaFlat *f, const CaFlatTable *t, int field, size_t size)
{
    const uint32_t entry = 4 + 2 * (uint32_t)field;
    if (f->status != CARINA_OK || !t->at || entry >= t->vtable_size)
        return 0;
    const uint32_t offset =
        (uint32_t)ca_flat_load(f->data + t->vtable + entry, CA_FLAT_U16);
    if (!offset)
        return 0;
    if (offset < 4 || offset > t->size || size > t->size - offset) {
        ca_flat_fail(f, t->at, "field %d lies at %u of a table of %u bytes", field,
                     offset, t->size);
        return 0;
    }
    return t->at + offset;
}

/* What the offset at `at` leads to, with room for size bytes. */
static size_t follow(CaFlat *f, size_t at, size_t size, const char *what)
{
    const size_t offset = (size_t)ca_flat_load(f->data + at, CA_FLAT_U32);
    if (offset < 4 || !inside(f, at + offset, size)) {
        ca_flat_fail(f, at, "%s is said to lie %zu bytes on, the file has %zu", what,
                     offset, f->size);
        return 0;
    }
    return at + offset;
}

CaFlatTable ca_flat_root(CaFlat *f)
{
    const CaFlatTable none = {0};
    if (f->size < 8) {
        ca_flat_fail(f, 0, "a model begins with 8 bytes, the file has %zu", f->size);
        return none;
    }
    const size_t at = follow(f, 0, 4, "the model");
    return at ? table_at(f, at) : none;
}

bool ca_flat_has(CaFlat *f, const CaFlatTable *t, int field)
{
    return place(f, t, field, 1) != 0;
}

int64_t ca_flat_int(CaFlat *f, const CaFlatTable *t, int field, CaFlatKind kind,
                    int64_t absent)
{
    const size_t at = place(f, t, field, size_of(kind));
    return at ? ca_flat_load(f->data + at, kind) : absent;
}

double ca_flat_real(CaFlat *f, const CaFlatTable *t, int field, double absent)
{
    const size_t at = place(f, t, field, 4);
    return at ? (double)ca_flat_load_f32(f->data + at) : absent;
}

CaFlatTable ca_flat_table(CaFlat *f, const CaFlatTable *t, int field)
{
    const CaFlatTable none = {0};
    const size_t at = place(f, t, field, 4), to = at ? follow(f, at, 4, "a table") : 0;
    return to ? table_at(f, to) : none;
}

CaFlatVector ca_flat_vector(CaFlat *f, const CaFlatTable *t, int field, size_t elem_size)
{
    CaFlatVector v = {0};
    const size_t at = place(f, t, field, 4), to = at ? follow(f, at, 4, "a vector") : 0;
    if (!to)
        return v;
    const uint32_t n = (uint32_t)ca_flat_load(f->data + to, CA_FLAT_U32);
    if (n > (f->size - to - 4) / elem_size)
        ca_flat_fail(f, to,
                     "a vector of %u elements of %zu bytes, but %zu bytes are left", n,
                     elem_size, f->size - to - 4);
    else
        v = (CaFlatVector){to + 4, n, true};
    return v;
}

const char *ca_flat_text(CaFlat *f, const CaFlatTable *t, int field)
{
    const CaFlatVector v = ca_flat_vector(f, t, field, 1);
    if (!v.is_there)
        return NULL;
    if (!inside(f, v.at + v.n, 1) || f->data[v.at + v.n] != 0) {
        ca_flat_fail(f, v.at, "a text of %u bytes does not end", v.n);
        return NULL;
    }
    return (const char *)f->data + v.at;
}

CaFlatTable ca_flat_item(CaFlat *f, const CaFlatVector *v, uint32_t i)
{
    const CaFlatTable none = {0};
    const size_t at = f->status == CARINA_OK && i < v->n ? v->at + (size_t)i * 4 : 0;
    const size_t to = at ? follow(f, at, 4, "a table") : 0;
    return to ? table_at(f, to) : none;
}
