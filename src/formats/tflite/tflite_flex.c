/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FlexBuffers: a map of numbers, read with every offset checked.
 *
 * The last byte is the root's width, the byte before its type, the root lies before that. Offsets count backwards.
 * A map at M: elements of `width` bytes, behind them one byte of type each; before M its size, before that the
 * width of the vector of keys, before that the offset to it.
 */
#include "formats/tflite/tflite_flex.h"

#include "formats/tflite/tflite_flat.h"

#include <math.h>
#include <string.h>

enum {
    INT = 1,
    UINT = 2,
    FLOAT = 3,
    STRING = 5,
    INDIRECT_INT = 6,
    INDIRECT_UINT = 7,
    INDIRECT_FLOAT = 8,
    MAP = 9,
    VECTOR = 10,
    VECTOR_INT = 11,
    VECTOR_FLOAT = 13,
    BOOLEAN = 26
};

static bool is_width(size_t w) { return w == 1 || w == 2 || w == 4 || w == 8; }

static bool inside(const CaFlex *f, size_t at, size_t size)
{
    return at <= f->size && size <= f->size - at;
}

static uint64_t load(const CaFlex *f, size_t at, size_t width)
{
    uint64_t v = 0;
    for (size_t i = width; i > 0; i--)
        v = v << 8 | f->data[at + i - 1];
    return v;
}

/* Where the offset at `at` leads to; false where that is no place. */
static bool follow(const CaFlex *f, size_t at, size_t width, size_t *to)
{
    const uint64_t back = inside(f, at, width) ? load(f, at, width) : 0;
    *to = back <= at ? at - (size_t)back : 0;
    return back > 0 && back <= at;
}

CaFlex ca_flex_map(const unsigned char *data, size_t size)
{
    const CaFlex none = {0};
    CaFlex f = {data, size, 0, 0, 0};
    if (size < 3)
        return none;
    const size_t width = data[size - 1], type = data[size - 2] >> 2;
    if (!is_width(width) || type != MAP || size < 2 + width)
        return none;
    f.width = (size_t)1 << (data[size - 2] & 3);
    if (!follow(&f, size - 2 - width, width, &f.at) || f.at < 3 * f.width)
        return none;
    const uint64_t n = load(&f, f.at - f.width, f.width);
    if (n > size || !inside(&f, f.at, (size_t)n * (f.width + 1)))
        return none;
    f.n = (size_t)n;
    return f;
}

static double real(const CaFlex *f, size_t at, size_t width)
{
    const uint64_t bits = load(f, at, width);
    const uint32_t low = (uint32_t)bits;
    double wide;
    float narrow;
    memcpy(&wide, &bits, sizeof wide);
    memcpy(&narrow, &low, sizeof narrow);
    return width == 8 ? wide : width == 4 ? (double)narrow : NAN;
}

static double whole(const CaFlex *f, size_t at, size_t width)
{
    static const CaFlatKind kinds[] = {CA_FLAT_I8, CA_FLAT_I16, CA_FLAT_I32, CA_FLAT_I64};
    const int log = width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : 3;
    return (double)ca_flat_load(f->data + at, kinds[log]);
}

static double element(const CaFlex *f, size_t i, double absent)
{
    const unsigned char packed = f->data[f->at + f->n * f->width + i];
    size_t at = f->at + i * f->width, width = f->width;
    int type = packed >> 2;
    if (type >= INDIRECT_INT && type <= INDIRECT_FLOAT) {
        const bool is_there = follow(f, at, width, &at);
        width = (size_t)1 << (packed & 3);
        type = type - INDIRECT_INT + INT;
        if (!is_there || !inside(f, at, width))
            return absent;
    }
    switch (type) {
    case INT: return whole(f, at, width);
    case UINT:
    case BOOLEAN: return (double)load(f, at, width);
    case FLOAT: return real(f, at, width);
    default: return absent;
    }
}

/* The place of a key among the map's; n where it has none. */
static size_t find(const CaFlex *f, const char *key)
{
    const size_t length = strlen(key);
    if (!f->at)
        return f->n;
    size_t keys = 0;
    const bool has_keys = follow(f, f->at - 3 * f->width, f->width, &keys);
    const uint64_t width = load(f, f->at - 2 * f->width, f->width);
    if (!has_keys || width > 8 || !is_width((size_t)width) ||
        !inside(f, keys, f->n * (size_t)width))
        return f->n;
    for (size_t i = 0; i < f->n; i++) {
        size_t at = 0;
        if (follow(f, keys + i * (size_t)width, (size_t)width, &at) &&
            inside(f, at, length + 1) && memcmp(f->data + at, key, length + 1) == 0)
            return i;
    }
    return f->n;
}

bool ca_flex_has(const CaFlex *f, const char *key) { return find(f, key) < f->n; }

double ca_flex_number(const CaFlex *f, const char *key, double absent)
{
    const size_t i = find(f, key);
    const double v = i < f->n ? element(f, i, absent) : absent;
    return isfinite(v) && fabs(v) < 1e15 ? v : absent;
}

/* What the key's offset leads to, where its size stands before it: kind, width of an element and how many. */
static bool sized(const CaFlex *f, const char *key, int *kind, size_t *at, size_t *width,
                  size_t *n)
{
    const size_t i = find(f, key);
    if (i >= f->n)
        return false;
    const unsigned char packed = f->data[f->at + f->n * f->width + i];
    *kind = packed >> 2;
    *width = (size_t)1 << (packed & 3);
    if (!follow(f, f->at + i * f->width, f->width, at) || *at < *width)
        return false;
    *n = (size_t)load(f, *at - *width, *width);
    return *n <= f->size && inside(f, *at, *n);
}

const char *ca_flex_text(const CaFlex *f, const char *key, size_t *n)
{
    int kind = 0;
    size_t at = 0, width = 0;
    return sized(f, key, &kind, &at, &width, n) && kind == STRING
               ? (const char *)f->data + at
               : NULL;
}

int ca_flex_list(const CaFlex *f, const char *key, double *out, int max)
{
    int kind = 0;
    size_t at = 0, width = 0, n = 0;
    if (!sized(f, key, &kind, &at, &width, &n) || n > (size_t)max || kind < VECTOR ||
        kind > VECTOR_FLOAT || !inside(f, at, n * (width + (kind == VECTOR))))
        return -1;
    const CaFlex list = {f->data, f->size, at, n, width};
    for (size_t i = 0; i < n; i++) {
        const size_t to = at + i * width;
        out[i] = kind == VECTOR         ? element(&list, i, (double)NAN)
                 : kind == VECTOR_FLOAT ? real(f, to, width)
                 : kind == VECTOR_INT   ? whole(f, to, width)
                                        : (double)load(f, to, width);
        if (!isfinite(out[i]))
            return -1;
    }
    return (int)n;
}
