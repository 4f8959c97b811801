/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TensorBundle reader (tensorflow/core/util/tensor_bundle): entries looked up by key, shards mapped when first
 * read, tensors as slices of them. Everything that is read is first compared with its checksum.
 *
 * Files of big-endian machines are refused, and strings other than one scalar.
 */
#include "formats/tensorflow/tf_bundle.h"

#include "base/crc32c.h"
#include "base/file.h"
#include "formats/protobuf/protobuf_wire.h"
#include "formats/tensorflow/tf.h"
#include "formats/tensorflow/tf_slices.h"
#include "formats/tensorflow/tf_table.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_SHARDS = 99999, PATH_ROOM = 4096, DT_STRING = 7 };

struct CaTfBundle {
    CaArena *arena;
    const char *prefix, *path; /* of the index */
    CaBuffer *index;
    CaTfTable table;
    size_t first; /* row of the first key that is not a part's */
    CaBuffer **shards;
    size_t n_shards;
};

typedef struct Entry {
    const char *key; /* for messages */
    uint64_t dtype, shard, offset, size;
    uint32_t checksum;
    CarinaShape shape;
    const CaTfRow *row;
    int n_slices;
} Entry;

/* --- Opening. */

static CarinaStatus no_memory(const CaTfBundle *b, CarinaError *err)
{
    return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", b->path);
}

static CaWire wire_of(const CaTfBundle *b, CarinaError *err)
{
    return (CaWire){b->index->data, b->path, "is no checkpoint's index", NULL, err};
}

static uint64_t value_of(const CaWire *w, const CaWireField *f)
{
    uint64_t v = 0;
    if (f->wire == 5)
        for (unsigned i = 0; i < 4; i++)
            v |= (uint64_t)w->data[f->body + i] << (8 * i);
    if (f->wire == 0)
        for (size_t i = f->body; i < f->end && i - f->body < 10; i++)
            v |= (uint64_t)(w->data[i] & 0x7f) << (7 * (i - f->body));
    return v;
}

static CarinaStatus read_header(CaTfBundle *b, CarinaError *err)
{
    const CaWire w = wire_of(b, err);
    const CaTfRow *row = ca_tf_table_find(&b->table, "", 0);
    uint64_t n_shards = 0, endianness = 0;
    CaWireField f;
    if (!row)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: a table without a header; it is no checkpoint's index",
                      b->path);
    if (b->table.n > 0 && row->value_size > 0 &&
        w.data[row->value] == 0x0a) /* SavedTensorSliceMeta begins with a message */
        return ca_err(
            err, CARINA_ERR_UNSUPPORTED,
            "%s: a checkpoint of the form before TensorFlow 0.12 (V1); restore and "
            "save it with a newer one",
            b->path);
    for (size_t at = row->value; at < row->value + row->value_size; at = f.end) {
        CA_TRY(ca_wire_next(&w, &f, at, row->value + row->value_size));
        if (f.number == 1)
            n_shards = value_of(&w, &f);
        if (f.number == 2)
            endianness = value_of(&w, &f);
    }
    if (endianness != 0)
        return ca_err(err, CARINA_ERR_UNSUPPORTED,
                      "%s: written by a big-endian machine; Carina reads little-endian "
                      "checkpoints, save it again on another machine",
                      b->path);
    if (n_shards < 1 || n_shards > MAX_SHARDS)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: %llu data files, must be 1 to %d; the file is damaged",
                      b->path, (unsigned long long)n_shards, MAX_SHARDS);
    b->n_shards = (size_t)n_shards;
    b->shards = ca_arena_array(b->arena, b->n_shards, sizeof(CaBuffer *));
    if (!b->shards)
        return no_memory(b, err);
    while (b->first < b->table.n && b->table.rows[b->first].key[0] == 0)
        b->first++;
    return CARINA_OK;
}

CarinaStatus ca_tf_bundle_make(CaTfBundle **out, const char *prefix, CaBuffer *index,
                               CaBuffer *const *shards, int n_shards, CarinaError *err)
{
    *out = NULL;
    /* A row is of some 6 bytes in the file; keys share their beginnings there, and are whole here. */
    CaArena *arena = ca_arena_create(((size_t)64 << 20) + 64 * index->size);
    CaTfBundle *b = arena ? ca_arena_alloc(arena, sizeof *b) : NULL;
    if (!b) {
        ca_arena_free(&arena);
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", prefix);
    }
    b->arena = arena;
    b->prefix = ca_arena_copy(arena, prefix);
    b->path = ca_arena_printf(arena, "%s.index", prefix);
    b->index = ca_buffer_ref(index);
    CarinaStatus status = b->prefix && b->path ? CARINA_OK
                                               : ca_err(err, CARINA_ERR_MEMORY,
                                                        "%s: out of memory", prefix);
    if (status == CARINA_OK)
        status = ca_tf_table_read(&b->table, arena, b->path, index, err);
    if (status == CARINA_OK)
        status = read_header(b, err);
    for (size_t i = 0; status == CARINA_OK && i < (size_t)n_shards && i < b->n_shards;
         i++)
        if (shards[i])
            b->shards[i] = ca_buffer_ref(shards[i]);
    if (status != CARINA_OK)
        ca_tf_bundle_free(&b);
    *out = b;
    return status;
}

bool ca_tf_bundle_exists(const char *prefix)
{
    char path[PATH_ROOM];
    struct stat st;
    const int n = snprintf(path, sizeof path, "%s.index", prefix);
    return n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0 &&
           S_ISREG(st.st_mode);
}

CarinaStatus ca_tf_bundle_open(CaTfBundle **out, const char *prefix, CarinaError *err)
{
    char path[PATH_ROOM];
    CaBuffer *index = NULL;
    *out = NULL;
    if ((size_t)snprintf(path, sizeof path, "%s.index", prefix) >= sizeof path)
        return ca_err(err, CARINA_ERR_FILE, "%.60s...: a name of more than %d bytes",
                      prefix, PATH_ROOM);
    CA_TRY(ca_file_map(&index, path, err));
    const CarinaStatus status = ca_tf_bundle_make(out, prefix, index, NULL, 0, err);
    ca_buffer_unref(&index);
    return status;
}

void ca_tf_bundle_free(CaTfBundle **bundle)
{
    if (!bundle || !*bundle)
        return;
    CaTfBundle *b = *bundle;
    CaArena *arena = b->arena;
    for (size_t i = 0; b->shards && i < b->n_shards; i++)
        ca_buffer_unref(&b->shards[i]);
    ca_buffer_unref(&b->index);
    ca_arena_free(&arena);
    *bundle = NULL;
}

/* --- Keys. */

const char *ca_tf_bundle_key(const CaTfBundle *b, size_t i)
{
    return i < b->table.n - b->first ? b->table.rows[b->first + i].key : NULL;
}

bool ca_tf_bundle_has(const CaTfBundle *b, const char *key)
{
    return key[0] && ca_tf_table_find(&b->table, key, strlen(key));
}

const char *ca_tf_bundle_nearest(const CaTfBundle *b, const char *key)
{
    const char *near = NULL;
    int best = 1 + (int)(strlen(key) / 4);
    for (size_t i = b->first; i < b->table.n; i++) {
        const int d = ca_text_distance(b->table.rows[i].key, key);
        if (d < best) {
            best = d;
            near = b->table.rows[i].key;
        }
    }
    return near;
}

static CarinaStatus read_extent(const CaWire *w, int64_t *start, int64_t *length,
                                const CaWireField *message)
{
    CaWireField f;
    *start = 0;
    *length = CA_TF_WHOLE;
    for (size_t at = message->body; at < message->end; at = f.end) {
        CA_TRY(ca_wire_next(w, &f, at, message->end));
        if (f.number == 1)
            *start = (int64_t)value_of(w, &f);
        if (f.number == 2)
            *length = (int64_t)value_of(w, &f);
    }
    return CARINA_OK;
}

static CarinaStatus read_slice(const CaWire *w, CaTfSlice *s, const CaWireField *message)
{
    CaWireField f;
    s->rank = 0;
    for (size_t at = message->body; at < message->end; at = f.end) {
        CA_TRY(ca_wire_next(w, &f, at, message->end));
        if (f.number != 1 || f.wire != 2)
            continue;
        if (s->rank == CARINA_MAX_RANK)
            return ca_wire_damaged(w, f.key, "a part of more than 8 dimensions");
        CA_TRY(read_extent(w, &s->start[s->rank], &s->length[s->rank], &f));
        s->rank++;
    }
    return CARINA_OK;
}

static CarinaStatus read_dim(const CaWire *w, int64_t *out, const CaWireField *message)
{
    CaWireField f;
    *out = 0;
    for (size_t at = message->body; at < message->end; at = f.end) {
        CA_TRY(ca_wire_next(w, &f, at, message->end));
        if (f.number == 1)
            *out = (int64_t)value_of(w, &f);
    }
    return CARINA_OK;
}

static CarinaStatus read_shape(const CaWire *w, CarinaShape *s, const char *key,
                               const CaWireField *message)
{
    CaWireField f;
    for (size_t at = message->body; at < message->end; at = f.end) {
        CA_TRY(ca_wire_next(w, &f, at, message->end));
        if (f.number != 2 || f.wire != 2)
            continue;
        if (s->rank == CARINA_MAX_RANK)
            return ca_err(
                w->err, CARINA_ERR_LIMIT,
                "%s: variable '%s' has more than %d dimensions; Carina reads no "
                "such variable",
                w->path, key, CARINA_MAX_RANK);
        CA_TRY(read_dim(w, &s->dims[s->rank++], &f));
    }
    return CARINA_OK;
}

static CarinaStatus read_entry(Entry *e, const CaTfBundle *b, const CaTfRow *row,
                               const char *key, CarinaError *err)
{
    const CaWire w = wire_of(b, err);
    CaWireField f;
    *e = (Entry){.key = key, .row = row};
    for (size_t at = row->value; at < row->value + row->value_size; at = f.end) {
        CA_TRY(ca_wire_next(&w, &f, at, row->value + row->value_size));
        const uint64_t v = value_of(&w, &f);
        switch (f.number) {
        case 1: e->dtype = v; break;
        case 2:
            if (f.wire == 2)
                CA_TRY(read_shape(&w, &e->shape, key, &f));
            break;
        case 3: e->shard = v; break;
        case 4: e->offset = v; break;
        case 5: e->size = v; break;
        case 6: e->checksum = (uint32_t)v; break;
        case 7: e->n_slices += f.wire == 2; break;
        default: break;
        }
    }
    return CARINA_OK;
}

static CarinaStatus find_entry(Entry *e, const CaTfBundle *b, const char *key,
                               CarinaError *err)
{
    const CaTfRow *row = key[0] ? ca_tf_table_find(&b->table, key, strlen(key)) : NULL;
    if (row)
        return read_entry(e, b, row, key, err);
    const char *near = ca_tf_bundle_nearest(b, key);
    return ca_err(err, CARINA_ERR_NOT_FOUND,
                  "%s: no variable '%s'%s%s%s; the checkpoint is of another model",
                  b->path, key, near ? ", the nearest is '" : "", near ? near : "",
                  near ? "'" : "");
}

bool ca_tf_bundle_shape(CarinaShape *out, const CaTfBundle *b, const char *key)
{
    Entry e;
    if (find_entry(&e, b, key, NULL) != CARINA_OK)
        return false;
    *out = e.shape;
    return true;
}

/* --- Data. */

/* The shard that holds the entry, the entry's bytes within it checked but for the checksum. */
static CarinaStatus open_shard(CaBuffer **out, CaTfBundle *b, const Entry *e,
                               CarinaError *err)
{
    char path[PATH_ROOM];
    if (e->shard >= b->n_shards)
        return ca_err(
            err, CARINA_ERR_FORMAT,
            "%s: variable '%s' lies in data file %llu of %zu; the index is damaged",
            b->path, e->key, (unsigned long long)e->shard, b->n_shards);
    const int n = snprintf(path, sizeof path, "%s.data-%05zu-of-%05zu", b->prefix,
                           (size_t)e->shard, b->n_shards);
    CaBuffer **shard = &b->shards[e->shard];
    struct stat st;
    if (!*shard && (n < 0 || (size_t)n >= sizeof path || stat(path, &st) != 0))
        return ca_err(
            err, CARINA_ERR_FILE,
            "%s: not there, but variable '%s' lies in it; put all %zu data files "
            "beside the index",
            path, e->key, b->n_shards);
    if (!*shard)
        CA_TRY(ca_file_map(shard, path, err));
    if (e->offset > (*shard)->size || e->size > (*shard)->size - e->offset)
        return ca_err(
            err, CARINA_ERR_FORMAT,
            "%s: variable '%s' has bytes %llu to %llu, the file has %zu; it was "
            "cut or is not this index's",
            path, e->key, (unsigned long long)e->offset,
            (unsigned long long)e->offset + (unsigned long long)e->size, (*shard)->size);
    *out = *shard;
    return CARINA_OK;
}

static CarinaStatus wrong_checksum(const CaTfBundle *b, const Entry *e, uint32_t seen,
                                   CarinaError *err)
{
    return ca_err(err, CARINA_ERR_FORMAT,
                  "%s.data-%05zu-of-%05zu: variable '%s' has the checksum 0x%08x in the "
                  "index, its %llu bytes have 0x%08x; the file is damaged or not this "
                  "index's, copy it again",
                  b->prefix, (size_t)e->shard, b->n_shards, e->key, e->checksum,
                  (unsigned long long)e->size, seen);
}

static CarinaStatus check_size(const CaTfBundle *b, const Entry *e, CarinaError *err)
{
    char text[CA_SHAPE_TEXT];
    const CarinaType type = ca_tf_type(e->dtype);
    int64_t n = 0;
    size_t size = 0;
    if (type == CARINA_UNKNOWN)
        return ca_err(err, CARINA_ERR_UNSUPPORTED,
                      "%s: variable '%s' is of type %s; Carina reads numbers only",
                      b->path, e->key, ca_tf_type_text(e->dtype));
    if (!ca_shape_is_static(&e->shape) || !ca_shape_count(&e->shape, &n) ||
        !ca_type_size(type, n, &size) || (!e->n_slices && size != e->size))
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: variable '%s' %s %s has %llu bytes; the index is damaged",
                      b->path, e->key, ca_shape_text(text, sizeof text, &e->shape),
                      carina_type_name(type), (unsigned long long)e->size);
    return CARINA_OK;
}

/* An entry that is whole: the bytes as they lie, or a copy where they must not lie so. */
static CarinaStatus read_whole(CarinaTensor **out, CaTfBundle *b, const Entry *e,
                               CarinaError *err)
{
    CaBuffer *shard = NULL;
    CA_TRY(check_size(b, e, err));
    CA_TRY(open_shard(&shard, b, e, err));
    const CarinaType type = ca_tf_type(e->dtype);
    const unsigned char *data = (const unsigned char *)shard->data + e->offset;
    const uint32_t seen = ca_crc32c_masked(ca_crc32c(0, data, (size_t)e->size));
    if (seen != e->checksum)
        return wrong_checksum(b, e, seen, err);
    ca_buffer_drop(shard, data, (size_t)e->size);
    if (type != CARINA_BOOL && ca_tensor_may_stay(type, (size_t)e->size, data))
        return ca_tensor_of_buffer(out, type, &e->shape, shard, (size_t)e->offset, err);
    CA_TRY(carina_tensor_create(out, type, &e->shape, err));
    unsigned char *to = (*out)->data;
    for (size_t i = 0; i < (size_t)e->size; i++)
        to[i] = type == CARINA_BOOL ? data[i] != 0 : data[i];
    return CARINA_OK;
}

/* --- Partitioned variables. */

/* One part: an entry of its own, under a key that names the part. */
static CarinaStatus find_part(Entry *part, CaTfBundle *b, const Entry *e,
                              const CaTfSlice *s, CarinaError *err)
{
    char text[CA_SHAPE_TEXT];
    CaText key = {.limit = 1 << 16};
    const CarinaShape shape = s->shape;
    CaBuffer *shard = NULL;
    ca_tf_slice_key(&key, e->key, s);
    const CaTfRow *row =
        key.failed ? NULL : ca_tf_table_find(&b->table, key.data, key.size);
    ca_text_free(&key);
    if (!row)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: variable '%s': its part of shape %s is not in the index; the "
                      "index is damaged",
                      b->path, e->key, ca_shape_text(text, sizeof text, &shape));
    CA_TRY(read_entry(part, b, row, e->key, err));
    if (part->dtype != e->dtype || part->n_slices ||
        !ca_shape_equal(&part->shape, &shape))
        return ca_err(
            err, CARINA_ERR_FORMAT,
            "%s: variable '%s': its part of shape %s is listed with another; the "
            "index is damaged",
            b->path, e->key, ca_shape_text(text, sizeof text, &shape));
    CA_TRY(check_size(b, part, err));
    return open_shard(&shard, b, part, err);
}

/* The entry's slices, each within the shape. */
static CarinaStatus list_slices(CaTfSlice *slices, const CaTfBundle *b, const Entry *e,
                                CarinaError *err)
{
    const CaWire w = wire_of(b, err);
    const size_t end = e->row->value + e->row->value_size;
    CaWireField f;
    int n = 0;
    for (size_t at = e->row->value; at < end; at = f.end) {
        CA_TRY(ca_wire_next(&w, &f, at, end));
        if (f.number != 7 || f.wire != 2)
            continue;
        CA_TRY(read_slice(&w, &slices[n], &f));
        if (!ca_tf_slice_fits(&slices[n], &e->shape))
            return ca_err(
                err, CARINA_ERR_FORMAT,
                "%s: variable '%s': part %d does not lie within it; the index is "
                "damaged",
                b->path, e->key, n);
        n++;
    }
    return CARINA_OK;
}

static CarinaStatus put_together(CarinaTensor **out, CaTfBundle *b, const Entry *e,
                                 const CaTfSlice *slices, CarinaError *err)
{
    Entry entry;
    size_t size = 0, most = 0;
    for (int i = 0; i < e->n_slices; i++) {
        CA_TRY(find_part(&entry, b, e, &slices[i], err));
        size += (size_t)entry.size; /* each is that of a part of the shape: no overflow */
    }
    for (size_t i = 0; i < b->n_shards; i++)
        most += b->shards[i] ? b->shards[i]->size : 0;
    if (size > most) /* memory is given for bytes that are there */
        return ca_err(
            err, CARINA_ERR_FORMAT,
            "%s: variable '%s': its parts share their bytes; the index is damaged",
            b->path, e->key);
    CarinaStatus status = carina_tensor_create(out, ca_tf_type(e->dtype), &e->shape, err);
    for (int i = 0; status == CARINA_OK && i < e->n_slices; i++) {
        CarinaTensor *part = NULL;
        status = find_part(&entry, b, e, &slices[i], err);
        if (status == CARINA_OK)
            status = read_whole(&part, b, &entry, err);
        if (status == CARINA_OK)
            ca_tf_slice_put(*out, part, &slices[i]);
        carina_tensor_free(&part);
    }
    if (status != CARINA_OK)
        carina_tensor_free(out);
    return status;
}

static CarinaStatus read_tensor(CarinaTensor **out, CaTfBundle *b, const Entry *e,
                                CarinaError *err)
{
    if (!e->n_slices)
        return read_whole(out, b, e, err);
    CA_TRY(check_size(b, e, err));
    if (e->n_slices > CA_TF_MAX_SLICES)
        return ca_err(err, CARINA_ERR_LIMIT,
                      "%s: variable '%s' has %d parts; Carina reads at most %d", b->path,
                      e->key, e->n_slices, CA_TF_MAX_SLICES);
    CaTfSlice *slices = ca_alloc((size_t)e->n_slices * sizeof *slices);
    if (!slices)
        return no_memory(b, err);
    CarinaStatus status = list_slices(slices, b, e, err);
    if (status == CARINA_OK && !ca_tf_slices_cover(slices, e->n_slices, &e->shape))
        status = ca_err(err, CARINA_ERR_FORMAT,
                        "%s: variable '%s': its %d parts do not make up the whole; the "
                        "index is damaged",
                        b->path, e->key, e->n_slices);
    if (status == CARINA_OK)
        status = put_together(out, b, e, slices, err);
    ca_free(slices);
    return status;
}

CarinaStatus ca_tf_bundle_tensor(CarinaTensor **out, CaTfBundle *b, const char *key,
                                 CarinaError *err)
{
    Entry e;
    *out = NULL;
    CA_TRY(find_entry(&e, b, key, err));
    return read_tensor(out, b, &e, err);
}

CarinaStatus ca_tf_bundle_part(CarinaTensor **out, CaTfBundle *b, const char *key,
                               const char *part, CarinaError *err)
{
    Entry e, entry;
    CaTfSlice s;
    CarinaShape full;
    CarinaTensor *whole = NULL;
    *out = NULL;
    CA_TRY(find_entry(&e, b, key, err));
    if (!part[0])
        return read_tensor(out, b, &e, err);
    if (!ca_tf_slice_parse(&s, &full, part) || !ca_shape_equal(&full, &e.shape))
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: the graph reads the part '%s' of variable '%s', which it does "
                      "not have; the checkpoint is of another model",
                      b->path, part, key);
    if (e.n_slices) { /* most often it was saved in the parts that are read */
        CaText name = {.limit = 1 << 16};
        ca_tf_slice_key(&name, key, &s);
        const bool is_there =
            !name.failed && ca_tf_table_find(&b->table, name.data, name.size);
        ca_text_free(&name);
        CA_TRY(check_size(b, &e, err));
        if (is_there) {
            CA_TRY(find_part(&entry, b, &e, &s, err));
            return read_whole(out, b, &entry, err);
        }
    }
    CarinaStatus status = read_tensor(&whole, b, &e, err);
    if (status == CARINA_OK)
        status = carina_tensor_create(out, whole->type, &s.shape, err);
    if (status == CARINA_OK)
        ca_tf_slice_get(*out, whole, &s);
    carina_tensor_free(&whole);
    return status;
}

/* --- Text: the length of each element, a checksum of the lengths, then the bytes. */

CarinaStatus ca_tf_bundle_text(CaBuffer **out, CaTfBundle *b, const char *key,
                               CarinaError *err)
{
    Entry e;
    CaBuffer *shard = NULL;
    *out = NULL;
    CA_TRY(find_entry(&e, b, key, err));
    if (e.dtype != DT_STRING || e.shape.rank != 0 || e.n_slices)
        return ca_err(err, CARINA_ERR_FORMAT, "%s: '%s' is not one text", b->path, key);
    CA_TRY(open_shard(&shard, b, &e, err));
    const unsigned char *data = (const unsigned char *)shard->data + e.offset;
    uint64_t length = 0;
    size_t at = 0;
    bool more = true;
    for (unsigned shift = 0; more && at < e.size && shift < 64; shift += 7) {
        more = data[at] & 0x80;
        length |= (uint64_t)(data[at++] & 0x7f) << shift;
    }
    if (more || e.size - at < 4 || length != e.size - at - 4)
        return ca_err(
            err, CARINA_ERR_FORMAT,
            "%s: '%s' has %llu bytes, which is not its length; the file is damaged",
            b->path, key, (unsigned long long)e.size);
    unsigned char word[8];
    for (int i = 0; i < 8; i++)
        word[i] = (unsigned char)(length >> (8 * i));
    uint32_t crc = ca_crc32c(0, word, length >> 32 ? 8 : 4);
    crc = ca_crc32c_masked(ca_crc32c(crc, data + at, (size_t)length + 4));
    if (crc != e.checksum)
        return wrong_checksum(b, &e, crc, err);
    *out = ca_buffer_slice(shard, (size_t)e.offset + at + 4, (size_t)length);
    return *out ? CARINA_OK : no_memory(b, err);
}
