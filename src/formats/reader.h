/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reader of a format is: it recognises files by their content and turns them into a graph.
 */
#ifndef CA_FORMATS_READER_H
#define CA_FORMATS_READER_H

#include "graph/custom.h"
#include <carina/model.h>

typedef struct CaSource {
    const char *path;                 /* a file, or a folder */
    CaBuffer *file;                   /* mapped and lent; NULL: path is a folder */
    const CarinaReadOptions *options; /* never NULL */
    const CaCustoms *customs;         /* operators that no table has; NULL: none */
    char format[64];                  /* out: "ONNX opset 13" */
    CarinaError *err;
} CaSource;

typedef struct CaReader {
    const char *name; /* "ONNX"; NULL: it only refuses */
    bool (*match)(const CaSource *s);
    /* A sorted and inferred graph; constants keep slices of the file. */
    CarinaStatus (*read)(CaGraph **out, CaSource *s);
    /* The operators that it knows, in the format's own words: NULL past the last. May be NULL: not a format with
     * operators of its own. */
    const char *(*operator_name)(int i);
} CaReader;

/* The file's first text, white space and a byte order mark skipped; n: how many bytes follow. */
const char *ca_source_text(const CaSource *s, size_t *n);
/* Does the file hold these bytes there? */
bool ca_source_has(const CaSource *s, size_t at, const void *bytes, size_t n);
/* path with another extension, whether or not that is a file: "net.xml" to "net.bin". */
void ca_path_beside(char *out, size_t room, const char *path, const char *extension);
bool ca_path_exists(const char *path);
/* The one file with that extension in path's folder; false where there are none or several. */
bool ca_path_only(char *out, size_t room, const char *path, const char *extension);

#endif
