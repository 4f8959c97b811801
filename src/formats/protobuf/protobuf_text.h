/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of protobuf's text format: names, numbers, strings, comments (protobuf.dev, "Text Format Language").
 */
#ifndef CA_FORMATS_PROTOBUF_TEXT_H
#define CA_FORMATS_PROTOBUF_TEXT_H

#include "base/text.h"

typedef struct CaProtoText {
    const char *p, *end;
    int line;
    const char *path, *what; /* "prototxt": what the file should be */
    CarinaError *err;
    CaText string; /* the string just read; the caller sets its limit and frees it */
} CaProtoText;

typedef struct CaProtoToken { /* a scalar */
    const char *text;
    size_t n;
    bool quoted, minus;
} CaProtoToken;

enum { CA_PROTO_NAME = 64, CA_PROTO_DEPTH = 64 };

CarinaStatus ca_proto_fail(const CaProtoText *t, const char *what);
/* Blanks and comments skipped. True where something is left. */
bool ca_proto_more(CaProtoText *t);
/* Skips blanks; takes c if it is next. */
bool ca_proto_take(CaProtoText *t, char c);
/* A field's name; longer ones are cut. */
CarinaStatus ca_proto_name(CaProtoText *t, char name[CA_PROTO_NAME]);
/* A number, a word, or strings, of which adjacent ones are one. Valid until the next scalar. */
CarinaStatus ca_proto_scalar(CaProtoText *t, CaProtoToken *out);
/* What the scalar says; false where it is no such thing. */
bool ca_proto_int(const CaProtoToken *t, int64_t *v);
bool ca_proto_real(const CaProtoToken *t, double *v);
bool ca_proto_bool(const CaProtoToken *t, bool *v);
bool ca_proto_is(const CaProtoToken *t, const char *word);

#endif
