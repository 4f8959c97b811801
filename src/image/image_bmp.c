/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BMP: 1, 4, 8, 16, 24 and 32 bits, bit fields, run lengths, bottom-up and top-down.
 *
 * A palette of greys only gives one channel. JPEG or PNG inside BMP is refused.
 */
#include "image/image.h"

enum { RGB = 0, RLE8 = 1, RLE4 = 2, FIELDS = 3, ALPHA_FIELDS = 6 };

typedef struct {
    const CaImageFile *file;
    uint32_t header_size, bits, compression, n_colors;
    size_t pixels; /* where they begin */
    int64_t width, height;
    bool is_top_down, is_grey;
    uint32_t mask[3];        /* red, green, blue */
    uint8_t palette[256][3]; /* RGB */
    CarinaTensor *image;
} Bmp;

/* Little-endian; the caller has checked the range. */
static uint32_t get(const Bmp *b, size_t at, int n)
{
    uint32_t v = 0;
    for (int i = 0; i < n; i++)
        v |= (uint32_t)b->file->data[at + (size_t)i] << 8 * i;
    return v;
}

static CarinaStatus bad(const Bmp *b, const char *what, long long seen, CarinaError *err)
{
    return ca_err(err, CARINA_ERR_FORMAT,
                  "%s: BMP header: %s (%lld); the file is damaged or of another kind",
                  b->file->path, what, seen);
}

static CarinaStatus read_masks(Bmp *b, CarinaError *err)
{
    static const uint32_t usual16[3] = {0x7c00, 0x3e0, 0x1f};
    static const uint32_t usual32[3] = {0xff0000, 0xff00, 0xff};
    const bool is_given = b->compression == FIELDS || b->compression == ALPHA_FIELDS;
    if (is_given && b->file->size < 14 + 52)
        return ca_image_cut(b->file, err);
    for (size_t c = 0; c < 3; c++)
        b->mask[c] = is_given        ? get(b, 14 + 40 + 4 * c, 4)
                     : b->bits == 16 ? usual16[c]
                                     : usual32[c];
    return CARINA_OK;
}

static CarinaStatus read_palette(Bmp *b, CarinaError *err)
{
    const size_t entry = b->header_size == 12 ? 3 : 4;
    const size_t at = 14 + (size_t)b->header_size;
    const uint32_t most = 1u << b->bits;
    size_t n = b->n_colors ? b->n_colors : most;
    if (n > most)
        return bad(b, "more colours than its bits can name", (long long)n, err);
    if (b->file->size < at + n * entry)
        return ca_image_cut(b->file, err);
    b->is_grey = true;
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < 3; c++)
            b->palette[i][c] = b->file->data[at + i * entry + 2 - c];
        b->is_grey = b->is_grey && b->palette[i][0] == b->palette[i][1] &&
                     b->palette[i][1] == b->palette[i][2];
    }
    return CARINA_OK;
}

static CarinaStatus read_sizes(Bmp *b, CarinaError *err)
{
    if (b->file->size < 14 + 12)
        return ca_image_cut(b->file, err);
    b->pixels = get(b, 10, 4);
    b->header_size = get(b, 14, 4);
    if (b->header_size == 12) {
        b->width = get(b, 18, 2);
        b->height = get(b, 20, 2);
        b->bits = get(b, 24, 2);
        return CARINA_OK;
    }
    if (b->header_size < 40 || b->header_size > 1024)
        return bad(b, "unknown header size", b->header_size, err);
    if (b->file->size < 14 + (size_t)b->header_size)
        return ca_image_cut(b->file, err);
    b->width = (int32_t)get(b, 18, 4);
    b->height = (int32_t)get(b, 22, 4);
    b->is_top_down = b->height < 0;
    b->height = b->is_top_down ? -b->height : b->height;
    b->bits = get(b, 28, 2);
    b->compression = get(b, 30, 4);
    b->n_colors = get(b, 46, 4);
    return CARINA_OK;
}

static CarinaStatus read_header(Bmp *b, CarinaError *err)
{
    CA_TRY(read_sizes(b, err));
    const uint32_t bits = b->bits, how = b->compression;
    const bool has_palette = bits == 1 || bits == 4 || bits == 8;
    const bool is_deep = bits == 16 || bits == 24 || bits == 32;
    if (!has_palette && !is_deep)
        return bad(b, "bits of a pixel are not 1, 4, 8, 16, 24 or 32", bits, err);
    const bool is_known =
        how == RGB || (how == RLE8 && bits == 8) || (how == RLE4 && bits == 4) ||
        ((how == FIELDS || how == ALPHA_FIELDS) && (bits == 16 || bits == 32));
    if (!is_known)
        return bad(b, "this compression is not read", how, err);
    if (b->pixels > b->file->size)
        return ca_image_cut(b->file, err);
    /* Two bytes are 255 pixels at most: smaller files would leave nearly all undrawn. */
    if ((how == RLE8 || how == RLE4) &&
        (uint64_t)b->width * (uint64_t)b->height / 128 > b->file->size)
        return ca_image_cut(b->file, err);
    return has_palette ? read_palette(b, err) : read_masks(b, err);
}

static uint8_t *line_of(const Bmp *b, int64_t y)
{
    const int64_t row = b->is_top_down ? y : b->height - 1 - y;
    return (uint8_t *)b->image->data + row * b->width * b->image->shape.dims[2];
}

static void put_index(const Bmp *b, uint8_t *line, int64_t x, unsigned index)
{
    const uint8_t *color = b->palette[index];
    if (b->is_grey) {
        line[x] = color[0];
        return;
    }
    for (int c = 0; c < 3; c++)
        line[3 * x + c] = color[c];
}

/* The field under the mask, stretched to 0..255. */
static uint8_t field(uint32_t pixel, uint32_t mask)
{
    if (!mask)
        return 0;
    int shift = 0;
    while (!(mask >> shift & 1))
        shift++;
    const uint64_t most = mask >> shift;
    return (uint8_t)(((uint64_t)((pixel & mask) >> shift) * 255 + most / 2) / most);
}

static void put_deep(const Bmp *b, uint8_t *line, int64_t x, size_t at)
{
    const uint32_t pixel = get(b, at, (int)b->bits / 8);
    for (int c = 0; c < 3; c++)
        line[3 * x + c] = field(pixel, b->mask[c]);
}

static CarinaStatus read_plain(Bmp *b, CarinaError *err)
{
    const size_t stride = ((size_t)b->width * b->bits + 31) / 32 * 4;
    if ((b->file->size - b->pixels) / stride < (size_t)b->height)
        return ca_image_cut(b->file, err);
    for (int64_t y = 0; y < b->height; y++) {
        const size_t at = b->pixels + (size_t)y * stride;
        uint8_t *line = line_of(b, y);
        for (int64_t x = 0; x < b->width; x++) {
            const size_t bit = (size_t)x * b->bits;
            if (b->bits > 8) {
                put_deep(b, line, x, at + bit / 8);
                continue;
            }
            const unsigned byte = b->file->data[at + bit / 8];
            const unsigned mask = (1u << b->bits) - 1;
            put_index(b, line, x, byte >> (8 - b->bits - bit % 8) & mask);
        }
    }
    return CARINA_OK;
}

/* One stretch of run lengths; pixels past the line's end are left out. */
static void put_run(const Bmp *b, int64_t *x, int64_t y, const uint8_t *bytes, int n,
                    bool is_literal)
{
    for (int i = 0; i < n; i++, (*x)++) {
        const unsigned byte = bytes[!is_literal ? 0 : b->bits == 4 ? i / 2 : i];
        const unsigned index = b->bits == 8 ? byte : i % 2 ? byte & 15 : byte >> 4;
        if (*x < b->width)
            put_index(b, line_of(b, y), *x, index);
    }
}

static CarinaStatus read_runs(Bmp *b, CarinaError *err)
{
    const uint8_t *data = b->file->data;
    const size_t size = b->file->size;
    size_t at = b->pixels;
    int64_t x = 0, y = 0;
    while (y < b->height) {
        if (size - at < 2)
            return ca_image_cut(b->file, err);
        const int n = data[at], code = data[at + 1];
        at += 2;
        if (n > 0) {
            put_run(b, &x, y, data + at - 1, n, false);
        } else if (code == 1) {
            return CARINA_OK;
        } else if (code == 0) {
            x = 0;
            y++;
        } else {
            const size_t bytes = code == 2      ? 2
                                 : b->bits == 4 ? ((size_t)code + 1) / 2
                                                : (size_t)code;
            if (size - at < bytes + (bytes & 1))
                return ca_image_cut(b->file, err);
            if (code == 2) {
                x += data[at];
                y += data[at + 1];
            } else {
                put_run(b, &x, y, data + at, code, true);
            }
            at += bytes + (bytes & 1);
        }
    }
    return CARINA_OK;
}

CarinaStatus ca_image_bmp(CarinaTensor **out, int *orientation, const CaImageFile *file,
                          CarinaError *err)
{
    Bmp b = {.file = file};
    (void)orientation;
    CA_TRY(read_header(&b, err));
    CA_TRY(ca_image_create(&b.image, file, b.width, b.height, b.is_grey ? 1 : 3, err));
    const bool has_runs = b.compression == RLE8 || b.compression == RLE4;
    const CarinaStatus status = has_runs ? read_runs(&b, err) : read_plain(&b, err);
    if (status == CARINA_OK)
        *out = b.image;
    else
        carina_tensor_free(&b.image);
    return status;
}
