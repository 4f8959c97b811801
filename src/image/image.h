/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images in files: what the decoders of each format share.
 *
 * A decoder is given the whole file and yields u8 [H, W, C] as stored, C being 1 or 3. The bytes come
 * from strangers: each decoder checks every offset against the file's size.
 */
#ifndef CA_IMAGE_IMAGE_H
#define CA_IMAGE_IMAGE_H

#include "base/memory.h"
#include <carina/tensor.h>

#define CA_IMAGE_MAX_PIXELS ((int64_t)1 << 28)

typedef struct CaImageFile {
    const char *path; /* for errors */
    const uint8_t *data;
    size_t size;
} CaImageFile;

typedef CarinaStatus CaImageDecode(CarinaTensor **out, int *orientation,
                                   const CaImageFile *file, CarinaError *err);
/* *orientation is EXIF's, 1..8; decoders of formats without one leave it alone. */
CaImageDecode ca_image_jpeg, ca_image_png, ca_image_bmp, ca_image_ppm;

/* A black image; refuses sizes of 0 and more pixels than CA_IMAGE_MAX_PIXELS. */
CarinaStatus ca_image_create(CarinaTensor **out, const CaImageFile *file, int64_t width,
                             int64_t height, int channels, CarinaError *err);
/* "FILE: image data: the file ends early (SIZE bytes); ..." */
CarinaStatus ca_image_cut(const CaImageFile *file, CarinaError *err);
/* Orientation in a block of EXIF data (a TIFF header and its first directory), 1 where there is none. */
int ca_image_orientation(const uint8_t *tiff, size_t size);

#endif
