/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FlatBuffers: tables, vectors and strings of one file, every offset checked before it is followed.
 *
 * Reading is straight-line code: the first damage sticks (status), and everything after it is absent. Nothing is
 * copied: texts and vectors lie in the file.
 */
#ifndef CA_FORMATS_TFLITE_FLAT_H
#define CA_FORMATS_TFLITE_FLAT_H

#include "base/memory.h"

typedef struct CaFlat {
    const unsigned char *data;
    size_t size;
    const char *path;
    CarinaError *err;
    CarinaStatus status;
} CaFlat;

typedef enum CaFlatKind {
    CA_FLAT_BOOL,
    CA_FLAT_I8,
    CA_FLAT_U8,
    CA_FLAT_I16,
    CA_FLAT_U16,
    CA_FLAT_I32,
    CA_FLAT_U32,
    CA_FLAT_I64,
    CA_FLAT_U64,
    CA_FLAT_F32,
    CA_FLAT_I32S /* a vector of i32 */
} CaFlatKind;

typedef struct CaFlatTable {
    size_t at, vtable; /* at 0: absent, all its fields too */
    uint32_t size, vtable_size;
} CaFlatTable;

typedef struct CaFlatVector {
    size_t at; /* of the first element */
    uint32_t n;
    bool is_there;
} CaFlatVector;

/* "PATH: byte AT: ..."; the first failure stays. */
CarinaStatus ca_flat_fail(CaFlat *f, size_t at, const char *format, ...) CA_PRINTF(3, 4);

/* Little-endian numbers at any place; the caller has checked it. */
int64_t ca_flat_load(const unsigned char *p, CaFlatKind kind);
float ca_flat_load_f32(const unsigned char *p);

CaFlatTable ca_flat_root(CaFlat *f);
bool ca_flat_has(CaFlat *f, const CaFlatTable *t, int field);
int64_t ca_flat_int(CaFlat *f, const CaFlatTable *t, int field, CaFlatKind kind,
                    int64_t absent);
double ca_flat_real(CaFlat *f, const CaFlatTable *t, int field, double absent); /* f32 */
CaFlatTable ca_flat_table(CaFlat *f, const CaFlatTable *t, int field);
/* elem_size: bytes of an element; 4 for tables and strings. */
CaFlatVector ca_flat_vector(CaFlat *f, const CaFlatTable *t, int field, size_t elem_size);
/* NULL where absent. */
const char *ca_flat_text(CaFlat *f, const CaFlatTable *t, int field);

/* Element i of a vector of tables; i < v->n. */
CaFlatTable ca_flat_item(CaFlat *f, const CaFlatVector *v, uint32_t i);
static inline int64_t ca_flat_at(const CaFlat *f, const CaFlatVector *v, uint32_t i,
                                 CaFlatKind kind, size_t size)
{
    return ca_flat_load(f->data + v->at + (size_t)i * size, kind);
}
static inline int32_t ca_flat_i32(const CaFlat *f, const CaFlatVector *v, uint32_t i)
{
    return (int32_t)ca_flat_at(f, v, i, CA_FLAT_I32, 4);
}

#endif
