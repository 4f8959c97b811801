/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of an HDF5 file: superblock, object headers, groups, attributes.
 *
 * Groups of both kinds are read, symbol tables and links in the header. Not read is what no Keras writes: links and
 * attributes in fractal heaps, shared messages, addresses of other than 8 bytes.
 */
#include "formats/archive/hdf5_own.h"

#include "graph/shape.h"

#include <stdio.h>
#include <string.h>

enum {
    MAX_LINKS = 1 << 16,
    MAX_MESSAGES = 1 << 14,
    MAX_BLOCKS = 256,
    MAX_NODES = 1 << 16,
    LEVELS = 16
};

/* --- Bytes. */

bool ca_hdf5_at(CaBytes *out, const CaHdf5 *f, uint64_t at, uint64_t n)
{
    const uint64_t size = f->image->size;
    if (at > size - f->base || n > size - f->base - at)
        return false;
    *out = (CaBytes){(const unsigned char *)f->image->data + f->base + at, (size_t)n};
    return true;
}

bool ca_bytes_take(CaBytes *out, CaBytes *from, size_t n)
{
    if (n > from->n)
        return false;
    *out = (CaBytes){from->p, n};
    from->p += n;
    from->n -= n;
    return true;
}

uint64_t ca_bytes_number(CaBytes b, size_t at, int n)
{
    uint64_t v = 0;
    if (at > b.n || (size_t)n > b.n - at)
        return 0;
    for (int i = n - 1; i >= 0; i--)
        v = v << 8 | b.p[at + (size_t)i];
    return v;
}

static bool is_marked(CaBytes b, const char *mark)
{
    return b.n >= 4 && memcmp(b.p, mark, 4) == 0;
}

CarinaStatus ca_hdf5_damaged(const CaHdf5 *f, const char *where, CarinaError *err)
{
    return ca_err(err, CARINA_ERR_FORMAT,
                  "%s: '%s' cannot be read; the file is damaged or was cut", f->path,
                  where);
}
CarinaStatus ca_hdf5_too_much(const CaHdf5 *f, const char *where, CarinaError *err)
{
    return ca_err(
        err, CARINA_ERR_LIMIT,
        "%s: '%s' claims more than the file holds (%zu bytes); the file is damaged",
        f->path, where, f->image->size);
}
static CarinaStatus no_memory(const CaHdf5 *f, CarinaError *err)
{
    return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", f->path);
}

/* --- The superblock. */

static bool find_base(CaHdf5 *f)
{
    static const char mark[] = "\x89HDF\r\n\x1a\n";
    CaBytes b;
    for (uint64_t at = 0; ca_hdf5_at(&b, f, at, 8); at = at ? 2 * at : 512)
        if (memcmp(b.p, mark, 8) == 0) {
            f->base = at;
            return true;
        }
    return false;
}

static bool read_superblock(CaHdf5 *f)
{
    CaBytes b;
    if (!find_base(f) || !ca_hdf5_at(&b, f, 0, 48))
        return false;
    const uint64_t version = b.p[8];
    if (version > 3)
        return false;
    const size_t sizes = version < 2 ? 13 : 9; /* of addresses and lengths */
    if (b.p[sizes] != 8 || b.p[sizes + 1] != 8)
        return false;
    if (version < 2) {
        if (!ca_hdf5_at(&b, f, 0, 80))
            return false;
        f->end = ca_bytes_number(b, version ? 44 : 40, 8);
        f->root = ca_bytes_number(b, version ? 68 : 64, 8);
    } else {
        f->end = ca_bytes_number(b, 28, 8);
        f->root = ca_bytes_number(b, 36, 8);
    }
    return true;
}

CarinaStatus ca_hdf5_open(CaHdf5 **out, const char *path, CaBuffer *image,
                          CarinaError *err)
{
    CaHdf5 *f = ca_alloc(sizeof *f);
    *out = NULL;
    if (!f)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    f->path = path;
    f->image = image;
    f->arena = ca_arena_create((size_t)1 << 30);
    *out = f;
    const bool good = f->arena && read_superblock(f);
    if (good && f->end <= image->size)
        return CARINA_OK;
    const CarinaStatus status =
        good
            ? ca_err(
                  err, CARINA_ERR_FORMAT,
                  "%s: %zu bytes, but %llu were written; the file was cut, fetch it again",
                  path, image->size, (unsigned long long)f->end)
        : f->arena
            ? ca_err(err, CARINA_ERR_FORMAT,
                     "%s: the tables of the HDF5 file cannot be read (%zu bytes); the "
                     "file is damaged or was cut",
                     path, image->size)
            : no_memory(f, err);
    ca_hdf5_close(out);
    return status;
}

void ca_hdf5_close(CaHdf5 **f)
{
    if (!f || !*f)
        return;
    ca_arena_free(&(*f)->arena);
    ca_free(*f);
    *f = NULL;
}

/* --- Object headers: messages in blocks. */

typedef struct Blocks {
    CaBytes v[MAX_BLOCKS];
    int n;
    bool is_new;   /* version 2 */
    bool is_dated; /* messages carry their order */
} Blocks;

static bool first_block(Blocks *b, const CaHdf5 *f, uint64_t at)
{
    CaBytes head;
    if (!ca_hdf5_at(&head, f, at, 16))
        return false;
    if (!is_marked(head, "OHDR")) {
        b->n = 1;
        return head.p[0] == 1 &&
               ca_hdf5_at(&b->v[0], f, at + 16, ca_bytes_number(head, 8, 4));
    }
    const int flags = head.p[5], width = 1 << (flags & 3);
    const size_t skip = 6 + (flags & 0x20 ? 16u : 0u) + (flags & 0x10 ? 4u : 0u);
    if (head.p[4] != 2 || !ca_hdf5_at(&head, f, at, skip + (size_t)width))
        return false;
    b->is_new = true;
    b->is_dated = (flags & 4) != 0;
    b->n = 1;
    return ca_hdf5_at(&b->v[0], f, at + skip + (size_t)width,
                      ca_bytes_number(head, skip, width));
}

static bool next_block(Blocks *b, const CaHdf5 *f, CaBytes message)
{
    CaBytes block;
    if (b->n == MAX_BLOCKS || message.n < 16 ||
        !ca_hdf5_at(&block, f, ca_bytes_number(message, 0, 8),
                    ca_bytes_number(message, 8, 8)))
        return false;
    if (b->is_new) { /* a mark before and a checksum behind */
        if (!is_marked(block, "OCHK") || block.n < 8)
            return false;
        block.p += 4;
        block.n -= 8;
    }
    b->v[b->n++] = block;
    return true;
}

/* Cuts the next message off the block; false at its end (*is_bad where it ends badly). */
static bool next_message(CaHdf5Message *m, const Blocks *b, CaBytes *block, bool *is_bad)
{
    CaBytes head;
    const size_t size = b->is_new ? (b->is_dated ? 6 : 4) : 8;
    if (block->n < size)
        return false;
    (void)ca_bytes_take(&head, block, size);
    m->type = (int)ca_bytes_number(head, 0, b->is_new ? 1 : 2);
    m->is_shared = (head.p[b->is_new ? 3 : 4] & 2) != 0;
    *is_bad = !ca_bytes_take(&m->data, block,
                             (size_t)ca_bytes_number(head, b->is_new ? 1 : 2, 2));
    return !*is_bad;
}

/* out NULL: counts only. -1 where the header is damaged. */
static int read_messages(CaHdf5Message *out, const CaHdf5 *f, uint64_t at)
{
    Blocks b = {.n = 0};
    int n = 0;
    bool is_bad = false;
    if (!first_block(&b, f, at))
        return -1;
    for (int i = 0; i < b.n; i++) {
        CaHdf5Message m;
        CaBytes block = b.v[i];
        while (next_message(&m, &b, &block, &is_bad)) {
            if (m.type == CA_HDF5_CONTINUED && !next_block(&b, f, m.data))
                return -1;
            if (n == MAX_MESSAGES)
                return -1;
            if (out)
                out[n] = m;
            n++;
        }
        if (is_bad)
            return -1;
    }
    return n;
}

const CaHdf5Message *ca_hdf5_message(const CaHdf5Object *o, int type)
{
    for (int i = 0; i < o->n; i++)
        if (o->m[i].type == type)
            return &o->m[i];
    return NULL;
}

/* --- Groups. */

static bool add_entry(CaHdf5 *f, CaHdf5Group *g, const char *name, size_t n,
                      CaHdf5Link kind, uint64_t at)
{
    if (g->n == MAX_LINKS)
        return false;
    if (g->n == g->room) {
        const int room = g->room ? 2 * g->room : 8;
        CaHdf5Entry *v = ca_arena_array(f->arena, (size_t)room, sizeof *v);
        if (!v)
            return false;
        if (g->n)
            memcpy(v, g->v, (size_t)g->n * sizeof *v);
        g->v = v;
        g->room = room;
    }
    char *copy = ca_arena_copy_n(f->arena, name, n);
    if (!copy)
        return false;
    g->is_sorted = g->is_sorted && (!g->n || strcmp(g->v[g->n - 1].name, copy) < 0);
    g->v[g->n++] = (CaHdf5Entry){copy, kind, at};
    return true;
}

static bool read_symbols(CaHdf5 *f, CaHdf5Group *g, CaBytes names, uint64_t at)
{
    enum { HEAD = 8, ENTRY = 40 };
    CaBytes node;
    if (!ca_hdf5_at(&node, f, at, HEAD) || !is_marked(node, "SNOD"))
        return false;
    const uint64_t n = ca_bytes_number(node, 6, 2);
    if (!ca_hdf5_at(&node, f, at, HEAD + n * ENTRY))
        return false;
    for (uint64_t i = 0; i < n; i++) {
        const size_t e = HEAD + (size_t)i * ENTRY;
        const uint64_t name = ca_bytes_number(node, e, 8);
        if (name >= names.n)
            return false;
        const char *text = (const char *)names.p + name;
        const bool is_soft = ca_bytes_number(node, e + 16, 4) == 2;
        if (!add_entry(f, g, text, strnlen(text, names.n - (size_t)name),
                       is_soft ? CA_HDF5_SOFT : CA_HDF5_HARD,
                       ca_bytes_number(node, e + 8, 8)))
            return false;
    }
    return true;
}

/* A B-tree of version 1 over symbol nodes; budget: nodes that may still be looked at. */
static bool read_tree(CaHdf5 *f, CaHdf5Group *g, CaBytes names, uint64_t at, int level,
                      int *budget)
{
    enum { HEAD = 24, STEP = 16 };
    CaBytes node;
    if (level > LEVELS || --*budget < 0 || !ca_hdf5_at(&node, f, at, HEAD) ||
        !is_marked(node, "TREE") || node.p[4] != 0)
        return false;
    const uint64_t n = ca_bytes_number(node, 6, 2);
    const bool is_leaf = node.p[5] == 0;
    if (!ca_hdf5_at(&node, f, at, HEAD + n * STEP + 8))
        return false;
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t child = ca_bytes_number(node, HEAD + (size_t)i * STEP + 8, 8);
        if (is_leaf ? --*budget < 0 || !read_symbols(f, g, names, child)
                    : !read_tree(f, g, names, child, level + 1, budget))
            return false;
    }
    return true;
}

static bool read_symbol_table(CaHdf5 *f, CaHdf5Group *g, CaBytes message)
{
    CaBytes heap, names;
    int budget = MAX_NODES;
    if (message.n < 16 || !ca_hdf5_at(&heap, f, ca_bytes_number(message, 8, 8), 32) ||
        !is_marked(heap, "HEAP") ||
        !ca_hdf5_at(&names, f, ca_bytes_number(heap, 24, 8), ca_bytes_number(heap, 8, 8)))
        return false;
    return read_tree(f, g, names, ca_bytes_number(message, 0, 8), 0, &budget);
}

static bool read_link(CaHdf5 *f, CaHdf5Group *g, CaBytes m)
{
    CaBytes head, name;
    if (!ca_bytes_take(&head, &m, 2) || head.p[0] != 1)
        return false;
    const int flags = head.p[1], width = 1 << (flags & 3);
    uint64_t kind = 0;
    if (flags & 8) {
        kind = ca_bytes_number(m, 0, 1);
        if (!ca_bytes_take(&head, &m, 1))
            return false;
    }
    const size_t skip = (flags & 4 ? 8u : 0u) + (flags & 16 ? 1u : 0u);
    if (!ca_bytes_take(&head, &m, skip) || !ca_bytes_take(&head, &m, (size_t)width) ||
        ca_bytes_number(head, 0, width) > m.n ||
        !ca_bytes_take(&name, &m, (size_t)ca_bytes_number(head, 0, width)))
        return false;
    if (kind == 0 && m.n < 8)
        return false;
    return add_entry(f, g, (const char *)name.p, name.n,
                     kind == 0    ? CA_HDF5_HARD
                     : kind == 1  ? CA_HDF5_SOFT
                     : kind == 64 ? CA_HDF5_FILE
                                  : CA_HDF5_OTHER,
                     kind == 0 ? ca_bytes_number(m, 0, 8) : UINT64_MAX);
}

/* Do links or attributes lie in a fractal heap? The info message has its address behind a flag's number. */
static bool is_dense(const CaHdf5Object *o, int type, int counter)
{
    const CaHdf5Message *m = ca_hdf5_message(o, type);
    if (!m || m->data.n < 2)
        return false;
    const size_t at = 2 + (m->data.p[1] & 1 ? (size_t)counter : 0);
    return m->data.n >= at + 8 && !ca_hdf5_is_undefined(ca_bytes_number(m->data, at, 8));
}

static CarinaStatus unusual(const CaHdf5 *f, const char *where, CarinaError *err)
{
    return ca_err(
        err, CARINA_ERR_UNSUPPORTED,
        "%s: '%s' is stored in a way that Keras does not use; save the model again "
        "with Keras",
        f->path, where);
}

static CarinaStatus read_group(CaHdf5 *f, CaHdf5Group *g, const char *where,
                               CarinaError *err)
{
    const CaHdf5Message *symbols = ca_hdf5_message(&g->object, CA_HDF5_SYMBOLS);
    g->is_sorted = true;
    g->is_group = symbols || ca_hdf5_message(&g->object, CA_HDF5_LINK_INFO) ||
                  ca_hdf5_message(&g->object, CA_HDF5_LINK);
    if (is_dense(&g->object, CA_HDF5_LINK_INFO, 8))
        return unusual(f, where, err);
    if (symbols && (symbols->is_shared || !read_symbol_table(f, g, symbols->data)))
        return ca_hdf5_damaged(f, where, err);
    for (int i = 0; i < g->object.n; i++)
        if (g->object.m[i].type == CA_HDF5_LINK &&
            (g->object.m[i].is_shared || !read_link(f, g, g->object.m[i].data)))
            return ca_hdf5_damaged(f, where, err);
    return CARINA_OK;
}

/* The object at an address, read once. */
static CarinaStatus look(const CaHdf5Group **out, CaHdf5 *f, uint64_t at,
                         const char *where, CarinaError *err)
{
    CaHdf5Group **bucket = &f->known[at / 8 % CA_HDF5_BUCKETS];
    for (const CaHdf5Group *g = *bucket; g; g = g->next)
        if (g->at == at) {
            *out = g;
            return CARINA_OK;
        }
    const int n = read_messages(NULL, f, at);
    if (n < 0)
        return ca_hdf5_damaged(f, where, err);
    CaHdf5Group *g = ca_arena_alloc(f->arena, sizeof *g);
    CaHdf5Message *m = ca_arena_array(f->arena, (size_t)n + 1, sizeof *m);
    if (!g || !m)
        return no_memory(f, err);
    g->at = at;
    g->object = (CaHdf5Object){m, read_messages(m, f, at)};
    CA_TRY(read_group(f, g, where, err));
    g->next = *bucket;
    *bucket = g;
    *out = g;
    return CARINA_OK;
}

static const CaHdf5Entry *find_entry(const CaHdf5Group *g, const char *name, size_t n)
{
    int low = 0, high = g->n;
    while (g->is_sorted && low < high) {
        const int mid = (low + high) / 2;
        const int order = strncmp(g->v[mid].name, name, n);
        if (order == 0 && g->v[mid].name[n] == 0)
            return &g->v[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (int i = 0; !g->is_sorted && i < g->n; i++)
        if (strncmp(g->v[i].name, name, n) == 0 && g->v[i].name[n] == 0)
            return &g->v[i];
    return NULL;
}

static CarinaStatus refuse_link(const CaHdf5 *f, const char *path, CaHdf5Link kind,
                                CarinaError *err)
{
    return ca_err(
        err, CARINA_ERR_UNSUPPORTED,
        "%s: '%s' is %s link, which is never followed; save the model again in one file",
        f->path, path,
        kind == CA_HDF5_SOFT   ? "a soft"
        : kind == CA_HDF5_FILE ? "an external"
                               : "a user-defined");
}

CarinaStatus ca_hdf5_walk(const CaHdf5Group **out, CaHdf5 *f, const char *path,
                          CarinaError *err)
{
    const CaHdf5Group *at = NULL;
    *out = NULL;
    CA_TRY(look(&at, f, f->root, "/", err));
    for (const char *p = path; *p;) {
        const size_t n = strcspn(p, "/");
        if (n > 0) {
            const CaHdf5Entry *e = find_entry(at, p, n);
            if (!e)
                return CARINA_OK;
            if (e->kind != CA_HDF5_HARD)
                return refuse_link(f, path, e->kind, err);
            CA_TRY(look(&at, f, e->at, path, err));
        }
        p += n + (p[n] == '/');
    }
    *out = at;
    return CARINA_OK;
}

CarinaStatus ca_hdf5_find(CaHdf5Kind *out, CaHdf5 *f, const char *path, CarinaError *err)
{
    const CaHdf5Group *at;
    CA_TRY(ca_hdf5_walk(&at, f, path, err));
    *out = !at                                            ? CA_HDF5_NOTHING
           : at->is_group                                 ? CA_HDF5_GROUP
           : ca_hdf5_message(&at->object, CA_HDF5_LAYOUT) ? CA_HDF5_DATASET
                                                          : CA_HDF5_NOTHING;
    return CARINA_OK;
}

CarinaStatus ca_hdf5_links(char ***out, int *n, CaHdf5 *f, CaArena *arena,
                           const char *group, CarinaError *err)
{
    const CaHdf5Group *at;
    *n = 0;
    *out = NULL;
    CA_TRY(ca_hdf5_walk(&at, f, group, err));
    if (!at)
        return CARINA_OK;
    *out = ca_arena_array(arena, (size_t)at->n + 1, sizeof **out);
    if (!*out)
        return no_memory(f, err);
    for (int i = 0; i < at->n; i++)
        if (!((*out)[(*n)++] = ca_arena_copy(arena, at->v[i].name)))
            return no_memory(f, err);
    return CARINA_OK;
}

/* --- Attributes. */

typedef struct Attribute {
    CaBytes name, type, space, data;
} Attribute;

/* Version 1 pads its parts to 8 bytes. */
static bool take_part(CaBytes *out, CaBytes *from, size_t n, bool is_padded)
{
    CaBytes pad;
    const size_t more = is_padded ? (8 - n % 8) % 8 : 0;
    return ca_bytes_take(out, from, n) &&
           ca_bytes_take(&pad, from, more < from->n ? more : from->n);
}

static bool split_attribute(Attribute *a, CaBytes m)
{
    CaBytes head;
    const CaBytes all = m;
    const uint64_t version = ca_bytes_number(m, 0, 1);
    if (version < 1 || version > 3 || !ca_bytes_take(&head, &m, version == 3 ? 9 : 8))
        return false;
    if (version > 1 && (head.p[1] & 3)) /* its type or space is shared */
        return false;
    const bool is_padded = version == 1;
    if (!take_part(&a->name, &m, (size_t)ca_bytes_number(all, 2, 2), is_padded) ||
        !take_part(&a->type, &m, (size_t)ca_bytes_number(all, 4, 2), is_padded) ||
        !take_part(&a->space, &m, (size_t)ca_bytes_number(all, 6, 2), is_padded))
        return false;
    a->data = m;
    return true;
}

bool ca_hdf5_space(CarinaShape *out, CaBytes m)
{
    int64_t n;
    const uint64_t version = ca_bytes_number(m, 0, 1), rank = ca_bytes_number(m, 1, 1);
    const size_t head = version == 1 ? 8 : 4;
    if (version < 1 || version > 2 || m.n < head || rank > CARINA_MAX_RANK ||
        m.n - head < 8 * rank)
        return false;
    *out = ca_shape_of_rank((int)rank);
    for (uint64_t i = 0; i < rank; i++) {
        const uint64_t d = ca_bytes_number(m, head + 8 * (size_t)i, 8);
        out->dims[i] = d > INT64_MAX ? -1 : (int64_t)d;
    }
    if (version == 2 && m.p[3] == 2) {
        const int64_t none = 0;
        *out = ca_shape(1, &none);
    }
    return ca_shape_count(out, &n);
}

/* An object of a global heap. */
static bool heap_object(CaBytes *out, const CaHdf5 *f, uint64_t at, uint64_t index)
{
    CaBytes heap, head;
    if (!ca_hdf5_at(&heap, f, at, 16) || !is_marked(heap, "GCOL") ||
        !ca_hdf5_at(&heap, f, at, ca_bytes_number(heap, 8, 8)) ||
        !ca_bytes_take(&head, &heap, 16))
        return false;
    while (ca_bytes_take(&head, &heap, 16)) {
        const uint64_t i = ca_bytes_number(head, 0, 2),
                       size = ca_bytes_number(head, 8, 8);
        if (i == 0 || size > heap.n)
            return false;
        if (i == index) {
            *out = (CaBytes){heap.p, (size_t)size};
            return true;
        }
        const size_t padded = ((size_t)size + 7) / 8 * 8;
        if (!ca_bytes_take(&head, &heap, padded))
            return false;
    }
    return false;
}

/* String i: its bytes in the attribute, or, where their length varies, in a heap. */
static bool string_at(CaBytes *out, const CaHdf5 *f, const Attribute *a, uint64_t i,
                      bool is_long, size_t each)
{
    CaBytes slot = a->data, skip;
    if (!ca_bytes_take(&skip, &slot, (size_t)i * each) || slot.n < each)
        return false;
    slot.n = each;
    if (is_long) {
        const uint64_t n = ca_bytes_number(slot, 0, 4);
        if (n == 0) {
            out->p = slot.p;
            out->n = 0;
            return true;
        }
        if (!heap_object(&slot, f, ca_bytes_number(slot, 4, 8),
                         ca_bytes_number(slot, 12, 4)) ||
            n > slot.n)
            return false;
        slot.n = (size_t)n;
    }
    *out = (CaBytes){slot.p, strnlen((const char *)slot.p, slot.n)};
    return true;
}

/* A list of numbers, which is what an empty list is saved as, has no strings. */
static CarinaStatus read_strings(char ***out, int *n, const CaHdf5 *f, CaArena *arena,
                                 const Attribute *a, const char *where, CarinaError *err)
{
    enum { STRING = 3, VARIES = 9 };
    CarinaShape shape;
    int64_t count = 0;
    if (a->type.n < 8 || !ca_hdf5_space(&shape, a->space) ||
        !ca_shape_count(&shape, &count))
        return ca_hdf5_damaged(f, where, err);
    const int class = a->type.p[0] & 15;
    const bool is_long = class == VARIES && (a->type.p[1] & 15) == 1;
    const size_t each = is_long ? 16 : (size_t)ca_bytes_number(a->type, 4, 4);
    if (class != STRING && !is_long)
        count = 0;
    if (count > MAX_LINKS || (count && (!each || (uint64_t)count > a->data.n / each)))
        return ca_hdf5_too_much(f, where, err);
    *n = (int)count;
    *out = ca_arena_array(arena, (size_t)count + 1, sizeof **out);
    if (!*out)
        return no_memory(f, err);
    for (int64_t i = 0; i < count; i++) {
        CaBytes text;
        if (!string_at(&text, f, a, (uint64_t)i, is_long, each))
            return ca_hdf5_damaged(f, where, err);
        if (!((*out)[i] = ca_arena_copy_n(arena, (const char *)text.p, text.n)))
            return no_memory(f, err);
    }
    return CARINA_OK;
}

/* *n -1 where there is no attribute of that name. */
static CarinaStatus read_attribute(char ***out, int *n, const CaHdf5 *f, CaArena *arena,
                                   const CaHdf5Group *at, const char *name,
                                   CarinaError *err)
{
    *n = -1;
    for (int i = 0; i < at->object.n; i++) {
        const CaHdf5Message *m = &at->object.m[i];
        Attribute a;
        if (m->type != CA_HDF5_ATTRIBUTE || m->is_shared || !split_attribute(&a, m->data))
            continue;
        const size_t length = strnlen((const char *)a.name.p, a.name.n);
        if (length == strlen(name) && memcmp(a.name.p, name, length) == 0)
            return read_strings(out, n, f, arena, &a, name, err);
    }
    return is_dense(&at->object, CA_HDF5_ATTRIBUTE_INFO, 2) ? unusual(f, name, err)
                                                            : CARINA_OK;
}

CarinaStatus ca_hdf5_text(char **out, CaHdf5 *f, CaArena *arena, const char *group,
                          const char *attribute, CarinaError *err)
{
    const CaHdf5Group *at;
    char **list = NULL;
    int n = -1;
    *out = NULL;
    CA_TRY(ca_hdf5_walk(&at, f, group, err));
    if (!at)
        return CARINA_OK;
    CA_TRY(read_attribute(&list, &n, f, arena, at, attribute, err));
    *out = n > 0 ? list[0] : NULL;
    return CARINA_OK;
}

/* Lists above 64 KiB are cut into NAME0, NAME1 ... */
static CarinaStatus read_parts(char ***out, int *n, const CaHdf5 *f, CaArena *arena,
                               const CaHdf5Group *at, const char *attribute,
                               CarinaError *err)
{
    *n = -1;
    for (int part = 0; part < MAX_LINKS; part++) {
        char name[64], **list = NULL;
        int more;
        (void)snprintf(name, sizeof name, "%s%d", attribute, part);
        CA_TRY(read_attribute(&list, &more, f, arena, at, name, err));
        if (more < 0)
            break;
        const int had = *n < 0 ? 0 : *n;
        if (had + more > MAX_LINKS)
            return ca_hdf5_too_much(f, name, err);
        char **all = ca_arena_array(arena, (size_t)(had + more) + 1, sizeof *all);
        if (!all)
            return no_memory(f, err);
        for (int i = 0; i < had + more; i++)
            all[i] = i < had ? (*out)[i] : list[i - had];
        *out = all;
        *n = had + more;
    }
    return CARINA_OK;
}

CarinaStatus ca_hdf5_texts(char ***out, int *n, CaHdf5 *f, CaArena *arena,
                           const char *group, const char *attribute, CarinaError *err)
{
    const CaHdf5Group *at;
    *n = -1;
    *out = NULL;
    CA_TRY(ca_hdf5_walk(&at, f, group, err));
    if (!at)
        return CARINA_OK;
    CA_TRY(read_attribute(out, n, f, arena, at, attribute, err));
    return *n < 0 ? read_parts(out, n, f, arena, at, attribute, err) : CARINA_OK;
}
