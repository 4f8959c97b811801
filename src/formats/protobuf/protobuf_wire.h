/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire format of protocol buffers, walked with bounds and written again: what the readers' skeletons share
 * (protobuf.dev, "Encoding").
 */
#ifndef CA_FORMATS_PROTOBUF_WIRE_H
#define CA_FORMATS_PROTOBUF_WIRE_H

#include "base/text.h"

/* What is read and written. */
typedef struct CaWire {
    const unsigned char *data;
    const char *path;
    const char *not_it; /* ends the sentences on damage: "is not ONNX" */
    CaText *out;
    CarinaError *err;
} CaWire;

typedef struct CaWireField {
    uint64_t number;
    unsigned wire;
    size_t key, body, end; /* offsets: key, payload, one past it */
    size_t length_at;      /* of what follows the key: the length, where there is one */
} CaWireField;

/* The sentence for byte `at`; returns CARINA_ERR_FORMAT. */
CarinaStatus ca_wire_damaged(const CaWire *w, size_t at, const char *what);
/* The field that begins at `at` in a message that ends at `end`. */
CarinaStatus ca_wire_next(const CaWire *w, CaWireField *f, size_t at, size_t end);
/* v in at_least bytes or as many as it needs. */
void ca_wire_put(CaText *out, uint64_t v, int at_least);
/* Where the field's payload lies in the file, as the fields 100 (offset) and 101 (size). */
void ca_wire_put_place(CaText *out, const CaWireField *f);
/* A message of unknown length: begin writes its key and room for the length (5 bytes, which any parser accepts),
 * end fills it in. f is the field it stands for. */
size_t ca_wire_begin(const CaWire *w, uint64_t number);
CarinaStatus ca_wire_end(const CaWire *w, size_t start, const CaWireField *f);
/* Refuses the empty file, sets the bound of out: growth times the file. */
CarinaStatus ca_wire_open(const CaWire *w, size_t size, size_t growth, const char *what);

#endif
