/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The skeleton of a caffemodel, for a parser that would copy every byte it is given.
 *
 * A layer's name and blobs have other numbers in each generation of the format; here they get those of the last. The
 * first generation lies inside the second (layers { layer { name blobs } }) and is lifted out of it.
 */
#include "formats/caffe/caffe_wire.h"

#include "formats/protobuf/protobuf_wire.h"
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
enum { N_ROWS = sizeof rows / sizeof rows[0] };

typedef struct Scan {
    CaWire w;
    int64_t n_layers;
} Scan;

static CarinaStatus scan(Scan *s, Kind kind, size_t at, size_t end);

static CarinaStatus enter(Scan *s, const Row *row, const CaWireField *f)
{
    if (f->wire != 2)
        return ca_wire_damaged(&s->w, f->key, "a number where a message should be");
    if (row->action == LIFT)
        return scan(s, row->inside, f->body, f->end);
    if (row->kind == NET && ++s->n_layers > CA_MAX_NODES)
        return ca_err(s->w.err, CARINA_ERR_LIMIT,
                      "%s: more than %d layers; Carina reads no such model", s->w.path,
                      CA_MAX_NODES);
    const size_t start = ca_wire_begin(&s->w, row->as);
    CA_TRY(scan(s, row->inside, f->body, f->end));
    return ca_wire_end(&s->w, start, f);
}

static void copy(const Scan *s, const Row *row, const CaWireField *f)
{
    ca_wire_put(s->w.out, (uint64_t)row->as << 3 | f->wire, 1);
    ca_text_add_n(s->w.out, (const char *)s->w.data + f->length_at,
                  f->end - f->length_at);
}

/* Are the floats of this blob in one packed field? Writers of old put them one by one. */
static CarinaStatus is_one_piece(const Scan *s, size_t at, size_t end, bool *out)
{
    CaWireField f;
    int n = 0;
    *out = true;
    for (; at < end; at = f.end) {
        CA_TRY(ca_wire_next(&s->w, &f, at, end));
        if (f.number == 5 && (++n > 1 || f.wire != 2)) {
            *out = false;
            return CARINA_OK;
        }
    }
    return CARINA_OK;
}

static CarinaStatus scan(Scan *s, Kind kind, size_t at, size_t end)
{
    CaWireField f;
    bool one_piece = false;
    if (kind == BLOB)
        CA_TRY(is_one_piece(s, at, end, &one_piece));
    for (; at < end; at = f.end) {
        const Row *row = rows;
        CA_TRY(ca_wire_next(&s->w, &f, at, end));
        while (row < rows + N_ROWS && (row->kind != kind || row->number != f.number))
            row++;
        if (row == rows + N_ROWS)
            continue;
        if (row->action == ENTER || row->action == LIFT) {
            CA_TRY(enter(s, row, &f));
        } else if (row->action == FLOATS && one_piece) {
            ca_wire_put_place(s->w.out, &f);
        } else {
            copy(s, row, &f);
        }
    }
    return CARINA_OK;
}

CarinaStatus ca_caffe_skeleton(CaText *out, const char *path, const CaBuffer *file,
                               CarinaError *err)
{
    Scan s = {{file->data, path, "is no caffemodel", out, err}, 0};
    /* The least message, a key and a length, grows from 2 bytes to 6 and 7. */
    CA_TRY(ca_wire_open(&s.w, file->size, 4, "weights"));
    CA_TRY(scan(&s, NET, 0, file->size));
    if (out->failed)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    return CARINA_OK;
}
