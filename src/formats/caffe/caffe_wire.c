/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The skeleton of a caffemodel, for a parser that would copy every byte it is given.
 *
 * A layer's name and blobs have other numbers in each generation of the format; here they get those of the last. The
 * first generation lies inside the second (layers { layer { name blobs } }) and is lifted out of it.
 */
#include "formats/caffe/caffe_wire.h"

#include "graph/graph.h"

typedef enum Kind { NET, LAYER, LAYER_1, LAYER_0, BLOB, N_KINDS } Kind;
typedef enum Action { DROP, COPY, FLOATS, ENTER, LIFT } Action;

typedef struct Row {
    Kind kind;
    uint32_t number;
    Action action;
    uint32_t as;
    Kind inside;
} Row;

static const Row rows[] = {
    {NET, 2, ENTER, 100, LAYER_1},  {NET, 100, ENTER, 100, LAYER},
    {LAYER, 1, COPY, 1, NET},       {LAYER, 7, ENTER, 7, BLOB},
    {LAYER_1, 1, LIFT, 0, LAYER_0}, {LAYER_1, 4, COPY, 1, NET},
    {LAYER_1, 6, ENTER, 7, BLOB},   {LAYER_0, 1, COPY, 1, NET},
    {LAYER_0, 50, ENTER, 7, BLOB},  {BLOB, 1, COPY, 1, NET},
    {BLOB, 2, COPY, 2, NET},        {BLOB, 3, COPY, 3, NET},
    {BLOB, 4, COPY, 4, NET},        {BLOB, 5, FLOATS, 5, NET},
    {BLOB, 7, COPY, 7, NET},        {BLOB, 8, COPY, 8, NET},
};
enum { N_ROWS = sizeof rows / sizeof rows[0], LENGTH_BYTES = 5 };

typedef struct Scan {
    const unsigned char *data;
    const char *path;
    CaText *out;
    int64_t n_layers;
    CarinaError *err;
} Scan;

typedef struct Part {
    uint64_t number;
    unsigned wire;
    size_t key, body, end; /* offsets: key, payload, one past it */
    size_t length_at;      /* of the length, where there is one */
} Part;

static CarinaStatus damaged(const Scan *s, size_t at, const char *what)
{
    return ca_err(s->err, CARINA_ERR_FORMAT,
                  "%s: byte %zu: %s; the file is damaged, was cut, or is no caffemodel",
                  s->path, at, what);
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

static CarinaStatus next_part(const Scan *s, Part *f, size_t at, size_t end)
{
    uint64_t key, length = 0;
    f->key = at;
    if (!varint(s->data, &at, end, &key) || key >> 3 == 0)
        return damaged(s, f->key, "no field can begin here");
    f->number = key >> 3;
    f->wire = (unsigned)(key & 7);
    f->body = f->length_at = at;
    switch (f->wire) {
    case 0:
        if (!varint(s->data, &at, end, &length))
            return damaged(s, f->key, "a number runs past the end of its message");
        f->end = at;
        return CARINA_OK;
    case 1: length = 8; break;
    case 5: length = 4; break;
    case 2:
        if (!varint(s->data, &at, end, &length))
            return damaged(s, f->key, "a length runs past the end of its message");
        f->body = at;
        break;
    default: return damaged(s, f->key, "no field can begin here");
    }
    if (length > end - f->body)
        return ca_err(
            s->err, CARINA_ERR_FORMAT,
            "%s: byte %zu: a field of %llu bytes, but its message has only %zu left; "
            "the file is damaged, was cut, or is no caffemodel",
            s->path, f->key, (unsigned long long)length, end - f->body);
    f->end = f->body + (size_t)length;
    return CARINA_OK;
}

static void put_varint(CaText *out, uint64_t v, int at_least)
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

static CarinaStatus scan(Scan *s, Kind kind, size_t at, size_t end);

static CarinaStatus enter(Scan *s, const Row *row, const Part *f)
{
    if (f->wire != 2)
        return damaged(s, f->key, "a number where a message should be");
    if (row->action == LIFT)
        return scan(s, row->inside, f->body, f->end);
    if (row->kind == NET && ++s->n_layers > CA_MAX_NODES)
        return ca_err(s->err, CARINA_ERR_LIMIT,
                      "%s: more than %d layers; Carina reads no such model", s->path,
                      CA_MAX_NODES);
    put_varint(s->out, (uint64_t)row->as << 3 | 2, 1);
    const size_t start = s->out->size;
    put_varint(s->out, 0, LENGTH_BYTES);
    CA_TRY(scan(s, row->inside, f->body, f->end));
    if (s->out->failed)
        return ca_err(s->err, CARINA_ERR_MEMORY, "%s: out of memory", s->path);
    uint64_t length = s->out->size - start - LENGTH_BYTES;
    if (length >> 31)
        return damaged(s, f->key, "a message of more than 2 GiB");
    for (int i = 0; i < LENGTH_BYTES; i++, length >>= 7)
        s->out->data[start + (size_t)i] =
            (char)(unsigned char)((length & 0x7f) | (i < LENGTH_BYTES - 1 ? 0x80 : 0));
    return CARINA_OK;
}

static void copy(const Scan *s, const Row *row, const Part *f)
{
    put_varint(s->out, (uint64_t)row->as << 3 | f->wire, 1);
    ca_text_add_n(s->out, (const char *)s->data + f->length_at, f->end - f->length_at);
}

/* Are the floats of this blob in one packed field? Writers of old put them one by one. */
static CarinaStatus is_one_piece(const Scan *s, size_t at, size_t end, bool *out)
{
    Part f;
    int n = 0;
    *out = true;
    for (; at < end; at = f.end) {
        CA_TRY(next_part(s, &f, at, end));
        if (f.number == 5 && (++n > 1 || f.wire != 2)) {
            *out = false;
            return CARINA_OK;
        }
    }
    return CARINA_OK;
}

static CarinaStatus scan(Scan *s, Kind kind, size_t at, size_t end)
{
    Part f;
    bool one_piece = false;
    if (kind == BLOB)
        CA_TRY(is_one_piece(s, at, end, &one_piece));
    for (; at < end; at = f.end) {
        const Row *row = rows;
        CA_TRY(next_part(s, &f, at, end));
        while (row < rows + N_ROWS && (row->kind != kind || row->number != f.number))
            row++;
        if (row == rows + N_ROWS)
            continue;
        if (row->action == ENTER || row->action == LIFT) {
            CA_TRY(enter(s, row, &f));
        } else if (row->action == FLOATS && one_piece) {
            put_varint(s->out, 100 << 3, 1);
            put_varint(s->out, f.body, 1);
            put_varint(s->out, 101 << 3, 1);
            put_varint(s->out, f.end - f.body, 1);
        } else {
            copy(s, row, &f);
        }
    }
    return CARINA_OK;
}

CarinaStatus ca_caffe_skeleton(CaText *out, const char *path, const CaBuffer *file,
                               CarinaError *err)
{
    Scan s = {file->data, path, out, 0, err};
    if (file->size == 0)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: the file is empty (0 bytes); write the weights again", path);
    /* The least message, a key and a length, grows from 2 bytes to 6 and 7. */
    if (!ca_mul_size(&out->limit, file->size, 4) ||
        !ca_add_size(&out->limit, out->limit, 64))
        return ca_err(err, CARINA_ERR_LIMIT, "%s: %zu bytes are too many", path,
                      file->size);
    CA_TRY(scan(&s, NET, 0, file->size));
    if (out->failed)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    return CARINA_OK;
}
