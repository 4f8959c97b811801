/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shapes and elements.
 */
#include "graph/shape.h"

#include "base/half.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

CarinaShape ca_shape(int rank, const int64_t *dims)
{
    CarinaShape s = {rank, {0}};
    for (int i = 0; i < rank; i++)
        s.dims[i] = dims[i];
    return s;
}

CarinaShape ca_shape_unknown(void) { return (CarinaShape){CARINA_DYNAMIC, {0}}; }

CarinaShape ca_shape_of_rank(int rank)
{
    CarinaShape s = {rank, {0}};
    for (int i = 0; i < rank; i++)
        s.dims[i] = CARINA_DYNAMIC;
    return s;
}

bool ca_shape_is_static(const CarinaShape *s)
{
    if (s->rank < 0)
        return false;
    for (int i = 0; i < s->rank; i++)
        if (s->dims[i] < 0)
            return false;
    return true;
}

bool ca_shape_equal(const CarinaShape *a, const CarinaShape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    return true;
}

bool ca_shape_count(const CarinaShape *s, int64_t *n)
{
    int64_t product = 1;
    bool has_zero = false;
    if (!ca_shape_is_static(s))
        return false;
    for (int i = 0; i < s->rank; i++) {
        if (!s->dims[i])
            has_zero = true;
        else if (__builtin_mul_overflow(product, s->dims[i], &product) ||
                 product > INT64_MAX / 64)
            return false;
    }
    *n = has_zero ? 0 : product;
    return true;
}

int64_t ca_shape_product(const CarinaShape *s, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++)
        n *= s->dims[i];
    return n;
}

bool ca_shape_broadcast(CarinaShape *out, const CarinaShape *a, const CarinaShape *b)
{
    if (a->rank < 0 || b->rank < 0) {
        *out = ca_shape_unknown();
        return true;
    }
    const int rank = a->rank > b->rank ? a->rank : b->rank;
    CarinaShape s = {rank, {0}};
    for (int i = 0; i < rank; i++) {
        const int ia = i - (rank - a->rank), ib = i - (rank - b->rank);
        const int64_t x = ia < 0 ? 1 : a->dims[ia], y = ib < 0 ? 1 : b->dims[ib];
        if (x == y || y == 1)
            s.dims[i] = x;
        else if (x == 1)
            s.dims[i] = y;
        else if (x < 0 || y < 0)
            s.dims[i] =
                x < 0 ? y : x; /* the known one, for the other must be 1 or equal */
        else
            return false;
    }
    *out = s;
    return true;
}

const char *ca_shape_text(char *text, size_t room, const CarinaShape *s)
{
    if (s->rank < 0) {
        (void)snprintf(text, room, "[...]");
        return text;
    }
    size_t at = 0;
    for (int i = 0; i <= s->rank && at < room; i++) {
        char number[32] = "?";
        if (i < s->rank && s->dims[i] >= 0)
            (void)snprintf(number, sizeof number, "%lld", (long long)s->dims[i]);
        const int n =
            i == s->rank ? snprintf(text + at, room - at, s->rank ? "]" : "[]")
                         : snprintf(text + at, room - at, "%s%s", i ? ", " : "[", number);
        at += n > 0 ? (size_t)n : 0;
    }
    return text;
}

bool ca_axis(int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank)
        return false;
    *out = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

/* One row an element type: what all code knows of it. */
typedef struct TypeRow {
    const char *name, *ir_name;
    int bits;
    bool is_real, is_whole, is_unsigned;
} TypeRow;
static const TypeRow types[CARINA_N_TYPES] = {
    [CARINA_UNKNOWN] = {"dynamic", "UNSPECIFIED", 0, false, false, false},
    [CARINA_F32] = {"f32", "FP32", 32, true, false, false},
    [CARINA_F16] = {"f16", "FP16", 16, true, false, false},
    [CARINA_BF16] = {"bf16", "BF16", 16, true, false, false},
    [CARINA_F64] = {"f64", "FP64", 64, true, false, false},
    [CARINA_I8] = {"i8", "I8", 8, false, true, false},
    [CARINA_U8] = {"u8", "U8", 8, false, true, true},
    [CARINA_I16] = {"i16", "I16", 16, false, true, false},
    [CARINA_U16] = {"u16", "U16", 16, false, true, true},
    [CARINA_I32] = {"i32", "I32", 32, false, true, false},
    [CARINA_U32] = {"u32", "U32", 32, false, true, true},
    [CARINA_I64] = {"i64", "I64", 64, false, true, false},
    [CARINA_U64] = {"u64", "U64", 64, false, true, true},
    [CARINA_BOOL] = {"boolean", "BOOL", 8, false, true, true},
    [CARINA_U1] = {"u1", "BIN", 1, false, true, true},
    [CARINA_I4] = {"i4", "I4", 4, false, true, false},
    [CARINA_U4] = {"u4", "U4", 4, false, true, true},
};

static const TypeRow *row_of(CarinaType type)
{
    return &types[(unsigned)type < CARINA_N_TYPES ? type : CARINA_UNKNOWN];
}

const char *carina_type_name(CarinaType type) { return row_of(type)->name; }

int carina_type_bits(CarinaType type) { return row_of(type)->bits; }

bool ca_type_is_real(CarinaType type) { return row_of(type)->is_real; }

bool ca_type_is_whole(CarinaType type) { return row_of(type)->is_whole; }

bool ca_type_is_unsigned(CarinaType type) { return row_of(type)->is_unsigned; }

CarinaType ca_type_find(const char *name)
{
    for (int i = 1; i < CARINA_N_TYPES; i++)
        if (ca_text_equal_nocase(name, types[i].name) ||
            ca_text_equal_nocase(name, types[i].ir_name))
            return (CarinaType)i;
    return CARINA_UNKNOWN;
}

bool ca_type_size(CarinaType type, int64_t n, size_t *size)
{
    size_t bits = 0;
    if (n < 0 || !ca_mul_size(&bits, (size_t)n, (size_t)carina_type_bits(type)) ||
        bits > SIZE_MAX - 7)
        return false;
    *size = (bits + 7) / 8;
    return true;
}

/* Large constants lie in the model's file wherever its writer put them: loads may be unaligned. */
#define LOADER(T)                                                        \
    static T load_##T(const void *data, int64_t i)                       \
    {                                                                    \
        T v;                                                             \
        memcpy(&v, (const char *)data + (size_t)i * sizeof v, sizeof v); \
        return v;                                                        \
    }
LOADER(int8_t)
LOADER(uint8_t)
LOADER(int16_t)
LOADER(uint16_t)
LOADER(int32_t)
LOADER(uint32_t)
LOADER(int64_t)
LOADER(uint64_t)
LOADER(float)
LOADER(double)
#define LOAD(T) load_##T(data, i)

int64_t ca_get_int(CarinaType type, const void *data, int64_t i)
{
    const unsigned char *bytes = data;
    switch (type) {
    case CARINA_I8: return LOAD(int8_t);
    case CARINA_U8: return LOAD(uint8_t);
    case CARINA_BOOL: return LOAD(uint8_t) != 0;
    case CARINA_I16: return LOAD(int16_t);
    case CARINA_U16: return LOAD(uint16_t);
    case CARINA_I32: return LOAD(int32_t);
    case CARINA_U32: return LOAD(uint32_t);
    case CARINA_I64: return LOAD(int64_t);
    case CARINA_U64: return (int64_t)LOAD(uint64_t);
    case CARINA_U1: return bytes[i / 8] >> (7 - i % 8) & 1;
    case CARINA_U4: return bytes[i / 2] >> (i % 2 * 4) & 15;
    case CARINA_I4: return ((bytes[i / 2] >> (i % 2 * 4) & 15) ^ 8) - 8;
    case CARINA_F32:
    case CARINA_F16:
    case CARINA_BF16:
    case CARINA_F64: {
        /* Truncate toward zero; what does not fit in i64 is INT64_MIN (reference/operators.md, Convert). */
        const double v = ca_get_real(type, data, i);
        return fabs(v) < 0x1p63 ? (int64_t)v : INT64_MIN;
    }
    case CARINA_UNKNOWN: break;
    }
    return 0;
}

double ca_get_real(CarinaType type, const void *data, int64_t i)
{
    if (type == CARINA_F32)
        return LOAD(float);
    if (type == CARINA_F64)
        return LOAD(double);
    if (type == CARINA_F16)
        return ca_f16_to_f32(LOAD(uint16_t));
    if (type == CARINA_BF16)
        return ca_bf16_to_f32(LOAD(uint16_t));
    if (type == CARINA_U64)
        return (double)LOAD(uint64_t);
    return (double)ca_get_int(type, data, i);
}

#define STORE(T, v) (((T *)data)[i] = (T)(v))
void ca_put_int(CarinaType type, void *data, int64_t i, int64_t v)
{
    unsigned char *bytes = data;
    switch (type) {
    case CARINA_I8:
    case CARINA_U8: STORE(uint8_t, v); break;
    case CARINA_BOOL: STORE(uint8_t, v != 0); break;
    case CARINA_I16:
    case CARINA_U16: STORE(uint16_t, v); break;
    case CARINA_I32:
    case CARINA_U32: STORE(uint32_t, v); break;
    case CARINA_I64:
    case CARINA_U64: STORE(uint64_t, v); break;
    case CARINA_U1: {
        const int at = (int)(7 - i % 8);
        bytes[i / 8] = (unsigned char)((bytes[i / 8] & ~(1 << at)) | (int)(v & 1) << at);
        break;
    }
    case CARINA_U4:
    case CARINA_I4: {
        const int at = (int)(i % 2 * 4);
        bytes[i / 2] =
            (unsigned char)((bytes[i / 2] & ~(15 << at)) | (int)(v & 15) << at);
        break;
    }
    case CARINA_F32:
    case CARINA_F16:
    case CARINA_BF16:
    case CARINA_F64: ca_put_real(type, data, i, (double)v); break;
    case CARINA_UNKNOWN: break;
    }
}

void ca_put_real(CarinaType type, void *data, int64_t i, double v)
{
    if (type == CARINA_F32)
        STORE(float, v);
    else if (type == CARINA_F64)
        STORE(double, v);
    else if (type == CARINA_F16)
        STORE(uint16_t, ca_f64_to_f16(v));
    else if (type == CARINA_BF16)
        STORE(uint16_t, ca_f32_to_bf16((float)v));
    else if (type == CARINA_BOOL)
        STORE(uint8_t, v != 0);
    else if (type == CARINA_I32)
        STORE(int32_t, fabs(v) < 0x1p31 ? (int64_t)v
                       : v == -0x1p31   ? INT32_MIN
                                        : INT32_MIN);
    else
        ca_put_int(type, data, i, fabs(v) < 0x1p63 ? (int64_t)v : INT64_MIN);
}

int64_t ca_tensor_count(const CarinaTensor *t)
{
    return ca_shape_product(&t->shape, 0, t->shape.rank);
}

static CarinaStatus make(CarinaTensor **out, CarinaType type, const CarinaShape *shape,
                         CarinaError *err)
{
    char text[CA_SHAPE_TEXT];
    int64_t n = 0;
    size_t size = 0;
    *out = NULL;
    if (shape->rank > CARINA_MAX_RANK || !ca_shape_count(shape, &n) ||
        !ca_type_size(type, n, &size))
        return ca_err(
            err, CARINA_ERR_SHAPE,
            "a tensor cannot have shape %s: dimensions must be known and small enough to count",
            ca_shape_text(text, sizeof text, shape));
    CarinaTensor *t = ca_alloc(sizeof *t);
    if (!t)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for a tensor");
    t->type = type;
    t->shape = *shape;
    t->size = size;
    *out = t;
    return CARINA_OK;
}

static CarinaStatus create(CarinaTensor **out, CarinaType type, const CarinaShape *shape,
                           CaBuffer *(*create_buffer)(size_t size), CarinaError *err)
{
    CA_TRY(make(out, type, shape, err));
    CarinaTensor *t = *out;
    t->buffer = create_buffer(t->size);
    if (!t->buffer) {
        const CarinaStatus status = ca_err(
            err, CARINA_ERR_MEMORY, "out of memory for a tensor of %zu bytes", t->size);
        ca_free(t);
        *out = NULL;
        return status;
    }
    t->data = t->buffer->data;
    return CARINA_OK;
}

CarinaStatus carina_tensor_create(CarinaTensor **out, CarinaType type,
                                  const CarinaShape *shape, CarinaError *err)
{
    return create(out, type, shape, ca_buffer_create, err);
}

CarinaStatus ca_tensor_create_unset(CarinaTensor **out, CarinaType type,
                                    const CarinaShape *shape, CarinaError *err)
{
    return create(out, type, shape, ca_buffer_create_unset, err);
}

CarinaStatus carina_tensor_wrap(CarinaTensor **out, CarinaType type,
                                const CarinaShape *shape, void *data, size_t size,
                                CarinaError *err)
{
    CA_TRY(make(out, type, shape, err));
    if ((*out)->size > size) {
        const CarinaStatus status =
            ca_err(err, CARINA_ERR_ARGUMENT,
                   "the tensor needs %zu bytes, the memory has %zu", (*out)->size, size);
        carina_tensor_free(out);
        return status;
    }
    (*out)->data = data;
    return CARINA_OK;
}

CarinaStatus ca_tensor_of_buffer(CarinaTensor **out, CarinaType type,
                                 const CarinaShape *shape, struct CaBuffer *buffer,
                                 size_t offset, CarinaError *err)
{
    CA_TRY(make(out, type, shape, err));
    if (offset > buffer->size || (*out)->size > buffer->size - offset) {
        const CarinaStatus status =
            ca_err(err, CARINA_ERR_FORMAT,
                   "%zu bytes at offset %zu are past the end of the data (%zu bytes)",
                   (*out)->size, offset, buffer->size);
        carina_tensor_free(out);
        return status;
    }
    (*out)->buffer = ca_buffer_ref(buffer);
    (*out)->data = (unsigned char *)buffer->data + offset;
    return CARINA_OK;
}

CarinaStatus ca_tensor_share(CarinaTensor **out, const CarinaTensor *t, CarinaError *err)
{
    CarinaTensor *copy = ca_alloc(sizeof *copy);
    *out = copy;
    if (!copy)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for a tensor");
    *copy = *t;
    if (copy->buffer)
        (void)ca_buffer_ref(copy->buffer);
    return CARINA_OK;
}

void carina_tensor_free(CarinaTensor **tensor)
{
    if (!tensor || !*tensor)
        return;
    ca_buffer_unref(&(*tensor)->buffer);
    ca_free(*tensor);
    *tensor = NULL;
}
