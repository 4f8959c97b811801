/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LevelDB's table: blocks of prefix-compressed entries, found through an index block, found through the footer
 * (leveldb, doc/table_format.md). Compressed blocks are refused: TensorFlow writes none since 1.2.
 */
#include "formats/tensorflow/tf_table.h"

#include "base/crc32c.h"

#include <string.h>

enum { FOOTER = 48, TRAILER = 5, MAX_KEY = 4096, MAX_ROWS = 1 << 22 };

static const unsigned char magic[8] = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};

typedef struct Span { /* [at, end) of the file */
    size_t at, end;
} Span;

typedef struct Reader {
    const unsigned char *data;
    size_t size;
    const char *path;
    CaArena *arena;
    CarinaError *err;
    CaTfTable *table;
    size_t room;
    size_t next; /* blocks of rows follow each other: none is read twice */
    char key[MAX_KEY];
    size_t key_size;
} Reader;

typedef CarinaStatus EntryFn(Reader *r, Span value);

static CarinaStatus damaged(const Reader *r, size_t at, const char *what)
{
    return ca_err(r->err, CARINA_ERR_FORMAT,
                  "%s: byte %zu: %s; the file is damaged or was cut", r->path, at, what);
}

static bool varint(const Reader *r, Span *s, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (s->at >= s->end)
            return false;
        const unsigned char byte = r->data[s->at++];
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

static uint32_t fixed32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}

/* --- Blocks. */

/* The place of a block's entries, from its handle: (offset, size). */
static CarinaStatus open_block(const Reader *r, Span *handle, Span *entries)
{
    const size_t at = handle->at, most = r->size - FOOTER;
    uint64_t offset = 0, size = 0;
    if (!varint(r, handle, &offset) || !varint(r, handle, &size))
        return damaged(r, at, "no place of a block can be read here");
    if (offset > most || size > most - offset || most - offset - size < TRAILER ||
        size < 4)
        return ca_err(r->err, CARINA_ERR_FORMAT,
                      "%s: byte %zu: a block of %llu bytes at %llu does not lie in the "
                      "file's %zu; the file is damaged or was cut",
                      r->path, at, (unsigned long long)size, (unsigned long long)offset,
                      r->size);
    const unsigned char *block = r->data + offset, *trailer = block + size;
    const uint32_t stored = fixed32(trailer + 1),
                   computed = ca_crc32c_masked(ca_crc32c(0, block, (size_t)size + 1));
    if (stored != computed)
        return ca_err(
            r->err, CARINA_ERR_FORMAT,
            "%s: the block at byte %llu has the checksum 0x%08x, its %llu bytes "
            "have 0x%08x; the file is damaged, copy it again",
            r->path, (unsigned long long)offset, stored, (unsigned long long)size,
            computed);
    if (trailer[0] != 0)
        return ca_err(
            r->err, CARINA_ERR_UNSUPPORTED,
            "%s: the block at byte %llu is compressed (%s), as TensorFlow 1.0 and 1.1 wrote; "
            "restore and save the checkpoint with a newer one",
            r->path, (unsigned long long)offset, trailer[0] == 1 ? "snappy" : "unknown");
    const uint64_t restarts = fixed32(trailer - 4), tail = 4 * (restarts + 1);
    if (tail > size)
        return damaged(r, (size_t)offset, "a block with more restarts than bytes");
    *entries = (Span){(size_t)offset, (size_t)(offset + size - tail)};
    return CARINA_OK;
}

static CarinaStatus each_entry(Reader *r, Span block, EntryFn *fn)
{
    r->key_size = 0;
    while (block.at < block.end) {
        const size_t at = block.at;
        uint64_t shared = 0, own = 0, size = 0;
        if (!varint(r, &block, &shared) || !varint(r, &block, &own) ||
            !varint(r, &block, &size) || shared > r->key_size ||
            own > block.end - block.at || size > block.end - block.at - own)
            return damaged(r, at, "no entry can be read here");
        if (own > MAX_KEY - shared)
            return damaged(r, at, "a key of more than 4096 bytes");
        memcpy(r->key + shared, r->data + block.at, (size_t)own);
        r->key_size = (size_t)(shared + own);
        block.at += (size_t)own;
        const Span value = {block.at, block.at + (size_t)size};
        CA_TRY(fn(r, value));
        block.at = value.end;
    }
    return CARINA_OK;
}

/* --- Rows. */

static int compare(const char *a, size_t a_size, const char *b, size_t b_size)
{
    const int c = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return c ? c : (a_size > b_size) - (a_size < b_size);
}

static CarinaStatus no_memory(const Reader *r)
{
    return ca_err(r->err, CARINA_ERR_MEMORY, "%s: out of memory", r->path);
}

static CarinaStatus add_row(Reader *r, Span value)
{
    CaTfTable *t = r->table;
    const CaTfRow *last = t->n ? &t->rows[t->n - 1] : NULL;
    if (last && compare(last->key, last->key_size, r->key, r->key_size) >= 0)
        return damaged(r, value.at, "keys that do not ascend");
    if (t->n == MAX_ROWS)
        return ca_err(r->err, CARINA_ERR_LIMIT,
                      "%s: more than %d entries; Carina reads no such checkpoint",
                      r->path, MAX_ROWS);
    if (t->n == r->room) {
        const size_t room = r->room ? 2 * r->room : 64;
        CaTfRow *rows = ca_arena_array(r->arena, room, sizeof *rows);
        if (!rows)
            return no_memory(r);
        if (t->n)
            memcpy(rows, t->rows, t->n * sizeof *rows);
        t->rows = rows;
        r->room = room;
    }
    char *key = ca_arena_alloc(r->arena, r->key_size + 1);
    if (!key)
        return no_memory(r);
    memcpy(key, r->key, r->key_size);
    t->rows[t->n++] = (CaTfRow){key, r->key_size, value.at, value.end - value.at};
    return CARINA_OK;
}

/* An entry of the index block: its value is the place of a block of rows. */
static CarinaStatus add_block(Reader *r, Span value)
{
    char separator[MAX_KEY];
    const size_t n = r->key_size;
    Span entries;
    memcpy(separator, r->key, n);
    CA_TRY(open_block(r, &value, &entries));
    if (entries.at < r->next)
        return damaged(r, entries.at, "a block that lies before the one before it");
    r->next = entries.end;
    CA_TRY(each_entry(r, entries, add_row));
    memcpy(r->key, separator, n); /* the next separator may share its beginning */
    r->key_size = n;
    return CARINA_OK;
}

bool ca_tf_is_table(const CaBuffer *file)
{
    return file->size >= FOOTER &&
           memcmp((const unsigned char *)file->data + file->size - 8, magic, 8) == 0;
}

CarinaStatus ca_tf_table_read(CaTfTable *out, CaArena *arena, const char *path,
                              const CaBuffer *file, CarinaError *err)
{
    *out = (CaTfTable){NULL, 0};
    if (!ca_tf_is_table(file))
        return ca_err(
            err, CARINA_ERR_FORMAT,
            "%s: its %zu bytes do not end as a checkpoint's index does; the file "
            "was cut or is something else",
            path, file->size);
    Reader *r = ca_arena_alloc(arena, sizeof *r);
    if (!r)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    *r = (Reader){file->data, file->size, path, arena, err, out, 0, 0, {0}, 0};
    Span footer = {file->size - FOOTER, file->size - 8}, entries;
    CA_TRY(open_block(r, &footer, &entries)); /* the metaindex: nothing in it is read */
    CA_TRY(open_block(r, &footer, &entries));
    return each_entry(r, entries, add_block);
}

const CaTfRow *ca_tf_table_find(const CaTfTable *t, const char *key, size_t key_size)
{
    size_t low = 0, high = t->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int c =
            compare(t->rows[middle].key, t->rows[middle].key_size, key, key_size);
        if (c == 0)
            return &t->rows[middle];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
