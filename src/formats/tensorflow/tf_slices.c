/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of variables: their geometry, and their keys, which are written so that they sort as numbers do
 * (tensorflow/core/lib/strings/ordered_code).
 */
#include "formats/tensorflow/tf_slices.h"

#include <string.h>

bool ca_tf_slice_fits(CaTfSlice *s, const CarinaShape *full)
{
    if (s->rank != full->rank)
        return false;
    s->shape = *full;
    for (int i = 0; i < s->rank; i++) {
        if (s->length[i] != CA_TF_WHOLE &&
            (s->start[i] < 0 || s->length[i] < 1 || s->start[i] > full->dims[i] ||
             s->length[i] > full->dims[i] - s->start[i]))
            return false;
        if (s->length[i] != CA_TF_WHOLE)
            s->shape.dims[i] = s->length[i];
        else if (s->start[i] != 0)
            return false;
    }
    return true;
}

bool ca_tf_slice_parse(CaTfSlice *s, CarinaShape *full, const char *text)
{
    const char *blank = strrchr(text, ' '), *item;
    size_t n;
    *s = (CaTfSlice){.rank = 0};
    *full = (CarinaShape){.rank = 0};
    if (!blank)
        return false;
    for (const char *at = text; at && at < blank;) {
        const size_t digits = strcspn(at, " ");
        if (full->rank == CARINA_MAX_RANK ||
            !ca_text_int(&full->dims[full->rank++], at, digits))
            return false;
        at += digits + 1;
    }
    for (const char *at = blank + 1; at && *at;) {
        at = ca_text_item(at, ':', &item, &n);
        const char *comma = memchr(item, ',', n);
        if (s->rank == CARINA_MAX_RANK)
            return false;
        const int i = s->rank++;
        s->length[i] = CA_TF_WHOLE;
        if (n == 1 && *item == '-')
            continue;
        if (!comma || !ca_text_int(&s->start[i], item, (size_t)(comma - item)) ||
            !ca_text_int(&s->length[i], comma + 1, n - (size_t)(comma + 1 - item)) ||
            s->length[i] < 1)
            return false;
    }
    return ca_tf_slice_fits(s, full);
}

static int64_t begin(const CaTfSlice *s, int axis)
{
    return s->length[axis] == CA_TF_WHOLE ? 0 : s->start[axis];
}

static bool overlap(const CaTfSlice *a, const CaTfSlice *b)
{
    for (int i = 0; i < a->rank; i++)
        if (begin(a, i) + a->shape.dims[i] <= begin(b, i) ||
            begin(b, i) + b->shape.dims[i] <= begin(a, i))
            return false;
    return true;
}

/* Boxes within the whole that do not overlap and have as many elements in all. */
bool ca_tf_slices_cover(const CaTfSlice *slices, int n, const CarinaShape *full)
{
    int64_t left = 0, size = 0;
    if (!ca_shape_count(full, &left))
        return false;
    for (int i = 0; i < n; i++) {
        if (!ca_shape_count(&slices[i].shape, &size) || size > left)
            return false;
        left -= size;
        for (int j = 0; j < i; j++)
            if (overlap(&slices[i], &slices[j]))
                return false;
    }
    return left == 0;
}

/* --- Keys. */

static void put(CaText *t, unsigned byte)
{
    const char c = (char)(unsigned char)byte;
    ca_text_add_n(t, &c, 1);
}

/* The number of bytes, then these, the highest first. */
static void put_count(CaText *t, uint64_t v)
{
    int n = 0;
    while (n < 8 && v >> (8 * n))
        n++;
    put(t, (unsigned)n);
    while (n-- > 0)
        put(t, (unsigned)(v >> (8 * n)) & 0xff);
}

/* n bytes hold 7 n - 1 bits: as many leading ones as bytes, then a zero, then the number in two's complement; all of
 * the leading part inverted where it is negative. */
static void put_signed(CaText *t, int64_t v)
{
    const uint64_t size = v < 0 ? ~(uint64_t)v : (uint64_t)v;
    unsigned char bytes[10], head[2] = {0, 0};
    int n = 1;
    while (n < 10 && size >> (7 * n - 1))
        n++;
    for (int i = 0; i < 10; i++)
        bytes[9 - i] = (unsigned char)(i < 8 ? (uint64_t)v >> (8 * i) : v < 0 ? 0xff : 0);
    for (int bit = 0; bit < n; bit++)
        head[bit / 8] |= (unsigned char)(0x80 >> (bit % 8));
    bytes[10 - n] ^= head[0];
    if (n > 1)
        bytes[11 - n] ^= head[1];
    for (int i = 10 - n; i < 10; i++)
        put(t, bytes[i]);
}

void ca_tf_slice_key(CaText *key, const char *name, const CaTfSlice *s)
{
    put_count(key, 0);
    for (; *name; name++) {
        put(key, (unsigned char)*name);
        if ((unsigned char)*name == 0xff)
            put(key, 0);
    }
    put(key, 0);
    put(key, 1);
    put_count(key, (uint64_t)s->rank);
    for (int i = 0; i < s->rank; i++) {
        put_signed(key, begin(s, i));
        put_signed(key, s->length[i]);
    }
}

/* --- Copies. */

/* Runs of the last axis; the data may lie anywhere. */
static void copy(unsigned char *whole, const CarinaShape *full, unsigned char *part,
                 const CaTfSlice *s, size_t width, bool is_put)
{
    const int rank = s->rank;
    const size_t run = width * (size_t)(rank ? s->shape.dims[rank - 1] : 1);
    int64_t at[CARINA_MAX_RANK] = {0};
    for (size_t done = 0;; done += run) {
        size_t offset = 0;
        for (int i = 0; i < rank; i++)
            offset = offset * (size_t)full->dims[i] + (size_t)(begin(s, i) + at[i]);
        if (is_put)
            memcpy(whole + offset * width, part + done, run);
        else
            memcpy(part + done, whole + offset * width, run);
        int axis = rank - 2;
        while (axis >= 0 && ++at[axis] == s->shape.dims[axis])
            at[axis--] = 0;
        if (axis < 0)
            return;
    }
}

void ca_tf_slice_put(CarinaTensor *whole, const CarinaTensor *part, const CaTfSlice *s)
{
    if (part->size)
        copy(whole->data, &whole->shape, part->data, s,
             (size_t)carina_type_bits(part->type) / 8, true);
}

void ca_tf_slice_get(CarinaTensor *part, const CarinaTensor *whole, const CaTfSlice *s)
{
    if (part->size)
        copy(whole->data, &whole->shape, part->data, s,
             (size_t)carina_type_bits(part->type) / 8, false);
}
