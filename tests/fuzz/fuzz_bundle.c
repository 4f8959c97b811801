/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a checkpoint. First byte 0: the rest is the .index. Else the rest is a list of rows, each a key's length,
 * the key, a value's length and the value, up to an empty key, and then the data file: the index is made of them
 * here, with right checksums, which chance would not find.
 */
#include "fuzz.h"

#include "base/crc32c.h"
#include "base/text.h"
#include "formats/tensorflow/tf_bundle.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 64, FOOTER = 40 };

typedef struct Row {
    const uint8_t *key, *value;
    size_t key_size, value_size;
} Row;

static void put(CaText *t, const void *p, size_t n) { ca_text_add_n(t, p, n); }
static void put_byte(CaText *t, unsigned byte) { put(t, &(uint8_t){(uint8_t)byte}, 1); }
static void put_varint(CaText *t, uint64_t v)
{
    for (; v > 0x7f; v >>= 7)
        put_byte(t, (unsigned)(v & 0x7f) | 0x80);
    put_byte(t, (unsigned)v);
}
static void put_fixed(CaText *t, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        put_byte(t, (unsigned)(v >> (8 * i)) & 0xff);
}

static int by_key(const void *a, const void *b)
{
    const Row *x = a, *y = b;
    const int c =
        memcmp(x->key, y->key, x->key_size < y->key_size ? x->key_size : y->key_size);
    return c ? c : (x->key_size > y->key_size) - (x->key_size < y->key_size);
}

/* The fields 4 and 5 of a BundleEntry, wherever they stand: offset and size. */
static void place_of(const Row *r, uint64_t place[2])
{
    for (size_t at = 0; at < r->value_size;) {
        const unsigned key = r->value[at++];
        uint64_t v = 0;
        for (unsigned shift = 0; at < r->value_size && shift < 64; shift += 7) {
            const uint8_t byte = r->value[at++];
            v |= (uint64_t)(byte & 0x7f) << shift;
            if (!(byte & 0x80))
                break;
        }
        if (key == 0x20 || key == 0x28)
            place[key == 0x28] = v;
        else if ((key & 7) == 2 && v <= r->value_size - at)
            at += (size_t)v;
    }
}

static void put_row(CaText *t, const Row *r, const uint8_t *data, size_t size)
{
    uint64_t place[2] = {0, 0};
    place_of(r, place);
    const bool is_inside = place[0] <= size && place[1] <= size - place[0];
    const uint32_t crc =
        is_inside ? ca_crc32c_masked(ca_crc32c(0, data + place[0], (size_t)place[1])) : 0;
    const bool is_header = r->key_size == 0;
    put_varint(t, 0);
    put_varint(t, r->key_size);
    put_varint(t, r->value_size + (is_header ? 0 : 5));
    put(t, r->key, r->key_size);
    put(t, r->value, r->value_size);
    if (!is_header) {
        put_byte(t, 0x35);
        put_fixed(t, crc, 4);
    }
}

static void end_block(CaText *t, size_t from)
{
    put_fixed(t, 0, 4);
    put_fixed(t, 1, 4);
    put_byte(t, 0);
    put_fixed(t, ca_crc32c_masked(ca_crc32c(0, t->data + from, t->size - from)), 4);
}

static void make_index(CaText *t, const Row *rows, int n, const uint8_t *data,
                       size_t size)
{
    static const uint8_t header[] = {0x08, 1};
    const Row first = {data, header, 0, sizeof header};
    put_row(t, &first, data, size);
    for (int i = 0; i < n; i++)
        if (i == 0 || by_key(&rows[i - 1], &rows[i]) != 0)
            put_row(t, &rows[i], data, size);
    end_block(t, 0);
    const size_t meta = t->size;
    end_block(t, meta);
    const size_t index = t->size;
    put_varint(t, 0);
    put_varint(t, 1);
    CaText place = {.limit = 64};
    put_varint(&place, 0);
    put_varint(&place, meta - 5);
    put_varint(t, place.size);
    put_byte(t, 0xff);
    put(t, place.data, place.size);
    ca_text_free(&place);
    end_block(t, index);
    const size_t footer = t->size;
    put_varint(t, meta);
    put_varint(t, 8);
    put_varint(t, index);
    put_varint(t, footer - index - 5);
    while (t->size < footer + FOOTER)
        put_byte(t, 0);
    put_fixed(t, 0xdb4775248b80fb57u, 8);
}

static int read_rows(Row *rows, const uint8_t **data, size_t *size)
{
    int n = 0;
    while (n<MAX_ROWS && * size> 1 && **data) {
        Row r = {.key_size = **data};
        if (*size < r.key_size + 2)
            break;
        r.key = *data + 1;
        r.value_size = r.key[r.key_size];
        r.value = r.key + r.key_size + 1;
        if (*size < r.key_size + 2 + r.value_size)
            break;
        *data += r.key_size + 2 + r.value_size;
        *size -= r.key_size + 2 + r.value_size;
        rows[n++] = r;
    }
    qsort(rows, (size_t)n, sizeof *rows, by_key);
    return n;
}

static void read_all(CaTfBundle *b)
{
    CarinaError err = {0};
    for (size_t i = 0; ca_tf_bundle_key(b, i); i++) {
        const char *key = ca_tf_bundle_key(b, i);
        static const char *const parts[] = {"", "3 4 1,2:-", "8 0,3"};
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
            CarinaTensor *t = NULL;
            const CarinaStatus status = ca_tf_bundle_part(&t, b, key, parts[p], &err);
            fuzz_require((status == CARINA_OK) == (t != NULL), "a tensor or an error",
                         "");
            if (!t)
                fuzz_require_sentence(status, &err);
            if (t) /* every byte can be read */
                (void)ca_crc32c(0, t->data, t->size);
            carina_tensor_free(&t);
        }
        CaBuffer *text = NULL;
        if (ca_tf_bundle_text(&text, b, key, &err) == CARINA_OK)
            (void)ca_crc32c(0, text->data, text->size);
        ca_buffer_unref(&text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Row rows[MAX_ROWS];
    CaText made = {.limit = 1 << 20};
    CaTfBundle *b = NULL;
    CarinaError err = {0};
    CaBuffer *index, *shard;
    const bool is_whole = !size || *data == 0;
    if (size)
        data++, size--;
    if (is_whole) {
        index = fuzz_buffer(data, size);
        shard = fuzz_buffer(data, size);
    } else {
        const int n = read_rows(rows, &data, &size);
        make_index(&made, rows, n, data, size);
        index = fuzz_buffer((const uint8_t *)made.data, made.size);
        shard = fuzz_buffer(data, size);
    }
    const CarinaStatus status = ca_tf_bundle_make(&b, "fuzz", index, &shard, 1, &err);
    fuzz_require((status == CARINA_OK) == (b != NULL), "a checkpoint or an error", "");
    if (b)
        read_all(b);
    else
        fuzz_require_sentence(status, &err);
    ca_tf_bundle_free(&b);
    ca_buffer_unref(&index);
    ca_buffer_unref(&shard);
    ca_text_free(&made);
    return 0;
}
