/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The skeleton of an ONNX file, for a parser that would copy every byte it is given.
 *
 * protobuf-c copies bytes fields and unknown fields alike, so a model would be in memory twice. This scanner walks
 * the wire format along a table of fields, writes those that onnx.proto knows, and notes where raw_data lies.
 */
#include "formats/onnx/onnx_wire.h"

#include "formats/protobuf/protobuf_wire.h"
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
enum { N_FIELDS = 22, MOST_DEPTH = 7 }; /* graphs inside each other */

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
                   [6] = ENTER_GRAPH,
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
    CaWire w;
    int64_t n_nodes;
    int depth;
} Scan;

static CarinaStatus scan(Scan *s, Kind kind, size_t at, size_t end);

static CarinaStatus enter(Scan *s, Kind kind, const CaWireField *f)
{
    if (f->wire != 2)
        return ca_wire_damaged(&s->w, f->key, "a number where a message should be");
    if (kind == NODE && ++s->n_nodes > CA_MAX_NODES)
        return ca_err(s->w.err, CARINA_ERR_LIMIT,
                      "%s: more than %d nodes; Carina reads no such model", s->w.path,
                      CA_MAX_NODES);
    const size_t start = ca_wire_begin(&s->w, f->number);
    CA_TRY(scan(s, kind, f->body, f->end));
    return ca_wire_end(&s->w, start, f);
}

static CarinaStatus scan(Scan *s, Kind kind, size_t at, size_t end)
{
    CaWireField f;
    for (; at < end; at = f.end) {
        CA_TRY(ca_wire_next(&s->w, &f, at, end));
        const Action action =
            f.number < N_FIELDS ? (Action)actions[kind][f.number] : DROP;
        switch (action) {
        case DROP: break;
        case COPY:
            ca_text_add_n(s->w.out, (const char *)s->w.data + f.key, f.end - f.key);
            break;
        case RAW:
            if (f.wire != 2)
                return ca_wire_damaged(&s->w, f.key, "a number where raw_data should be");
            ca_wire_put_place(s->w.out, &f);
            break;
        case ENTER_GRAPH:
            if (++s->depth > MOST_DEPTH)
                return ca_err(s->w.err, CARINA_ERR_LIMIT,
                              "%s: graphs inside each other more than %d deep; Carina "
                              "reads no such model",
                              s->w.path, MOST_DEPTH);
            CA_TRY(enter(s, GRAPH, &f));
            s->depth--;
            break;
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
    Scan s = {{file->data, path, "is not ONNX", out, err}, 0, 0};
    /* The least message, a key and a length, grows from 2 bytes to 6. */
    CA_TRY(ca_wire_open(&s.w, file->size, 3, "model"));
    CA_TRY(scan(&s, MODEL, 0, file->size));
    if (out->failed)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    return CARINA_OK;
}
