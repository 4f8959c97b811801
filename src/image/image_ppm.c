/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PBM, PGM and PPM, as text (P1 to P3) and as bytes (P4 to P6); values are scaled to 0..255.
 */
#include "image/image.h"

#include <ctype.h>

typedef struct {
    const CaImageFile *file;
    size_t at;
    int kind; /* 1..6 */
    int64_t width, height;
    uint32_t most; /* maxval */
} Ppm;

static void skip_blanks(Ppm *p)
{
    bool in_comment = false;
    for (; p->at < p->file->size; p->at++) {
        const int c = p->file->data[p->at];
        if (c == '#')
            in_comment = true;
        else if (c == '\n' || c == '\r')
            in_comment = false;
        else if (!in_comment && !isspace(c))
            return;
    }
}

/* The next number as text, at most `most`. */
static CarinaStatus number(Ppm *p, int64_t *out, int64_t most, CarinaError *err)
{
    int64_t v = 0;
    skip_blanks(p);
    if (p->at >= p->file->size)
        return ca_image_cut(p->file, err);
    if (!isdigit(p->file->data[p->at]))
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: byte %zu: a number is expected (0x%02x); the file is damaged",
                      p->file->path, p->at, p->file->data[p->at]);
    for (; p->at < p->file->size && isdigit(p->file->data[p->at]); p->at++) {
        v = 10 * v + (p->file->data[p->at] - '0');
        if (v > most)
            return ca_err(err, CARINA_ERR_FORMAT,
                          "%s: byte %zu: a number is above its limit (%lld); the file is "
                          "damaged",
                          p->file->path, p->at, (long long)most);
    }
    *out = v;
    return CARINA_OK;
}

static CarinaStatus read_header(Ppm *p, CarinaError *err)
{
    int64_t most = 1;
    p->kind = p->file->data[1] - '0';
    p->at = 2;
    CA_TRY(number(p, &p->width, INT32_MAX, err));
    CA_TRY(number(p, &p->height, INT32_MAX, err));
    if (p->kind != 1 && p->kind != 4)
        CA_TRY(number(p, &most, 65535, err));
    if (most == 0)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: header: the highest value is 0; the file is damaged",
                      p->file->path);
    p->most = (uint32_t)most;
    return CARINA_OK;
}

static uint8_t scaled(const Ppm *p, uint32_t v)
{
    v = v < p->most ? v : p->most;
    return (uint8_t)((v * 255 + p->most / 2) / p->most);
}

/* P1's digits need no blanks between them. */
static CarinaStatus text_bit(Ppm *p, int64_t *v, CarinaError *err)
{
    skip_blanks(p);
    if (p->at >= p->file->size)
        return ca_image_cut(p->file, err);
    const int c = p->file->data[p->at++];
    if (c != '0' && c != '1')
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: byte %zu: 0 or 1 is expected (0x%02x); the file is damaged",
                      p->file->path, p->at - 1, (unsigned)c);
    *v = c == '0';
    return CARINA_OK;
}

static CarinaStatus read_text(Ppm *p, CarinaTensor *image, CarinaError *err)
{
    uint8_t *to = image->data;
    for (size_t i = 0; i < image->size; i++) {
        int64_t v = 0;
        if (p->kind == 1)
            CA_TRY(text_bit(p, &v, err));
        else
            CA_TRY(number(p, &v, 65535, err));
        to[i] = scaled(p, (uint32_t)v);
    }
    return CARINA_OK;
}

static CarinaStatus read_binary(Ppm *p, CarinaTensor *image, CarinaError *err)
{
    const size_t width = (size_t)p->width, height = (size_t)p->height;
    const size_t bytes = p->most > 255 ? 2 : 1;
    const size_t stride =
        p->kind == 4 ? (width + 7) / 8 : width * bytes * (p->kind == 6 ? 3 : 1);
    uint8_t *to = image->data;
    p->at++; /* one blank ends the header */
    if (p->at > p->file->size || (p->file->size - p->at) / stride < height)
        return ca_image_cut(p->file, err);
    const uint8_t *from = p->file->data + p->at;
    if (p->kind == 4) {
        for (size_t y = 0; y < height; y++, from += stride)
            for (size_t x = 0; x < width; x++)
                *to++ = from[x / 8] >> (7 - x % 8) & 1 ? 0 : 255;
        return CARINA_OK;
    }
    for (size_t i = 0; i < image->size; i++, from += bytes)
        to[i] = scaled(p, bytes == 2 ? (uint32_t)from[0] << 8 | from[1] : from[0]);
    return CARINA_OK;
}

CarinaStatus ca_image_ppm(CarinaTensor **out, int *orientation, const CaImageFile *file,
                          CarinaError *err)
{
    Ppm p = {.file = file};
    CarinaTensor *image = NULL;
    (void)orientation;
    CA_TRY(read_header(&p, err));
    const int channels = p.kind == 3 || p.kind == 6 ? 3 : 1;
    CA_TRY(ca_image_create(&image, file, p.width, p.height, channels, err));
    const CarinaStatus status =
        p.kind <= 3 ? read_text(&p, image, err) : read_binary(&p, image, err);
    if (status == CARINA_OK)
        *out = image;
    else
        carina_tensor_free(&image);
    return status;
}
