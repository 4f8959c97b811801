/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The skeleton of an ONNX file, for a parser that would copy every byte it is given.
 *
 * protobuf-c copies bytes fields and unknown fields alike, so a model would be in memory twice. This scanner walks
 * the wire format along a table of fields, writes those that onnx.proto knows, and notes where raw_data lies.
 * Lengths of messages that shrink are rewritten as varints of five bytes, which any parser accepts.
 */
#include "formats/onnx/onnx_wire.h"

#include "graph/graph.h"

typedef enum Kind { MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, N_KINDS } Kind;
typedef enum Action {
    DROP,
    COPY,
    RAW,
    ENTER_GRAPH,
    ENTER_NODE,
    ENTER_ATTRIBUTE,
    ENTER_TENSOR
} Action;
enum { N_FIELDS = 22, LENGTH_BYTES = 5 };

static const uint8_t actions[N_KINDS][N_FIELDS] = {
    [MODEL] =
        {[1] = COPY, [2] = COPY, [3] = COPY, [7] = ENTER_GRAPH, [8] = COPY, [14] = COPY},
    [GRAPH] = {[1] = ENTER_NODE,
               [2] = COPY,
               [5] = ENTER_TENSOR,
               [11] = COPY,
               [12] = COPY,
               [15] = COPY},
    [NODE] = {[1] = COPY,
              [2] = COPY,
              [3] = COPY,
              [4] = COPY,
              [5] = ENTER_ATTRIBUTE,
              [7] = COPY},
    [ATTRIBUTE] = {[1] = COPY,
                   [2] = COPY,
                   [3] = COPY,
                   [4] = COPY,
                   [5] = ENTER_TENSOR,
                   [7] = COPY,
                   [8] = COPY,
                   [20] = COPY,
                   [21] = COPY},
    [TENSOR] = {[1] = COPY,
                [2] = COPY,
                [3] = COPY,
                [4] = COPY,
                [5] = COPY,
                [7] = COPY,
                [8] = COPY,
                [9] = RAW,
                [10] = COPY,
                [11] = COPY,
                [13] = COPY,
                [14] = COPY},
};

typedef struct Scan {
    const unsigned char *data;
    const char *path;
    CaText *out;
    int64_t n_nodes;
    CarinaError *err;
} Scan;

typedef struct Field {
    uint64_t number;
    unsigned wire;
    size_t key, body, end; /* offsets: key, payload, one past it */
} Field;

static CarinaStatus damaged(const Scan *s, size_t at, const char *what)
{
    return ca_err(s->err, CARINA_ERR_FORMAT,
                  "%s: byte %zu: %s; the file is damaged, was cut, or is not ONNX",
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

static CarinaStatus next_field(const Scan *s, Field *f, size_t at, size_t end)
{
    uint64_t key, length = 0;
    f->key = at;
    if (!varint(s->data, &at, end, &key) || key >> 3 == 0)
        return damaged(s, f->key, "no field can begin here");
    f->number = key >> 3;
    f->wire = (unsigned)(key & 7);
    f->body = at;
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
            "the file is damaged, was cut, or is not ONNX",
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

static CarinaStatus enter(Scan *s, Kind kind, const Field *f)
{
    if (f->wire != 2)
        return damaged(s, f->key, "a number where a message should be");
    if (kind == NODE && ++s->n_nodes > CA_MAX_NODES)
        return ca_err(s->err, CARINA_ERR_LIMIT,
                      "%s: more than %d nodes; Carina reads no such model", s->path,
                      CA_MAX_NODES);
    put_varint(s->out, f->number << 3 | 2, 1);
    const size_t start = s->out->size;
    put_varint(s->out, 0, LENGTH_BYTES);
    CA_TRY(scan(s, kind, f->body, f->end));
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

static CarinaStatus scan(Scan *s, Kind kind, size_t at, size_t end)
{
    Field f;
    for (; at < end; at = f.end) {
        CA_TRY(next_field(s, &f, at, end));
        const Action action =
            f.number < N_FIELDS ? (Action)actions[kind][f.number] : DROP;
        switch (action) {
        case DROP: break;
        case COPY:
            ca_text_add_n(s->out, (const char *)s->data + f.key, f.end - f.key);
            break;
        case RAW:
            if (f.wire != 2)
                return damaged(s, f.key, "a number where raw_data should be");
            put_varint(s->out, 100 << 3, 1);
            put_varint(s->out, f.body, 1);
            put_varint(s->out, 101 << 3, 1);
            put_varint(s->out, f.end - f.body, 1);
            break;
        case ENTER_GRAPH: CA_TRY(enter(s, GRAPH, &f)); break;
        case ENTER_NODE: CA_TRY(enter(s, NODE, &f)); break;
        case ENTER_ATTRIBUTE: CA_TRY(enter(s, ATTRIBUTE, &f)); break;
        case ENTER_TENSOR: CA_TRY(enter(s, TENSOR, &f)); break;
        }
    }
    return CARINA_OK;
}

CarinaStatus ca_onnx_skeleton(CaText *out, const char *path, const CaBuffer *file,
                              CarinaError *err)
{
    Scan s = {file->data, path, out, 0, err};
    if (file->size == 0)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: the file is empty (0 bytes); write the model again", path);
    /* The least message, a key and a length, grows from 2 bytes to 6. */
    if (!ca_mul_size(&out->limit, file->size, 3) ||
        !ca_add_size(&out->limit, out->limit, 64))
        return ca_err(err, CARINA_ERR_LIMIT, "%s: %zu bytes are too many", path,
                      file->size);
    CA_TRY(scan(&s, MODEL, 0, file->size));
    if (out->failed)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    return CARINA_OK;
}
