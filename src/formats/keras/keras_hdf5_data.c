/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The datasets of an HDF5 file: types, layouts, chunks, and the filters that are undone.
 */
#include "formats/keras/keras_hdf5_own.h"

#include "graph/shape.h"

#include <string.h>
#include <zlib.h>

/* deflate cannot shrink more than 1032 times; a dataset that claims more was made to hurt. */
static const uint64_t most_shrunk = 1040;
enum { MAX_FILTERS = 8, LEVELS = 16, MAX_NODES = 1 << 20 };
enum { DEFLATE = 1, SHUFFLE = 2, CHECKSUM = 3 };

typedef struct Dataset {
    const CaHdf5 *f;
    const char *path;
    const CaHdf5Object *object;
    CarinaShape shape;
    int64_t n;
    CarinaType type; /* of an element as it is stored */
    size_t elem_size;
    bool is_big; /* most significant byte first */
    int filters[MAX_FILTERS], n_filters;
    unsigned char *bytes; /* chunks put together */
    uint32_t chunk[CARINA_MAX_RANK];
    size_t chunk_size;
    int budget; /* nodes of the index that may still be looked at */
} Dataset;

static CarinaStatus refuse(const Dataset *d, const char *what, CarinaError *err)
{
    return ca_err(err, CARINA_ERR_UNSUPPORTED,
                  "%s: weight '%s' %s; save the model again in one plain file",
                  d->f->path, d->path, what);
}

/* --- Types. */

static CarinaType whole_type(size_t size, bool is_signed)
{
    switch (size) {
    case 1: return is_signed ? CARINA_I8 : CARINA_U8;
    case 2: return is_signed ? CARINA_I16 : CARINA_U16;
    case 4: return is_signed ? CARINA_I32 : CARINA_U32;
    case 8: return is_signed ? CARINA_I64 : CARINA_U64;
    default: return CARINA_UNKNOWN;
    }
}

/* IEEE formats by the places of exponent and mantissa. */
static CarinaType real_type(CaBytes m)
{
    static const struct {
        size_t size;
        unsigned char places
            [8]; /* first bit, precision, exponent's and mantissa's place and size */
        CarinaType type;
    } known[] = {{2, {0, 0, 16, 0, 10, 5, 0, 10}, CARINA_F16},
                 {2, {0, 0, 16, 0, 7, 8, 0, 7}, CARINA_BF16},
                 {4, {0, 0, 32, 0, 23, 8, 0, 23}, CARINA_F32},
                 {8, {0, 0, 64, 0, 52, 11, 0, 52}, CARINA_F64}};
    for (size_t i = 0; m.n >= 16 && i < sizeof known / sizeof *known; i++)
        if (ca_bytes_number(m, 4, 4) == known[i].size &&
            memcmp(m.p + 8, known[i].places, 8) == 0)
            return known[i].type;
    return CARINA_UNKNOWN;
}

/* bfloat16 is also stored as two opaque bytes, and booleans as an enumeration of bytes. */
static bool read_type(Dataset *d, CaBytes m)
{
    enum { WHOLE = 0, REAL = 1, OPAQUE = 5, NAMED = 8 };
    if (m.n < 8)
        return false;
    const int class = m.p[0] & 15;
    d->elem_size = (size_t)ca_bytes_number(m, 4, 4);
    d->is_big = (class == WHOLE || class == REAL) && (m.p[1] & 1);
    d->type = class == WHOLE  ? whole_type(d->elem_size, (m.p[1] & 8) != 0)
              : class == REAL ? real_type(m)
              : class == OPAQUE && d->elem_size == 2 ? CARINA_BF16
              : class == NAMED && d->elem_size == 1  ? CARINA_U8
                                                     : CARINA_UNKNOWN;
    return d->type != CARINA_UNKNOWN;
}

/* --- Filters. */

static bool read_filters(Dataset *d, CaBytes m)
{
    CaBytes head, part;
    const uint64_t version = ca_bytes_number(m, 0, 1), n = ca_bytes_number(m, 1, 1);
    if (version < 1 || version > 2 || n > MAX_FILTERS ||
        !ca_bytes_take(&head, &m, version == 1 ? 8 : 2))
        return false;
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t id = ca_bytes_number(m, 0, 2);
        const bool has_name = version == 1 || id >= 256;
        const uint64_t name = has_name ? ca_bytes_number(m, 2, 2) : 0;
        if (!ca_bytes_take(&head, &m, has_name ? 8 : 6))
            return false;
        const uint64_t values = ca_bytes_number(head, head.n - 2, 2);
        const uint64_t padded = version == 1 ? (name + 7) / 8 * 8 : name;
        const uint64_t more = version == 1 && values % 2 ? 4 : 0;
        if (!ca_bytes_take(&part, &m, (size_t)padded) ||
            !ca_bytes_take(&part, &m, (size_t)(4 * values)) ||
            !ca_bytes_take(&part, &m, (size_t)more))
            return false;
        if (id != DEFLATE && id != SHUFFLE && id != CHECKSUM)
            return false;
        d->filters[d->n_filters++] = (int)id;
    }
    return true;
}

static bool inflate_all(unsigned char *to, size_t size, const unsigned char *from,
                        size_t n)
{
    uLongf got = (uLongf)size;
    return n <= UINT32_MAX && uncompress(to, &got, from, (uLong)n) == Z_OK && got == size;
}

/* Byte k of all elements lies together. */
static void unshuffle(unsigned char *to, const unsigned char *from, size_t size,
                      size_t elem_size)
{
    const size_t n = size / elem_size;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < elem_size; k++)
            to[i * elem_size + k] = from[k * n + i];
    memcpy(to + n * elem_size, from + n * elem_size, size - n * elem_size);
}

/* The chunk's bytes into out; spare has as much room. skip: filters that were not used on it. */
static bool decode(const Dataset *d, unsigned char *out, unsigned char *spare, CaBytes in,
                   uint32_t skip)
{
    for (int i = d->n_filters - 1; i >= 0; i--) {
        if (skip >> i & 1)
            continue;
        if (d->filters[i] == CHECKSUM) {
            if (in.n < 4)
                return false;
            in.n -= 4;
            continue;
        }
        unsigned char *to = in.p == out ? spare : out;
        if (d->filters[i] == DEFLATE) {
            if (!inflate_all(to, d->chunk_size, in.p, in.n))
                return false;
        } else {
            if (in.n != d->chunk_size)
                return false;
            unshuffle(to, in.p, in.n, d->elem_size);
        }
        in = (CaBytes){to, d->chunk_size};
    }
    if (in.n != d->chunk_size)
        return false;
    if (in.p != out)
        memcpy(out, in.p, in.n);
    return true;
}

/* --- Chunks. */

/* Rows of the chunk to their place; what hangs over the edge is left out. */
static void place(Dataset *d, const unsigned char *chunk, const uint64_t *offset)
{
    const int rank = d->shape.rank;
    const size_t width = d->elem_size;
    uint64_t rows = 1;
    for (int i = 0; i < rank - 1; i++)
        rows *= d->chunk[i];
    for (uint64_t row = 0; row < rows; row++) {
        uint64_t left = row, at = 0, stride = 1;
        bool is_inside = true;
        uint64_t index[CARINA_MAX_RANK] = {0};
        for (int i = rank - 2; i >= 0; i--) {
            index[i] = left % d->chunk[i] + offset[i];
            left /= d->chunk[i];
            is_inside = is_inside && index[i] < (uint64_t)d->shape.dims[i];
        }
        index[rank - 1] = offset[rank - 1];
        if (!is_inside || offset[rank - 1] >= (uint64_t)d->shape.dims[rank - 1])
            continue;
        for (int i = rank - 1; i >= 0; i--) {
            at += index[i] * stride;
            stride *= (uint64_t)d->shape.dims[i];
        }
        const uint64_t room = (uint64_t)d->shape.dims[rank - 1] - offset[rank - 1],
                       n = room < d->chunk[rank - 1] ? room : d->chunk[rank - 1];
        memcpy(d->bytes + (size_t)at * width,
               chunk + (size_t)row * d->chunk[rank - 1] * width, (size_t)n * width);
    }
}

static bool one_chunk(Dataset *d, uint64_t at, uint64_t size, uint32_t skip,
                      const uint64_t *offset)
{
    CaBytes in;
    unsigned char *two = ca_alloc(2 * d->chunk_size + 1);
    const bool good = two && ca_hdf5_at(&in, d->f, at, size) &&
                      decode(d, two, two + d->chunk_size, in, skip);
    for (int i = 0; i < d->shape.rank && good; i++)
        if (offset[i] >= (uint64_t)d->shape.dims[i] + d->chunk[i]) {
            ca_free(two);
            return false;
        }
    if (good)
        place(d, two, offset);
    ca_free(two);
    return good;
}

/* The B-tree of version 1 over chunks. */
static bool read_chunks(Dataset *d, uint64_t at, int level)
{
    const size_t key = 8 + 8 * ((size_t)d->shape.rank + 1), step = key + 8;
    enum { HEAD = 24 };
    CaBytes node;
    if (level > LEVELS || --d->budget < 0 || !ca_hdf5_at(&node, d->f, at, HEAD) ||
        memcmp(node.p, "TREE", 4) != 0 || node.p[4] != 1)
        return false;
    const uint64_t n = ca_bytes_number(node, 6, 2);
    const bool is_leaf = node.p[5] == 0;
    if (!ca_hdf5_at(&node, d->f, at, HEAD + n * step))
        return false;
    for (uint64_t i = 0; i < n; i++) {
        const size_t k = HEAD + (size_t)i * step;
        const uint64_t child = ca_bytes_number(node, k + key, 8);
        uint64_t offset[CARINA_MAX_RANK];
        for (int r = 0; r < d->shape.rank; r++)
            offset[r] = ca_bytes_number(node, k + 8 + 8 * (size_t)r, 8);
        if (is_leaf ? --d->budget < 0 ||
                          !one_chunk(d, child, ca_bytes_number(node, k, 4),
                                     (uint32_t)ca_bytes_number(node, k + 4, 4), offset)
                    : !read_chunks(d, child, level + 1))
            return false;
    }
    return true;
}

/* Dimensions of a chunk, each of `width` bytes, the size of an element last. */
static bool read_chunk_dims(Dataset *d, CaBytes m, size_t at, int width)
{
    const int rank = d->shape.rank;
    d->chunk_size = d->elem_size;
    for (int i = 0; i < rank; i++) {
        const uint64_t n = ca_bytes_number(m, at + (size_t)(i * width), width);
        if (n < 1 || n > UINT32_MAX ||
            !ca_mul_size(&d->chunk_size, d->chunk_size, (size_t)n))
            return false;
        d->chunk[i] = (uint32_t)n;
    }
    return ca_bytes_number(m, at + (size_t)(rank * width), width) == d->elem_size &&
           d->chunk_size / most_shrunk <= d->f->image->size;
}

static CarinaStatus read_chunked(Dataset *d, CaBytes m, CarinaError *err)
{
    const uint64_t version = m.p[0];
    const size_t rank = (size_t)d->shape.rank;
    size_t bytes;
    bool good;
    if (!rank || !ca_mul_size(&bytes, (size_t)d->n, d->elem_size) ||
        !(d->bytes = ca_alloc(bytes + 1)))
        return ca_hdf5_too_much(d->f, d->path, err);
    d->budget = MAX_NODES;
    if (version == 3) {
        const uint64_t tree = ca_bytes_number(m, 3, 8);
        good = m.n >= 11 + 4 * (rank + 1) && m.p[2] == rank + 1 &&
               read_chunk_dims(d, m, 11, 4) &&
               (ca_hdf5_is_undefined(tree) || read_chunks(d, tree, 0));
    } else { /* version 4, and only where all is one chunk */
        const int width = m.n > 4 ? m.p[4] : 0;
        const size_t at = 5 + (rank + 1) * (size_t)width;
        const uint64_t offset[CARINA_MAX_RANK] = {0};
        if (width < 1 || width > 8 || m.n < at + 9 || m.p[3] != rank + 1)
            return ca_hdf5_damaged(d->f, d->path, err);
        if (m.p[at] != 1)
            return refuse(d, "is cut into chunks with an index that is not read", err);
        const bool is_filtered = (m.p[2] & 2) != 0;
        good = read_chunk_dims(d, m, 5, width);
        const uint64_t where = ca_bytes_number(m, at + (is_filtered ? 13 : 1), 8);
        if (good && !ca_hdf5_is_undefined(where))
            good = one_chunk(
                d, where, is_filtered ? ca_bytes_number(m, at + 1, 8) : d->chunk_size,
                is_filtered ? (uint32_t)ca_bytes_number(m, at + 9, 4) : UINT32_MAX,
                offset);
    }
    return good ? CARINA_OK : ca_hdf5_damaged(d->f, d->path, err);
}

/* --- Layouts. */

/* Where the elements are, as they are stored; d->bytes where they had to be put together. */
static CarinaStatus locate(Dataset *d, CaBytes *out, CarinaError *err)
{
    const CaHdf5Message *layout = ca_hdf5_message(d->object, CA_HDF5_LAYOUT);
    const CaBytes m = layout->data;
    const size_t bytes = (size_t)d->n * d->elem_size;
    if (m.n < 2 || (m.p[0] != 3 && m.p[0] != 4) || m.p[1] > 3)
        return refuse(d, "is laid out as very old files are", err);
    switch (m.p[1]) {
    case 0: /* compact: in the message */
        if (m.n < 4 || m.n - 4 < bytes || ca_bytes_number(m, 2, 2) < bytes)
            return ca_hdf5_too_much(d->f, d->path, err);
        *out = (CaBytes){m.p + 4, bytes};
        return CARINA_OK;
    case 1: /* contiguous */
        if (m.n < 18 ||
            (bytes && (ca_bytes_number(m, 10, 8) < bytes ||
                       !ca_hdf5_at(out, d->f, ca_bytes_number(m, 2, 8), bytes))))
            return ca_hdf5_too_much(d->f, d->path, err);
        out->n = bytes;
        return CARINA_OK;
    case 2:
        CA_TRY(read_chunked(d, m, err));
        *out = (CaBytes){d->bytes, bytes};
        return CARINA_OK;
    default: return refuse(d, "lies in other files (a virtual dataset)", err);
    }
}

static CarinaStatus describe(Dataset *d, CarinaError *err)
{
    const CaHdf5Message *space = ca_hdf5_message(d->object, CA_HDF5_SPACE),
                        *type = ca_hdf5_message(d->object, CA_HDF5_TYPE),
                        *filters = ca_hdf5_message(d->object, CA_HDF5_FILTERS),
                        *layout = ca_hdf5_message(d->object, CA_HDF5_LAYOUT);
    size_t bytes;
    if (!space || !type || !layout || space->is_shared || layout->is_shared)
        return ca_hdf5_damaged(d->f, d->path, err);
    if (!ca_hdf5_space(&d->shape, space->data) || !ca_shape_count(&d->shape, &d->n))
        return ca_hdf5_damaged(d->f, d->path, err);
    if (ca_hdf5_message(d->object, CA_HDF5_EXTERNAL))
        return refuse(d, "lies in other files (external storage)", err);
    if (type->is_shared || !read_type(d, type->data))
        return ca_err(
            err, CARINA_ERR_UNSUPPORTED,
            "%s: weight '%s' holds no numbers; save the model with float32 weights",
            d->f->path, d->path);
    if (filters && !read_filters(d, filters->data))
        return refuse(d, "is compressed by a method other than gzip", err);
    if (!ca_mul_size(&bytes, (size_t)d->n, d->elem_size) ||
        !ca_mul_size(&bytes, (size_t)d->n, 8) ||
        bytes / 8 * d->elem_size / most_shrunk > d->f->image->size)
        return ca_hdf5_too_much(d->f, d->path, err);
    return CARINA_OK;
}

/* --- Tensors. */

static void swap_bytes(unsigned char *to, const unsigned char *from, size_t n,
                       size_t width)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < width; k++)
            to[i * width + k] = from[i * width + width - 1 - k];
}

static CarinaStatus converted(CarinaTensor **out, const Dataset *d, CaBytes in,
                              CarinaError *err)
{
    const bool is_whole = !ca_type_is_real(d->type);
    unsigned char *turned = NULL;
    CA_TRY(carina_tensor_create(out, is_whole ? CARINA_I64 : CARINA_F32, &d->shape, err));
    if (d->is_big && d->elem_size > 1) {
        turned = ca_alloc(in.n + 1);
        if (!turned) {
            carina_tensor_free(out);
            return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", d->f->path);
        }
        swap_bytes(turned, in.p, (size_t)d->n, d->elem_size);
        in.p = turned;
    }
    if (d->type == CARINA_F32 && d->n)
        memcpy((*out)->data, in.p, in.n);
    for (int64_t i = 0; i < d->n && d->type != CARINA_F32; i++) {
        if (is_whole)
            ca_put_int(CARINA_I64, (*out)->data, i, ca_get_int(d->type, in.p, i));
        else
            ca_put_real(CARINA_F32, (*out)->data, i, ca_get_real(d->type, in.p, i));
    }
    ca_free(turned);
    return CARINA_OK;
}

static CarinaStatus to_tensor(CarinaTensor **out, Dataset *d, CarinaError *err)
{
    CaBytes in = {0};
    CA_TRY(describe(d, err));
    CA_TRY(locate(d, &in, err));
    if (d->type == CARINA_F32 && !d->is_big && !d->bytes &&
        ca_tensor_may_stay(CARINA_F32, in.n, in.p))
        return ca_tensor_of_buffer(
            out, CARINA_F32, &d->shape, d->f->image,
            (size_t)(in.p - (const unsigned char *)d->f->image->data), err);
    return converted(out, d, in, err);
}

static CarinaStatus find_dataset(Dataset *d, CaHdf5 *f, const char *path,
                                 CarinaError *err)
{
    const CaHdf5Group *at;
    *d = (Dataset){.f = f, .path = path};
    CA_TRY(ca_hdf5_walk(&at, f, path, err));
    if (!at || !ca_hdf5_message(&at->object, CA_HDF5_LAYOUT))
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: no weight '%s' inside; the file is damaged or was cut",
                      f->path, path);
    d->object = &at->object;
    return CARINA_OK;
}

CarinaStatus ca_hdf5_shape(CarinaShape *out, CaHdf5 *f, const char *path,
                           CarinaError *err)
{
    Dataset d;
    CA_TRY(find_dataset(&d, f, path, err));
    const CaHdf5Message *space = ca_hdf5_message(d.object, CA_HDF5_SPACE);
    return space && !space->is_shared && ca_hdf5_space(out, space->data)
               ? CARINA_OK
               : ca_hdf5_damaged(f, path, err);
}

CarinaStatus ca_hdf5_tensor(CarinaTensor **out, CaHdf5 *f, const char *path,
                            CarinaError *err)
{
    Dataset d;
    *out = NULL;
    CA_TRY(find_dataset(&d, f, path, err));
    const CarinaStatus status = to_tensor(out, &d, err);
    ca_free(d.bytes);
    return status;
}
