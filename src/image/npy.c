/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NumPy's .npy files: versions 1 to 3, either byte order and C or Fortran order when reading; written as
 * version 1, little-endian, C order. Structured and object arrays are refused.
 *
 * The header is a Python dictionary; the little of Python it may hold is parsed here, nothing is evaluated.
 */
#include "base/file.h"
#include "graph/shape.h"
#include <carina/tensor.h>

#include <string.h>

enum { ALIGN = 64, MAX_HEADER = 1 << 16 };

typedef struct {
    const char *path;
    const char *at, *end; /* in the header */
    CarinaType type;
    bool is_big, is_fortran;
    bool has_type, has_order, has_shape;
    CarinaShape shape;
} Header;

typedef struct {
    const char *code; /* after the byte order */
    CarinaType type;
} Code;

/* The first row of a type is how it is written. */
static const Code codes[] = {
    {"f4", CARINA_F32}, {"f2", CARINA_F16}, {"f8", CARINA_F64}, {"i1", CARINA_I8},
    {"u1", CARINA_U8},  {"i2", CARINA_I16}, {"u2", CARINA_U16}, {"i4", CARINA_I32},
    {"u4", CARINA_U32}, {"i8", CARINA_I64}, {"u8", CARINA_U64}, {"b1", CARINA_BOOL},
};
enum { N_CODES = sizeof codes / sizeof *codes };

static CarinaStatus bad(const Header *h, const char *what, CarinaError *err)
{
    return ca_err(err, CARINA_ERR_FORMAT,
                  "%s: .npy header: %s; the file is damaged or not NumPy's", h->path,
                  what);
}

static bool take(Header *h, const char *word)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\t' || *h->at == '\n'))
        h->at++;
    const size_t n = strlen(word);
    if ((size_t)(h->end - h->at) < n || memcmp(h->at, word, n) != 0)
        return false;
    h->at += n;
    return true;
}

/* A quoted string without escapes. */
static bool take_string(Header *h, const char **text, size_t *n)
{
    const char quote = take(h, "'") ? '\'' : take(h, "\"") ? '"' : 0;
    if (!quote)
        return false;
    const char *end = memchr(h->at, quote, (size_t)(h->end - h->at));
    if (!end)
        return false;
    *text = h->at;
    *n = (size_t)(end - h->at);
    h->at = end + 1;
    return true;
}

static CarinaStatus take_type(Header *h, CarinaError *err)
{
    const char *text = NULL;
    size_t n = 0;
    if (!take_string(h, &text, &n))
        return bad(h, "'descr' is no plain type (structured arrays are not read)", err);
    for (int i = 0; i < N_CODES && n == 3; i++)
        if (memcmp(text + 1, codes[i].code, 2) == 0 && strchr("<>|=", text[0])) {
            h->type = codes[i].type;
            h->is_big = text[0] == '>';
            h->has_type = true;
            return CARINA_OK;
        }
    return ca_err(err, CARINA_ERR_TYPE,
                  "%s: .npy header: type '%.*s' is not read; save it as float32, or an "
                  "integer",
                  h->path, (int)(n < 32 ? n : 32), text);
}

static bool take_size(Header *h, int64_t *v)
{
    const char *start = h->at;
    *v = 0;
    for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++) {
        if (*v > INT64_MAX / 10 - 1)
            return false;
        *v = 10 * *v + (*h->at - '0');
    }
    return h->at > start;
}

static CarinaStatus take_shape(Header *h, CarinaError *err)
{
    if (!take(h, "("))
        return bad(h, "'shape' is no tuple", err);
    while (!take(h, ")")) {
        if (h->shape.rank == CARINA_MAX_RANK)
            return bad(h, "'shape' has more than 8 dimensions", err);
        if (!take_size(h, &h->shape.dims[h->shape.rank++]))
            return bad(h, "'shape' holds something else than sizes", err);
        (void)take(h, "L");
        if (!take(h, ",") && (h->at == h->end || *h->at != ')'))
            return bad(h, "'shape' is not closed", err);
        (void)take(h, "");
    }
    h->has_shape = true;
    return CARINA_OK;
}

static CarinaStatus take_entry(Header *h, CarinaError *err)
{
    const char *key = NULL;
    size_t n = 0;
    if (!take_string(h, &key, &n) || !take(h, ":"))
        return bad(h, "no key where one should be", err);
    (void)take(h, "");
    if (n == 5 && memcmp(key, "descr", n) == 0 && !h->has_type)
        return take_type(h, err);
    if (n == 5 && memcmp(key, "shape", n) == 0 && !h->has_shape)
        return take_shape(h, err);
    if (n == 13 && memcmp(key, "fortran_order", n) == 0) {
        h->has_order = true;
        h->is_fortran = take(h, "True");
        return h->is_fortran || take(h, "False")
                   ? CARINA_OK
                   : bad(h, "'fortran_order' is neither True nor False", err);
    }
    return bad(h, "an unknown or repeated key", err);
}

static CarinaStatus parse(Header *h, CarinaError *err)
{
    if (!take(h, "{"))
        return bad(h, "no '{'", err);
    while (!take(h, "}")) {
        CA_TRY(take_entry(h, err));
        if (!take(h, ",") && (h->at == h->end || *h->at != '}'))
            return bad(h, "no ',' after an entry", err);
    }
    if (!h->has_type || !h->has_order || !h->has_shape)
        return bad(h, "'descr', 'fortran_order' or 'shape' is missing", err);
    return CARINA_OK;
}

/* Where the data begin. */
static CarinaStatus read_header(Header *h, size_t *begin, const CaBuffer *file,
                                CarinaError *err)
{
    const uint8_t *p = file->data;
    if (file->size < 12 || memcmp(p, "\x93NUMPY", 6) != 0)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: not a .npy file (%zu bytes); numpy.save writes them", h->path,
                      file->size);
    if (p[6] < 1 || p[6] > 3)
        return ca_err(err, CARINA_ERR_UNSUPPORTED,
                      "%s: .npy version %d.%d; versions 1 to 3 are read", h->path, p[6],
                      p[7]);
    const size_t start = p[6] == 1 ? 10 : 12;
    size_t n = p[8] | (size_t)p[9] << 8;
    if (p[6] > 1)
        n |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (n > MAX_HEADER || n > file->size - start)
        return bad(h, "it is longer than the file or 64 KiB", err);
    h->at = (const char *)p + start;
    h->end = h->at + n;
    *begin = start + n;
    return parse(h, err);
}

static void put_element(uint8_t *to, const uint8_t *from, size_t size, bool is_swapped)
{
    for (size_t i = 0; i < size; i++)
        to[i] = from[is_swapped ? size - 1 - i : i];
}

/* Elements in the order of the file, which counts the first dimension fastest if Fortran's. */
static void copy(CarinaTensor *t, const uint8_t *from, const Header *h, size_t size)
{
    int64_t index[CARINA_MAX_RANK] = {0}, step[CARINA_MAX_RANK] = {0};
    const int rank = h->shape.rank;
    int64_t product = 1, at = 0;
    uint8_t *to = t->data;
    if (!h->is_fortran && !h->is_big) {
        if (t->size)
            memcpy(to, from, t->size);
        return;
    }
    for (int i = 0; i < rank; i++) {
        const int d = h->is_fortran ? i : rank - 1 - i;
        step[d] = product;
        product *= h->shape.dims[d];
    }
    for (int64_t n = product; n > 0; n--, to += size) {
        put_element(to, from + (size_t)at * size, size, h->is_big);
        for (int d = rank - 1; d >= 0; d--) {
            at += step[d];
            if (++index[d] < h->shape.dims[d])
                break;
            at -= step[d] * h->shape.dims[d];
            index[d] = 0;
        }
    }
}

static CarinaStatus read_buffer(CarinaTensor **out, const CaBuffer *file,
                                const char *path, CarinaError *err)
{
    Header h = {.path = path};
    size_t begin = 0, bytes = 0;
    int64_t n = 0;
    CA_TRY(read_header(&h, &begin, file, err));
    if (!ca_shape_count(&h.shape, &n) || !ca_type_size(h.type, n, &bytes))
        return bad(&h, "'shape' is too large", err);
    if (bytes > file->size - begin)
        return ca_err(
            err, CARINA_ERR_FORMAT,
            "%s: data: %zu bytes, but the shape needs %zu; the file is damaged or "
            "was cut",
            path, file->size - begin, bytes);
    CA_TRY(carina_tensor_create(out, h.type, &h.shape, err));
    copy(*out, (const uint8_t *)file->data + begin, &h,
         (size_t)carina_type_bits(h.type) / 8);
    uint8_t *flags = (*out)->data;
    for (size_t i = 0; h.type == CARINA_BOOL && i < bytes; i++)
        flags[i] = flags[i] != 0;
    return CARINA_OK;
}

CarinaStatus carina_tensor_read_npy(CarinaTensor **out, const char *path,
                                    CarinaError *err)
{
    CaBuffer *file = NULL;
    CA_TRY(ca_file_map(&file, path, err));
    const CarinaStatus status = read_buffer(out, file, path, err);
    ca_buffer_unref(&file);
    return status;
}

static CarinaStatus write_header(CaWriter *w, const char *code, const CarinaShape *shape,
                                 CarinaError *err)
{
    CaText t = {.limit = 1024};
    const char order = code[1] == '1' ? '|' : '<';
    ca_text_add(&t, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", order, code);
    for (int i = 0; i < shape->rank; i++)
        ca_text_add(&t, "%lld,%s", (long long)shape->dims[i],
                    i + 1 < shape->rank ? " " : "");
    ca_text_add(&t, "), }");
    while ((10 + t.size + 1) % ALIGN != 0 && !t.failed)
        ca_text_add(&t, " ");
    ca_text_add(&t, "\n");
    const uint8_t start[10] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)t.size, (uint8_t)(t.size >> 8)};
    CarinaStatus status = t.failed ? ca_err(err, CARINA_ERR_MEMORY, "out of memory")
                                   : ca_writer_write(w, start, sizeof start, err);
    if (status == CARINA_OK)
        status = ca_writer_write(w, t.data, t.size, err);
    ca_text_free(&t);
    return status;
}

/* bf16 has no code in NumPy; f32 holds it without loss. */
static CarinaStatus write_widened(CaWriter *w, const CarinaTensor *t, CarinaError *err)
{
    enum { N = 1024 };
    float block[N];
    const int64_t n = ca_tensor_count(t);
    for (int64_t i = 0; i < n; i += N) {
        const int64_t m = n - i < N ? n - i : N;
        for (int64_t k = 0; k < m; k++)
            block[k] = (float)ca_get_real(t->type, t->data, i + k);
        CA_TRY(ca_writer_write(w, block, (size_t)m * sizeof *block, err));
    }
    return CARINA_OK;
}

CarinaStatus carina_tensor_write_npy(const CarinaTensor *tensor, const char *path,
                                     CarinaError *err)
{
    const bool is_widened = tensor->type == CARINA_BF16;
    const CarinaType type = is_widened ? CARINA_F32 : tensor->type;
    const char *code = NULL;
    CaWriter *w = NULL;
    for (int i = 0; i < N_CODES; i++)
        if (codes[i].type == type)
            code = codes[i].code;
    if (!code)
        return ca_err(err, CARINA_ERR_TYPE, "%s: .npy has no type for %s", path,
                      carina_type_name(type));
    CA_TRY(ca_writer_open(&w, path, err));
    CarinaStatus status = write_header(w, code, &tensor->shape, err);
    if (status == CARINA_OK)
        status = is_widened ? write_widened(w, tensor, err)
                            : ca_writer_write(w, tensor->data, tensor->size, err);
    if (status != CARINA_OK) {
        ca_writer_abandon(&w);
        return status;
    }
    return ca_writer_commit(&w, err);
}
