/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two halves of the HDF5 reader share: bounded looks at the file, objects as lists of messages.
 *
 * Names of structures and numbers of messages are those of the HDF5 File Format Specification, version 3.0.
 */
#ifndef CA_FORMATS_HDF5_OWN_H
#define CA_FORMATS_HDF5_OWN_H

#include "formats/archive/hdf5_file.h"

#include <stdbool.h>

enum {
    CA_HDF5_SPACE = 0x01,
    CA_HDF5_LINK_INFO = 0x02,
    CA_HDF5_TYPE = 0x03,
    CA_HDF5_LINK = 0x06,
    CA_HDF5_EXTERNAL = 0x07,
    CA_HDF5_LAYOUT = 0x08,
    CA_HDF5_FILTERS = 0x0b,
    CA_HDF5_ATTRIBUTE = 0x0c,
    CA_HDF5_CONTINUED = 0x10,
    CA_HDF5_SYMBOLS = 0x11,
    CA_HDF5_ATTRIBUTE_INFO = 0x15
};

typedef struct CaBytes { /* of the file, or of a part of it */
    const unsigned char *p;
    size_t n;
} CaBytes;

typedef struct CaHdf5Message {
    int type;
    bool is_shared; /* it lies elsewhere */
    CaBytes data;
} CaHdf5Message;

typedef struct CaHdf5Object {
    CaHdf5Message *m;
    int n;
} CaHdf5Object;

typedef enum CaHdf5Link {
    CA_HDF5_HARD,
    CA_HDF5_SOFT,
    CA_HDF5_FILE,
    CA_HDF5_OTHER
} CaHdf5Link;
typedef struct CaHdf5Entry {
    const char *name;
    CaHdf5Link kind;
    uint64_t at; /* object header */
} CaHdf5Entry;

typedef struct CaHdf5Group {
    uint64_t at;
    CaHdf5Object object;
    CaHdf5Entry *v;
    int n, room;
    bool is_group, is_sorted;
    struct CaHdf5Group *next;
} CaHdf5Group;

enum { CA_HDF5_BUCKETS = 4096 };
struct CaHdf5 {
    const char *path;
    CaBuffer *image;
    uint64_t base, root, end;
    CaArena *arena;
    CaHdf5Group *known[CA_HDF5_BUCKETS]; /* objects that were looked at */
};

/* n bytes at an address of the file; false where they are not all there. */
bool ca_hdf5_at(CaBytes *out, const CaHdf5 *f, uint64_t at, uint64_t n);
/* The first n bytes, cut off; false where there are fewer. */
bool ca_bytes_take(CaBytes *out, CaBytes *from, size_t n);
/* Little-endian number of n bytes at an offset; 0 past the end. */
uint64_t ca_bytes_number(CaBytes b, size_t at, int n);
static inline bool ca_hdf5_is_undefined(uint64_t at) { return at == UINT64_MAX; }

/* The first message of that type; NULL where there is none. */
const CaHdf5Message *ca_hdf5_message(const CaHdf5Object *o, int type);
/* The object at the end of the path; *out NULL where there is none. */
CarinaStatus ca_hdf5_walk(const CaHdf5Group **out, CaHdf5 *f, const char *path,
                          CarinaError *err);
CarinaStatus ca_hdf5_damaged(const CaHdf5 *f, const char *where, CarinaError *err);
CarinaStatus ca_hdf5_too_much(const CaHdf5 *f, const char *where, CarinaError *err);
/* A dataspace: rank -1 in *out where it cannot be read. Null spaces have one dimension of 0. */
bool ca_hdf5_space(CarinaShape *out, CaBytes message);

#endif
