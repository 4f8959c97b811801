/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorProto to tensors: raw bytes stay in the mapped file, typed lists are copied, external data is mapped.
 *
 * Raw bytes are copied only where they are few and their place in the file is not aligned for their type.
 */
#include "formats/onnx/onnx_reader.h"

#include "base/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Code {
    const char *text;
    CarinaType type;
} Code;

static const Code codes[] = {
    {"undefined", CARINA_UNKNOWN},
    {"float32", CARINA_F32},
    {"uint8", CARINA_U8},
    {"int8", CARINA_I8},
    {"uint16", CARINA_U16},
    {"int16", CARINA_I16},
    {"int32", CARINA_I32},
    {"int64", CARINA_I64},
    {"string", CARINA_UNKNOWN},
    {"bool", CARINA_BOOL},
    {"float16", CARINA_F16},
    {"float64", CARINA_F64},
    {"uint32", CARINA_U32},
    {"uint64", CARINA_U64},
    {"complex64", CARINA_UNKNOWN},
    {"complex128", CARINA_UNKNOWN},
    {"bfloat16", CARINA_BF16},
    {"float8e4m3fn", CARINA_UNKNOWN},
    {"float8e4m3fnuz", CARINA_UNKNOWN},
    {"float8e5m2", CARINA_UNKNOWN},
    {"float8e5m2fnuz", CARINA_UNKNOWN},
    {"uint4", CARINA_U4},
    {"int4", CARINA_I4},
    {"float4e2m1", CARINA_UNKNOWN},
};
enum { N_CODES = sizeof codes / sizeof codes[0], NUMBER_TEXT = 32 };

CarinaType ca_onnx_type(int32_t code)
{
    return code >= 0 && code < N_CODES ? codes[code].type : CARINA_UNKNOWN;
}
const char *ca_onnx_type_text(int32_t code)
{
    return code >= 0 && code < N_CODES ? codes[code].text : "unknown";
}

/* 37632 -> "37,632" */
static const char *with_commas(char text[NUMBER_TEXT], uint64_t v)
{
    char digits[NUMBER_TEXT];
    const int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)v);
    int to = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            text[to++] = ',';
        text[to++] = digits[i];
    }
    text[to] = 0;
    return text;
}

typedef struct Job {
    CaOnnx *r;
    const char *where, *name;
    const Onnx__TensorProto *t;
    CarinaType type;
    CarinaShape shape;
    int64_t n;
    size_t size;
} Job;

static CarinaStatus wrong_size(const Job *j, uint64_t seen)
{
    char shape[CA_SHAPE_TEXT], a[NUMBER_TEXT], b[NUMBER_TEXT];
    return ca_err(j->r->b.err, CARINA_ERR_FORMAT,
                  "%s: %s: weight '%s' has %s bytes of data but shape %s %s needs %s; "
                  "the file is damaged or was cut",
                  j->r->b.path, j->where, j->name, with_commas(a, seen),
                  ca_shape_text(shape, sizeof shape, &j->shape),
                  carina_type_name(j->type), with_commas(b, j->size));
}

static CarinaStatus slice(CarinaTensor **out, const Job *j, CaBuffer *file,
                          uint64_t offset)
{
    const size_t align = j->type == CARINA_I4 || j->type == CARINA_U4
                             ? 1
                             : (size_t)carina_type_bits(j->type) / 8;
    const unsigned char *data = (const unsigned char *)file->data + offset;
    if (j->size > 0 &&
        ((uintptr_t)data % align == 0 || ca_tensor_may_lie_anywhere(j->type, j->size)))
        return ca_tensor_of_buffer(out, j->type, &j->shape, file, (size_t)offset,
                                   j->r->b.err);
    CA_TRY(carina_tensor_create(out, j->type, &j->shape, j->r->b.err));
    if (j->size > 0) {
        memcpy((*out)->data, data, j->size);
        ca_file_drop(data, j->size);
    }
    return CARINA_OK;
}

/* --- External data. */

static const char *external(const Onnx__TensorProto *t, const char *key)
{
    const char *found = NULL;
    for (size_t i = 0; i < t->n_external_data; i++)
        if (t->external_data[i]->key && strcmp(t->external_data[i]->key, key) == 0)
            found = t->external_data[i]->value;
    return found;
}

static bool path_is_inside(const char *path)
{
    if (path[0] == 0 || path[0] == '/' || strpbrk(path, "\\:"))
        return false;
    for (const char *p = path; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == 0))
            return false;
    }
    return true;
}

/* Both paths with links followed: is the file below the folder? */
static bool links_stay_inside(const char *folder, const char *path)
{
    char a[PATH_MAX], b[PATH_MAX];
    if (!realpath(folder, a) || !realpath(path, b))
        return true; /* opening it will say what is wrong */
    const size_t n = strlen(a);
    return strncmp(a, b, n) == 0 && (b[n] == '/' || (n > 0 && a[n - 1] == '/'));
}

static CarinaStatus map_external(CaOnnxFile **out, const Job *j, const char *location)
{
    CaOnnx *r = j->r;
    const char *slash = strrchr(r->b.path, '/');
    const int n = slash ? (int)(slash - r->b.path) + 1 : 0;
    const char *folder = n ? ca_arena_printf(r->b.work, "%.*s", n, r->b.path) : "./";
    const char *path =
        ca_arena_printf(r->b.work, "%s%s", n && folder ? folder : "", location);
    if (!folder || !path)
        return ca_err(r->b.err, CARINA_ERR_MEMORY, "%s: out of memory", r->b.path);
    if (!path_is_inside(location) || !links_stay_inside(folder, path))
        return ca_err(r->b.err, CARINA_ERR_FORMAT,
                      "%s: %s: weight '%s' lies in '%s', outside the model's folder; "
                      "Carina does not follow such paths, put the file beside the model",
                      r->b.path, j->where, j->name, location);
    for (*out = r->files; *out; *out = (*out)->next)
        if (strcmp((*out)->path, path) == 0)
            return CARINA_OK;
    CaOnnxFile *f = ca_arena_alloc(r->b.work, sizeof *f);
    if (!f)
        return ca_err(r->b.err, CARINA_ERR_MEMORY, "%s: out of memory", r->b.path);
    CA_TRY(ca_file_map(&f->data, path, r->b.err));
    f->path = path;
    f->next = r->files;
    r->files = *out = f;
    return CARINA_OK;
}

static CarinaStatus read_external(CarinaTensor **out, const Job *j)
{
    const char *location = external(j->t, "location");
    const char *offset_text = external(j->t, "offset"),
               *length_text = external(j->t, "length");
    int64_t offset = 0, length = (int64_t)j->size;
    CaOnnxFile *f = NULL;
    if (!location ||
        (offset_text && !ca_text_int(&offset, offset_text, strlen(offset_text))) ||
        (length_text && !ca_text_int(&length, length_text, strlen(length_text))) ||
        offset < 0 || length < 0)
        return ca_err(
            j->r->b.err, CARINA_ERR_FORMAT,
            "%s: %s: weight '%s' is external but its location, offset or length is no "
            "path or number; the file is damaged",
            j->r->b.path, j->where, j->name);
    CA_TRY(map_external(&f, j, location));
    if ((uint64_t)length != j->size)
        return wrong_size(j, (uint64_t)length);
    if ((uint64_t)offset > f->data->size || j->size > f->data->size - (uint64_t)offset)
        return ca_err(
            j->r->b.err, CARINA_ERR_FORMAT,
            "%s: %s: weight '%s' needs bytes %lld to %lld of '%s', which has %zu; "
            "that file was cut or is not this model's",
            j->r->b.path, j->where, j->name, (long long)offset,
            (long long)offset + length, location, f->data->size);
    return slice(out, j, f->data, (uint64_t)offset);
}

/* --- Typed lists. */

static CarinaStatus few_elements(const Job *j, size_t seen)
{
    size_t bytes;
    if (!ca_type_size(j->type, (int64_t)seen, &bytes))
        bytes = seen;
    return wrong_size(j, bytes);
}

static CarinaStatus read_int32s(CarinaTensor **out, const Job *j)
{
    const int per_entry = j->type == CARINA_I4 || j->type == CARINA_U4 ? 2 : 1;
    if ((int64_t)j->t->n_int32_data != (j->n + per_entry - 1) / per_entry)
        return few_elements(j, j->t->n_int32_data * (size_t)per_entry);
    CA_TRY(carina_tensor_create(out, j->type, &j->shape, j->r->b.err));
    for (size_t i = 0; i < j->t->n_int32_data; i++) {
        const int32_t v = j->t->int32_data[i];
        if (j->type == CARINA_F16 || j->type == CARINA_BF16)
            ((uint16_t *)(*out)->data)[i] = (uint16_t)v; /* the bits, not a number */
        else if (per_entry == 2)
            ((unsigned char *)(*out)->data)[i] = (unsigned char)v;
        else
            ca_put_int(j->type, (*out)->data, (int64_t)i, v);
    }
    return CARINA_OK;
}

static CarinaStatus read_plain(CarinaTensor **out, const Job *j, const void *data,
                               size_t n)
{
    if ((int64_t)n != j->n)
        return few_elements(j, n);
    CA_TRY(carina_tensor_create(out, j->type, &j->shape, j->r->b.err));
    if (j->size > 0)
        memcpy((*out)->data, data, j->size);
    return CARINA_OK;
}

static CarinaStatus read_list(CarinaTensor **out, const Job *j)
{
    switch (j->type) {
    case CARINA_F32: return read_plain(out, j, j->t->float_data, j->t->n_float_data);
    case CARINA_F64: return read_plain(out, j, j->t->double_data, j->t->n_double_data);
    case CARINA_I64: return read_plain(out, j, j->t->int64_data, j->t->n_int64_data);
    case CARINA_U64: return read_plain(out, j, j->t->uint64_data, j->t->n_uint64_data);
    case CARINA_U32:
        if ((int64_t)j->t->n_uint64_data != j->n)
            return few_elements(j, j->t->n_uint64_data);
        CA_TRY(carina_tensor_create(out, j->type, &j->shape, j->r->b.err));
        for (int64_t i = 0; i < j->n; i++)
            ca_put_int(j->type, (*out)->data, i, (int64_t)j->t->uint64_data[i]);
        return CARINA_OK;
    case CARINA_I32:
    case CARINA_I16:
    case CARINA_U16:
    case CARINA_I8:
    case CARINA_U8:
    case CARINA_BOOL:
    case CARINA_F16:
    case CARINA_BF16:
    case CARINA_I4:
    case CARINA_U4: return read_int32s(out, j);
    case CARINA_U1:
    case CARINA_UNKNOWN: break;
    }
    return ca_err(j->r->b.err, CARINA_ERR_TYPE,
                  "%s: %s: '%s' has an element type without data", j->r->b.path, j->where,
                  j->name);
}

static CarinaStatus measure(Job *j)
{
    const Onnx__TensorProto *t = j->t;
    if (j->type == CARINA_UNKNOWN)
        return ca_err(
            j->r->b.err, CARINA_ERR_UNSUPPORTED,
            "%s: %s: weight '%s' has element type %s (%d), which Carina does not read; "
            "export the model with float32 or float16 weights",
            j->r->b.path, j->where, j->name, ca_onnx_type_text(t->data_type),
            t->data_type);
    if (t->n_dims > CARINA_MAX_RANK)
        return ca_err(j->r->b.err, CARINA_ERR_LIMIT,
                      "%s: %s: weight '%s' has %zu dimensions; Carina reads at most %d",
                      j->r->b.path, j->where, j->name, t->n_dims, CARINA_MAX_RANK);
    j->shape = ca_shape((int)t->n_dims, t->dims);
    for (size_t i = 0; i < t->n_dims; i++)
        if (t->dims[i] < 0)
            return ca_err(j->r->b.err, CARINA_ERR_FORMAT,
                          "%s: %s: weight '%s' has dimension %lld; the file is damaged",
                          j->r->b.path, j->where, j->name, (long long)t->dims[i]);
    if (!ca_shape_count(&j->shape, &j->n) || !ca_type_size(j->type, j->n, &j->size))
        return ca_err(j->r->b.err, CARINA_ERR_LIMIT,
                      "%s: %s: weight '%s' has more elements than memory can hold; "
                      "the file is damaged",
                      j->r->b.path, j->where, j->name);
    return CARINA_OK;
}

CarinaStatus ca_onnx_tensor(CarinaTensor **out, CaOnnx *r, const char *where,
                            const char *name, const Onnx__TensorProto *t)
{
    Job j = {r, where, name && name[0] ? name : "value", t, ca_onnx_type(t->data_type)};
    *out = NULL;
    CA_TRY(measure(&j));
    if (t->has_segment)
        return ca_err(
            r->b.err, CARINA_ERR_UNSUPPORTED,
            "%s: %s: weight '%s' is stored in segments, which no exporter writes; "
            "save the model again",
            r->b.path, where, j.name);
    if (t->data_location == 1)
        return read_external(out, &j);
    if (!t->has_raw_offset)
        return read_list(out, &j);
    if (t->raw_size != j.size)
        return wrong_size(&j, t->raw_size);
    return slice(out, &j, r->file, t->raw_offset);
}
