/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a Keras model. What begins with '{' is a configuration: it becomes config.json of a .keras file without weights.
 * Anything else is read as it is, as HDF5 or zip.
 */
#include "fuzz.h"

#include "formats/keras/keras.h"

#include <string.h>

/* Stored members, no compression. */
static const char metadata[] = "{\"keras_version\": \"3.5.0\"}";

static uint32_t crc_of(const void *data, size_t size)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= ((const unsigned char *)data)[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

typedef struct Zip {
    unsigned char *data;
    size_t n, directory, n_members;
    unsigned char entries[512];
    size_t n_entries;
} Zip;

static void put(unsigned char *to, uint32_t v, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = (unsigned char)(v >> 8 * i);
}

static void add(Zip *z, const char *name, const void *data, size_t size)
{
    const size_t length = strlen(name);
    const uint32_t crc = crc_of(data, size), where = (uint32_t)z->n;
    unsigned char head[30] = {'P', 'K', 3, 4, 20}, *e = z->entries + z->n_entries;
    put(head + 14, crc, 4);
    put(head + 18, (uint32_t)size, 4);
    put(head + 22, (uint32_t)size, 4);
    put(head + 26, (uint32_t)length, 2);
    memcpy(z->data + z->n, head, sizeof head);
    memcpy(z->data + z->n + 30, name, length);
    memcpy(z->data + z->n + 30 + length, data, size);
    z->n += 30 + length + size;
    memset(e, 0, 46);
    memcpy(e, "PK\1\2", 4);
    put(e + 4, 20, 2);
    memcpy(e + 6, head + 4, 26);
    put(e + 42, where, 4);
    memcpy(e + 46, name, length);
    z->n_entries += 46 + length;
    z->n_members++;
}

static CaBuffer *archive_of(const uint8_t *config, size_t size, const CaBuffer *weights)
{
    CaBuffer *out = ca_buffer_create(size + weights->size + 2048);
    Zip z = {.data = out->data};
    unsigned char end[22] = {'P', 'K', 5, 6};
    add(&z, "metadata.json", metadata, sizeof metadata - 1);
    add(&z, "config.json", config, size);
    add(&z, "model.weights.h5", weights->data, weights->size);
    put(end + 8, (uint32_t)z.n_members, 2);
    put(end + 10, (uint32_t)z.n_members, 2);
    put(end + 12, (uint32_t)z.n_entries, 4);
    put(end + 16, (uint32_t)z.n, 4);
    memcpy(z.data + z.n, z.entries, z.n_entries);
    memcpy(z.data + z.n + z.n_entries, end, sizeof end);
    out->size = z.n + z.n_entries + sizeof end;
    return out;
}

/* The smallest HDF5 file: superblock 0 and an empty group. */
static CaBuffer *no_weights(void)
{
    CaBuffer *b = ca_buffer_create(800);
    unsigned char *p = b->data;
    memcpy(p, "\x89HDF\r\n\x1a\n", 8);
    put(p + 13, 8, 1); /* sizes of offsets and lengths */
    put(p + 14, 8, 1);
    put(p + 16, 4, 2); /* K of leaves and of nodes */
    put(p + 18, 16, 2);
    memset(p + 32, 0xff, 8); /* no free space */
    put(p + 40, 800, 4);     /* end of file */
    memset(p + 48, 0xff, 8); /* no driver */
    put(p + 64, 96, 4);      /* the root's object header */
    put(p + 72, 1, 4);       /* cached: its tree and heap */
    put(p + 80, 136, 4);
    put(p + 88, 680, 4);
    put(p + 96, 1, 1); /* object header: version 1, one message of 24 bytes */
    put(p + 98, 1, 2);
    put(p + 100, 1, 4);
    put(p + 104, 24, 4);
    put(p + 112, 17, 2); /* a symbol table */
    put(p + 114, 16, 2);
    put(p + 120, 136, 4);
    put(p + 128, 680, 4);
    memcpy(p + 136, "TREE", 4);
    memset(p + 144, 0xff, 16); /* no neighbours */
    memcpy(p + 680, "HEAP", 4);
    put(p + 688, 88, 4);
    put(p + 696, 8, 4);
    put(p + 704, 712, 4);
    put(p + 720, 1, 4); /* free block: last, of 80 bytes */
    put(p + 728, 80, 4);
    return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CaGraph *graph = NULL;
    CarinaError err = {0};
    char version[16];
    CaBuffer *file = NULL;
    if (size && data[0] == '{') {
        CaBuffer *weights = no_weights();
        file = archive_of(data, size, weights);
        ca_buffer_unref(&weights);
    } else {
        file = fuzz_buffer(data, size);
    }
    const CarinaStatus status = ca_keras_read(&graph, "fuzz.keras", file, version, &err);
    ca_buffer_unref(&file);
    fuzz_require((status == CARINA_OK) == (graph != NULL), "a graph or an error", "");
    if (graph)
        fuzz_graph(graph);
    else
        fuzz_require_sentence(status, &err);
    return 0;
}
