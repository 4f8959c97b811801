/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: TensorProto to tensors. tensor_content stays in the mapped file where it is large; lists are copied,
 * and a list that is shorter than the shape repeats its last element.
 */
#include "formats/tensorflow/tf.h"

#include "base/file.h"

#include <string.h>

typedef struct Code {
    const char *text;
    CarinaType type;
    uint64_t list; /* the field that lists elements one by one */
} Code;

static const Code codes[] = {
    {"DT_INVALID", CARINA_UNKNOWN, 0},
    {"DT_FLOAT", CARINA_F32, 5},
    {"DT_DOUBLE", CARINA_F64, 6},
    {"DT_INT32", CARINA_I32, 7},
    {"DT_UINT8", CARINA_U8, 7},
    {"DT_INT16", CARINA_I16, 7},
    {"DT_INT8", CARINA_I8, 7},
    {"DT_STRING", CARINA_UNKNOWN, 8},
    {"DT_COMPLEX64", CARINA_UNKNOWN, 9},
    {"DT_INT64", CARINA_I64, 10},
    {"DT_BOOL", CARINA_BOOL, 11},
    {"DT_QINT8", CARINA_I8, 7},
    {"DT_QUINT8", CARINA_U8, 7},
    {"DT_QINT32", CARINA_I32, 7},
    {"DT_BFLOAT16", CARINA_BF16, 13},
    {"DT_QINT16", CARINA_I16, 7},
    {"DT_QUINT16", CARINA_U16, 7},
    {"DT_UINT16", CARINA_U16, 7},
    {"DT_COMPLEX128", CARINA_UNKNOWN, 12},
    {"DT_HALF", CARINA_F16, 13},
    {"DT_RESOURCE", CARINA_UNKNOWN, 14},
    {"DT_VARIANT", CARINA_UNKNOWN, 15},
    {"DT_UINT32", CARINA_U32, 16},
    {"DT_UINT64", CARINA_U64, 17},
};
enum { N_CODES = sizeof codes / sizeof codes[0], REFERENCE = 100, STRING = 7 };

/* What all constants that repeat their last element may hold together: a few bytes of file can ask for any size. */
static const size_t most_filled = (size_t)256 << 20;

static const Code *code_of(uint64_t data_type)
{
    if (data_type > REFERENCE)
        data_type -= REFERENCE;
    return data_type < N_CODES ? &codes[data_type] : &codes[0];
}

CarinaType ca_tf_type(uint64_t data_type) { return code_of(data_type)->type; }
const char *ca_tf_type_text(uint64_t data_type)
{
    return data_type ? code_of(data_type)->text : "none";
}

bool ca_tf_type_find(const char *text, size_t n, uint64_t *data_type)
{
    const bool is_reference = n > 4 && memcmp(text + n - 4, "_REF", 4) == 0;
    if (is_reference)
        n -= 4;
    for (uint64_t i = 0; i < N_CODES; i++)
        if (strlen(codes[i].text) == n && memcmp(codes[i].text, text, n) == 0) {
            *data_type = is_reference ? i + REFERENCE : i;
            return true;
        }
    return false;
}

typedef struct Job {
    CaTf *r;
    const char *what;
    uint64_t data_type;
    CarinaType type;
    CarinaShape shape;
    int64_t n;
    size_t size;
    CaTfSpan proto, content;
} Job;

static CarinaStatus refused(const Job *j, CarinaStatus code, const char *why)
{
    char shape[CA_SHAPE_TEXT];
    if (j->r->b.status != CARINA_OK)
        return j->r->b.status;
    return ca_err(j->r->b.err, code, "%s: %s: a constant of type %s and shape %s %s",
                  j->r->b.path, j->what, ca_tf_type_text(j->data_type),
                  ca_shape_text(shape, sizeof shape, &j->shape), why);
}

static CarinaStatus measure(Job *j)
{
    CaTfField f;
    for (CaTfSpan rest = j->proto; ca_tf_next(j->r, &f, &rest);) {
        if (f.number == 1)
            j->data_type = f.value;
        else if (f.number == 2 && f.wire == 2)
            j->shape = ca_tf_shape_of(j->r, f.span);
        else if (f.number == 4 && f.wire == 2)
            j->content = f.span;
    }
    j->type = ca_tf_type(j->data_type);
    if (j->r->b.status != CARINA_OK)
        return j->r->b.status;
    if (j->type == CARINA_UNKNOWN)
        return refused(j, CARINA_ERR_UNSUPPORTED,
                       "holds no numbers that Carina reads; cut the model behind it");
    if (!ca_shape_is_static(&j->shape))
        return refused(j, CARINA_ERR_FORMAT, "has no fixed size; the file is damaged");
    if (!ca_shape_count(&j->shape, &j->n) || !ca_type_size(j->type, j->n, &j->size))
        return refused(j, CARINA_ERR_LIMIT,
                       "has more elements than memory can hold; the file is damaged");
    return CARINA_OK;
}

static CarinaStatus from_content(CarinaTensor **out, const Job *j)
{
    const size_t has = j->content.end - j->content.at;
    const unsigned char *data = (const unsigned char *)j->r->file->data + j->content.at;
    if (has != j->size) {
        const char *why = ca_arena_printf(
            j->r->b.work, "has %zu bytes and needs %zu; the file is damaged or was cut",
            has, j->size);
        return refused(j, CARINA_ERR_FORMAT, why ? why : "has too few bytes");
    }
    if (ca_tensor_may_stay(j->type, j->size, data))
        return ca_tensor_of_buffer(out, j->type, &j->shape, j->r->file, j->content.at,
                                   j->r->b.err);
    CA_TRY(carina_tensor_create(out, j->type, &j->shape, j->r->b.err));
    memcpy((*out)->data, data, j->size);
    ca_file_drop(data, j->size);
    return CARINA_OK;
}

/* --- Lists. */

static void put(const Job *j, void *data, int64_t i, uint64_t v)
{
    const uint32_t word = (uint32_t)v;
    const uint16_t half = (uint16_t)v;
    if (j->type == CARINA_F64)
        memcpy((char *)data + 8 * i, &v, 8);
    else if (j->type == CARINA_F32)
        memcpy((char *)data + 4 * i, &word, 4);
    else if (j->type == CARINA_F16 || j->type == CARINA_BF16)
        memcpy((char *)data + 2 * i, &half, 2); /* the bits, not a number */
    else
        ca_put_int(j->type, data, i, (int64_t)v);
}

static uint64_t fixed_at(const Job *j, size_t at, size_t n)
{
    const unsigned char *p = (const unsigned char *)j->r->file->data + at;
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

/* The elements of one field, packed or not; false where there are more than the shape has. */
static bool put_field(const Job *j, void *data, int64_t *n, const CaTfField *f)
{
    const size_t width = j->type == CARINA_F32 ? 4 : j->type == CARINA_F64 ? 8 : 0;
    CaTfSpan rest = f->span;
    if (f->wire != 2) {
        if (*n == j->n)
            return false;
        put(j, data, (*n)++, f->value);
        return true;
    }
    while (rest.at < rest.end) {
        uint64_t v = 0;
        if (*n == j->n || (width && rest.end - rest.at < width))
            return false;
        if (width) {
            v = fixed_at(j, rest.at, width);
            rest.at += width;
        } else if (!ca_tf_varint(j->r, &v, &rest)) {
            return false;
        }
        put(j, data, (*n)++, v);
    }
    return true;
}

static CarinaStatus from_list(CarinaTensor **out, const Job *j)
{
    const uint64_t list = code_of(j->data_type)->list;
    CaTfField f;
    int64_t n = 0;
    if (j->size > most_filled - j->r->filled)
        return refused(j, CARINA_ERR_LIMIT,
                       "and those before it, written as repeated numbers, need more than "
                       "256 MiB; Carina reads no such model");
    j->r->filled += j->size;
    CA_TRY(carina_tensor_create(out, j->type, &j->shape, j->r->b.err));
    for (CaTfSpan rest = j->proto; ca_tf_next(j->r, &f, &rest);)
        if (f.number == list && !put_field(j, (*out)->data, &n, &f))
            return refused(j, CARINA_ERR_FORMAT,
                           "has more numbers than elements; the file is damaged");
    if (n > 0 && n < j->n) {
        const size_t size = (size_t)carina_type_bits(j->type) / 8;
        char *data = (*out)->data;
        for (int64_t i = n; i < j->n; i++)
            memcpy(data + (size_t)i * size, data + (size_t)(n - 1) * size, size);
    }
    return j->r->b.status;
}

CarinaStatus ca_tf_tensor(CarinaTensor **out, CaTf *r, const char *what,
                          CaTfSpan tensor_proto)
{
    Job j = {.r = r, .what = what, .shape = ca_shape(0, NULL), .proto = tensor_proto};
    *out = NULL;
    CarinaStatus status = measure(&j);
    if (status == CARINA_OK && j.content.end > j.content.at)
        status = from_content(out, &j);
    else if (status == CARINA_OK)
        status = from_list(out, &j);
    if (status != CARINA_OK)
        carina_tensor_free(out);
    return status;
}

int32_t ca_tf_strings(const char ***out, CaTf *r, CaTfSpan tensor_proto)
{
    CaTfField f;
    int32_t n = 0;
    if (!ca_tf_field(r, &f, tensor_proto, 1) || f.value % REFERENCE != STRING)
        return -1;
    for (CaTfSpan rest = tensor_proto; ca_tf_next(r, &f, &rest);)
        n += f.number == 8 && f.wire == 2 && n < INT32_MAX;
    *out = ca_arena_array(r->b.work, (size_t)n + 1, sizeof **out);
    if (!*out || r->b.status != CARINA_OK)
        return -1;
    n = 0;
    for (CaTfSpan rest = tensor_proto; ca_tf_next(r, &f, &rest);)
        if (f.number == 8 && f.wire == 2) {
            const char *text = ca_tf_text(r, f.span);
            if (!text)
                return -1;
            (*out)[n++] = text;
        }
    return n;
}
