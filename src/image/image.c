/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images from files: tells the format by its first bytes, turns the picture upright as EXIF says,
 * and gives it the wanted number of channels.
 */
#include "image/image.h"
#include "base/file.h"

#include <string.h>

typedef struct {
    const char *magic;
    size_t size;
    CaImageDecode *decode;
} Format;

static const Format formats[] = {
    {"\xff\xd8\xff", 3, ca_image_jpeg},
    {"\x89PNG\r\n\x1a\n", 8, ca_image_png},
    {"BM", 2, ca_image_bmp},
    {"P1", 2, ca_image_ppm},
    {"P2", 2, ca_image_ppm},
    {"P3", 2, ca_image_ppm},
    {"P4", 2, ca_image_ppm},
    {"P5", 2, ca_image_ppm},
    {"P6", 2, ca_image_ppm},
};

CarinaStatus ca_image_create(CarinaTensor **out, const CaImageFile *file, int64_t width,
                             int64_t height, int channels, CarinaError *err)
{
    const CarinaShape shape = {3, {height, width, channels}};
    if (width < 1 || height < 1)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: header: the image has no pixels (%lld x %lld)", file->path,
                      (long long)width, (long long)height);
    if (width > CA_IMAGE_MAX_PIXELS / height)
        return ca_err(
            err, CARINA_ERR_LIMIT,
            "%s: header: the image has %lld x %lld pixels, the limit is 2^28 in "
            "all; make it smaller",
            file->path, (long long)width, (long long)height);
    return carina_tensor_create(out, CARINA_U8, &shape, err);
}

CarinaStatus ca_image_cut(const CaImageFile *file, CarinaError *err)
{
    return ca_err(err, CARINA_ERR_FORMAT,
                  "%s: image data: the file ends early (%zu bytes); it is damaged or was "
                  "cut",
                  file->path, file->size);
}

static uint32_t tiff_read(const uint8_t *p, int n, bool is_big)
{
    uint32_t v = 0;
    for (int i = 0; i < n; i++)
        v |= (uint32_t)p[i] << 8 * (is_big ? n - 1 - i : i);
    return v;
}

int ca_image_orientation(const uint8_t *tiff, size_t size)
{
    enum { TAG = 0x112, SHORT = 3 };
    if (size < 8 || (memcmp(tiff, "II*\0", 4) != 0 && memcmp(tiff, "MM\0*", 4) != 0))
        return 1;
    const bool is_big = tiff[0] == 'M';
    const size_t at = tiff_read(tiff + 4, 4, is_big);
    if (at > size - 2)
        return 1;
    const size_t room = (size - at - 2) / 12;
    size_t n = tiff_read(tiff + at, 2, is_big);
    n = n < room ? n : room;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *entry = tiff + at + 2 + 12 * i;
        if (tiff_read(entry, 2, is_big) != TAG ||
            tiff_read(entry + 2, 2, is_big) != SHORT)
            continue;
        const uint32_t v = tiff_read(entry + 8, 2, is_big);
        return v >= 1 && v <= 8 ? (int)v : 1;
    }
    return 1;
}

/* EXIF orientations 2..8: the pixel that goes to (y, x) of the upright picture, from h x w as stored. */
static int64_t stored_at(int orientation, int64_t h, int64_t w, int64_t y, int64_t x)
{
    switch (orientation) {
    case 2: return y * w + (w - 1 - x);
    case 3: return (h - 1 - y) * w + (w - 1 - x);
    case 4: return (h - 1 - y) * w + x;
    case 5: return x * w + y;
    case 6: return (h - 1 - x) * w + y;
    case 7: return (h - 1 - x) * w + (w - 1 - y);
    case 8: return x * w + (w - 1 - y);
    default: return y * w + x;
    }
}

/* Replaces *image. */
static CarinaStatus turn_upright(CarinaTensor **image, int orientation, CarinaError *err)
{
    const int64_t h = (*image)->shape.dims[0], w = (*image)->shape.dims[1];
    const int64_t c = (*image)->shape.dims[2];
    const bool is_turned = orientation >= 5;
    const CarinaShape shape = {3, {is_turned ? w : h, is_turned ? h : w, c}};
    CarinaTensor *out = NULL;
    if (orientation == 1)
        return CARINA_OK;
    CA_TRY(carina_tensor_create(&out, CARINA_U8, &shape, err));
    const uint8_t *from = (*image)->data;
    uint8_t *to = out->data;
    for (int64_t y = 0; y < shape.dims[0]; y++)
        for (int64_t x = 0; x < shape.dims[1]; x++, to += c)
            memcpy(to, from + stored_at(orientation, h, w, y, x) * c, (size_t)c);
    carina_tensor_free(image);
    *image = out;
    return CARINA_OK;
}

/* Replaces *image. The weights are those of ITU-R BT.601 in 16 bits. */
static CarinaStatus set_channels(CarinaTensor **image, int channels, CarinaError *err)
{
    const int64_t n = (*image)->shape.dims[0] * (*image)->shape.dims[1];
    const CarinaShape shape = {
        3, {(*image)->shape.dims[0], (*image)->shape.dims[1], channels}};
    CarinaTensor *out = NULL;
    if (channels == 0 || channels == (*image)->shape.dims[2])
        return CARINA_OK;
    CA_TRY(carina_tensor_create(&out, CARINA_U8, &shape, err));
    const uint8_t *from = (*image)->data;
    uint8_t *to = out->data;
    for (int64_t i = 0; i < n; i++)
        if (channels == 3)
            to[3 * i] = to[3 * i + 1] = to[3 * i + 2] = from[i];
        else
            to[i] = (uint8_t)((from[3 * i] * 19595u + from[3 * i + 1] * 38470u +
                               from[3 * i + 2] * 7471u + 0x8000u) >>
                              16);
    carina_tensor_free(image);
    *image = out;
    return CARINA_OK;
}

static CarinaStatus decode(CarinaTensor **out, int *orientation, const CaImageFile *file,
                           CarinaError *err)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (file->size >= formats[i].size &&
            memcmp(file->data, formats[i].magic, formats[i].size) == 0)
            return formats[i].decode(out, orientation, file, err);
    return ca_err(err, CARINA_ERR_FORMAT,
                  "%s: not an image (%zu bytes); JPEG, PNG, BMP and PPM/PGM/PBM are read",
                  file->path, file->size);
}

CarinaStatus carina_tensor_read_image(CarinaTensor **out, const char *path, int channels,
                                      CarinaError *err)
{
    CaBuffer *buffer = NULL;
    CarinaTensor *image = NULL;
    int orientation = 1;
    if (channels != 0 && channels != 1 && channels != 3)
        return ca_err(err, CARINA_ERR_ARGUMENT, "%s: %d channels; ask for 0, 1 or 3",
                      path, channels);
    CA_TRY(ca_file_map(&buffer, path, err));
    const CaImageFile file = {path, buffer->data, buffer->size};
    CarinaStatus status = decode(&image, &orientation, &file, err);
    ca_buffer_unref(&buffer);
    if (status == CARINA_OK)
        status = turn_upright(&image, orientation, err);
    if (status == CARINA_OK)
        status = set_channels(&image, channels, err);
    if (status == CARINA_OK) {
        *out = image;
        image = NULL;
    }
    carina_tensor_free(&image);
    return status;
}
