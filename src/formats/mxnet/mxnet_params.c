/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet's .params: a list of arrays, then their names. All versions of the record (0 to 3) are walked; the elements
 * stay in the mapped file. Sparse arrays are refused.
 */
#include "formats/mxnet/mxnet_params.h"

#include "base/file.h"
#include "graph/shape.h"

#include <string.h>

enum {
    LARGEST_OLD_RANK = 32, /* MXNet 0.x's own bound: a first word up to it is a rank */
    MAX_NAME = 4096
};
static const uint32_t v1 = 0xF993FAC8, v2 = 0xF993FAC9, v3 = 0xF993FACA;
/* The shortest record is one of a version 0 array that is none: its rank. A name has its length at least. */
enum { LEAST_RECORD = 4, LEAST_NAME = 8 };

typedef struct Cursor {
    const char *path;
    CaBuffer *file;
    size_t at;
    CarinaError *err;
} Cursor;

static CarinaStatus cut(const Cursor *c, const char *what)
{
    return ca_err(
        c->err, CARINA_ERR_FORMAT,
        "%s: byte %zu: %s ends past the file's %zu bytes; the file was cut or is "
        "damaged",
        c->path, c->at, what, c->file->size);
}

static CarinaStatus take(Cursor *c, void *out, size_t size, const char *what)
{
    if (size > c->file->size - c->at)
        return cut(c, what);
    memcpy(out, (const char *)c->file->data + c->at, size);
    c->at += size;
    return CARINA_OK;
}

static CarinaStatus take_u32(Cursor *c, uint32_t *out, const char *what)
{
    unsigned char b[4] = {0};
    CA_TRY(take(c, b, sizeof b, what));
    *out = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
           (uint32_t)b[3] << 24;
    return CARINA_OK;
}

static CarinaStatus take_u64(Cursor *c, uint64_t *out, const char *what)
{
    uint32_t low = 0, high = 0;
    CA_TRY(take_u32(c, &low, what));
    CA_TRY(take_u32(c, &high, what));
    *out = (uint64_t)high << 32 | low;
    return CARINA_OK;
}

/* --- One array. */

/* MXNet's type_flag. */
static const CarinaType types[] = {
    CARINA_F32,  CARINA_F64, CARINA_F16, CARINA_U8,  CARINA_I32, CARINA_I8,  CARINA_I64,
    CARINA_BOOL, CARINA_I16, CARINA_U16, CARINA_U32, CARINA_U64, CARINA_BF16};

CarinaType ca_mxnet_type(int64_t flag)
{
    return flag >= 0 && flag < (int64_t)(sizeof types / sizeof types[0]) ? types[flag]
                                                                         : CARINA_UNKNOWN;
}

static CarinaStatus read_dims(Cursor *c, CarinaShape *shape, uint32_t rank, bool wide)
{
    if (rank > CARINA_MAX_RANK)
        return ca_err(c->err, CARINA_ERR_LIMIT,
                      "%s: byte %zu: an array of %u dimensions; Carina reads at most %d",
                      c->path, c->at, rank, CARINA_MAX_RANK);
    *shape = ca_shape_of_rank((int)rank);
    for (uint32_t i = 0; i < rank; i++) {
        uint32_t narrow = 0;
        uint64_t dim = 0;
        const size_t at = c->at;
        if (wide) {
            CA_TRY(take_u64(c, &dim, "a shape"));
        } else {
            CA_TRY(take_u32(c, &narrow, "a shape"));
            dim = narrow;
        }
        if (dim > INT64_MAX)
            return ca_err(
                c->err, CARINA_ERR_FORMAT,
                "%s: byte %zu: an array has dimension %lld; the file is damaged", c->path,
                at, (long long)dim);
        shape->dims[i] = (int64_t)dim;
    }
    return CARINA_OK;
}

/* Version and shape; *none: an array that was never filled, which has nothing more. */
static CarinaStatus read_head(Cursor *c, CarinaShape *shape, bool *none)
{
    const size_t begin = c->at;
    uint32_t magic = 0, rank = 0, storage = 0;
    CA_TRY(take_u32(c, &magic, "an array"));
    if (magic != v1 && magic != v2 && magic != v3) {
        if (magic > LARGEST_OLD_RANK)
            return ca_err(
                c->err, CARINA_ERR_FORMAT,
                "%s: byte %zu: no array begins with 0x%08X; the file is damaged "
                "or is newer than MXNet 1.9",
                c->path, begin, magic);
        *none = magic == 0;
        return read_dims(c, shape, magic, false);
    }
    if (magic != v1)
        CA_TRY(take_u32(c, &storage, "an array"));
    if (storage == 1 || storage == 2)
        return ca_err(
            c->err, CARINA_ERR_UNSUPPORTED,
            "%s: byte %zu: a sparse array (%s), which Carina does not read; store "
            "it dense with .tostype('default')",
            c->path, begin, storage == 1 ? "row_sparse" : "csr");
    if (storage != 0 && storage != UINT32_MAX)
        return ca_err(c->err, CARINA_ERR_FORMAT,
                      "%s: byte %zu: an array of storage type %u; the file is damaged",
                      c->path, begin, storage);
    CA_TRY(take_u32(c, &rank, "a shape"));
    *none = magic == v3 ? rank == UINT32_MAX : rank == 0;
    return *none ? CARINA_OK : read_dims(c, shape, rank, true);
}

static CarinaStatus read_array(Cursor *c, CaMxnetArray *a)
{
    uint32_t device[2], flag = 0;
    const size_t begin = c->at;
    int64_t n = 0;
    bool none = false;
    CA_TRY(read_head(c, &a->shape, &none));
    a->type = CARINA_UNKNOWN;
    if (none)
        return CARINA_OK;
    CA_TRY(take_u32(c, &device[0], "an array"));
    CA_TRY(take_u32(c, &device[1], "an array"));
    CA_TRY(take_u32(c, &flag, "an array"));
    a->type = ca_mxnet_type(flag);
    if (a->type == CARINA_UNKNOWN)
        return ca_err(c->err, CARINA_ERR_UNSUPPORTED,
                      "%s: byte %zu: an array of element type %u, which Carina does not "
                      "know; store it as float32",
                      c->path, begin, flag);
    if (!ca_shape_count(&a->shape, &n) || !ca_type_size(a->type, n, &a->size) ||
        a->size > c->file->size - c->at) {
        char text[CA_SHAPE_TEXT];
        return ca_err(c->err, CARINA_ERR_FORMAT,
                      "%s: byte %zu: an array %s of %s has more elements than the file's "
                      "%zu bytes hold; the file was cut or is damaged",
                      c->path, begin, ca_shape_text(text, sizeof text, &a->shape),
                      carina_type_name(a->type), c->file->size);
    }
    a->file = c->file;
    a->offset = c->at;
    c->at += a->size;
    return CARINA_OK;
}

/* --- The list. */

static CarinaStatus read_count(Cursor *c, uint64_t *n, size_t least, const char *what)
{
    const size_t at = c->at;
    CA_TRY(take_u64(c, n, what));
    if (*n > (c->file->size - c->at) / least)
        return ca_err(c->err, CARINA_ERR_FORMAT,
                      "%s: byte %zu: %s of %llu entries in a file of %zu bytes; the file "
                      "was cut or is damaged",
                      c->path, at, what, (unsigned long long)*n, c->file->size);
    return CARINA_OK;
}

static CarinaStatus read_name(Cursor *c, CaArena *arena, CaMxnetArray *a)
{
    uint64_t n = 0;
    const size_t at = c->at;
    CA_TRY(take_u64(c, &n, "a name"));
    if (n > c->file->size - c->at)
        return cut(c, "a name");
    const char *text = (const char *)c->file->data + c->at;
    if (n == 0 || n > MAX_NAME || memchr(text, 0, (size_t)n))
        return ca_err(c->err, CARINA_ERR_FORMAT,
                      "%s: byte %zu: a name of %llu characters; the file is damaged",
                      c->path, at, (unsigned long long)n);
    c->at += (size_t)n;
    a->is_aux = n > 4 && memcmp(text, "aux:", 4) == 0;
    const size_t skip = a->is_aux || (n > 4 && memcmp(text, "arg:", 4) == 0) ? 4 : 0;
    a->name = ca_arena_copy_n(arena, text + skip, (size_t)n - skip);
    return a->name ? CARINA_OK
                   : ca_err(c->err, CARINA_ERR_MEMORY, "%s: out of memory", c->path);
}

bool ca_mxnet_is_params(const CaBuffer *file)
{
    static const unsigned char magic[16] = {0x12, 0x01};
    return file->size >= sizeof magic && memcmp(file->data, magic, sizeof magic) == 0;
}

CarinaStatus ca_mxnet_params(CaMxnetParams *out, CaArena *arena, const char *path,
                             CaBuffer *file, CarinaError *err)
{
    Cursor c = {path, file, 16, err};
    uint64_t n = 0, n_names = 0;
    *out = (CaMxnetParams){.path = path};
    if (!file->size)
        return ca_err(err, CARINA_ERR_FORMAT, "%s: the file is empty (0 bytes)", path);
    if (!ca_mxnet_is_params(file))
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: does not begin as an MXNet list of arrays does (0x112); give "
                      "the .params file of the network",
                      path);
    CA_TRY(read_count(&c, &n, LEAST_RECORD + LEAST_NAME, "a list of arrays"));
    out->v = ca_arena_array(arena, (size_t)n + 1, sizeof *out->v);
    if (!out->v)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    for (uint64_t i = 0; i < n; i++)
        CA_TRY(read_array(&c, &out->v[i]));
    CA_TRY(read_count(&c, &n_names, LEAST_NAME, "a list of names"));
    if (n_names != n)
        return ca_err(
            err, CARINA_ERR_FORMAT,
            "%s: %llu arrays but %llu names; a network needs one for each, save "
            "a dictionary and not a list",
            path, (unsigned long long)n, (unsigned long long)n_names);
    for (uint64_t i = 0; i < n; i++)
        CA_TRY(read_name(&c, arena, &out->v[i]));
    if (c.at != file->size)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: byte %zu: %zu bytes after the last name; the file is damaged",
                      path, c.at, file->size - c.at);
    out->n = (size_t)n;
    return CARINA_OK;
}

/* --- Elements. */

CarinaStatus ca_mxnet_tensor(CarinaTensor **out, const CaMxnetArray *a, CarinaError *err)
{
    const size_t align = (size_t)carina_type_bits(a->type) / 8;
    const char *data = (const char *)a->file->data + a->offset;
    if (a->size > 0 &&
        ((uintptr_t)data % align == 0 || ca_tensor_may_lie_anywhere(a->type, a->size)))
        return ca_tensor_of_buffer(out, a->type, &a->shape, a->file, a->offset, err);
    CA_TRY(carina_tensor_create(out, a->type, &a->shape, err));
    if (a->size > 0) {
        memcpy((*out)->data, data, a->size);
        ca_file_drop(data, a->size);
    }
    return CARINA_OK;
}
